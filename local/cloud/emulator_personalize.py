"""Amazon Personalize inside the emulator: its requests are forwarded to the embedded server, also Step Functions' own.

Three SDK clients (`personalize`, `personalize-events`, `personalize-runtime`) sign as one service, `personalize`, and
their paths do not clash, so one forwarding handler serves all of them. State machines reach it through the aws-sdk
integrations `personalize` (AWS JSON) and `personalizeruntime` (REST-JSON).
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.session
import urllib3

Answer = tuple[int, dict[str, str], bytes]

_NOT_FORWARDED = {"host", "content-length", "connection", "transfer-encoding", "accept-encoding"}
_RUNTIME_PATHS = {
    "GetRecommendations": "/recommendations",
    "GetPersonalizedRanking": "/personalize-ranking",
    "GetActionRecommendations": "/action-recommendations",
}


class Forwarder:
    """An emulator service handler that sends each request on to the embedded Personalize."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(connect=2, read=120))

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | str, _query: Mapping[str, Any]
    ) -> Answer:
        content = body.encode() if isinstance(body, str) else body
        return await asyncio.to_thread(self.send, method, path, headers, content)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Sends one request and returns the answer; 503 `ServiceUnavailable` while the server is away."""
        forwarded = {k: v for k, v in headers.items() if k.lower() not in _NOT_FORWARDED}
        try:
            answer = self._pool.request(method, self._url + path, body=body, headers=forwarded)
        except urllib3.exceptions.HTTPError as error:
            return _unavailable(f"the embedded Personalize does not answer: {error}")
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _NOT_FORWARDED}
        return answer.status, kept, answer.data


def _unavailable(message: str) -> Answer:
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": "ServiceUnavailable"}
    return 503, headers, json.dumps({"__type": "ServiceUnavailable", "message": message}).encode()


def to_wire(value: Any, shape: Any) -> Any:
    """Step Functions' parameters, whose member names start with a capital, as the API spells them.

    Keys of maps are data (`filterValues`, `context`) and stay as they are.
    """
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            by_sdk_name = {sdk_name(member): member for member in shape.members}
            members = {by_sdk_name.get(key, key): item for key, item in value.items()}
            return {k: to_wire(v, shape.members[k]) if k in shape.members else v for k, v in members.items()}
        case "list" if isinstance(value, list):
            return [to_wire(item, shape.member) for item in value]
        case "map" if isinstance(value, dict):
            return {key: to_wire(item, shape.value) for key, item in value.items()}
    return value


def from_wire(value: Any, shape: Any) -> Any:
    """The reverse of `to_wire`, for results; times (epoch seconds on the wire) become ISO 8601 text, as in states."""
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            return {sdk_name(k): from_wire(v, shape.members[k]) if k in shape.members else v for k, v in value.items()}
        case "list" if isinstance(value, list):
            return [from_wire(item, shape.member) for item in value]
        case "map" if isinstance(value, dict):
            return {key: from_wire(item, shape.value) for key, item in value.items()}
        case "timestamp" if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def sdk_name(member: str) -> str:
    """The member's name in Step Functions: `minProvisionedTPS` is `MinProvisionedTPS` (acronyms keep their case)."""
    return member[:1].upper() + member[1:]


def install(url: str) -> None:
    """Registers the service, its routing and both Step Functions integrations with MiniStack."""
    from ministack import app
    from ministack.core import router
    from ministack.services import stepfunctions

    app.SERVICE_HANDLERS["personalize"] = Forwarder(url)
    # Known to the router: an unknown name would make it load every service model of botocore (270 MB).
    router.SERVICE_PATTERNS["personalize"] = {
        "target_prefixes": ["AmazonPersonalize"],
        "host_patterns": [r"personalize(-events|-runtime)?\."],
    }
    stepfunctions._AWS_SDK_SERVICE_MAP["personalize"] = {"target_prefix": "AmazonPersonalize", "protocol": "json"}
    stepfunctions._AWS_SDK_SERVICE_MAP["personalizeruntime"] = {"protocol": "rest-json", "service_key": "personalize"}
    stepfunctions._AWS_SDK_ERROR_PREFIX["personalize"] = "Personalize"
    stepfunctions._AWS_SDK_ERROR_PREFIX["personalizeruntime"] = "PersonalizeRuntime"
    stepfunctions._REST_JSON_ACTION_PATHS["personalize"] = _RUNTIME_PATHS
    _convert_by_model(stepfunctions)


def _convert_by_model(stepfunctions: Any) -> None:
    """Renames members of Personalize requests and results by the service's model, not by guessing from the text.

    MiniStack's own conversion lowers acronyms (`MinProvisionedtps`) and, for REST-JSON, renames keys of maps.
    """
    session = botocore.session.get_session()
    models: dict[str, Any] = {}

    def operation(service: str, action: str) -> Any:
        if service not in models:
            models[service] = session.get_service_model(service)
        name = action[:1].upper() + action[1:]
        return models[service].operation_model(name) if name in models[service].operation_names else None

    json_params, json_result = stepfunctions._sdk_json_params, stepfunctions._sdk_json_result
    rest_dispatch = stepfunctions._dispatch_aws_sdk_rest_json

    def params(service_info: Any, service_key: str, action: str, data: Any) -> Any:
        if service_key != "personalize":
            return json_params(service_info, service_key, action, data)
        model = operation("personalize", action)
        return to_wire(data or {}, model.input_shape) if model is not None else data

    def result(service_key: str, action: str, data: Any) -> Any:
        if service_key != "personalize":
            return json_result(service_key, action, data)
        model = operation("personalize", action)
        shape = model.output_shape if model is not None else None
        return from_wire(data, shape) if shape is not None else data

    def rest(service_info: Any, service_name: str, action: str, data: Any) -> Any:
        if service_info.get("service_key") != "personalize":
            return rest_dispatch(service_info, service_name, action, data)
        return _dispatch_runtime(stepfunctions, operation("personalize-runtime", action), service_name, data)

    stepfunctions._sdk_json_params = params
    stepfunctions._sdk_json_result = result
    stepfunctions._dispatch_aws_sdk_rest_json = rest


def _dispatch_runtime(stepfunctions: Any, model: Any, service_name: str, data: Any) -> Any:
    """One call of a Personalize Runtime operation from a state machine."""
    from ministack import app

    if model is None:
        raise stepfunctions._ExecutionError("States.Runtime", f"{service_name} has no such operation")
    body = json.dumps(to_wire(data or {}, model.input_shape)).encode()
    status, headers, answer = app.call_service_handler_sync(
        app.SERVICE_HANDLERS["personalize"],
        "POST",
        model.http["requestUri"],
        {"content-type": "application/json"},
        body,
        {},
    )
    content = json.loads(answer) if answer else {}
    if status >= 400:
        code = {k.lower(): v for k, v in headers.items()}.get("x-amzn-errortype") or content.get("__type", "Exception")
        raise stepfunctions._ExecutionError(
            stepfunctions._prefix_sdk_error(service_name, code.split(":")[0]), content.get("message", "")
        )
    return from_wire(content, model.output_shape)
