"""The forms in which the site asks `recommend` and `rerank`, and the answers in kind.

| form | request | answer | error |
| --- | --- | --- | --- |
| bare | the payload itself | the result itself | `{"statusCode": 400, "body": {"error": ...}}` |
| object | `{"body": {...}}` | `{"statusCode": 200, "body": "JSON"}` | `{"statusCode": 400, "body": "JSON"}` |
| proxy | `{"body": "JSON", ...}` (API Gateway, function URL) | the same, with `headers` | the same, with `headers` |
"""

import binascii
import json
from dataclasses import dataclass
from typing import Any

from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import members, parse_json

LONGEST_BODY = 1_048_576
"""Bytes of a proxy's body."""


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation of a serving function."""

    event: object

    def payload(self) -> dict[str, Any]:
        """What the site asked. Raises PayloadError."""
        if not isinstance(self.event, dict):
            return members(self.event, "request")
        if "body" not in self.event:
            return self.event
        body = self.event["body"]
        if isinstance(body, str):
            body = parse_json(self._text(body), "body", longest=LONGEST_BODY)
        return members(body, "body")

    def answered(self, result: object) -> object:
        """The answer that carries `result`."""
        return result if self._is_bare else self._response(200, result)

    def refused(self, error: PayloadError) -> dict[str, Any]:
        """The answer to a request that is wrong: it names field and value."""
        content = {"error": error.as_json()}
        return {"statusCode": 400, "body": content} if self._is_bare else self._response(400, content)

    @property
    def _is_bare(self) -> bool:
        return not isinstance(self.event, dict) or "body" not in self.event

    def _response(self, status: int, content: object) -> dict[str, Any]:
        response: dict[str, Any] = {"statusCode": status, "body": json.dumps(content)}
        if isinstance(self.event, dict) and isinstance(self.event["body"], str):
            response["headers"] = {"Content-Type": "application/json"}
        return response

    def _text(self, body: str) -> str | bytes:
        if not (isinstance(self.event, dict) and self.event.get("isBase64Encoded") is True):
            return body
        if len(body) > LONGEST_BODY * 4 // 3 + 4:
            raise PayloadError("body", None, f"must have at most {LONGEST_BODY} bytes")
        try:
            return binascii.a2b_base64(body, strict_mode=True)
        except ValueError as error:
            raise PayloadError("body", None, "must be base64, as isBase64Encoded says") from error
