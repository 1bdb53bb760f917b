"""A service of the local cloud: its operations behind its models, answering requests and calls from inside."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from local_cloud.services.errors import ServiceError
from local_cloud.services.protocol import Api, Route

logger = logging.getLogger("emulator")

Answer = tuple[int, dict[str, str], bytes]
Parameters = Mapping[str, Any]


class Caller(Protocol):
    """Who calls. What an operation needs beside its own action it asks for itself."""

    def need(self, action: str, resource: str) -> None:
        """Raises ServiceError when the caller's policies do not allow the action on the resource."""


class Account:
    """The account itself, which may do everything."""

    def need(self, action: str, resource: str) -> None:
        return


Operation = Callable[[Parameters, Caller], dict[str, Any]]


class Service:
    """What one SigV4 signing name serves: one model or several, and the operations that are there."""

    def __init__(self, apis: Sequence[Api], operations: Mapping[str, Operation]) -> None:
        self._apis = apis
        self._operations = operations

    def find(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[Api, Route] | None:
        """The model and operation that a request asks for; operations that are not served are found too."""
        for api in self._apis:
            route = api.route(method, path, headers)
            if route is not None:
                return api, route
        return None

    def call(self, operation: str, parameters: Parameters) -> dict[str, Any]:
        """The operation's result, as the account; for calls from inside. Raises ServiceError."""
        api = self._api(operation)
        return self._operations[operation](api.check(operation, parameters), Account())

    def input_shape(self, operation: str) -> Any:
        """The service model's shape of an operation's parameters."""
        return self._api(operation).model.operation_model(operation).input_shape

    def _api(self, operation: str) -> Api:
        return next(one for one in self._apis if operation in one.model.operation_names)

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any], caller: Caller
    ) -> Answer:
        """Answers a request, on a thread of its own: a search of many vectors takes its time."""
        return await asyncio.to_thread(self.answer, method, path, headers, body, query, caller)

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any], caller: Caller
    ) -> Answer:
        """Answers a request."""
        try:
            found = self.find(method, path, headers)
            if found is None:
                raise ServiceError("UnknownOperationException", f"There is no operation {method} {path[:200]}", 404)
            api, route = found
            if route.operation not in self._operations:
                told = f"The local cloud does not have the operation {route.operation} of {api.name}"
                raise ServiceError("NotImplemented", told, 501)
            result = self._operations[route.operation](api.read(route, query, body), caller)
            return 200, {"Content-Type": _type(api)}, api.answer(route.operation, result)
        except ServiceError as refused:
            return _refusal(refused)
        except Exception:  # a defect here is the service's internal error, not the end of the connection
            logger.exception("%s %s failed", method, path[:200])
            return _refusal(ServiceError("InternalServerException", "The local cloud failed; its log says how", 500))


def _type(api: Api) -> str:
    version = api.model.metadata.get("jsonVersion")
    return f"application/x-amz-json-{version}" if api.model.metadata["protocol"] == "json" else "application/json"


def _refusal(refused: ServiceError) -> Answer:
    # Models spell the member `message` or `Message`; SDKs look for both.
    content: dict[str, Any] = {"__type": refused.code, "message": refused.message, "Message": refused.message}
    if refused.fields:
        content["fieldList"] = [{"path": field.path, "message": field.message} for field in refused.fields]
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": refused.code}
    return refused.status, headers, json.dumps(content).encode()
