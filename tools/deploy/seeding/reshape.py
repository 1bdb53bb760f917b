"""Rows of one dataset in the columns of another schema: what carries data from a generation to the next. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.deploy.base.errors import DeployError

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a schema in their order, and which of them may be empty."""

    names: tuple[str, ...]
    nullable: frozenset[str]

    @classmethod
    def of_schema(cls, avro: str) -> "Columns":
        """The columns of an Avro schema as Personalize keeps it (JSON text)."""
        fields = json.loads(avro)["fields"]
        nullable = (field["name"] for field in fields if isinstance(field["type"], list) and "null" in field["type"])
        return cls(tuple(field["name"] for field in fields), frozenset(nullable))


def reshape(rows: Iterable[Row], columns: Columns, *, dataset: str) -> Iterator[dict[str, str]]:
    """Each row with exactly the new columns: those of old are dropped, new ones are empty.

    Raises DeployError for a column that has no value in a row and may not be empty.
    """
    for row in rows:
        shaped = {name: row.get(name) or "" for name in columns.names}
        for name, value in shaped.items():
            if not value and name not in columns.nullable:
                raise DeployError(
                    f"column {name} of the new {dataset} schema has no value in the data of the old generation; make it"
                    ' nullable ("type": ["null", ...]) in seed_data/schemas, or leave it out'
                )
        yield shaped


def without(rows: Iterable[Row], there_already: Iterable[Row], key: tuple[str, ...]) -> Iterator[Row]:
    """The rows less those that are there already, as multisets of their `key` columns; the order is kept."""
    there = Counter(tuple(row.get(name) or "" for name in key) for row in there_already)
    for row in rows:
        identity = tuple(row.get(name) or "" for name in key)
        if there[identity]:
            there[identity] -= 1
        else:
            yield row


def learned_from(rows: Iterable[Row], observed: Iterable[str]) -> Iterator[Row]:
    """The interactions less those of observed event types: Personalize got them before the config named these so."""
    types = frozenset(observed)
    return (row for row in rows if row.get("EVENT_TYPE") not in types)


def united(preferred: Iterable[Row], others: Iterable[Row], key: str) -> Iterator[Row]:
    """The preferred rows, then those of the others whose `key` none of them has."""
    seen = set()
    for row in preferred:
        seen.add(row[key])
        yield row
    for row in others:
        if row[key] not in seen:
            seen.add(row[key])
            yield row
