"""Training of a solution version: from the dataset group's data to a served snapshot and its metrics.

Source: developer guide, "Custom dataset requirements", "Quotas", "Recording real-time events" (how sessions join users)
and "Evaluating a solution version with metrics".
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.data.events import EventRow
from personalize_local.data.properties import cells
from personalize_local.data.tables import Table, TableBuilder, Text, concatenate
from personalize_local.engine.base.data import Catalogue, Events, Float32, Int32
from personalize_local.engine.base.models import Model
from personalize_local.engine.recommenders.metrics import hold_out, solution_metrics
from personalize_local.engine.recommenders.registry import MODELS, SEGMENTS
from personalize_local.engine.recommenders.segment_metrics import segment_metrics
from personalize_local.engine.recommenders.segments import SegmentModel
from personalize_local.model.recipes import DataRules, Recipe
from personalize_local.model.schemas import KEYWORDS, Field, Schema, too_many_types
from personalize_local.serving.context import Contexts, contextual_columns
from personalize_local.serving.objective import METRIC, Objective, ObjectiveError, reward_column, rewarded_class
from personalize_local.serving.snapshots import HISTORY_LENGTH, EventRule, Snapshot

_SEED = 7
_KEYWORDS = {name.lower() for name in KEYWORDS}

_COLUMNS = Schema(
    "Interactions",
    tuple(
        Field(name, kind, True, False, False)
        for name, kind in (
            ("USER_ID", "string"),
            ("ITEM_ID", "string"),
            ("TIMESTAMP", "double"),
            ("EVENT_TYPE", "string"),
            ("EVENT_VALUE", "double"),
        )
    ),
)


class TrainingError(Exception):
    """Why a solution version ends in CREATE FAILED: its `failureReason`."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a dataset group holds at one moment."""

    bulk: Sequence[Table]
    """The Interactions tables of the imports, in order."""
    put: Sequence[EventRow]
    last_event: int
    interaction_schema: Schema
    items: Table | None
    item_schema: Schema | None


def train(
    data: TrainingData,
    rule: EventRule,
    *,
    recipe: Recipe,
    settings: Mapping[str, float],
    excluded: Mapping[str, Sequence[str]],
    folder: Path,
    objective: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Train the recipe's model on all data, write the snapshot to `folder`, and return the hold-out's metrics.

    `settings` are the engine model's hyperparameters (`Recipe.settings`), `excluded` names the columns by dataset type
    that training leaves out (`trainingDataConfig`), `objective` is the solution's `optimizationObjective`. Raises
    TrainingError when there is less data than the recipe's rules ask for: 1000 different interactions that count, 25
    users with two of them, one user in a hundred with two.
    """
    left_out = {kind.upper(): {name.upper() for name in columns} for kind, columns in excluded.items()}
    fields = contextual_columns(data.interaction_schema, left_out.get("INTERACTIONS", ())) if recipe.contextual else ()
    every = _interactions(data, fields)
    _check_types(every.text("EVENT_TYPE"), data.interaction_schema)
    interactions, weights = _counting(every, rule)
    _check_amount(interactions, recipe.rules, rule)
    users, items = interactions.text("USER_ID"), interactions.text("ITEM_ID")
    names = list(dict.fromkeys([*_used(items), *(data.items.text("ITEM_ID").values if data.items is not None else ())]))
    contexts, context = Contexts.of(interactions, fields)
    events = Events(
        user=_renumbered(users, _used(users)),
        item=_renumbered(items, names),
        time=interactions.numbers("TIMESTAMP"),
        weight=weights,
        n_users=len(_used(users)),
        n_items=len(names),
        context=context,
    )
    catalogue = _catalogue(names, data, events, left_out.get("ITEMS", set()))
    if recipe.rules.item_attributes and not _tells_items_apart(catalogue):
        raise TrainingError(
            "Did not find any attribute to train on. There may not be any attribute in the items dataset, or all"
            f" attribute values either have same or all distinct values. Recipe {recipe.name} needs an Items dataset"
            " with a categorical column to train on."
        )
    wanted = _objective(objective, data, names) if objective else None
    metrics, trained = _fitted(recipe, rule, events, catalogue, settings, wanted)
    ordered = events.in_order()
    offsets, kept = _latest(ordered)
    Snapshot.of(
        trained,
        items=tuple(names),
        users=_used(users),
        offsets=offsets,
        item=ordered.item[kept],
        time=ordered.time[kept],
        weight=ordered.weight[kept],
        popularity=_popularity(events),
        last_event=data.last_event,
    ).save(folder)
    contexts.save(folder)
    if wanted is not None:
        wanted.save(folder)
    return metrics


def _tells_items_apart(catalogue: Catalogue) -> bool:
    """Whether some column has values that items share, and more than one of them.

    Source, with the text of the failure: https://github.com/aws-samples/retail-demo-store/issues/393.
    """
    if catalogue.attributes is None or catalogue.fields is None:
        return False
    items_of_value = np.asarray(catalogue.attributes.sum(axis=0)).ravel()
    for field in np.unique(catalogue.fields):
        counts = items_of_value[catalogue.fields == field]
        if len(counts) > 1 and counts.max() > 1:
            return True
    return False


def _objective(given: Mapping[str, str], data: TrainingData, names: Sequence[str]) -> Objective:
    """The objective over the items in the order of their names."""
    try:
        name = reward_column(given, data.item_schema)
    except ObjectiveError as error:
        raise TrainingError(str(error)) from None
    values = np.full(len(names), np.nan)
    if data.items is not None:
        values[_renumbered(data.items.text("ITEM_ID"), names)] = data.items.numbers(name)
    return Objective.of(values, given)


def _fitted(
    recipe: Recipe,
    rule: EventRule,
    events: Events,
    catalogue: Catalogue,
    settings: Mapping[str, float],
    objective: Objective | None,
) -> tuple[dict[str, float], Model | SegmentModel]:
    """The metrics of the recipe's hold-out, and the model trained on everything."""
    name = recipe.model or ""
    if name in SEGMENTS:
        users = SEGMENTS[name]
        by_attribute = recipe.rules.item_attributes
        metrics = segment_metrics(users, events, catalogue, by_attribute=by_attribute, seed=_SEED, **settings)
        return metrics, users.fit(events, catalogue, seed=_SEED, **settings)
    items = MODELS[name]
    weighted = rule.weights is not None
    judged = items if objective is None else rewarded_class(items, objective)
    metrics = solution_metrics(judged, events, catalogue, seed=_SEED, event_weights=weighted, **settings)
    if objective is not None:
        known, cases = hold_out(events, seed=_SEED)
        metrics[METRIC] = objective.metric(judged.fit(known, catalogue, seed=_SEED, **settings), cases)
    return metrics, items.fit(events, catalogue, seed=_SEED, **settings)


def _interactions(data: TrainingData, fields: Sequence[Field]) -> Table:
    """Bulk and put interactions, each once; events of a session belong to the user whom the session named.

    The columns are those that every training reads, and `fields`, which events have in their `properties`.
    """
    owners: dict[str, str] = {event.session: event.user for event in data.put if event.user is not None}
    columns = Schema("Interactions", (*_COLUMNS.fields, *fields))
    builder = TableBuilder(columns)
    for event in data.put:
        user = event.user or owners.get(event.session)
        if user is None or event.item is None:
            continue
        builder.add(
            {
                "USER_ID": user,
                "ITEM_ID": event.item,
                "TIMESTAMP": event.at,
                "EVENT_TYPE": event.type,
                "EVENT_VALUE": event.value,
                **_circumstances(event, fields),
            }
        )
    every = concatenate([*data.bulk, builder.table()], columns)
    return every.distinct_by(("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"))


def _circumstances(event: EventRow, fields: Sequence[Field]) -> dict[str, str]:
    """The contextual columns of a put event; a property that is no string is none."""
    if not fields or event.extra is None or '"properties"' not in event.extra:
        return {}
    properties = json.loads(event.extra)["properties"]
    texts = {name: value for name, value in properties.items() if isinstance(value, str)}
    return cells(Schema("Interactions", tuple(fields)), texts)


def _counting(interactions: Table, rule: EventRule) -> tuple[Table, Float32]:
    """The interactions that count by the rule, and what each counts."""
    types = interactions.text("EVENT_TYPE")
    by_pair: dict[tuple[int, float], float] = {}
    codes, values = types.codes, interactions.numbers("EVENT_VALUE")
    weights = np.empty(len(codes), np.float32)
    named = (*types.values, "")
    for number, pair in enumerate(zip(codes.tolist(), values.tolist(), strict=True)):
        code, value = pair
        weight = by_pair.get(pair)
        if weight is None:
            weight = rule.weight(named[code], None if value != value else value)
            by_pair[pair] = weight
        weights[number] = weight
    counts = weights > 0
    return interactions.of(counts), weights[counts]


def _check_types(types: Text, schema: Schema) -> None:
    """Source of the first text: https://github.com/aws-samples/amazon-personalize-samples/issues/142."""
    if schema.field("EVENT_TYPE") is None:
        return
    named = {value.lower() for value in _used(types.of(types.codes >= 0))}
    if len(types.codes) and not named - _KEYWORDS:
        raise TrainingError("All values in the event_type column are either reserved keywords or null")
    reason = too_many_types(schema, len(named))
    if reason is not None:
        raise TrainingError(reason)


def _check_amount(interactions: Table, rules: DataRules, rule: EventRule) -> None:
    """The first sentences are the service's own: developer guide, "Common error messages".

    See also https://github.com/aws-samples/retail-demo-store/pull/562.
    """
    if len(interactions) < rules.interactions:
        by_type = f" after filtering by event type: {rule.event_type}" if rule.event_type else ""
        raise TrainingError(
            f"Dataset has fewer than {rules.interactions} interactions{by_type}."
            f" Training needs at least {rules.interactions} different interactions after event filtering;"
            f" there are {len(interactions)}."
        )
    per_user = np.unique(interactions.text("USER_ID").codes, return_counts=True)[1]
    able = int((per_user >= 2).sum())
    if able < rules.users:
        raise TrainingError(
            f"Dataset has fewer than {rules.users} users with at least 2 interactions each."
            f" Training needs at least {rules.users} users with two interactions each; there are {able}."
        )
    if able < rules.share * len(per_user):
        raise TrainingError(
            f"Training needs two interactions of at least 1 percent of the users; {able} of {len(per_user)} have them."
        )


def _used(column: Text) -> list[str]:
    return [column.values[code] for code in np.unique(column.codes)]


def _renumbered(column: Text, names: Sequence[str]) -> Int32:
    place = {name: number for number, name in enumerate(names)}
    return np.array([place.get(value, -1) for value in column.values], np.int32)[column.codes]


def _popularity(events: Events) -> npt.NDArray[np.int64]:
    pairs = np.unique(events.user.astype(np.int64) * events.n_items + events.item)
    return np.bincount(pairs % events.n_items, minlength=events.n_items)


def _latest(ordered: Events) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Each user's newest events of an ordered log: where they begin once kept, and which they are."""
    counts = np.bincount(ordered.user, minlength=ordered.n_users)
    ends = np.cumsum(counts)
    kept = np.flatnonzero(ends[ordered.user] - np.arange(len(ordered)) <= HISTORY_LENGTH)
    return np.concatenate([[0], np.cumsum(np.minimum(counts, HISTORY_LENGTH))]), kept


def _catalogue(names: Sequence[str], data: TrainingData, events: Events, left_out: Collection[str]) -> Catalogue:
    """The items' categorical columns that are not left out, one-hot, and when each item came.

    An item without CREATION_TIMESTAMP came with its oldest interaction, without interactions with the newest of all.
    """
    newest = float(events.time.max())
    created = np.full(len(names), np.inf)
    np.minimum.at(created, events.item, events.time)
    created[np.isinf(created)] = newest
    if data.items is None or data.item_schema is None:
        return Catalogue(len(names), created=created)
    rows = _renumbered(data.items.text("ITEM_ID"), names)
    if "CREATION_TIMESTAMP" in data.items.columns:
        given = data.items.numbers("CREATION_TIMESTAMP")
        known = ~np.isnan(given)
        created[rows[known]] = given[known]
    columns = [
        data.items.text(field.name)
        for field in data.item_schema.fields
        if field.categorical and field.name.upper() not in left_out and field.name != "ITEM_ID"
    ]
    attributes, fields = _one_hot(columns, rows, len(names))
    return Catalogue(len(names), attributes=attributes, created=created, fields=fields)


def _one_hot(columns: Iterable[Text], rows: Int32, n_items: int) -> tuple[sparse.csr_matrix, Int32]:
    """One column a value, `|` between several values of a cell; and the field that each column belongs to."""
    item: list[int] = []
    attribute: list[int] = []
    fields: list[int] = []
    for field, column in enumerate(columns):
        places: dict[str, int] = {}
        split = [
            [places.setdefault(one, len(fields) + len(places)) for one in value.split("|") if one]
            for value in column.values
        ]
        fields.extend([field] * len(places))
        for row, code in zip(rows.tolist(), column.codes.tolist(), strict=True):
            if code >= 0:
                item.extend([row] * len(split[code]))
                attribute.extend(split[code])
    matrix = sparse.csr_matrix(
        (np.ones(len(item), np.float32), (item, attribute)), shape=(n_items, len(fields)), dtype=np.float32
    )
    matrix.data[:] = 1.0  # a value that a cell repeats counts once
    return matrix, np.array(fields, np.int32)
