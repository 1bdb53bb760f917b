"""A DynamoDB table in memory, with as much of the expressions as the training definition uses.

`tests/conformance/emulator/test_dynamodb.py` holds the emulator to the same expressions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ABSENT = re.compile(r"attribute_not_exists\((?P<name>\w+)\)")
_EQUAL = re.compile(r"(?P<name>\w+) = (?P<value>:\w+)")
_SET = re.compile(r"(?P<name>\w+) = (?:if_not_exists\((?P<kept>\w+), (?P<default>:\w+)\)|(?P<value>:\w+))")


class RefusedError(Exception):
    """The condition does not hold."""


@dataclass
class Items:
    """Items of text attributes by their `id`."""

    found: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, given: Mapping[str, Any]) -> Any:
        item = self.found.get(given["Key"]["id"]["S"])
        return {"Item": _typed(item)} if item is not None else {}

    def update(self, given: Mapping[str, Any]) -> Any:
        """Raises RefusedError."""
        key, values = given["Key"]["id"]["S"], _values(given)
        item = self.found.get(key, {})
        self._hold(given, item, values)
        sets, _, removed = given["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
        changed = {"id": key, **item}
        for part in re.split(r", (?![^(]*\))", sets):
            match = _SET.fullmatch(part)
            assert match, part
            if match["value"]:
                changed[match["name"]] = values[match["value"]]
            else:
                changed[match["name"]] = item.get(match["kept"], values[match["default"]])
        for name in filter(None, removed.split(", ")):
            changed.pop(name, None)
        self.found[key] = changed
        return {"Attributes": _typed(changed)} if given.get("ReturnValues") == "ALL_NEW" else {}

    def delete(self, given: Mapping[str, Any]) -> Any:
        """Raises RefusedError."""
        key = given["Key"]["id"]["S"]
        self._hold(given, self.found.get(key, {}), _values(given))
        self.found.pop(key, None)
        return {}

    def _hold(self, given: Mapping[str, Any], item: Mapping[str, str], values: Mapping[str, str]) -> None:
        if not any(
            all(_is_true(term, item, values) for term in part.split(" AND "))
            for part in given["ConditionExpression"].split(" OR ")
        ):
            raise RefusedError


def _is_true(term: str, item: Mapping[str, str], values: Mapping[str, str]) -> bool:
    if match := _ABSENT.fullmatch(term):
        return match["name"] not in item
    match = _EQUAL.fullmatch(term)
    assert match, term
    return match["name"] in item and item[match["name"]] == values[match["value"]]


def _values(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: value["S"] for name, value in given["ExpressionAttributeValues"].items()}


def _typed(item: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in item.items()}
