"""Contextual metadata: the circumstances of an event, and of a request.

Source: developer guide, "Contextual metadata": columns of the Interactions dataset beyond the reserved ones that are
categorical strings train the recipes of user personalization and personalized ranking, and a request's `context` names
their values of now.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from personalize_local.data.tables import Table
from personalize_local.engine.base.data import Int32
from personalize_local.model.schemas import RESERVED_INTERACTIONS, Field, Schema

_FILE = "context.json"


def contextual_columns(schema: Schema, left_out: Iterable[str]) -> tuple[Field, ...]:
    """The columns of an Interactions schema that are contextual metadata, without those that training leaves out."""
    not_wanted = {name.upper() for name in left_out} | RESERVED_INTERACTIONS
    return tuple(field for field in schema.fields if field.categorical and field.name.upper() not in not_wanted)


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contextual columns that a version was trained on, and the numbers of their values."""

    columns: tuple[str, ...] = ()
    numbers: tuple[Mapping[str, int], ...] = ()
    """By column: each value's number, from 0."""

    @classmethod
    def of(cls, interactions: Table, fields: Sequence[Field]) -> tuple[Self, Int32 | None]:
        """The columns as they are in a table, and its rows' contexts [n, c] (-1: none); None without a column."""
        if not fields:
            return cls(), None
        texts = [interactions.text(field.name) for field in fields]
        numbers = tuple({value: number for number, value in enumerate(text.values)} for text in texts)
        return cls(tuple(field.name for field in fields), numbers), np.stack([text.codes for text in texts], axis=1)

    def numbered(self, given: Mapping[str, str]) -> Int32 | None:
        """The context of a request, shape [c]; None when nothing of it is known.

        Names match without regard to case. Names and values that training has not seen tell nothing.
        """
        if not given or not self.columns:
            return None
        by_name = {name.upper(): value for name, value in given.items()}
        found = [
            known.get(by_name.get(column.upper(), ""), -1)
            for column, known in zip(self.columns, self.numbers, strict=True)
        ]
        return np.array(found, np.int32) if max(found) >= 0 else None

    def save(self, folder: Path) -> None:
        """Write the columns into a version's folder."""
        facts = {column: list(known) for column, known in zip(self.columns, self.numbers, strict=True)}
        (folder / _FILE).write_text(json.dumps(facts), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote; no columns for a version that has no such file."""
        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        numbers = tuple({value: number for number, value in enumerate(values)} for values in facts.values())
        return cls(tuple(facts), numbers)
