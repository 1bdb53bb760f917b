"""What Step Functions refuses when a state machine is created, as far as the definitions of this project could err.

CreateStateMachine answers InvalidDefinition for a definition with a target that does not exist, a name used twice, an
integration or a parameter that it does not know: https://docs.aws.amazon.com/step-functions/latest/apireference/
API_CreateStateMachine.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.emulator.states import integrations
from local_cloud.emulator.states.language import is_expression

_TYPES = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Map", "Parallel")
_TEMPLATES = ("Parameters", "ItemSelector", "ResultSelector")


def problems(definition: Mapping[str, Any]) -> list[str]:
    """Everything wrong with a definition in JSONPath, each with the place; empty when it is sound."""
    names: set[str] = set()
    return list(_machine_problems(definition, "", names))


def states(definition: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state of the definition by name, those inside Map and Parallel too."""
    for name, state in definition.get("States", {}).items():
        yield name, state
        for inner in _inner(state):
            yield from states(inner)


def _inner(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    processors = [state[key] for key in ("ItemProcessor", "Iterator") if key in state]
    return [*processors, *state.get("Branches", [])]


def _machine_problems(machine: Mapping[str, Any], path: str, names: set[str]) -> Iterator[str]:
    here = machine.get("States", {})
    if machine.get("StartAt") not in here:
        yield f"StartAt {machine.get('StartAt')!r} is no state{_at(path)}"
    for name, state in here.items():
        place = f"{path}/States/{name}"
        if name in names:
            yield f"the state name is used twice{_at(place)}"
        names.add(name)
        yield from _state_problems(state, place, here)
        for inner in _inner(state):
            yield from _machine_problems(inner, place, names)


def _state_problems(state: Mapping[str, Any], place: str, siblings: Mapping[str, Any]) -> Iterator[str]:
    kind = state.get("Type")
    if kind not in _TYPES:
        yield f"Type {kind!r} is unknown{_at(place)}"
    for target in _targets(state):
        if target not in siblings:
            yield f"the target {target!r} is no state{_at(place)}"
    if kind not in ("Choice", "Succeed", "Fail") and ("Next" in state) is (state.get("End") is True):
        yield f"either Next or End is needed{_at(place)}"
    for key in _TEMPLATES:
        yield from (f"{problem}{_at(f'{place}/{key}')}" for problem in _template_problems(state.get(key)))
    for key in ("Retry", "Catch"):
        rules = state.get(key, [])
        for i, rule in enumerate(rules):
            if "States.ALL" in rule["ErrorEquals"] and (len(rule["ErrorEquals"]) > 1 or i + 1 < len(rules)):
                yield f"States.ALL must be alone and last{_at(f'{place}/{key}')}"
    if str(state.get("Resource", "")).startswith(integrations.PREFIX):
        yield from (f"{problem}{_at(place)}" for problem in _integration_problems(state))


def _targets(state: Mapping[str, Any]) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    for key in ("Choices", "Catch"):
        yield from (rule["Next"] for rule in state.get(key, []))


def _template_problems(template: Any) -> Iterator[str]:
    if isinstance(template, dict):
        for key, value in template.items():
            if key.endswith(".$") and not is_expression(value):
                yield f"the value for the field {key!r} must be a JSONPath or an intrinsic function"
            elif not key.endswith(".$"):
                yield from _template_problems(value)
    elif isinstance(template, list):
        for item in template:
            yield from _template_problems(item)


def _integration_problems(state: Mapping[str, Any]) -> Iterator[str]:
    try:
        found = integrations.integration(state["Resource"])
    except ValueError as error:
        yield str(error)
        return
    shape = found.model.input_shape
    if shape is not None:
        yield from integrations.parameter_problems(state.get("Parameters", {}), shape)


def _at(place: str) -> str:
    return f" at {place or '/'}"
