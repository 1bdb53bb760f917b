"""The newest events, which are in a journal and not yet in the tables, as readers of the tables would find them."""

from typing import NamedTuple

import msgspec

from personalize_local.data.events import EventRow, LiveEvent, extra_of
from personalize_local.data.journal import Journal
from personalize_local.model.validation import Json


class Call(NamedTuple):
    """What one PutEvents brought, as it stands in the journal (a JSON list of these members)."""

    first: int
    """The number (`seq`) of its first event; the others follow."""
    dataset: int
    user: str | None
    session: str
    events: list[Json]
    """Members of `Event` in the service model; `properties` as the object that they hold."""

    def rows(self) -> list[tuple[int, EventRow]]:
        """The events with their numbers, as the tables hold them."""
        return [
            (
                self.first + place,
                EventRow(
                    self.dataset,
                    self.user,
                    self.session,
                    event.get("itemId"),
                    event["eventType"],
                    event["sentAt"],
                    event.get("eventValue"),
                    event.get("eventId"),
                    extra_of(event),
                ),
            )
            for place, event in enumerate(self.events)
        ]


encode_call = msgspec.json.Encoder().encode
decode_call = msgspec.json.Decoder(Call).decode


class UnflushedEvents:
    """The calls of one journal in order. Looked into by one thread; `add` is cheap, the first look pays for it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.calls: list[Call] = []
        self.events = 0
        """How many events the calls hold."""
        self._sorted = 0
        self._numbers: dict[tuple[int, str], int] = {}
        self._of_user: dict[tuple[int, str], list[tuple[LiveEvent, str | None]]] = {}

    def add(self, call: Call) -> None:
        """Take in a call whose numbers are higher than all others'."""
        self.calls.append(call)
        self.events += len(call.events)

    def number_of(self, dataset: int, event_id: str) -> int | None:
        """The number of the first event with this `eventId`; None when there is none."""
        self._sort()
        return self._numbers.get((dataset, event_id))

    def of_user(self, dataset: int, user: str) -> list[tuple[LiveEvent, str | None]]:
        """The user's events on items with their `eventId`, oldest first; of equal ids the first only."""
        self._sort()
        return self._of_user.get((dataset, user), [])

    def _sort(self) -> None:
        while self._sorted < len(self.calls):
            for number, row in self.calls[self._sorted].rows():
                if row.event_id is not None:
                    first = self._numbers.setdefault((row.dataset, row.event_id), number)
                    if first != number:
                        continue
                if row.item is not None:
                    live = LiveEvent(number, row.item, row.type, row.at, row.value)
                    who = row.session if row.user is None else row.user
                    self._of_user.setdefault((row.dataset, who), []).append((live, row.event_id))
            self._sorted += 1
