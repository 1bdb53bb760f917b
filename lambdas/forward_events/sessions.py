"""Events gathered into sessions, and sessions cut into calls of PutEvents."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambdas.forward_events.records import StreamRecord
from lambdas.shared.event import EVERY_ID_IS_A_DIGEST, Event
from lambdas.shared.put_events import MOST_EVENTS_A_CALL, event_request


@dataclass(slots=True)
class PendingEvent:
    """An event on its way to Personalize, and the places in the batch of the records that hold it.

    Several records hold one event when its producer sent it twice: it is sent once, all its records share its fate.
    """

    event: Event
    event_id: str
    sent_at: float
    places: list[int]

    def as_request(self) -> dict[str, Any]:
        """The event as PutEvents takes it. `sentAt` is when it happened, not when it was handled."""
        sent_at = datetime.fromtimestamp(self.sent_at, UTC)
        return {"eventId": self.event_id, "sentAt": sent_at, **event_request(self.event)}


@dataclass(slots=True)
class Session:
    """A session's events in runs of one visitor: it is anonymous until its visitor logs in, and after a logout."""

    session_id: str
    runs: list[tuple[str | None, list[PendingEvent]]] = field(default_factory=list)

    def add(self, user_id: str | None, event: PendingEvent) -> None:
        if not self.runs or self.runs[-1][0] != user_id:
            self.runs.append((user_id, []))
        self.runs[-1][1].append(event)

    def calls(self) -> Iterator[tuple[str | None, list[PendingEvent]]]:
        """The fewest calls that carry the session in order: one visitor and at most ten events each."""
        for user_id, events in self.runs:
            for start in range(0, len(events), MOST_EVENTS_A_CALL):
                yield user_id, events[start : start + MOST_EVENTS_A_CALL]


def gather(
    events: Iterable[tuple[int, StreamRecord, Event]], *, digests_from: float = EVERY_ID_IS_A_DIGEST
) -> list[Session]:
    """The sessions of a batch's events, given oldest first with their places in the batch.

    `digests_from` is the arrival from which on ids are digests (`Event.identity`).

    Of events with one id in one session only the first is kept.
    """
    sessions: dict[str, Session] = {}
    seen: dict[tuple[str, str | None, str], PendingEvent] = {}
    for place, record, event in events:
        event_id = event.identity(record.name, arrival=record.arrival, digests_from=digests_from)
        key = (event.session_id, event.user_id, event_id)
        if (known := seen.get(key)) is not None:
            known.places.append(place)
            continue
        sent_at = record.arrival if event.occurred_at is None else event.occurred_at
        pending = seen[key] = PendingEvent(event, event_id, sent_at, [place])
        sessions.setdefault(event.session_id, Session(event.session_id)).add(event.user_id, pending)
    return list(sessions.values())
