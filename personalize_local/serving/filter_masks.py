"""Filters applied: which of a model's items an answer may hold. Vectorised over the items.

What a condition needs of a column is computed once and kept until the data change, the masks of recent conditions too:
a request pays for a few operations on arrays of one byte an item.
"""

import math
import operator
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from personalize_local.data.cells import integer, literal
from personalize_local.data.tables import Integers, Numbers, Table, Text
from personalize_local.model.errors import invalid_input
from personalize_local.serving.filter_expressions import (
    Condition,
    Expression,
    Filter,
    Operator,
    Parameter,
    Reference,
    parse_values,
)

Mask = npt.NDArray[np.bool_]
Cell = str | float
Value = Cell | Decimal
"""What a cell is compared with."""
Row = Mapping[str, Cell]
_MASKS = 64
"""Masks of conditions that are kept, one byte an item each."""
_COMPARE: dict[str, Callable[[npt.NDArray[Any], float], Mask]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class UserInteractions:
    """What a filter sees of a user: items (places in the model, -1 for others) and their event types, lower case."""

    items: Sequence[int]
    types: Sequence[str]


class _Strings:
    """A column of strings in the order of the items; cells may hold several values with bars between."""

    def __init__(self, column: Text, rows: npt.NDArray[np.intp]) -> None:
        null = len(column.values)
        self._codes = np.append(column.codes, -1).astype(np.intp)[rows]
        self._codes[self._codes < 0] = null
        self._null = null
        self._cells: dict[str, list[int]] = defaultdict(list)
        for code, cell in enumerate(column.values):
            for value in set(cell.split("|")):
                self._cells[value].append(code)

    def matches(self, operation: Operator, values: Sequence[Value]) -> Mask:
        by_code = np.zeros(self._null + 1, bool)
        for value in values:
            by_code[self._cells.get(str(value), [])] = True
        if operation == "NOT IN":
            by_code = ~by_code
            by_code[self._null] = False
        return by_code[self._codes]


class _Numbers:
    """A column of numbers in the order of the items, NaN for null."""

    def __init__(self, column: Numbers, rows: npt.NDArray[np.intp]) -> None:
        self._values = np.append(column.values, np.nan)[rows]

    def matches(self, operation: Operator, values: Sequence[Value]) -> Mask:
        return _number_matches(self._values, operation, values)


class _Integers:
    """A column of integers in the order of the items."""

    def __init__(self, column: Integers, rows: npt.NDArray[np.intp]) -> None:
        self._column = Integers(np.append(column.values, 0), np.append(column.known, False)).of(rows)

    def matches(self, operation: Operator, values: Sequence[Value]) -> Mask:
        return _integer_matches(self._column, operation, values)


class ItemColumns:
    """The Items dataset in the order of a model's items; an item that the dataset lacks has null everywhere.

    With `key` USER_ID the Users dataset in the order of a model's users.
    """

    def __init__(self, table: Table | None, items: Sequence[str], *, key: str = "ITEM_ID") -> None:
        self._table = table
        self._n = len(items)
        self._rows = np.full(self._n, -1, np.intp)
        self._columns: dict[str, _Strings | _Numbers | _Integers] = {}
        self._masks: OrderedDict[tuple[str, Operator, tuple[Value, ...]], Mask] = OrderedDict()
        if table is not None:
            ids = table.text(key)
            row_of_code = np.full(len(ids.values) + 1, -1, np.intp)
            row_of_code[ids.codes] = np.arange(len(table))
            place = {name: code for code, name in enumerate(ids.values)}
            self._rows = row_of_code[[place.get(name, -1) for name in items]] if self._n else self._rows

    def matches(self, condition: Condition, values: Sequence[Value]) -> Mask:
        """For each item whether the condition holds; null fulfils no condition. Not to be written to."""
        table = self._table
        if table is None:
            return np.zeros(self._n, bool)
        asked = (condition.column, condition.operator, tuple(values))
        mask = self._masks.get(asked)
        if mask is None:
            mask = self._column(table, condition.column).matches(condition.operator, values)
            self._masks[asked] = mask
            mask.flags.writeable = False
            if len(self._masks) > _MASKS:
                self._masks.popitem(last=False)
        else:
            self._masks.move_to_end(asked)
        return mask

    def of(self, place: int) -> Row:
        """The cells of one item by column; null cells are left out."""
        if self._table is None or self._rows[place] < 0:
            return {}
        return row_of(self._table, int(self._rows[place]))

    def _column(self, table: Table, name: str) -> _Strings | _Numbers | _Integers:
        if name not in self._columns:
            match table.columns[name]:
                case Text() as column:
                    self._columns[name] = _Strings(column, self._rows)
                case Numbers() as column:
                    self._columns[name] = _Numbers(column, self._rows)
                case Integers() as column:
                    self._columns[name] = _Integers(column, self._rows)
        return self._columns[name]


def row_of(table: Table, row: int) -> Row:
    """The cells of one row by column; null cells are left out."""
    cells: dict[str, Cell] = {}
    for name, column in table.columns.items():
        match column:
            case Text():
                if column.codes[row] >= 0:
                    cells[name] = column.values[column.codes[row]]
            case Numbers():
                if not np.isnan(column.values[row]):
                    cells[name] = float(column.values[row])
            case Integers():
                if column.known[row]:
                    cells[name] = int(column.values[row])
    return cells


def _number_matches(column: npt.NDArray[np.float64], operation: Operator, values: Sequence[Value]) -> Mask:
    numbers = [float(_as_number(value)) for value in values]
    match operation:
        case "IN":
            return np.isin(column, numbers)  # NaN is not in any list of numbers
        case "NOT IN":
            return np.isin(column, numbers, invert=True) & ~np.isnan(column)
        case "!=":
            return np.not_equal(column, numbers[0]) & ~np.isnan(column)
        case _:
            return _COMPARE[operation](column, numbers[0])


def _integer_matches(column: Integers, operation: Operator, values: Sequence[Value]) -> Mask:
    """As `_number_matches`, and no digit is lost: integers are compared with what is written, fractions too."""
    numbers = [_as_number(value) for value in values]
    if operation in ("IN", "NOT IN"):
        wanted = {
            whole for number in numbers if not isinstance(number, Decimal) and (whole := integer(number)) is not None
        }
        found = np.isin(column.values, np.array(sorted(wanted), np.int64), invert=operation == "NOT IN")
        return found & column.known
    number = numbers[0]
    if number != int(number):
        if operation in ("=", "!="):
            return column.known & (operation == "!=")
        # Below 1.5 is below 2, and above 1.5 is above 1.
        number = math.ceil(number) if operation in ("<", ">=") else math.floor(number)
    return _COMPARE[operation](column.values, int(number)) & column.known


def _as_number(value: Value) -> int | float | Decimal:
    number = literal(value) if isinstance(value, str) else value
    if number is None:
        raise invalid_input(f"The filter compares a number with {value!r}, which is none.")
    return number


class FilterRequest:
    """One use of a filter: its values, and what is known of the user. `mask` says which items may be answered."""

    def __init__(
        self,
        parsed: Filter,
        given: Mapping[str, str],
        *,
        columns: Callable[[], ItemColumns],
        interactions: Callable[[], UserInteractions],
        user: Callable[[], Row],
        n_items: int,
        current_item: Callable[[], Row | None] = lambda: None,
    ) -> None:
        unknown = sorted(given.keys() - parsed.parameters)
        if unknown:
            raise invalid_input(f"The filter has no parameter {unknown[0]} (names are case-sensitive).")
        self._parsed = parsed
        self._values = {name: parse_values(name, text) for name, text in given.items()}
        self._columns, self._interactions, self._user = columns, interactions, user
        self._current_item = current_item
        self._n = n_items

    def mask(self) -> Mask:
        """(Union of the includes, or everything) minus the union of the excludes; shape [n_items].

        It may be a kept mask: not to be written to.
        """
        included: Mask | None = None
        excluded: Mask | None = None
        for expression in self._parsed.expressions:
            if not self._in_force(expression):
                continue
            found = self._found(expression)
            if expression.include:
                included = found if included is None else included | found
            else:
                excluded = found if excluded is None else excluded | found
        if excluded is None:
            return np.ones(self._n, bool) if included is None else included
        return ~excluded if included is None else included & ~excluded

    def _in_force(self, expression: Expression) -> bool:
        missing = sorted(expression.parameters - self._values.keys())
        if missing and expression.include:
            raise invalid_input(f"The filter needs a value for the parameter {missing[0]} in filterValues.")
        return not missing and all(self._user_fulfils(condition) for condition in expression.users)

    def _user_fulfils(self, condition: Condition) -> bool:
        value = self._user().get(condition.column)
        values = self._resolved(condition)
        if value is None or not values:
            return False
        if isinstance(value, str):
            found = bool(set(map(str, values)) & set(value.split("|")))
            return found != (condition.operator == "NOT IN")
        if isinstance(value, int):
            return bool(_integer_matches(Integers.of_cells([value]), condition.operator, values)[0])
        return bool(_number_matches(np.array([value]), condition.operator, values)[0])

    def _found(self, expression: Expression) -> Mask:
        """Of an OR of ANDs the mask, which may be a kept one: not to be written to."""
        found: Mask | None = None
        for conditions in expression.any_of:
            every = self._matches(conditions[0])
            for condition in conditions[1:]:
                every = every & self._matches(condition)
            found = every if found is None else found | every
        return np.zeros(self._n, bool) if found is None else found

    def _matches(self, condition: Condition) -> Mask:
        values = self._resolved(condition)
        if condition.dataset in ("Items", "Users"):
            return self._columns().matches(condition, values) if values else np.zeros(self._n, bool)
        wanted = {str(value).lower() for value in values}
        negated = condition.operator == "NOT IN"
        seen = self._interactions()
        places = [
            item
            for item, event_type in zip(seen.items, seen.types, strict=True)
            if item >= 0 and ("*" in wanted or event_type in wanted) != negated
        ]
        mask = np.zeros(self._n, bool)
        mask[places] = True
        return mask

    def _resolved(self, condition: Condition) -> list[Value]:
        """The values that the condition compares with; none when the current item has null there."""
        values: list[Value] = []
        for value in condition.values:
            if isinstance(value, Parameter):
                values.extend(self._values[value.name])
            elif isinstance(value, Reference):
                cell = self._current(value.column)
                if cell is None:
                    return []
                values.extend(cell.split("|") if isinstance(cell, str) else [cell])
            else:
                values.append(value)
        if condition.operator not in ("IN", "NOT IN") and len(values) != 1:
            raise invalid_input(f"{condition.dataset}.{condition.column} {condition.operator} takes one value.")
        return values

    def _current(self, column: str) -> Cell | None:
        item = self._current_item()
        if item is None:
            raise invalid_input(f"itemId is required: the filter reads CurrentItem.{column}.")
        return item.get(column)
