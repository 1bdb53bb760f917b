"""Sending a session to the event trackers of Amazon Personalize."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lambdas.forward_events.sessions import PendingEvent, Session
from lambdas.shared.attempts import Attempts, InvalidRequestError, UnavailableError
from lambdas.shared.errors import PayloadError


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
        that is refused as invalid is halved until the guilty event stands alone; its neighbours are accepted.
        """
        outcome = SessionOutcome()
        for user_id, events in session.calls():
            if outcome.failure is not None:
                outcome.failed.extend(events)
                continue
            self._send(session.session_id, user_id, events, stop_at, outcome)
        return outcome

    def _send(
        self, session_id: str, user_id: str | None, events: list[PendingEvent], stop_at: float, outcome: SessionOutcome
    ) -> None:
        if outcome.failure is not None:
            outcome.failed.extend(events)
            return
        try:
            for request in self._requests(session_id, user_id, events):
                outcome.calls += 1
                self.attempts.call(lambda request=request: self.client.put_events(**request), stop_at=stop_at)  # type: ignore[misc]
        except UnavailableError as error:
            outcome.failure = error.code
            outcome.failed.extend(events)
        except InvalidRequestError as error:
            if len(events) == 1:
                reason = PayloadError("event", None, f"refused by Amazon Personalize ({error.code}): {error.message}")
                outcome.refused.append((events[0], reason))
                return
            middle = len(events) // 2
            self._send(session_id, user_id, events[:middle], stop_at, outcome)
            self._send(session_id, user_id, events[middle:], stop_at, outcome)
        else:
            outcome.accepted.extend(events)

    def _requests(self, session_id: str, user_id: str | None, events: list[PendingEvent]) -> Iterator[dict[str, Any]]:
        event_list = [event.as_request() for event in events]
        visitor = {} if user_id is None else {"userId": user_id}
        for tracking_id in self.tracking_ids:
            yield {"trackingId": tracking_id, "sessionId": session_id, "eventList": event_list, **visitor}
