"""Amazon Personalize inside the emulator: its requests are forwarded to the embedded server.

Three SDK clients (`personalize`, `personalize-events`, `personalize-runtime`) sign as one service, `personalize`, and
their paths do not clash, so one forwarding handler serves all of them.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import urllib3

Answer = tuple[int, dict[str, str], bytes]

_HOP_BY_HOP = {"host", "content-length", "connection", "keep-alive", "transfer-encoding", "accept-encoding"}
_OF_A_PAGE = {"origin", "sec-fetch-site"}
"""The emulator has judged them; its own origin is not that of the server behind it."""


class Forwarder:
    """An emulator service handler that sends each request on to the embedded Personalize."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(connect=2, read=120))

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, _query: Mapping[str, Any]
    ) -> Answer:
        return await asyncio.to_thread(self.send, method, path, headers, body)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Sends one request and returns the answer; 503 `ServiceUnavailable` while the server is away."""
        try:
            answer = self._pool.request(method, self._url + path, body=body, headers=_end_to_end(headers))
        except urllib3.exceptions.HTTPError as error:
            return _unavailable(f"the embedded Personalize does not answer: {error}")
        return answer.status, _end_to_end(answer.headers), answer.data


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() not in _HOP_BY_HOP | _OF_A_PAGE}


def _unavailable(message: str) -> Answer:
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": "ServiceUnavailable"}
    return 503, headers, json.dumps({"__type": "ServiceUnavailable", "message": message}).encode()


def install(url: str) -> None:
    """Registers the service and its routing with MiniStack."""
    from ministack import app
    from ministack.core import router

    app.SERVICE_HANDLERS["personalize"] = Forwarder(url)
    # Known to the router: an unknown name would make it load every service model of botocore (270 MB).
    router.SERVICE_PATTERNS["personalize"] = {
        "target_prefixes": ["AmazonPersonalize"],
        "host_patterns": [r"personalize(-events|-runtime)?\."],
    }
