"""Step Functions' aws-sdk integrations by botocore's service models: names, parameters, results and errors.

Parameters and results are in PascalCase; an error is `SERVICE.NAME`, the service's and exception's name in the AWS SDK
for Java 2, which always ends in `Exception`; an error that the service's model does not know is the service's own,
`Ssm.SsmException`.
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session

from local_cloud.emulator.states.language import RUNTIME, StatesError, is_expression

PREFIX = "arn:aws:states:::aws-sdk:"

_BOTOCORE_NAMES = {
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "personalizeevents": "personalize-events",
    "personalizeruntime": "personalize-runtime",
    "sfn": "stepfunctions",
}
"""The integrations' names are those of the Java packages; where botocore's differ."""


@dataclass(frozen=True, slots=True)
class Integration:
    """One operation of one service."""

    service: str
    """As botocore names it."""
    operation: str
    prefix: str
    """What its errors begin with."""
    model: Any
    """botocore's OperationModel."""

    def error_name(self, code: str) -> str:
        """The name under which Retry and Catch know an error code of the service."""
        shape = self.model.service_model.shape_for_error_code(code)
        return f"{self.prefix}.{_exception(shape.name) if shape is not None else self.prefix + 'Exception'}"

    def error_names(self) -> set[str]:
        """All error names that a call of the operation can end with, apart from those of Step Functions itself."""
        modelled = {_exception(shape.name) for shape in self.model.service_model.error_shapes}
        return {f"{self.prefix}.{name}" for name in (*modelled, f"{self.prefix}Exception", "SdkClientException")}


@cache
def integration(resource: str) -> Integration:
    """What `arn:aws:states:::aws-sdk:SERVICE:ACTION` calls. ValueError where there is no such service or action."""
    name, _, action = resource.removeprefix(PREFIX).partition(":")
    action = action.partition(".")[0]
    try:
        model = _session().get_service_model(_BOTOCORE_NAMES.get(name, name))
    except botocore.exceptions.UnknownServiceError as error:
        raise ValueError(f"the resource {resource} is not recognized: there is no service {name!r}") from error
    service_id = model.metadata["serviceId"].replace(" ", "")
    operation = action[:1].upper() + action[1:]
    if service_id.lower() != name or operation not in model.operation_names or not action[:1].islower():
        raise ValueError(f"the resource {resource} is not recognized: no action {action!r} of {name!r}")
    return Integration(
        service=model.service_name,
        operation=operation,
        prefix=_camel(service_id),
        model=model.operation_model(operation),
    )


@cache
def _session() -> Any:
    return botocore.session.get_session()


# --- names


def member_name(name: str) -> str:
    """A member as states spell it: `minScore` is `MinScore`, `DBClusters` is `DbClusters`."""
    return _camel(name[:1].upper() + name[1:])


def _exception(shape: str) -> str:
    name = shape.removesuffix("Fault") if shape.endswith("Fault") else shape
    return _camel(name if name.endswith("Exception") else f"{name}Exception")


@cache
def _camel(name: str) -> str:
    """The Java SDK's spelling: in a run of capitals only the first, and the next word's first, stay capital."""
    spelt = ""
    for i, character in enumerate(name):
        follows_capital = i > 0 and name[i - 1].isupper()
        next_is_lower = i + 1 < len(name) and name[i + 1].islower()
        spelt += character.lower() if follows_capital and not next_is_lower else character
    return spelt


# --- parameters


def parameter_problems(template: Mapping[str, Any], shape: Any, path: str = "") -> Iterator[str]:
    """What Step Functions refuses in the Parameters of a definition: unknown members, missing ones, wrong types."""
    members = {member_name(name): member for name, member in shape.members.items()}
    given = {key.removesuffix(".$"): (key, value) for key, value in template.items()}
    for name, (key, value) in given.items():
        if name not in members:
            yield f"The field {path + name!r} is not supported by Step Functions"
        elif key.endswith(".$"):
            if not is_expression(value):
                yield f"The value for the field {path + key!r} must be a JSONPath or an intrinsic function"
        else:
            yield from _value_problems(value, members[name], f"{path}{name}")
    for name in shape.required_members:
        if member_name(name) not in given:
            yield f"The field {path + member_name(name)!r} is required but was missing"


def _value_problems(value: Any, shape: Any, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            yield from parameter_problems(value, shape, f"{path}.")
        case "list" if isinstance(value, list):
            for i, item in enumerate(value):
                yield from _value_problems(item, shape.member, f"{path}[{i}]")
        case "map" if isinstance(value, dict):
            for key, item in value.items():
                if not key.endswith(".$"):
                    yield from _value_problems(item, shape.value, f"{path}.{key}")
        case kind:
            if not _is_of_type(value, kind):
                yield f"The field {path!r} must be of type {kind}, not {json.dumps(value)}"


def _is_of_type(value: Any, kind: str) -> bool:
    match kind:
        case "string" | "character":
            return isinstance(value, str)
        case "integer" | "long":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "timestamp":
            return _moment(value) is not None
    return kind == "blob"


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def to_request(parameters: Any, shape: Any) -> dict[str, Any]:
    """The resolved Parameters as botocore takes them. States.Runtime for what the service's model does not allow."""
    given = parameters if isinstance(parameters, dict) else {}
    problems = list(parameter_problems(given, shape)) if shape is not None else []
    if problems:
        raise StatesError(RUNTIME, "; ".join(problems))
    return dict(_request_value(given, shape)) if shape is not None else {}


def _request_value(value: Any, shape: Any) -> Any:
    match shape.type_name:
        case "structure":
            names = {member_name(name): name for name in shape.members}
            return {names[k]: _request_value(v, shape.members[names[k]]) for k, v in value.items()}
        case "list":
            return [_request_value(item, shape.member) for item in value]
        case "map":
            return {key: _request_value(item, shape.value) for key, item in value.items()}
        case "timestamp":
            return _moment(value)
        case "blob":
            # The body of an object: JSON goes out as its text.
            return value.encode() if isinstance(value, str) else json.dumps(value, separators=(",", ":")).encode()
    return value


# --- results


def to_result(answer: Any, shape: Any) -> Any:
    """botocore's parsed answer as states see it: PascalCase, times as ISO 8601 text, numbers as numbers."""
    match shape.type_name if shape is not None else "nothing":
        case "structure":
            return {
                member_name(name): to_result(answer[name], member)
                for name, member in shape.members.items()
                if answer.get(name) is not None
            }
        case "list":
            return [to_result(item, shape.member) for item in answer]
        case "map":
            return {key: to_result(item, shape.value) for key, item in answer.items()}
        case "timestamp":
            return answer.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "blob":
            return (answer if isinstance(answer, bytes) else answer.read()).decode("utf-8", errors="replace")
        case "nothing":
            return {}
    return answer
