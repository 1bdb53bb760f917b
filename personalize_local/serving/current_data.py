"""What filters and answers know of items and users right now: imported rows and what was put since."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from personalize_local.data.data_folder import DataFolder
from personalize_local.data.events import EventReader
from personalize_local.data.imports import tables
from personalize_local.data.records import merged
from personalize_local.data.tables import Table, Text, concatenate
from personalize_local.model.resources import Resource
from personalize_local.serving.filter_masks import ItemColumns, Row, UserInteractions, row_of

FILTER_EVENTS = 100
"""Newest interactions of a user and event type that a filter considers (developer guide, "Quotas")."""
_LIVE_EVENTS = 2_000


class NumberedItems(Protocol):
    """Items with numbers: those of a snapshot, or those that an automatic update brought."""

    @property
    def items(self) -> tuple[str, ...]:
        """The names, each at its number."""
        ...

    @property
    def places(self) -> Mapping[str, int]:
        """The number of each name."""
        ...


class _ImportedInteractions:
    """The imported interactions by user."""

    def __init__(self, table: Table) -> None:
        users = table.text("USER_ID")
        order = np.lexsort((table.numbers("TIMESTAMP"), users.codes))
        codes = users.codes[order]
        self._number = {user: number for number, user in enumerate(users.values)}
        self._starts = np.searchsorted(codes, np.arange(len(users.values) + 1))
        self._items = table.text("ITEM_ID").of(order)
        self._types = table.text("EVENT_TYPE").of(order) if "EVENT_TYPE" in table.columns else None

    def of(self, user: str) -> list[tuple[str, str]]:
        """(item, event type) of the user's interactions, oldest first."""
        number = self._number.get(user)
        if number is None:
            return []
        rows = slice(self._starts[number], self._starts[number + 1])
        items = self._items.of(rows).cells()
        return list(zip(items, self._types.of(rows).cells() if self._types else [""] * len(items), strict=True))


class CurrentData:
    """Looks up the current data of dataset groups; keeps what it computed until the data changes."""

    def __init__(self, contents: DataFolder) -> None:
        self._contents = contents
        self._bulk: dict[int, tuple[Sequence[int], _ImportedInteractions | None]] = {}
        self._tables: dict[int, tuple[object, Table]] = {}
        self._columns: dict[str, tuple[object, ItemColumns]] = {}

    def items(self, group: str) -> Table | None:
        """The Items dataset of the group; None when it has none."""
        dataset = self._contents.datasets(group).get("ITEMS")
        return self._records(dataset, "ITEM_ID")[1] if dataset else None

    def users(self, group: str) -> Table | None:
        """The Users dataset of the group; None when it has none."""
        dataset = self._contents.datasets(group).get("USERS")
        return self._records(dataset, "USER_ID")[1] if dataset else None

    def user(self, group: str, user: str) -> Row:
        """The user's columns in the Users dataset; empty for an unknown user."""
        dataset = self._contents.datasets(group).get("USERS")
        if dataset is None:
            return {}
        table = self._records(dataset, "USER_ID")[1]
        column = table.text("USER_ID")
        if user not in column.values:
            return {}
        return row_of(table, int(np.argmax(column.codes == column.values.index(user))))

    def columns(self, group: str, version: str, numbered: NumberedItems) -> ItemColumns:
        """The Items dataset in the order of the items; `version` names them for as long as they are the same."""
        dataset = self._contents.datasets(group).get("ITEMS")
        if dataset is None:
            return ItemColumns(None, numbered.items)
        records, table = self._records(dataset, "ITEM_ID")
        state = records, len(numbered.items)  # a list of trends gets new items
        known = self._columns.get(version)
        if known is None or known[0] != state:
            known = (state, ItemColumns(table, numbered.items))
            self._columns[version] = known
        return known[1]

    def interactions_of(self, group: str, user: str | None, numbered: NumberedItems) -> UserInteractions:
        """What the user did, newest 100 of each event type, in the numbers of the items."""
        dataset = self._contents.datasets(group).get("INTERACTIONS")
        if dataset is None or user is None:
            return UserInteractions((), ())
        bulk = self._imported_interactions(dataset)
        done = bulk.of(user) if bulk else []
        live = self._contents.events.of_user(dataset.id, user, after=0, limit=_LIVE_EVENTS)
        done.extend((event.item, event.type) for event in live)
        seen: Counter[str] = Counter()
        items: list[int] = []
        types: list[str] = []
        for item, event_type in reversed(done):
            low = event_type.lower()
            seen[low] += 1
            if seen[low] <= FILTER_EVENTS:
                items.append(numbered.places.get(item, -1))
                types.append(low)
        return UserInteractions(items, types)

    def event_types_of_users(self, group: str, users: Mapping[str, int]) -> UserInteractions:
        """What each of the users did, in the numbers of the users: every event type once."""
        dataset = self._contents.datasets(group).get("INTERACTIONS")
        if dataset is None:
            return UserInteractions((), ())
        done: set[tuple[int, str]] = set()
        for table in tables(self._contents.bulk(dataset)):
            if "EVENT_TYPE" in table.columns:
                done.update(_users_and_event_types(table.text("USER_ID"), table.text("EVENT_TYPE"), users))
        reader = EventReader(self._contents.events_path)
        try:
            done.update(
                (users[user], event_type.lower()) for user, event_type in reader.doings(dataset.id) if user in users
            )
        finally:
            reader.close()
        return UserInteractions([user for user, _ in done], [event_type for _, event_type in done])

    def _records(self, dataset: Resource, key: str) -> tuple[object, Table]:
        state = (dataset.body["schemaArn"], tuple(dataset.body["_imports"]), self._contents.events.records_changed)
        known = self._tables.get(dataset.id)
        if known is None or known[0] != state:
            reader = EventReader(self._contents.events_path)
            try:
                schema = self._contents.schema(dataset.body["schemaArn"])
                bulk = tables(self._contents.bulk(dataset))
                known = (state, merged(schema, key, bulk, reader.records(dataset.id, waiting=False)))
            finally:
                reader.close()
            self._tables[dataset.id] = known
        return known

    def _imported_interactions(self, dataset: Resource) -> _ImportedInteractions | None:
        imports = tuple(dataset.body["_imports"])
        known = self._bulk.get(dataset.id)
        if known is None or known[0] != imports:
            schema = self._contents.schema(dataset.body["schemaArn"])
            parts = list(tables(self._contents.bulk(dataset)))
            known = (imports, _ImportedInteractions(concatenate(parts, schema)) if parts else None)
            self._bulk[dataset.id] = known
        return known[1]


def _users_and_event_types(who: Text, what: Text, users: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    """(number of the user, event type) of each combination in two columns."""
    place = np.array([users.get(name, -1) for name in who.values] + [-1], np.intp)
    names = [name.lower() for name in what.values] + [
        ""
    ]  # a row without a type fulfils "*" alone, as in `interactions_of`
    for user, event_type in np.unique(np.stack([place[who.codes], what.codes]), axis=1).T.tolist():
        if user >= 0:
            yield user, names[event_type]
