"""What a training learns from: constructed interactions with known answers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest

from personalize_local.data.events import EventRow
from personalize_local.data.imports import import_csv
from personalize_local.data.objects import FolderObjects
from personalize_local.data.tables import Table, TableBuilder
from personalize_local.engine.base.data import Catalogue, Events
from personalize_local.engine.recommenders.popularity import PopularityModel
from personalize_local.engine.recommenders.registry import MODELS
from personalize_local.jobs.training import TrainingData, TrainingError, train
from personalize_local.model.recipes import RECIPES
from personalize_local.model.schemas import Field, Schema, parse_schema
from personalize_local.serving.context import Contexts
from personalize_local.serving.snapshots import HISTORY_LENGTH, EventRule, Snapshot

EVERYTHING = EventRule(None, None, None)
ITEM_SCHEMA = Schema(
    "Items",
    (
        Field("ITEM_ID", "string", False, False, False),
        Field("KIND", "string", True, True, False),
        Field("SECRET", "string", True, True, False),
        Field("CREATION_TIMESTAMP", "long", True, False, False),
    ),
)

INTERACTION_SCHEMA = Schema(
    "Interactions",
    (
        Field("USER_ID", "string", False, False, False),
        Field("ITEM_ID", "string", False, False, False),
        Field("TIMESTAMP", "long", False, False, False),
        Field("EVENT_TYPE", "string", False, False, False),
        Field("DEVICE_TYPE", "string", True, True, False),
        Field("SHOP", "string", True, True, False),
        Field("PRICE", "float", True, False, False),
    ),
)


def _put(visitors: int = 60, events: int = 20, event_type: str = "View") -> list[EventRow]:
    return [
        EventRow(
            1,
            f"u{user}",
            f"s{user}",
            f"i{(7 * user + 3 * step) % 40}",
            event_type,
            100.0 * step + user,
            None,
            None,
            None,
        )
        for step in range(events)
        for user in range(visitors)
    ]


def _data(put: list[EventRow], items: Table | None = None) -> TrainingData:
    return TrainingData([], put, len(put), INTERACTION_SCHEMA, items, ITEM_SCHEMA if items is not None else None)


def _train(tmp_path: Path, data: TrainingData, rule: EventRule = EVERYTHING, **excluded: list[str]) -> Snapshot:
    recipe = RECIPES["aws-popularity-count"]
    train(data, rule, recipe=recipe, settings={}, excluded=excluded, folder=tmp_path / "1")
    return Snapshot.load(tmp_path / "1")


def _times(snapshot: Snapshot, user: str) -> npt.NDArray[np.float64]:
    return snapshot.events_of(user)[1]


def test_a_snapshot_knows_items_users_and_histories(tmp_path: Path) -> None:
    """All items and visitors are numbered, and a visitor's history has their events, oldest first."""
    snapshot = _train(tmp_path, _data(_put()))
    assert {f"i{number}" for number in range(40)} == set(snapshot.items)
    assert {f"u{number}" for number in range(60)} == set(snapshot.users)
    items, times, _ = snapshot.events_of("u3")
    assert [f"i{(21 + 3 * step) % 40}" for step in range(20)] == [snapshot.items[item] for item in items]
    assert [100.0 * step + 3 for step in range(20)] == times.tolist()
    assert 1200 == snapshot.last_event
    assert 0 == len(_times(snapshot, "stranger"))


def test_histories_keep_the_newest_events(tmp_path: Path) -> None:
    """Of a long history the last hundred events are served."""
    snapshot = _train(tmp_path, _data(_put(30, HISTORY_LENGTH + 20)))
    assert [100.0 * step + 2 for step in range(20, HISTORY_LENGTH + 20)] == _times(snapshot, "u2").tolist()


def test_sessions_belong_to_the_user_whom_they_name(tmp_path: Path) -> None:
    """Anonymous events count for the user of another event of the session, and for nobody without one."""
    anonymous = [EventRow(1, None, session, "i1", "View", 5.5, None, None, None) for session in ("s1", "nobody's")]
    snapshot = _train(tmp_path, _data([*_put(), *anonymous]))
    assert 5.5 in _times(snapshot, "u1")
    assert 21 == len(_times(snapshot, "u1"))
    assert "nobody's" not in snapshot.users


def test_events_without_an_item_are_passed_over(tmp_path: Path) -> None:
    """An event may have no item; it teaches nothing."""
    put = [*_put(), EventRow(1, "u1", "s1", None, "Login", 1.0, None, None, None)]
    assert 20 == len(_times(_train(tmp_path, _data(put)), "u1"))


def test_equal_events_count_once(tmp_path: Path) -> None:
    """Interactions equal in user, item, type and time are one."""
    assert 20 == len(_times(_train(tmp_path, _data(_put() + _put())), "u1"))


@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (_put(49, 20), "at least 1000 different interactions after event filtering; there are 980"),
        (_put(24, 50), "at least 25 users with two interactions each; there are 24"),
        (
            _put(30, 40)
            + [EventRow(1, f"once{n}", "s", "i1", "View", float(n), None, None, None) for n in range(3000)],
            "at least 1 percent of the users; 30 of 3030",
        ),
    ],
)
def test_too_little_data_is_refused(tmp_path: Path, put: list[EventRow], reason: str) -> None:
    """A thousand interactions, 25 users with two, one percent of all users with two."""
    with pytest.raises(TrainingError) as caught:
        _train(tmp_path, _data(put))
    assert reason in str(caught.value)
    assert [] == list(tmp_path.iterdir())


def test_events_that_do_not_count_are_filtered_first(tmp_path: Path) -> None:
    """The minimum is asked of the events that are left."""
    rule = EventRule("Favorite", None, None)
    with pytest.raises(TrainingError, match="there are 0"):
        _train(tmp_path, _data(_put()), rule)
    assert 20 == len(_times(_train(tmp_path, _data(_put() + _put(event_type="favorite")), rule), "u1"))


def test_items_of_the_dataset_are_part_of_the_catalogue(tmp_path: Path) -> None:
    """An item that nobody met is numbered too, and nobody's popularity is zero."""
    builder = TableBuilder(ITEM_SCHEMA)
    builder.add({"ITEM_ID": "new", "KIND": "cat|dog|cat", "SECRET": "x", "CREATION_TIMESTAMP": 5.0})
    builder.add({"ITEM_ID": "i1", "KIND": None, "SECRET": None, "CREATION_TIMESTAMP": None})
    snapshot = _train(tmp_path, _data(_put(), builder.table()), Items=["SECRET"])
    assert 41 == len(snapshot.items)
    assert 0 == snapshot.popularity[snapshot.places["new"]]
    assert snapshot.items[snapshot.popular[-1]] == "new"
    assert np.bincount([int(event.item[1:]) for event in _put() if event.item], minlength=40).sum() == 1200


@pytest.mark.parametrize(
    ("rule", "event_type", "value", "weight"),
    [
        (EVERYTHING, "x", None, 1.0),
        (EventRule("View", None, None), "vIEW", None, 1.0),
        (EventRule("View", None, None), "Buy", None, 0.0),
        (EventRule(None, 0.5, None), "x", 0.5, 1.0),
        (EventRule(None, 0.5, None), "x", 0.4, 0.0),
        (EventRule(None, 0.5, None), "x", None, 0.0),
        (EventRule(None, None, {"view": (0.2, None)}), "View", None, 0.2),
        (EventRule(None, None, {"view": (0.2, None)}), "Buy", None, 0.0),
        (EventRule(None, None, {"view": (0.2, 3.0)}), "View", 2.0, 0.0),
        (EventRule(None, None, {"view": (0.2, 3.0)}), "View", 3.0, 0.2),
    ],
)
def test_event_rules(rule: EventRule, event_type: str, value: float | None, weight: float) -> None:
    """One type, a threshold, or a weight a type: types without regard to case, unlisted ones count nothing."""
    assert weight == rule.weight(event_type, value)


def test_event_rules_come_from_the_solution() -> None:
    """`eventsConfig`, `eventValueThreshold` and `eventType` make the rule."""
    config = {
        "eventValueThreshold": "0.5",
        "eventsConfig": {"eventParametersList": [{"eventType": "AIF", "weight": 0.7, "eventValueThreshold": 2.0}]},
    }
    assert EventRule("AIF", 0.5, {"aif": (0.7, 2.0)}) == EventRule.of_solution(config, "AIF")
    assert EVERYTHING == EventRule.of_solution({}, "")


class _Spy(PopularityModel):
    """Keeps the events that it was fitted on last."""

    seen: Events

    @classmethod
    def fit(cls, events: Events, catalogue: Catalogue, *, seed: int = 0, **unknown: float) -> Self:
        cls.seen = events
        return cls(np.zeros(catalogue.n_items, np.float32))


def _contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, **excluded: list[str]) -> Events:
    monkeypatch.setitem(MODELS, "sequence", _Spy)
    monkeypatch.setitem(MODELS, "popularity", _Spy)
    bulk = TableBuilder(INTERACTION_SCHEMA)
    cells: dict[str, str | float | None] = {
        "USER_ID": "u1",
        "ITEM_ID": "i1",
        "TIMESTAMP": 1.0,
        "EVENT_TYPE": "View",
        "SHOP": "north",
    }
    bulk.add({**cells, "DEVICE_TYPE": "tablet"})
    extra = '{"properties": {"deviceType": "phone", "shop": 7, "price": 1.0}}'
    put = [event._replace(extra=extra) if event.user == "u2" else event for event in _put()]
    data = TrainingData([bulk.table()], put, len(put), INTERACTION_SCHEMA, None, None)
    train(data, EVERYTHING, recipe=RECIPES[recipe], settings={}, excluded=excluded, folder=tmp_path / "1")
    return _Spy.seen


def test_contexts_train_the_recipes_that_take_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Categorical columns beyond the reserved ones, from imports and properties; -1 where an event has none."""
    seen = _contexts(tmp_path, monkeypatch, "aws-user-personalization-v2")
    contexts = Contexts.load(tmp_path / "1")
    assert ("DEVICE_TYPE", "SHOP") == contexts.columns
    assert seen.context is not None
    phone, tablet, north = contexts.numbers[0]["phone"], contexts.numbers[0]["tablet"], contexts.numbers[1]["north"]
    rows = [tuple(row) for row in seen.context.tolist()]
    assert (1, 20, 1180) == (rows.count((tablet, north)), rows.count((phone, -1)), rows.count((-1, -1)))


def test_contexts_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By trainingDataConfig; and recipes without contextual metadata get none."""
    assert _contexts(tmp_path, monkeypatch, "aws-popularity-count").context is None
    seen = _contexts(tmp_path, monkeypatch, "aws-personalized-ranking", Interactions=["shop"])
    assert seen.context is not None
    assert ((1201, 1), ("DEVICE_TYPE",)) == (seen.context.shape, Contexts.load(tmp_path / "1").columns)


def _typed(schema: Schema, types: Sequence[str | None]) -> TrainingData:
    """Bulk interactions of 60 users with these event types in turn, under a schema."""
    bulk = TableBuilder(schema)
    for user in range(60):
        for step in range(20):
            row: dict[str, str | float | None] = {
                "USER_ID": f"u{user}",
                "ITEM_ID": f"i{step}",
                "TIMESTAMP": 100.0 * step + user,
            }
            bulk.add({**row, "EVENT_TYPE": types[(user + step) % len(types)]})
    return TrainingData([bulk.table()], [], 0, schema, None, None)


KEY_FIELDS = INTERACTION_SCHEMA.fields[:3]


@pytest.mark.parametrize("types", [[None], ["EVENT_TYPE"], ["event_value", None, "Timestamp"]])
def test_event_types_must_say_something(tmp_path: Path, types: list[str | None]) -> None:
    """Nothing but null and reserved keywords in EVENT_TYPE fails in the service's words; one real type is enough."""
    schema = Schema("Interactions", (*KEY_FIELDS, Field("EVENT_TYPE", "string", True, False, False)))
    with pytest.raises(
        TrainingError, match=r"^All values in the event_type column are either reserved keywords or null$"
    ):
        _train(tmp_path, _typed(schema, types))
    assert _train(tmp_path, _typed(schema, [*types, "View"])).items
    without = Schema("Interactions", KEY_FIELDS)
    assert _train(tmp_path, _typed(without, [None])).items


@pytest.mark.parametrize("name", ["event_type", "Event_Type"])
def test_event_types_are_found_however_the_schema_writes_the_column(tmp_path: Path, name: str) -> None:
    """They must say something, and an event counts by its type: that of the CSV as well as a put one's."""
    types = {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long", name: ["null", "string"]}
    fields = [{"name": column, "type": kind} for column, kind in types.items()]
    schema = parse_schema(json.dumps({"type": "record", "name": "Interactions", "fields": fields}))
    rows = "".join(f"u{user},i{step},{100 * step + user},TYPE\n" for user in range(60) for step in range(20))

    def imported(event_type: str, folder: str) -> TrainingData:
        bucket = tmp_path / "s3" / folder
        bucket.mkdir(parents=True)
        (bucket / "data.csv").write_text("USER_ID,ITEM_ID,TIMESTAMP,EVENT_type\n" + rows.replace("TYPE", event_type))
        location = f"s3://{folder}/data.csv"
        objects = FolderObjects(tmp_path / "s3")
        volumes = {"most_bytes": 10**6, "least_interactions": 1000}
        import_csv(objects, location, schema, "INTERACTIONS", tmp_path / folder, **volumes)
        return TrainingData([Table.load(tmp_path / folder)], [], 0, schema, None, None)

    with pytest.raises(TrainingError, match="event_type column are either reserved keywords or null"):
        _train(tmp_path, imported("", "nothing"))
    with pytest.raises(TrainingError, match="fewer than 1000 interactions after filtering by event type: Other"):
        _train(tmp_path, imported("View", "views"), EventRule("Other", None, None))
    assert _train(tmp_path, imported("Other", "others"), EventRule("Other", None, None)).items


def test_event_types_and_optional_columns_have_a_maximum_together(tmp_path: Path) -> None:
    """Ten, EVENT_TYPE among the columns: nine types beside it, or six beside it and three others."""
    more = tuple(Field(name, "string", True, True, False) for name in ("A", "B", "C"))
    for fields, most in (((), 9), (more, 6)):
        schema = Schema("Interactions", (*KEY_FIELDS, Field("EVENT_TYPE", "string", False, False, False), *fields))
        types = [f"type {number}" for number in range(most + 1)]
        assert _train(tmp_path, _typed(schema, types[:most])).items
        with pytest.raises(TrainingError, match=f"not {most + 1} types and {1 + len(fields)} columns"):
            _train(tmp_path, _typed(schema, types))


def test_failures_have_the_words_of_the_service(tmp_path: Path) -> None:
    """Too few interactions of the type, too few users with two."""
    with pytest.raises(
        TrainingError, match=r"^Dataset has fewer than 1000 interactions after filtering by event type: Buy"
    ):
        _train(tmp_path, _data(_put()), EventRule("Buy", None, None))
    with pytest.raises(TrainingError, match=r"^Dataset has fewer than 25 users with at least 2 interactions each"):
        _train(tmp_path, _data(_put(24, 50)))


@pytest.mark.parametrize(
    ("kinds", "trains"),
    [
        ([lambda n: "dog"], False),
        ([lambda n: f"kind {n}"], False),
        ([lambda n: None], False),
        ([lambda n: "dog" if n else None], False),
        ([lambda n: "dog", lambda n: f"kind {n}"], False),
        ([lambda n: "dog", lambda n: f"kind {n % 3}"], True),
        ([lambda n: f"{n}|even" if n % 2 else f"{n}|odd"], True),
    ],
)
def test_attributes_must_tell_items_apart(tmp_path: Path, kinds: list[Any], trains: bool) -> None:
    """The affinity for attributes needs a column whose values are neither all the same nor all distinct."""
    names = [f"KIND{chr(65 + number)}" for number in range(len(kinds))]
    schema = Schema("Items", (ITEM_SCHEMA.fields[0], *(Field(name, "string", True, True, False) for name in names)))
    builder = TableBuilder(schema)
    for number in range(40):
        values = {name: kind(number) for name, kind in zip(names, kinds, strict=True)}
        builder.add({"ITEM_ID": f"i{number}", **values})
    data = TrainingData([], _put(), 1, INTERACTION_SCHEMA, builder.table(), schema)
    recipe = RECIPES["aws-item-attribute-affinity"]
    arguments: dict[str, Any] = {
        "recipe": recipe,
        "settings": recipe.settings({}),
        "excluded": {},
        "folder": tmp_path / "1",
    }
    if trains:
        train(data, EVERYTHING, **arguments)
        assert (tmp_path / "1").exists()
        return
    with pytest.raises(
        TrainingError, match=r"^Did not find any attribute to train on\. There may not be any attribute"
    ):
        train(data, EVERYTHING, **arguments)
