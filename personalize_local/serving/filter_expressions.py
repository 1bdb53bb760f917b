"""The language of filter expressions: text in, checked expressions out.

Source: developer guide, "Filter expressions" and "Creating filter expressions". Keywords, dataset names and column
names are read without regard to case, and both kinds of quotes are taken, as AWS's own samples write them. AND binds
more tightly than OR, which the guide leaves open. Errors count the characters of the text from 1, line breaks too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from personalize_local.data.cells import exact, literal
from personalize_local.model.errors import ServiceError, invalid_input
from personalize_local.model.schemas import NUMBERS, Field, Schema

_GRAMMAR = r"""
    start: expression ("|" expression)*
    expression: ACTION NAME WHERE any_of [IF user_conditions]
    any_of: all_of (OR all_of)*
    all_of: condition (AND condition)*
    user_conditions: condition (AND condition)*
    condition: field IN set          -> is_in
             | field NOT IN set      -> is_not_in
             | field COMPARE scalar  -> compares
    field: NAME "." NAME
    set: "(" value ("," value)* ")"
       | field
    value: STRING | NUMBER | PARAMETER
    scalar: NUMBER | PARAMETER | field | "(" PARAMETER ")"

    ACTION.2: /(INCLUDE|EXCLUDE)\b/i
    WHERE.2: /WHERE\b/i
    IF.2: /IF\b/i
    AND.2: /AND\b/i
    OR.2: /OR\b/i
    NOT.2: /NOT\b/i
    IN.2: /IN\b/i
    COMPARE: "<=" | ">=" | "!=" | "=" | "<" | ">"
    NAME: /[A-Za-z][A-Za-z0-9_]*/
    PARAMETER: /\$[A-Za-z][A-Za-z0-9_]*/
    NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
    STRING: /"[^"]*"|'[^']*'/
    %ignore /\s+/
"""

Operator = Literal["IN", "NOT IN", "=", "!=", "<", "<=", ">", ">="]
Entity = Literal["ItemID", "UserID"]
MAXIMUM_FIELDS = 10
"""Distinct fields of one filter."""
MAXIMUM_FIELDS_OF_GROUP = 20
"""Distinct fields of all filters of a dataset group."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A placeholder, filled by `filterValues` of the request."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A column of the current item, used as a value."""

    column: str


Value = str | float | Decimal | Parameter | Reference


@dataclass(frozen=True, slots=True)
class Condition:
    """`dataset.column operator values`: Items, Users, Interactions or CurrentUser, a column as the schema writes it."""

    dataset: str
    column: str
    operator: Operator
    values: tuple[Value, ...]
    at: int = field(default=1, compare=False)
    """The column of the text where the condition begins."""
    values_at: tuple[int, ...] = field(default=(), compare=False)

    @property
    def parameters(self) -> Iterator[str]:
        return (value.name for value in self.values if isinstance(value, Parameter))


@dataclass(frozen=True, slots=True)
class Expression:
    """One INCLUDE or EXCLUDE: an OR of ANDs on items, in force when all conditions on the current user hold."""

    include: bool
    any_of: tuple[tuple[Condition, ...], ...]
    users: tuple[Condition, ...]
    entity: Entity = "ItemID"
    """What is included or excluded: items, or the users of a segment."""

    @property
    def conditions(self) -> Iterator[Condition]:
        for conditions in self.any_of:
            yield from conditions
        yield from self.users

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(name for condition in self.conditions for name in condition.parameters)


@dataclass(frozen=True, slots=True)
class Filter:
    """A whole filter: what is included, minus what is excluded."""

    expressions: tuple[Expression, ...]

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset[str]().union(*(expression.parameters for expression in self.expressions))

    @property
    def entity(self) -> Entity:
        return self.expressions[0].entity

    @property
    def fields(self) -> frozenset[tuple[str, str]]:
        """The distinct (dataset, column) that the filter reads."""
        return frozenset(
            (condition.dataset, condition.column)
            for expression in self.expressions
            for condition in expression.conditions
        )

    @property
    def reads_interactions(self) -> bool:
        return any(one.dataset == "Interactions" for expression in self.expressions for one in expression.conditions)

    @property
    def reads_user(self) -> bool:
        """An answer needs to know the user."""
        return self.reads_interactions or any(expression.users for expression in self.expressions)


class _Placed(NamedTuple):
    """A value and the column of the text where it stands."""

    value: Value
    at: int


_ENTITIES: dict[str, Entity] = {"itemid": "ItemID", "userid": "UserID"}


class _Expressions(Transformer[Token, Filter]):
    """Lark's tree into values; checks that need no schema happen here."""

    def start(self, parts: list[object]) -> Filter:
        expressions = tuple(part for part in parts if isinstance(part, Expression))
        if len({expression.entity for expression in expressions}) > 1:
            raise invalid_input("ItemID and UserID cannot be used in one filter.")
        return Filter(expressions)

    def expression(self, parts: list[object]) -> Expression:
        action, entity, _, any_of = parts[:4]
        known = _ENTITIES.get(str(entity).lower())
        if known is None:
            raise _at(
                cast(Token, entity), f"{entity} cannot be filtered; the local Personalize filters ItemID and UserID"
            )
        users = cast("tuple[Condition, ...]", parts[5]) if parts[5] is not None else ()
        return Expression(
            str(action).upper() == "INCLUDE", cast("tuple[tuple[Condition, ...], ...]", any_of), users, known
        )

    def any_of(self, parts: list[object]) -> tuple[object, ...]:
        return tuple(part for part in parts if not isinstance(part, Token))

    all_of = any_of
    user_conditions = any_of

    def field(self, parts: list[Token]) -> tuple[Token, Token]:
        return parts[0], parts[1]

    def set(self, parts: list[object]) -> tuple[_Placed, ...]:
        return tuple(part if isinstance(part, _Placed) else _reference(part) for part in parts)

    def value(self, parts: list[Token]) -> _Placed:
        return _value(parts[0])

    def scalar(self, parts: list[object]) -> _Placed:
        return _value(parts[0]) if isinstance(parts[0], Token) else _reference(parts[0])

    def is_in(self, parts: list[object]) -> Condition:
        return _condition(parts[0], "IN", cast("tuple[_Placed, ...]", parts[2]))

    def is_not_in(self, parts: list[object]) -> Condition:
        values = cast("tuple[_Placed, ...]", parts[3])
        for value, column in values:
            if isinstance(value, Parameter):
                symbol = f"Invalid input symbol: ${value.name}. Placeholders are not allowed with NOT_IN operator."
                raise invalid_input(f"Could not create filter. {symbol} It stands at column {column}.")
        return _condition(parts[0], "NOT IN", values)

    def compares(self, parts: list[object]) -> Condition:
        return _condition(parts[0], cast(Operator, str(parts[1])), (cast(_Placed, parts[2]),))


def _value(token: Token) -> _Placed:
    match token.type:
        case "STRING":
            return _Placed(str(token)[1:-1], _column(token))
        case "NUMBER":
            number = literal(str(token))
            if number is None:
                raise _at(token, f"{token} is too large a number")
            return _Placed(number, _column(token))
        case _:
            return _Placed(Parameter(str(token)[1:]), _column(token))


def _reference(named: object) -> _Placed:
    dataset, column = cast("tuple[Token, Token]", named)
    if dataset.lower() != "currentitem":
        raise _at(dataset, f"a value may be CurrentItem.NAME, not {dataset}.{column}")
    return _Placed(Reference(str(column)), _column(dataset))


_DATASETS = {"items": "Items", "users": "Users", "interactions": "Interactions", "currentuser": "CurrentUser"}


def _condition(named: object, operator: Operator, values: tuple[_Placed, ...]) -> Condition:
    dataset, column = cast("tuple[Token, Token]", named)
    known = _DATASETS.get(dataset.lower())
    if known is None:
        raise _at(
            dataset, f"{dataset} is no dataset of this filter; there are Items, Users, Interactions and CurrentUser"
        )
    return Condition(
        known,
        str(column),
        operator,
        tuple(value for value, _ in values),
        _column(dataset),
        tuple(at for _, at in values),
    )


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _at(token: Token, message: str) -> ServiceError:
    return _wrong(_column(token), message)


def _wrong(column: int, message: str) -> ServiceError:
    return invalid_input(f"Could not create filter. Invalid Expression at column {column}: {message}")


_PARSER = Lark(_GRAMMAR, parser="lalr", maybe_placeholders=True)


def parse_filter(text: str, schemas: Mapping[str, Schema]) -> Filter:
    """The filter that `text` says, checked against the schemas (by dataset type) of its dataset group.

    InvalidInputException names the column of the text and what is wrong there, or the limit that is exceeded.
    """
    try:
        parsed = _Expressions(visit_tokens=False).transform(_PARSER.parse(text))
    except UnexpectedInput as error:
        raise _syntax(text, error) from None
    except VisitError as error:
        raise error.orig_exc from None
    checked = Filter(tuple(_checked(expression, schemas) for expression in parsed.expressions))
    if len(checked.fields) > MAXIMUM_FIELDS:
        raise invalid_input(f"A filter may use {MAXIMUM_FIELDS} distinct fields, not {len(checked.fields)}.")
    return checked


def _syntax(text: str, error: UnexpectedInput) -> ServiceError:
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    place = len(text) if at_end else error.pos_in_stream or 0
    return _wrong(place + 1, f"unexpected {'end of text' if at_end else repr(text[place:][:20])}")


_ALLOWED: dict[Entity, tuple[str, ...]] = {"ItemID": ("Items", "Interactions"), "UserID": ("Users", "Interactions")}


def _checked(expression: Expression, schemas: Mapping[str, Schema]) -> Expression:
    first = expression.any_of[0][0].dataset
    for conditions in expression.any_of:
        for one in conditions:
            if one.dataset == "CurrentUser":
                raise _wrong(one.at, "CurrentUser can only be used after IF.")
            if one.dataset not in _ALLOWED[expression.entity]:
                allowed = " or ".join(_ALLOWED[expression.entity])
                raise _wrong(one.at, f"{expression.entity} is filtered by {allowed}, not by {one.dataset}.")
            if one.dataset != first:
                raise _wrong(
                    one.at, f"{first} and {one.dataset} cannot be used in one expression; join two expressions with |."
                )
    for one in expression.users:
        if one.dataset != "CurrentUser" or expression.entity == "UserID":
            raise _wrong(one.at, "After IF only CurrentUser can be used, and only to filter ItemID.")
    return replace(
        expression,
        any_of=tuple(tuple(_named(one, schemas) for one in conditions) for conditions in expression.any_of),
        users=tuple(_named(one, schemas) for one in expression.users),
    )


_SCHEMA_OF = {"Items": "ITEMS", "Users": "USERS", "Interactions": "INTERACTIONS", "CurrentUser": "USERS"}


def _named(condition: Condition, schemas: Mapping[str, Schema]) -> Condition:
    """The condition with its columns as the schemas write them."""
    shown, at = f"{condition.dataset}.{condition.column}", condition.at
    column = _field(schemas.get(_SCHEMA_OF[condition.dataset]), condition.column, shown, at)
    if condition.dataset == "Interactions" and column.name.upper() != "EVENT_TYPE":
        raise _wrong(at, f"{shown}: of Interactions only EVENT_TYPE can be filtered.")
    if condition.operator not in ("IN", "NOT IN") and column.type not in NUMBERS:
        raise _wrong(at, f"{shown}: {condition.operator} compares numbers; use IN or NOT IN for strings.")
    values = tuple(
        _checked_value(value, value_at, condition, column, schemas)
        for value, value_at in zip(condition.values, condition.values_at, strict=True)
    )
    return replace(condition, column=column.name, values=values)


def _field(schema: Schema | None, name: str, shown: str, at: int) -> Field:
    found = schema.field(name) if schema else None
    if found is None:
        raise _wrong(at, f"{shown} is no column of the datasets of this dataset group.")
    if found.textual or found.type == "boolean":
        raise _wrong(at, f"{shown}: textual and boolean columns cannot be filtered.")
    return found


def _checked_value(value: Value, at: int, condition: Condition, column: Field, schemas: Mapping[str, Schema]) -> Value:
    numeric, shown = column.type in NUMBERS, f"{condition.dataset}.{condition.column}"
    match value:
        case Reference(name):
            if condition.dataset not in ("Items", "CurrentUser"):
                raise _wrong(at, f"CurrentItem cannot be compared with {condition.dataset}.")
            other = _field(schemas.get("ITEMS"), name, f"CurrentItem.{name}", at)
            if (other.type in NUMBERS) != numeric:
                raise _wrong(at, f"{shown} and CurrentItem.{name} must both be numbers or both be strings.")
            return Reference(other.name)
        case "*" if condition.dataset != "Interactions":
            raise _wrong(at, f'{shown}: "*" stands for any value of Interactions.EVENT_TYPE only.')
        case int() | float() | Decimal() if not numeric:
            raise _wrong(at, f"{shown} is a string; put the value in quotes.")
        case str() if numeric and exact(value) is None:
            raise _wrong(at, f"{shown} is a number; {value!r} is not.")
    return value


_VALUES = Lark(
    r"""
    start: value ("," value)*
    value: STRING | BARE
    STRING: /"[^"]*"|'[^']*'/
    BARE: /[^\s"',][^"',]*/
    %ignore /\s+/
    """,
    parser="lalr",
)


@lru_cache(maxsize=1024)
def parse_values(name: str, text: str) -> tuple[str, ...]:
    """The values of one entry of `filterValues`: `"Comedy","Drama"` with their quotes, or bare numbers."""
    try:
        tree = _VALUES.parse(text)
    except UnexpectedInput:
        raise invalid_input(
            f"The value of the filter parameter {name} must be quoted strings or numbers, separated by commas, e.g."
            ' "Comedy","Drama" with the quotes.'
        ) from None
    values = []
    for token in tree.scan_values(lambda value: isinstance(value, Token)):
        text = str(token)
        if token.type == "BARE" and exact(text) is None:
            raise invalid_input(f"The value {text} of the filter parameter {name} needs quotes.")
        values.append(text[1:-1] if token.type == "STRING" else text.strip())
    return tuple(values)
