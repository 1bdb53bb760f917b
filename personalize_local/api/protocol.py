"""HTTP requests of AWS clients in, answers out, for all three APIs on one port.

The control plane speaks AWS JSON 1.1 (operation in `X-Amz-Target`, error code in `__type`), events and runtime
REST-JSON (operation by method and path, error code in the header `x-amzn-ErrorType`). Errors carry both, so either
reading works.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from personalize_local.api.decoding import decoded
from personalize_local.api.service import Personalize
from personalize_local.api.services import Operation, routes
from personalize_local.api.usage import Usage
from personalize_local.model.errors import ServiceError, not_found, not_supported
from personalize_local.model.identities import new_identity
from personalize_local.operations import ABSENT, OPERATIONS

_LOG = logging.getLogger(__name__)
_JSON_1_1 = "application/x-amz-json-1.1"
_JSON = "application/json"
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes


class DroppedError(Exception):
    """A fault on order: the client is to get no answer."""


class Protocol:
    """Answers requests from one service."""

    def __init__(self, service: Personalize) -> None:
        self._service = service
        self._routes = routes()
        self._operations = self._routes.operations
        self._usage = Usage()

    async def answer(self, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes) -> Answer:
        """The answer to one request; header names in lower case. Raises DroppedError when a fault orders it only."""
        if path.startswith("/_local/"):
            return self._admin(method, path, body)
        try:
            operation = self._route(method, path, headers)
        except ServiceError as error:
            return _failed(error, error.status, _JSON_1_1)
        content_type = _JSON_1_1 if operation.api == "personalize" else _JSON
        try:
            shown = await self._call(operation, body)
        except DroppedError:
            raise
        except ServiceError as error:
            return _failed(error, operation.statuses.get(error.code, error.status), content_type)
        except Exception:  # noqa: BLE001 - a defect of this server is an answer and a log entry, no dropped connection
            _LOG.exception("%s failed", operation.name)
            return _failed(ServiceError("InternalServerException", "See the server's log."), 500, content_type)
        return Answer(200, _headers(content_type), shown)

    def _route(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Operation:
        target = headers.get(b"x-amz-target")
        if target is not None:
            operation = self._routes.targets.get(target.decode("latin-1"))
        else:
            operation = self._routes.paths.get((method, path))
        if operation is None or (target is not None and method != "POST"):
            name = target.decode("latin-1") if target is not None else f"{method} {path}"
            raise ServiceError("UnknownOperationException", f"There is no operation {name}.", 404)
        return operation

    async def _call(self, operation: Operation, body: bytes) -> bytes:
        call = OPERATIONS.get(operation.name)
        if call is None:
            raise _refusal(operation, body)
        request = operation.decode(body)
        if self._service.throttle is not None:
            self._service.throttle.check(operation.name, request)
        if self._service.faults:
            effects = self._service.faults.take(operation.name, request)
            if effects.delay:
                await asyncio.sleep(effects.delay)
            if effects.drop:
                raise DroppedError
            if effects.error is not None:
                raise effects.error
            request = {**request, "_fault": effects.job}
        answer = call(self._service, request)
        if answer is not None and type(answer) is not dict:
            await cast("Awaitable[None]", answer)
            answer = None
        self._usage.count(operation.name, request)
        if operation.write is None:
            return b"" if operation.api != "personalize" else b"{}"
        return operation.write(answer or {})

    # --- for tests and operators; AWS clients never come here

    def _admin(self, method: str, path: str, body: bytes) -> Answer:
        try:
            match method, path:
                case "GET", "/_local/health":
                    running = self._service.lifecycle.running
                    return _plain(200 if running else 503, {"status": "ok" if running else "lifecycles have stopped"})
                case "GET", "/_local/usage":
                    return _plain(200, self._usage.by_operation())
                case "POST", "/_local/faults":
                    self._service.faults.add(decoded(body), self._operations)
                    return _plain(200, {})
                case "DELETE", "/_local/faults":
                    self._service.faults.clear()
                    return _plain(200, {})
                case _:
                    return _plain(404, {"message": f"There is no {method} {path}."})
        except ServiceError as error:
            return _plain(error.status, {"message": error.message})


def _refusal(operation: Operation, body: bytes) -> ServiceError:
    """Why an operation is not carried out: what it is about is not there and never was, or it is not known here."""
    if operation.name not in ABSENT:
        return not_supported(operation.name)
    kind, member = ABSENT[operation.name]
    return not_found(kind, operation.decode(body)[member])


def _plain(status: int, content: Mapping[str, Any]) -> Answer:
    return Answer(status, _headers(_JSON), json.dumps(content).encode())


def _headers(content_type: str) -> Headers:
    return [(b"content-type", content_type.encode()), (b"x-amzn-requestid", new_identity().encode())]


def _failed(error: ServiceError, status: int, content_type: str) -> Answer:
    headers = [*_headers(content_type), (b"x-amzn-errortype", error.code.encode())]
    return Answer(status, headers, json.dumps({"__type": error.code, "message": error.message}).encode())
