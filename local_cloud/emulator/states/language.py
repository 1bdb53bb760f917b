"""The JSONPath part of the Amazon States Language, as strict as Step Functions: what is missing ends the run.

A path that finds nothing is `States.Runtime`, "which isn't retriable, and will always cause the execution to fail": no
Retry and no Catch holds it, `States.ALL` included.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PAYLOAD_LIMIT_BYTES = 262_144
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-task-executions"""

RUNTIME = "States.Runtime"
DATA_LIMIT = "States.DataLimitExceeded"
LONGEST_CAUSE = 32_768
"""Characters of an error's cause: https://docs.aws.amazon.com/step-functions/latest/apireference/
API_TaskFailedEventDetails.html"""

_TOKEN = re.compile(
    r"\.\.(?P<anywhere>[^.\[\]*]+)|\.\*|\.(?P<field>[^.\[\]*]+)|\[\*\]|\[(?P<index>\d+)\]|\[(?P<quote>['\"])(?P<name>.*?)(?P=quote)\]"
)


class StatesError(Exception):
    """An error of a state: `error` is what Retry and Catch match, `cause` is for people."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause[:LONGEST_CAUSE]}")
        self.error = error
        self.cause = cause[:LONGEST_CAUSE]


class SizeError(StatesError):
    """A state's own input or output is too large: the run ends, whatever its catchers name.

    The guide calls States.DataLimitExceeded a terminal error that States.ALL does not catch, and says neither that its
    name does nor that it does not. Definitions that run on AWS catch it by name where an answer is too large, and were
    ended without a catcher's leave where the state's output was (https://github.com/cdklabs/construct-hub/pull/1885).
    So an answer and what Parameters makes are caught by name here, and a state's input and output by nothing.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(DATA_LIMIT, cause)


def is_caught(error_equals: list[str], error: StatesError) -> bool:
    """Whether a Retry or Catch for these names holds the error."""
    return not isinstance(error, SizeError) and matches(error_equals, error.error)


def matches(error_equals: list[str], error: str) -> bool:
    """Whether a Retry or Catch for these names holds an error of this name, where anything may."""
    if error == RUNTIME:
        return False
    if error in error_equals:
        return True
    if error == DATA_LIMIT:
        return False
    return "States.ALL" in error_equals or ("States.TaskFailed" in error_equals and error != "States.Timeout")


# --- paths


def resolve(path: str, data: Any) -> Any:
    """What the path finds in `data`: a value, or with `*` or `..` the list of all values. States.Runtime for nothing.

    What is missing after one of those is left out of the list; what is missing before it is missing.
    https://github.com/json-path/JsonPath#what-is-returned-when, the syntax and meaning that the language refers to.
    """
    tokens = list(_tokens(path))
    found = list(_walk(path, tokens, data))
    begun = next((place for place, token in enumerate(tokens) if token is None or isinstance(token, _Anywhere)), None)
    if begun is not None and (found or any(True for _ in _walk(path, tokens[:begun], data))):
        return found
    if not found:
        raise StatesError(RUNTIME, f"The JSONPath '{path}' could not be found in the input '{_shown(data)}'")
    return found[0]


def is_present(path: str, data: Any) -> bool:
    """Whether the path finds anything; a null is something."""
    return next(_walk(path, list(_tokens(path)), data), _NOTHING) is not _NOTHING


_NOTHING = object()


@dataclass(frozen=True, slots=True)
class _Anywhere:
    """`..name`: each member of this name, at any depth."""

    name: str


def _tokens(path: str) -> Iterator[str | int | _Anywhere | None]:
    """Member names, indexes, names at any depth, and None for a wildcard."""
    if not path.startswith("$"):
        raise StatesError(RUNTIME, f"Invalid path '{path}': a path begins with $")
    position = 1
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            raise StatesError(RUNTIME, f"Invalid path '{path}' at character {position}")
        position = match.end()
        if match["index"] is not None:
            yield int(match["index"])
        elif match["anywhere"] is not None:
            yield _Anywhere(match["anywhere"])
        else:
            yield match["field"] or match["name"]


def _walk(path: str, tokens: list[str | int | _Anywhere | None], value: Any) -> Iterator[Any]:
    if not tokens:
        yield value
        return
    token, rest = tokens[0], tokens[1:]
    match token, value:
        case None, list():
            for item in value:
                yield from _walk(path, rest, item)
        case None, dict():
            for item in value.values():
                yield from _walk(path, rest, item)
        case int(), list() if token < len(value):
            yield from _walk(path, rest, value[token])
        case str(), dict() if token in value:
            yield from _walk(path, rest, value[token])
        case _Anywhere(name), dict() | list():
            yield from _walk(path, [name, *rest], value)
            for inner in value.values() if isinstance(value, dict) else value:
                yield from _walk(path, tokens, inner)


def _shown(data: Any) -> str:
    text = json.dumps(data)
    return text if len(text) <= 500 else f"{text[:500]}..."


# --- templates: Parameters, ItemSelector, ResultSelector


def expand(template: Any, look_up: Callable[[str], Any]) -> Any:
    """The template with each member `NAME.$` replaced by `NAME` and what `look_up` finds for its path or function."""
    match template:
        case dict():
            return dict(_member(key, value, look_up) for key, value in template.items())
        case list():
            return [expand(item, look_up) for item in template]
    return template


def _member(key: str, value: Any, look_up: Callable[[str], Any]) -> tuple[str, Any]:
    if not key.endswith(".$"):
        return key, expand(value, look_up)
    if not is_expression(value):
        raise StatesError(
            RUNTIME, f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
        )
    return key.removesuffix(".$"), look_up(value)


def is_expression(value: Any) -> bool:
    """Whether this may stand for a member whose name ends in `.$`."""
    return isinstance(value, str) and value.startswith(("$", "States."))


def check_answer(value: Any, name: str = "answer") -> Any:
    """An answer, or the input that Parameters makes, unless its JSON is larger than a state may take."""
    size = _size(value)
    if size > PAYLOAD_LIMIT_BYTES:
        raise StatesError(DATA_LIMIT, f"The {name} has {size} bytes; {PAYLOAD_LIMIT_BYTES} are allowed")
    return value


def check_size(value: Any, name: str = "state's output") -> Any:
    """The input or output of a state, unless its JSON is larger than states hand on. Nothing holds this error."""
    size = _size(value)
    if size > PAYLOAD_LIMIT_BYTES:
        raise SizeError(f"The {name} has {size} bytes; {PAYLOAD_LIMIT_BYTES} are allowed")
    return value


def _size(value: Any) -> int:
    """Bytes of the JSON in UTF-8. A half of a surrogate pair, which UTF-8 has not, counts as the three of WTF-8."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="surrogatepass"))


def formatted(template: Any, arguments: list[Any]) -> str:
    """States.Format: each `{}` replaced by an argument; the counts must agree, objects and lists are refused."""
    if not isinstance(template, str):
        raise StatesError("States.IntrinsicFailure", "States.Format takes a string first")
    parts = re.split(r"(?<!\\)\{\}", template)
    if len(parts) - 1 != len(arguments):
        raise StatesError(
            "States.IntrinsicFailure", f"States.Format has {len(parts) - 1} places for {len(arguments)} arguments"
        )
    texts = [re.sub(r"\\(.)", r"\1", part) for part in parts]
    return texts[0] + "".join(_text(a) + t for a, t in zip(arguments, texts[1:], strict=True))


def _text(argument: Any) -> str:
    if isinstance(argument, dict | list):
        raise StatesError("States.IntrinsicFailure", "States.Format takes strings, numbers, booleans and null")
    return argument if isinstance(argument, str) else json.dumps(argument)


# --- choice rules


def holds(rule: Mapping[str, Any], find: Callable[[str], Any], found: Callable[[str], bool]) -> bool:
    """Whether a choice rule holds. `find` resolves a path (States.Runtime for nothing), `found` asks whether it can.

    A comparison of values of other types than its own is false, as in AWS.
    https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
    """
    for connective, combine in (("And", all), ("Or", any)):
        if connective in rule:
            return combine(holds(part, find, found) for part in rule[connective])
    if "Not" in rule:
        return not holds(rule["Not"], find, found)
    if "IsPresent" in rule:
        return found(rule["Variable"]) is rule["IsPresent"]
    try:
        value = find(rule["Variable"])
    except StatesError as error:
        path = rule["Variable"]
        raise StatesError(
            RUNTIME, f"Invalid path '{path}': The choice state's condition path references an invalid value."
        ) from error
    operator = next((key for key in rule if key not in ("Variable", "Next", "Comment", "Assign")), "nothing")
    if operator in _TESTS:
        return _TESTS[operator](value) is rule[operator]
    other = find(rule[operator]) if operator.endswith("Path") else rule.get(operator)
    return _compare(operator.removesuffix("Path"), value, other)


def _compare(operator: str, value: Any, other: Any) -> bool:
    if operator == "StringMatches":
        return isinstance(value, str) and re.fullmatch(_wildcards(other), value, re.DOTALL) is not None
    for kind, read in _KINDS.items():
        compare = _ORDERS.get(operator.removeprefix(kind))
        if operator.startswith(kind) and compare is not None:
            left, right = read(value), read(other)
            return left is not None and right is not None and compare(left, right)
    raise StatesError(RUNTIME, f"There is no comparison '{operator}'")


def _wildcards(pattern: str) -> str:
    return "".join(
        ".*" if part == "*" else re.escape(re.sub(r"\\(.)", r"\1", part))
        for part in re.findall(r"\\.|\*|[^*\\]+", pattern)
    )


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    """RFC 3339 with a zone, as the language asks for."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


_KINDS: dict[str, Callable[[Any], Any]] = {
    "String": _string,
    "Numeric": _number,
    "Boolean": _boolean,
    "Timestamp": _moment,
}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda a, b: bool(a == b),
    "LessThan": lambda a, b: bool(a < b),
    "GreaterThan": lambda a, b: bool(a > b),
    "LessThanEquals": lambda a, b: bool(a <= b),
    "GreaterThanEquals": lambda a, b: bool(a >= b),
}
_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsString": lambda value: isinstance(value, str),
    "IsNumeric": lambda value: _number(value) is not None,
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: _moment(value) is not None,
}
