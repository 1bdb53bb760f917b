"""The state machines' definitions: YAML of `statemachines/`, rendered to the JSON that Step Functions takes.

A definition is `NAME.asl.yaml`. Its machines (the whole, and each `ItemProcessor`) may name `Sections`: files beside it
whose states are added to its own. The anchors of `shared.yaml` are known in every file. What YAML would let pass in
silence is refused: a key twice, a key or a word that is read as a boolean, a number or a date, an empty value, and a
key that Step Functions does not know.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent.parent / "statemachines"
TRAIN, SLEEP = "train", "sleep"

_SHARED = "shared.yaml"
_SECTIONS = "Sections"
_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"
_PLAIN = {
    "tag:yaml.org,2002:bool": re.compile(r"true|false"),
    "tag:yaml.org,2002:int": re.compile(r"-?(0|[1-9][0-9]*)"),
    "tag:yaml.org,2002:float": re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+"),
    "tag:yaml.org,2002:null": re.compile(r"null"),
}
"""What a plain word may look like that is no text: as JSON spells it."""
_MACHINE = frozenset({"Comment", "ProcessorConfig", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"})
_STATE = frozenset(
    {
        *("Type", "Comment", "Next", "End", "InputPath", "OutputPath", "Parameters", "Result", "ResultPath"),
        *("ResultSelector", "Retry", "Catch", "Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds"),
        *("Choices", "Default", "Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Error", "ErrorPath", "Cause"),
        *("CausePath", "ItemsPath", "ItemSelector", "ItemProcessor", "MaxConcurrency"),
    }
)
"""Of a state in JSONPath: https://states-language.net/spec.html#state-type-table"""
_RULES = {
    "Retry": frozenset(
        {"Comment", "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"}
    ),
    "Catch": frozenset({"Comment", "ErrorEquals", "ResultPath", "Next"}),
}


class DefinitionError(ValueError):
    """A definition is not what it seems; says where and why."""


def definition(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The definition `NAME.asl.yaml`, whole, with its placeholders for CloudFormation. Raises DefinitionError."""
    found: dict[str, Any] = json.loads(definition_text(name, folder))
    return found


def definition_text(name: str, folder: Path = FOLDER) -> str:
    """The definition as JSON without white space, which would count against the template's size."""
    return json.dumps(_Files(folder).machine(f"{name}.asl.yaml"), separators=(",", ":"))


class _Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._anchors: Mapping[str, yaml.Node] = {}
        if (folder / _SHARED).exists():
            self._anchors = self._read(_SHARED)[1]

    def machine(self, file: str) -> dict[str, Any]:
        return self._composed(self._read(file)[0], file)

    def _composed(self, machine: Any, place: str) -> dict[str, Any]:
        """The machine with the states of its sections, and so inside its states."""
        _expect(isinstance(machine, dict), f"{place}: a machine is a mapping")
        composed = {key: value for key, value in machine.items() if key not in (_SECTIONS, "States")}
        states: dict[str, Any] = {}
        for origin, found in self._parts(machine, place):
            for name, state in found.items():
                _expect(name not in states, f"{origin}: the state {name} is there already")
                states[name] = self._state(state, f"{origin}: {name}")
        _expect_known(composed, _MACHINE, place)
        return {**composed, "States": states}

    def _parts(self, machine: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield place, machine.get("States", {})
        for file in machine.get(_SECTIONS, []):
            found, _ = self._read(file)
            _expect(isinstance(found, dict), f"{file}: a section is a mapping of states by their names")
            yield file, found

    def _state(self, state: Any, place: str) -> dict[str, Any]:
        _expect(isinstance(state, dict), f"{place}: a state is a mapping")
        _expect_known(state, _STATE, place)
        for key, known in _RULES.items():
            for rule in state.get(key, []):
                _expect_known(rule, known, f"{place}: {key}")
        inner = state.get("ItemProcessor")
        return state if inner is None else {**state, "ItemProcessor": self._composed(inner, place)}

    def _read(self, file: str) -> tuple[Any, Mapping[str, yaml.Node]]:
        """What the file says, and its anchors."""
        path = self._folder / file
        try:
            with path.open(encoding="utf-8") as stream:
                loader = _Loader(stream, self._anchors)
                try:
                    return loader.get_single_data(), loader.found
                finally:
                    loader.dispose()
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise DefinitionError(f"{file}: {error}") from error


class _Loader(yaml.SafeLoader):
    """Knows the anchors that it is given, and takes nothing for what it was hardly meant to be."""

    def __init__(self, stream: Any, anchors: Mapping[str, yaml.Node]) -> None:
        super().__init__(stream)
        # What aliases are looked up in; the composer adds the document's own, and takes another after the document.
        self.found: dict[Any, Any] = dict(anchors)
        self.anchors = self.found

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        if node.tag not in (_TEXT, _MERGE) and not (node.tag in _PLAIN and _PLAIN[node.tag].fullmatch(node.value)):
            kind = node.tag.rpartition(":")[2]
            problem = f"{node.value!r} is read as {kind}; quote a text, write null for nothing"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag not in (_TEXT, _MERGE):
                raise yaml.MarkedYAMLError(problem="a key that is no text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node


def _expect(holds: bool, problem: str) -> None:
    if not holds:
        raise DefinitionError(problem)


def _expect_known(found: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    unknown = sorted(set(found) - known)
    _expect(not unknown, f"{place}: Step Functions does not know {', '.join(unknown)}")
