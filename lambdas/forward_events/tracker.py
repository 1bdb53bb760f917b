"""Sending a session to the event trackers of Amazon Personalize."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lambdas.forward_events.sessions import PendingEvent, Session
from lambdas.shared.attempts import Attempts, UnavailableError
from lambdas.shared.errors import PayloadError
from lambdas.shared.put_events import put_in_halves


@dataclass(slots=True)
class SessionOutcome:
    """What became of a session's events; every event is in exactly one list.

    `refused` can never succeed and carries the reason; `failed` may succeed later, `failure` is the code that says why.
    `calls` counts requests, tried again or not.
    """

    accepted: list[PendingEvent] = field(default_factory=list)
    refused: list[tuple[PendingEvent, PayloadError]] = field(default_factory=list)
    failed: list[PendingEvent] = field(default_factory=list)
    failure: str | None = None
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Trackers:
    """The event trackers that get every event: one, or two while one generation takes over from another."""

    client: Any
    tracking_ids: Sequence[str]
    attempts: Attempts

    def send(self, session: Session, *, stop_at: float) -> SessionOutcome:
        """Send the calls of one session, one after the other, until the first that fails for now.

        What follows a failure is not sent: the order within the session holds when the batch is tried again. A call
        that is refused as invalid is halved until the guilty event stands alone; its neighbours are accepted. An event
        that one tracker refuses still reaches the others.
        """
        outcome = SessionOutcome()
        for user_id, events in session.calls():
            if outcome.failure is not None:
                outcome.failed.extend(events)
                continue
            visitor = {"sessionId": session.session_id} | ({} if user_id is None else {"userId": user_id})
            refused: dict[str, PayloadError] = {}
            try:
                for tracking_id in self.tracking_ids:
                    refused |= self._put({"trackingId": tracking_id, **visitor}, events, stop_at, outcome)
            except UnavailableError as error:
                outcome.failure = error.code
                outcome.failed.extend(events)
                continue
            outcome.accepted.extend(event for event in events if event.event_id not in refused)
            outcome.refused.extend((event, refused[event.event_id]) for event in events if event.event_id in refused)
        return outcome

    def _put(
        self, call: dict[str, str], events: list[PendingEvent], stop_at: float, outcome: SessionOutcome
    ) -> dict[str, PayloadError]:
        """Put the events of one call to one tracker; the refused ones' reasons by event id."""

        def put(some: Sequence[PendingEvent]) -> None:
            request = {**call, "eventList": [event.as_request() for event in some]}
            outcome.calls += 1
            self.attempts.call(lambda: self.client.put_events(**request), stop_at=stop_at)

        return {
            event.event_id: PayloadError(
                "event", None, f"refused by Amazon Personalize ({error.code}): {error.message}"
            )
            for event, error in put_in_halves(events, put)
        }
