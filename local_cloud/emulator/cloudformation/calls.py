"""Calls of the emulator's own services from inside it, without a socket and without leaving the event loop.

Stacks whose resources are all made this way are complete at the CDK CLI's first look; otherwise it looks again after
five seconds.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import botocore.session

from local_cloud.emulator.cloudformation.resources import ResourceError, to_api


@dataclass(frozen=True, slots=True)
class InnerService:
    """A JSON service of MiniStack whose handler never waits (CloudWatch, Budgets), called directly."""

    name: str
    """The service model's name, e.g. `cloudwatch`."""
    module: ModuleType
    """MiniStack's module of the service."""

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's result. Raises ResourceError with the service's message and error code."""
        model = _model(self.name)
        shape = model.operation_model(operation).input_shape
        headers = {
            "x-amz-target": f"{model.metadata['targetPrefix']}.{operation}",
            "content-type": "application/x-amz-json-1.1",
        }
        body = json.dumps(to_api(parameters, shape)).encode()
        status, _headers, answer = _result(self.module.handle_request("POST", "/", headers, body, {}))
        content: dict[str, Any] = json.loads(answer) if answer else {}
        if status >= 400:
            code = str(content.get("__type", "GeneralServiceException")).rsplit("#", 1)[-1]
            raise ResourceError(str(content.get("message") or content.get("Message") or content), code)
        return content


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _result(coroutine: Any) -> Any:
    """The result of a coroutine that waits for nothing, here and now."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    coroutine.close()
    raise RuntimeError("this service waits for something; it cannot be called from the event loop")
