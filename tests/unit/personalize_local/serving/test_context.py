"""Contextual metadata: which columns they are, and how a request's context is read."""

from pathlib import Path

import pytest

from personalize_local.data.tables import TableBuilder
from personalize_local.model.schemas import Field, Schema
from personalize_local.serving.context import Contexts, contextual_columns

FIELDS = (
    Field("USER_ID", "string", False, True, False),
    Field("DEVICE", "string", True, True, False),
    Field("EVENT_TYPE", "string", False, False, False),
    Field("PRICE", "float", True, False, False),
    Field("NOTE", "string", True, False, False),
    Field("Shop", "string", True, True, False),
)
SCHEMA = Schema("Interactions", FIELDS)


def test_categorical_columns_that_are_not_reserved() -> None:
    """Neither ids nor numbers nor plain strings, nor what training leaves out."""
    assert ["DEVICE", "Shop"] == [field.name for field in contextual_columns(SCHEMA, ())]
    assert ["DEVICE"] == [field.name for field in contextual_columns(SCHEMA, ["SHOP"])]


@pytest.fixture
def contexts(tmp_path: Path) -> Contexts:
    """Two columns, as they come back from a folder."""
    builder = TableBuilder(SCHEMA)
    builder.add({"DEVICE": "phone", "Shop": "north"})
    builder.add({"DEVICE": "desk"})
    builder.add({"DEVICE": "phone", "Shop": "south"})
    made, rows = Contexts.of(builder.table(), contextual_columns(SCHEMA, ()))
    assert rows is not None
    assert [[0, 0], [1, -1], [0, 1]] == rows.tolist()
    made.save(tmp_path)
    return Contexts.load(tmp_path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"DEVICE": "desk", "Shop": "south"}, [1, 1]),
        ({"device": "phone"}, [0, -1]),
        ({"SHOP": "south", "WEATHER": "rain"}, [-1, 1]),
        ({"DEVICE": "watch", "Shop": "north"}, [-1, 0]),
        ({"DEVICE": "watch"}, None),
        ({"WEATHER": "rain"}, None),
        ({}, None),
    ],
)
def test_a_request_names_values(contexts: Contexts, given: dict[str, str], expected: list[int] | None) -> None:
    """By name without regard to case; what training has not seen tells nothing."""
    found = contexts.numbered(given)
    assert expected == (None if found is None else found.tolist())


def test_a_version_without_contexts(tmp_path: Path) -> None:
    """Neither a schema nor a folder has to have any."""
    assert (Contexts(), None) == Contexts.of(TableBuilder(SCHEMA).table(), ())
    none = Contexts.load(tmp_path)
    assert None is none.numbered({"DEVICE": "phone"})
