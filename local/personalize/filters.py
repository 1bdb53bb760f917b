"""The language of filter expressions: text in, checked expressions out.

Source: developer guide, "Filter expressions" and "Creating filter expressions". Keywords, dataset names and column
names are read without regard to case, and both kinds of quotes are taken, as AWS's own samples write them. AND binds
more tightly than OR, which the guide leaves open.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from local.personalize.errors import ServiceError, invalid_input
from local.personalize.schemas import NUMBERS, Field, Schema

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
MAXIMUM_FIELDS = 10


@dataclass(frozen=True, slots=True)
class Parameter:
    """A placeholder, filled by `filterValues` of the request."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A column of the current item, used as a value."""

    column: str


Value = str | float | Parameter | Reference


@dataclass(frozen=True, slots=True)
class Condition:
    """`dataset.column operator values`; names as in the schema, dataset one of Items, Interactions, CurrentUser."""

    dataset: str
    column: str
    operator: Operator
    values: tuple[Value, ...]

    @property
    def parameters(self) -> Iterator[str]:
        return (value.name for value in self.values if isinstance(value, Parameter))


@dataclass(frozen=True, slots=True)
class Expression:
    """One INCLUDE or EXCLUDE: an OR of ANDs on items, in force when all conditions on the current user hold."""

    include: bool
    any_of: tuple[tuple[Condition, ...], ...]
    users: tuple[Condition, ...]

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
    def reads_interactions(self) -> bool:
        return any(one.dataset == "Interactions" for expression in self.expressions for one in expression.conditions)

    @property
    def reads_user(self) -> bool:
        """An answer needs to know the user."""
        return self.reads_interactions or any(expression.users for expression in self.expressions)


class _Expressions(Transformer[Token, Filter]):
    """Lark's tree into values; checks that need no schema happen here."""

    def start(self, expressions: list[Expression]) -> Filter:
        return Filter(tuple(expressions))

    def expression(self, parts: list[object]) -> Expression:
        action, entity, _, any_of = parts[:4]
        if str(entity).lower() != "itemid":
            raise _at(cast(Token, entity), f"{entity} cannot be filtered here; the local Personalize filters ItemID")
        users = cast("tuple[Condition, ...]", parts[5]) if parts[5] is not None else ()
        return Expression(str(action).upper() == "INCLUDE", cast("tuple[tuple[Condition, ...], ...]", any_of), users)

    def any_of(self, parts: list[object]) -> tuple[object, ...]:
        return tuple(part for part in parts if not isinstance(part, Token))

    all_of = any_of
    user_conditions = any_of

    def field(self, parts: list[Token]) -> tuple[Token, Token]:
        return parts[0], parts[1]

    def set(self, parts: list[object]) -> tuple[object, ...]:
        return tuple(_reference(part) if isinstance(part, tuple) else part for part in parts)

    def value(self, parts: list[Token]) -> Value:
        return _value(parts[0])

    def scalar(self, parts: list[object]) -> Value:
        return _reference(parts[0]) if isinstance(parts[0], tuple) else _value(cast(Token, parts[0]))

    def is_in(self, parts: list[object]) -> Condition:
        return _condition(parts[0], "IN", cast("tuple[Value, ...]", parts[2]))

    def is_not_in(self, parts: list[object]) -> Condition:
        values = cast("tuple[Value, ...]", parts[3])
        if any(isinstance(value, Parameter) for value in values):
            raise invalid_input("Placeholders are not allowed with NOT_IN operator")
        return _condition(parts[0], "NOT IN", values)

    def compares(self, parts: list[object]) -> Condition:
        return _condition(parts[0], cast(Operator, str(parts[1])), (cast(Value, parts[2]),))


def _value(token: Token) -> Value:
    match token.type:
        case "STRING":
            return str(token)[1:-1]
        case "NUMBER":
            return float(token)
        case _:
            return Parameter(str(token)[1:])


def _reference(field: object) -> Reference:
    dataset, column = cast("tuple[Token, Token]", field)
    if dataset.lower() != "currentitem":
        raise _at(dataset, f"a value may be CurrentItem.NAME, not {dataset}.{column}")
    return Reference(str(column))


_DATASETS = {"items": "Items", "interactions": "Interactions", "currentuser": "CurrentUser"}


def _condition(field: object, operator: Operator, values: tuple[Value, ...]) -> Condition:
    dataset, column = cast("tuple[Token, Token]", field)
    known = _DATASETS.get(dataset.lower())
    if known is None:
        raise _at(dataset, f"{dataset} is no dataset of this filter; there are Items, Interactions and CurrentUser")
    return Condition(known, str(column), operator, values)


def _at(token: Token, message: str) -> ServiceError:
    return invalid_input(f"Invalid filter expression at column {token.column}: {message}")


_PARSER = Lark(_GRAMMAR, parser="lalr", maybe_placeholders=True)


def parse_filter(text: str, schemas: Mapping[str, Schema]) -> Filter:
    """The filter that `text` says, checked against the schemas (by dataset type) of its dataset group.

    InvalidInputException names the column of the text, or the dataset, column or limit that is wrong.
    """
    try:
        parsed = _Expressions(visit_tokens=False).transform(_PARSER.parse(text))
    except UnexpectedInput as error:
        raise invalid_input(_syntax(text, error)) from None
    except VisitError as error:
        raise error.orig_exc from None
    return Filter(tuple(_checked(expression, schemas) for expression in _limited(parsed).expressions))


def _syntax(text: str, error: UnexpectedInput) -> str:
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    column = len(text) + 1 if at_end else error.column
    found = "end of text" if at_end else repr(text[error.pos_in_stream or 0 :][:20])
    return f"Invalid filter expression at column {column}: unexpected {found}"


def _limited(parsed: Filter) -> Filter:
    fields = {
        (condition.dataset, condition.column.upper())
        for expression in parsed.expressions
        for condition in expression.conditions
    }
    if len(fields) > MAXIMUM_FIELDS:
        raise invalid_input(f"A filter may use {MAXIMUM_FIELDS} distinct fields, not {len(fields)}.")
    return parsed


def _checked(expression: Expression, schemas: Mapping[str, Schema]) -> Expression:
    datasets = {condition.dataset for conditions in expression.any_of for condition in conditions}
    if len(datasets) > 1:
        raise invalid_input("Items and Interactions cannot be used in one expression; join two expressions with |.")
    if "CurrentUser" in datasets:
        raise invalid_input("CurrentUser can only be used after IF.")
    if any(condition.dataset != "CurrentUser" for condition in expression.users):
        raise invalid_input("After IF only CurrentUser can be used.")
    return Expression(
        expression.include,
        tuple(tuple(_named(one, schemas) for one in conditions) for conditions in expression.any_of),
        tuple(_named(one, schemas) for one in expression.users),
    )


_SCHEMA_OF = {"Items": "ITEMS", "Interactions": "INTERACTIONS", "CurrentUser": "USERS"}


def _named(condition: Condition, schemas: Mapping[str, Schema]) -> Condition:
    """The condition with its column as the schema writes it."""
    shown = f"{condition.dataset}.{condition.column}"
    schema = schemas.get(_SCHEMA_OF[condition.dataset])
    column = schema.field(condition.column) if schema else None
    if column is None:
        raise invalid_input(f"{shown} is no column of the datasets of this dataset group.")
    if condition.dataset == "Interactions" and column.name.upper() != "EVENT_TYPE":
        raise invalid_input(f"{shown}: of Interactions only EVENT_TYPE can be filtered.")
    if column.textual or column.type == "boolean":
        raise invalid_input(f"{shown}: textual and boolean columns cannot be filtered.")
    _check_values(condition, column, shown)
    return Condition(condition.dataset, column.name, condition.operator, condition.values)


def _check_values(condition: Condition, column: Field, shown: str) -> None:
    numeric = column.type in NUMBERS
    if condition.operator not in ("IN", "NOT IN") and not numeric:
        raise invalid_input(f"{shown}: {condition.operator} compares numbers; use IN or NOT IN for strings.")
    for value in condition.values:
        if isinstance(value, Reference):
            raise invalid_input("CurrentItem is for related-items recipes, which the local Personalize does not train.")
        if value == "*" and condition.dataset != "Interactions":
            raise invalid_input(f'{shown}: "*" stands for any value of Interactions.EVENT_TYPE only.')
        if isinstance(value, float) and not numeric:
            raise invalid_input(f"{shown} is a string; put the value in quotes.")
        if isinstance(value, str) and numeric and _number(value) is None:
            raise invalid_input(f"{shown} is a number; {value!r} is not.")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


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
        if token.type == "BARE" and _number(text) is None:
            raise invalid_input(f"The value {text} of the filter parameter {name} needs quotes.")
        values.append(text[1:-1] if token.type == "STRING" else text.strip())
    return tuple(values)
