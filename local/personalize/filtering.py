"""Filters applied: which of a model's items an answer may hold. Vectorised over the items."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from local.personalize.errors import invalid_input
from local.personalize.filters import Condition, Expression, Filter, Parameter, parse_values
from local.personalize.tables import Table, Text

Mask = npt.NDArray[np.bool_]
_COMPARE: dict[str, Callable[[npt.NDArray[np.float64], float], Mask]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Interacted:
    """What a filter sees of a visitor: items (places in the model, -1 for others) and their event types, lower case."""

    items: Sequence[int]
    types: Sequence[str]


class ItemColumns:
    """The Items dataset in the order of a model's items; an item that the dataset lacks has null everywhere."""

    def __init__(self, table: Table | None, items: Sequence[str]) -> None:
        self._table = table
        self._n = len(items)
        self._rows = np.full(self._n, -1, np.intp)
        if table is not None:
            ids = table.text("ITEM_ID")
            row_of_code = np.full(len(ids.values) + 1, -1, np.intp)
            row_of_code[ids.codes] = np.arange(len(table))
            place = {name: code for code, name in enumerate(ids.values)}
            self._rows = row_of_code[[place.get(name, -1) for name in items]] if self._n else self._rows

    def matches(self, condition: Condition, values: Sequence[str | float]) -> Mask:
        """For each item whether the condition holds; null fulfils no condition."""
        if self._table is None:
            return np.zeros(self._n, bool)
        column = self._table.columns[condition.column]
        if isinstance(column, Text):
            wanted = {str(value) for value in values}
            negated = condition.operator == "NOT IN"
            by_code = np.array([bool(wanted & set(one.split("|"))) != negated for one in column.values] + [False])
            in_table = by_code[column.codes] & (column.codes >= 0)
        else:
            in_table = _number_matches(column.values, condition.operator, values)
        return np.append(in_table, False)[self._rows]


def _number_matches(column: npt.NDArray[np.float64], operation: str, values: Sequence[str | float]) -> Mask:
    numbers = [_as_number(value) for value in values]
    known = ~np.isnan(column)
    if operation in ("IN", "NOT IN"):
        return np.isin(column, numbers, invert=operation == "NOT IN") & known
    return _COMPARE[operation](column, numbers[0]) & known


def _as_number(value: str | float) -> float:
    try:
        return float(value)
    except ValueError:
        raise invalid_input(f"The filter compares a number with {value!r}, which is none.") from None


class FilterRequest:
    """One use of a filter: its values, and what is known of the visitor. `mask` says which items may be answered."""

    def __init__(
        self,
        parsed: Filter,
        given: Mapping[str, str],
        *,
        columns: Callable[[], ItemColumns],
        interacted: Callable[[], Interacted],
        user: Callable[[], Mapping[str, str | float]],
        n_items: int,
    ) -> None:
        unknown = sorted(given.keys() - parsed.parameters)
        if unknown:
            raise invalid_input(f"The filter has no parameter {unknown[0]} (names are case-sensitive).")
        self._parsed = parsed
        self._values = {name: parse_values(name, text) for name, text in given.items()}
        self._columns, self._interacted, self._user = columns, interacted, user
        self._n = n_items

    def mask(self) -> Mask:
        """(Union of the includes, or everything) minus the union of the excludes; shape [n_items]."""
        included: Mask | None = None
        excluded = np.zeros(self._n, bool)
        for expression in self._parsed.expressions:
            if not self._in_force(expression):
                continue
            found = self._found(expression)
            if expression.include:
                included = found if included is None else included | found
            else:
                excluded |= found
        return ~excluded if included is None else included & ~excluded

    def _in_force(self, expression: Expression) -> bool:
        missing = sorted(expression.parameters - self._values.keys())
        if missing and expression.include:
            raise invalid_input(f"The filter needs a value for the parameter {missing[0]} in filterValues.")
        return not missing and all(self._user_fulfils(condition) for condition in expression.users)

    def _user_fulfils(self, condition: Condition) -> bool:
        value = self._user().get(condition.column)
        values = self._resolved(condition)
        if value is None:
            return False
        if isinstance(value, str):
            found = bool(set(map(str, values)) & set(value.split("|")))
            return found != (condition.operator == "NOT IN")
        return bool(_number_matches(np.array([value]), condition.operator, values)[0])

    def _found(self, expression: Expression) -> Mask:
        found = np.zeros(self._n, bool)
        for conditions in expression.any_of:
            every = np.ones(self._n, bool)
            for condition in conditions:
                every &= self._matches(condition)
            found |= every
        return found

    def _matches(self, condition: Condition) -> Mask:
        values = self._resolved(condition)
        if condition.dataset == "Items":
            return self._columns().matches(condition, values)
        wanted = {str(value).lower() for value in values}
        negated = condition.operator == "NOT IN"
        seen = self._interacted()
        places = [
            item
            for item, event_type in zip(seen.items, seen.types, strict=True)
            if item >= 0 and ("*" in wanted or event_type in wanted) != negated
        ]
        mask = np.zeros(self._n, bool)
        mask[places] = True
        return mask

    def _resolved(self, condition: Condition) -> list[str | float]:
        values: list[str | float] = []
        for value in condition.values:
            if isinstance(value, Parameter):
                values.extend(self._values[value.name])
            elif isinstance(value, str | float):
                values.append(value)
        if condition.operator not in ("IN", "NOT IN") and len(values) != 1:
            raise invalid_input(f"{condition.dataset}.{condition.column} {condition.operator} takes one value.")
        return values
