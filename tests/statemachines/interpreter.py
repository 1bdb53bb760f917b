"""A small interpreter for the training definition, with a clock of its own: a run of a day takes milliseconds.

Paths, templates and choice rules are those of the local cloud (`local_cloud/emulator/states/language.py`); what is here is the
order of things: states, retries, catches, Maps one item after the other. `test_interpreter_agrees.py` holds it against
the local cloud.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local_cloud.emulator.states.language import (
    StatesError,
    check_answer,
    check_size,
    expand,
    formatted,
    holds,
    is_caught,
    is_present,
    resolve,
)

MOST_STEPS = 20_000


@dataclass(slots=True)
class Clock:
    """Time that passes only when it is told to."""

    now: datetime = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def text(self) -> str:
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Ended:
    """An execution that has ended, with the states that it entered."""

    status: str
    error: str
    cause: str
    output: Any
    entered: tuple[str, ...]


class StoppedError(Exception):
    """Raised by `call` to stop the execution there, as StopExecution does. Holds where it was, outermost first."""

    def __init__(self) -> None:
        self.frames: list[tuple[Any, Any]] = []


@dataclass
class Interpreter:
    """Runs a definition. `call` gets a state's name, its resource and its resolved parameters, and answers or raises."""

    definition: Mapping[str, Any]
    call: Callable[[str, str, Any], Any]
    clock: Clock
    _entered: list[str] = field(default_factory=list)
    _stopped: list[tuple[Any, Any]] = field(default_factory=list)
    _redrives: int = 0

    def redrive(self, name: str, arn: str, given: Any) -> Ended:
        """Goes on with the run that was stopped: from the same states, with the same inputs, under the same ARN.

        https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
        """
        self._redrives += 1
        return self.run(name, arn, given)

    def run(self, name: str, arn: str, given: Any) -> Ended:
        self._entered = []
        context = {
            "Execution": {
                "Id": arn,
                "Name": name,
                "Input": given,
                "StartTime": self.clock.text(),
                "RedriveCount": self._redrives,
            }
        }
        status, error, cause, output = "SUCCEEDED", "", "", None
        try:
            output = self._machine(self.definition, given, context)
        except StatesError as failure:
            status, error, cause = "FAILED", failure.error, failure.cause
        except StoppedError as stopped:
            status, self._stopped = "ABORTED", stopped.frames
        return Ended(status, error, cause, output, tuple(self._entered))

    def _machine(self, machine: Mapping[str, Any], given: Any, context: Mapping[str, Any]) -> Any:
        name, data = self._stopped.pop(0) if self._stopped else (machine["StartAt"], check_size(given, "input"))
        while True:
            state = machine["States"][name]
            self._entered.append(name)
            assert len(self._entered) < MOST_STEPS, f"no end in sight at {name}"
            self.clock.pass_by(0.02)
            here = {**context, "State": {"Name": name, "EnteredTime": self.clock.text()}}
            try:
                data, following = self._state(name, state, data, here)
            except StoppedError as stopped:
                stopped.frames.insert(0, (name, data))
                raise
            check_size(data)
            if following is None:
                return data
            name = following

    def _state(self, name: str, state: Mapping[str, Any], data: Any, context: Any) -> tuple[Any, str | None]:
        match state["Type"]:
            case "Fail":
                error = self._find(state["ErrorPath"], data, context) if "ErrorPath" in state else state["Error"]
                raise StatesError(error, str(self._find(state["CausePath"], data, context)))
            case "Choice":
                return data, self._choice(state, data, context)
            case "Wait":
                self.clock.pass_by(state["Seconds"])
                return data, state["Next"]
            case "Pass":
                given = self._find(state.get("InputPath", "$"), data, context)
                result = state["Result"] if "Result" in state else self._template(state, "Parameters", given, context)
                return _placed(state.get("ResultPath", "$"), data, result), state.get("Next")
        work = self._task if state["Type"] == "Task" else self._map
        return self._with_retries(state, data, lambda: work(name, state, data, context))

    def _with_retries(self, state: Mapping[str, Any], data: Any, work: Callable[[], Any]) -> tuple[Any, str | None]:
        tried = [0] * len(state.get("Retry", ()))
        while True:
            try:
                return _placed(state.get("ResultPath", "$"), data, work()), state.get("Next")
            except StatesError as error:
                if error.error == "States.Timeout":
                    self.clock.pass_by(state["TimeoutSeconds"])
                if self._retries(state, error, tried):
                    continue
                for rule in state.get("Catch", ()):
                    if is_caught(rule["ErrorEquals"], error):
                        # The language's specification says that the cause should be there, not that it must.
                        told = {"Error": error.error} | ({"Cause": error.cause} if error.cause else {})
                        return _placed(rule.get("ResultPath", "$"), data, told), rule["Next"]
                raise

    def _retries(self, state: Mapping[str, Any], error: StatesError, tried: list[int]) -> bool:
        """Waits as the first rule for this error says; false when there is none or its attempts are used up."""
        for place, rule in enumerate(state.get("Retry", ())):
            if is_caught(rule["ErrorEquals"], error):
                if tried[place] == rule.get("MaxAttempts", 3):
                    return False
                pause = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2) ** tried[place]
                self.clock.pass_by(min(pause, rule.get("MaxDelaySeconds", pause)))
                tried[place] += 1
                return True
        return False

    def _task(self, name: str, state: Mapping[str, Any], data: Any, context: Any) -> Any:
        parameters = check_answer(self._template(state, "Parameters", data, context), "input after Parameters")
        answer = check_answer(self.call(name, state["Resource"], parameters))
        return self._template(state, "ResultSelector", answer, {})

    def _map(self, _name: str, state: Mapping[str, Any], data: Any, context: Any) -> Any:
        begun, results = self._stopped.pop(0) if self._stopped else (0, [])
        for index, item in enumerate(self._find(state["ItemsPath"], data, context)):
            if index < begun:
                continue
            inside = {**context, "Map": {"Item": {"Index": index, "Value": item}}}
            given = self._template(state, "ItemSelector", data, inside)
            try:
                results.append(self._machine(state["ItemProcessor"], given, inside))
            except StoppedError as stopped:
                stopped.frames.insert(0, (index, results))
                raise
        return results

    def _choice(self, state: Mapping[str, Any], data: Any, context: Any) -> str:
        def found(path: str) -> bool:
            return is_present(path[1:], context) if path.startswith("$$") else is_present(path, data)

        for rule in state["Choices"]:
            if holds(rule, lambda path: self._find(path, data, context), found):
                return str(rule["Next"])
        return str(state["Default"])

    def _template(self, state: Mapping[str, Any], key: str, data: Any, context: Any) -> Any:
        return expand(state[key], lambda path: self._find(path, data, context)) if key in state else data

    def _find(self, expression: str, data: Any, context: Any) -> Any:
        if expression.startswith("States."):
            value, rest = self._function(expression, data, context)
            assert not rest.strip(), expression
            return value
        return resolve(expression[1:], context) if expression.startswith("$$") else resolve(expression, data)

    def _function(self, text: str, data: Any, context: Any) -> tuple[Any, str]:
        """The value of the call that the text begins with, and the text after it."""
        name, _, rest = text.partition("(")
        arguments = []
        while not rest.startswith(")"):
            rest = rest.lstrip(", ")
            if rest.startswith("States."):
                value, rest = self._function(rest, data, context)
            elif match := re.match(r"'((?:[^'\\]|\\.)*)'", rest):
                value, rest = match[1].replace("\\'", "'"), rest[match.end() :]
            else:
                match = re.match(r"[^,)]+", rest)
                assert match, text
                word, rest = match[0].strip(), rest[match.end() :]
                value = self._find(word, data, context) if word.startswith("$") else json.loads(word)
            arguments.append(value)
        return _FUNCTIONS[name](*arguments), rest[1:]


def _placed(path: str | None, data: Any, result: Any) -> Any:
    """The data with the result at a ResultPath: `$`, null, or one or more members deep."""
    if path is None:
        return data
    if path == "$":
        return result
    if not isinstance(data, dict):
        raise StatesError("States.ResultPathMatchFailure", f"Unable to apply ResultPath '{path}' to the input")
    first, _, rest = path.removeprefix("$.").partition(".")
    return data | {first: _placed(f"$.{rest}", data.get(first, {}), result) if rest else result}


def _merged(first: Any, second: Any, deep: bool) -> Any:
    if not (isinstance(first, dict) and isinstance(second, dict) and deep is False):
        raise StatesError("States.IntrinsicFailure", "States.JsonMerge takes two objects and false")
    return first | second


def _item(items: list[Any], index: int) -> Any:
    if not 0 <= index < len(items):
        raise StatesError("States.IntrinsicFailure", f"States.ArrayGetItem: there is no item {index}")
    return items[index]


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "States.Format": lambda template, *arguments: formatted(template, list(arguments)),
    "States.JsonMerge": _merged,
    "States.JsonToString": lambda value: json.dumps(value, separators=(",", ":")),
    "States.UUID": lambda: str(uuid.uuid4()),
    "States.MathAdd": lambda first, second: first + second,
    "States.Hash": lambda text, algorithm: hashlib.new(algorithm.replace("-", ""), text.encode()).hexdigest(),
    "States.ArrayGetItem": lambda items, index: _item(items, index),
    "States.Array": lambda *items: list(items),
    "States.ArrayLength": len,
    "States.ArrayUnique": lambda items: [item for place, item in enumerate(items) if item not in items[:place]],
    "States.StringSplit": lambda text, by: [part for part in text.split(by) if part],
}
