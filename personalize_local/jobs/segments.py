"""Batch segment jobs: for each item, or each query of item attributes, the users with the most affinity for it.

Source: developer guide, "Preparing input data for user segments" and the pages of the two user segmentation recipes.
A query is `ITEMS.genres = "Comedy" AND ITEMS.year > 1990`: conditions on columns of the Items dataset with AND and OR,
of which AND binds more tightly. A cell with several values fulfils a condition by any of them.
"""

from functools import cached_property
from itertools import islice
from typing import Any, cast

import numpy as np
from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, VisitError

from personalize_local.data.cells import exact
from personalize_local.data.data_folder import DataFolder
from personalize_local.data.objects import Objects
from personalize_local.engine.base.data import Indices
from personalize_local.jobs.batch import inputs, json_lines, parsed, write
from personalize_local.jobs.tasks.tasks import BatchTask
from personalize_local.model.errors import ServiceError, invalid_input
from personalize_local.model.schemas import NUMBERS, Schema
from personalize_local.model.validation import Json
from personalize_local.serving.current_data import CurrentData
from personalize_local.serving.filter_expressions import Condition, Operator, parse_filter
from personalize_local.serving.filter_masks import FilterRequest, ItemColumns, Mask, UserInteractions
from personalize_local.serving.loaded_versions import LoadedVersion

DEFAULT_RESULTS = 25
MAXIMUM_ITEM_LINES = 500
MAXIMUM_QUERY_LINES = 10
_GRAMMAR = r"""
    start: all_of (OR all_of)*
    all_of: condition (AND condition)*
    condition: NAME "." NAME COMPARE (STRING | NUMBER)
    AND.2: /AND\b/i
    OR.2: /OR\b/i
    COMPARE: "<=" | ">=" | "!=" | "=" | "<" | ">"
    NAME: /[A-Za-z][A-Za-z0-9_]*/
    NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
    STRING: /"[^"]*"|'[^']*'/
    %ignore /\s+/
"""
_PARSER = Lark(_GRAMMAR, parser="lalr", maybe_placeholders=False)

Query = list[list[tuple[str, str, str, str | float]]]
"""Any of these lists, all conditions of it: dataset, column, comparison, value."""


class _Conditions(Transformer[Token, Query]):
    def condition(self, parts: list[Token]) -> tuple[str, str, str, str | float]:
        dataset, column, compare, value = parts
        read = value[1:-1] if value.type == "STRING" else exact(str(value))
        if read is None:
            raise invalid_input(f"itemAttributes cannot be read: {value} is too large a number")
        return str(dataset), str(column), str(compare), read

    def all_of(self, parts: list[Any]) -> list[Any]:
        return [part for part in parts if not isinstance(part, Token)]

    def start(self, parts: list[Any]) -> Query:
        return [part for part in parts if not isinstance(part, Token)]


def segment(contents: DataFolder, version: LoadedVersion, objects: Objects, task: BatchTask) -> int:
    """Answer every line below the input address; returns how many lines there were.

    Only users of the training can be in a segment. A line that cannot be answered has its reason in `error`.
    """
    answering = _Segments(contents, version, task)
    lines = 0
    for name, content in inputs(objects, task):
        answers = [answering.answer(number, line) for number, line in enumerate(json_lines(content), 1)]
        lines += len(answers)
        write(objects, task.output, name, answers)
    return lines


class _Segments:
    def __init__(self, contents: DataFolder, version: LoadedVersion, task: BatchTask) -> None:
        self._contents, self._version, self._task = contents, version, task
        self._data = CurrentData(contents)
        self._users = version.snapshot.user_names
        self._by_attributes = version.recipe.name == "aws-item-attribute-affinity"

    def answer(self, number: int, line: str) -> Json:
        """The answer to a line of a file."""
        given: Any = line
        try:
            given = parsed(line)
            most = MAXIMUM_QUERY_LINES if self._by_attributes else MAXIMUM_ITEM_LINES
            if number > most:
                raise invalid_input(f"A file can have {most} lines.")
            return {"input": given, "output": _output(self._segment(given)), "error": None}
        except ServiceError as error:
            return {"input": given, "output": None, "error": error.message}

    def _segment(self, given: Json) -> list[str]:
        items = self._by_query(given) if self._by_attributes else self._item(given)
        affinity = self._version.snapshot.segments.affinity(items)
        allowed = self._allowed(given)
        order = np.argsort(-affinity, kind="stable")
        kept = order if allowed is None else order[allowed[order]]
        named = (self._users[place] for place in kept.tolist())
        return list(islice((name for name in named if name is not None), self._task.num_results or DEFAULT_RESULTS))

    def _item(self, given: Json) -> Indices:
        name = given.get("itemId")
        if not isinstance(name, str):
            raise invalid_input("itemId must be a string.")
        place = self._version.snapshot.places.get(name)
        if place is None:
            raise invalid_input(f"Item {name} was not there at the training.")
        return np.array([place], np.intp)

    def _by_query(self, given: Json) -> Indices:
        text = given.get("itemAttributes")
        if not isinstance(text, str):
            raise invalid_input("itemAttributes must be a string.")
        schema = self._contents.dataset_schemas(self._version.group).get("ITEMS")
        columns = self._data.columns(self._version.group, self._version.arn, self._version.snapshot)
        found = np.zeros(len(self._version.snapshot.items), bool)
        for conditions in parse_query(text):
            every = np.ones(len(found), bool)
            for dataset, column, compare, value in conditions:
                every &= columns.matches(_condition(schema, dataset, column, compare, value), [value])
            found |= every
        if not found.any():
            raise invalid_input("No item fulfils itemAttributes.")
        return np.flatnonzero(found)

    @cached_property
    def _event_types(self) -> UserInteractions:
        places = {name: place for place, name in enumerate(self._users) if name is not None}
        return self._data.event_types_of_users(self._version.group, places)

    def _allowed(self, given: Json) -> Mask | None:
        arn = self._task.filter
        if arn is None:
            return None
        values = given.get("filterValues", {})
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise invalid_input("filterValues must be an object of strings.")
        resource = self._contents.store.get(arn, "filter")
        if resource is None:
            raise invalid_input(f"Filter {arn} was deleted.")
        group = self._version.group
        chosen = parse_filter(resource.body["filterExpression"], self._contents.dataset_schemas(group))
        if chosen.entity != "UserID":
            raise invalid_input(f"Filter {arn} chooses items; a segment needs one that chooses UserID.")
        return FilterRequest(
            chosen,
            values,
            columns=lambda: ItemColumns(self._data.users(group), [name or "" for name in self._users], key="USER_ID"),
            interactions=lambda: self._event_types,
            user=dict,
            n_items=len(self._users),
        ).mask()


def _output(users: list[str]) -> Json:
    """A segment by both its names: `usersList` in recorded jobs of the service, `recommendedUsers` in its guide."""
    return {"usersList": users, "recommendedUsers": users}


def parse_query(text: str) -> Query:
    """The conditions of `itemAttributes`; InvalidInputException says where it cannot be read."""
    try:
        return _Conditions().transform(_PARSER.parse(text))
    except VisitError as error:
        raise error.orig_exc from None
    except LarkError as error:
        reason = str(error).splitlines()[0]
        raise invalid_input(f"itemAttributes cannot be read: {reason}") from None


def _condition(schema: Schema | None, dataset: str, column: str, compare: str, value: str | float) -> Condition:
    field = schema.field(column) if schema and dataset.upper() == "ITEMS" else None
    if field is None:
        raise invalid_input(f"The dataset group has no column {dataset}.{column} of items.")
    if (field.type in NUMBERS) != isinstance(value, int | float):
        raise invalid_input(f"{dataset}.{column} is compared with a value of another type.")
    if isinstance(value, str):
        if compare not in ("=", "!="):
            raise invalid_input(f"{dataset}.{column} is no number; it can be compared with = and !=.")
        compare = "IN" if compare == "=" else "NOT IN"
    return Condition("Items", field.name, cast(Operator, compare), (value,))
