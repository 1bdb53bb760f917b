"""A batch of stream records, forwarded: each accepted, observed, quarantined or reported for another try."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from lambdas.forward_events.change_of_ids import ChangeOfIds
from lambdas.forward_events.quarantine import Quarantine, Quarantined
from lambdas.forward_events.records import StreamRecord
from lambdas.forward_events.sessions import gather
from lambdas.forward_events.tracker import Trackers
from lambdas.shared.attempts import Attempts, InvalidRequestError, UnavailableError
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.clients import events_client, s3_client, sqs_client
from lambdas.shared.errors import PayloadError
from lambdas.shared.event import EVERY_ID_IS_A_DIGEST, Event
from lambdas.shared.observed import NOTHING_OBSERVED, ObservedEvent, ObservedTypes, decode_record

PARALLEL_CALLS = 32
"""Enough to keep a core busy while each call waits 20 ms for its answer."""

CLOSING_SECONDS = 10.0
"""Kept back from the invocation's time for the calls under way and for the quarantine, at most half of it."""

LAST_SECONDS = 4.0
"""Of these, kept back for the quarantine's calls under way and for the answer."""

_BELOW_TOP = re.compile(r"[.\[]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch.

    `failures` are the sequence numbers that Lambda is to deliver again, oldest first. Lambda delivers again everything
    from the lowest of them on, so `accepted`, `observed` and `quarantined` count only the records before it: over all
    deliveries each record is counted once. `observed` are valid events of an observed type: there is nothing to do for
    them. `reasons` counts the failures by code, `problems` the quarantined records by top field (the names of members
    below it are the visitor's data as much as their values are).
    """

    accepted: int
    quarantined: int
    failures: list[str]
    calls: int
    observed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A record that can never succeed, the reason, and its event id where it has one."""

    place: int
    error: PayloadError
    event_id: str | None = None


class Forwarder:
    """Forwards batches to Personalize over one pool of threads and connections."""

    def __init__(
        self,
        trackers: Trackers,
        quarantine: Quarantine,
        *,
        ids: ChangeOfIds | None = None,
        breeds: Breeds = LATIN,
        observed: ObservedTypes = NOTHING_OBSERVED,
        parallel_calls: int = PARALLEL_CALLS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ids = ids
        self._breeds = breeds
        self._observed = observed
        self._trackers = trackers
        self._quarantine = quarantine
        self._clock = clock
        self._pool = ThreadPoolExecutor(parallel_calls, thread_name_prefix="forward")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The forwarder that the function's environment variables describe, with its clients made."""
        tracking_ids = [part for item in environment["TRACKING_IDS"].split(",") if (part := item.strip())]
        if not tracking_ids:
            raise ValueError("TRACKING_IDS names no event tracker")
        trackers = Trackers(
            client=events_client(PARALLEL_CALLS),
            tracking_ids=tracking_ids,
            attempts=Attempts(most=5, first_pause=0.05, longest_pause=1.0),
        )
        quarantine = Quarantine(
            s3=s3_client(PARALLEL_CALLS),
            sqs=sqs_client(),
            bucket=environment["QUARANTINE_BUCKET"],
            queue_url=environment["QUARANTINE_QUEUE_URL"],
            attempts=Attempts(most=3, first_pause=0.05, longest_pause=0.5),
        )
        return cls(
            trackers,
            quarantine,
            ids=ChangeOfIds.from_environment(environment),
            breeds=Breeds.named(environment.get("BREED_SCRIPTS", "Latin")),
            observed=ObservedTypes.named(environment.get("OBSERVED_EVENT_TYPES", "")),
        )

    def forward(self, records: Sequence[StreamRecord], *, seconds: float) -> Outcome:
        """Forward the records within `seconds`; what there is no time for is reported for another try."""
        started = self._clock()
        stop_sending = started + seconds - min(CLOSING_SECONDS, seconds / 2)
        stop_storing = started + seconds - min(LAST_SECONDS, seconds / 4)

        def store(refusal: _Refusal) -> Future[Quarantined]:
            record = records[refusal.place]
            return self._pool.submit(
                self._quarantine.store, refusal.place, record, refusal.error, refusal.event_id, stop_at=stop_storing
            )

        try:
            digests_from = EVERY_ID_IS_A_DIGEST if self._ids is None else self._ids.moment(stop_at=stop_sending)
        except (UnavailableError, InvalidRequestError) as error:
            reasons = {f"EventIds{error.code}": len(records)}
            return Outcome(0, 0, [record.sequence_number for record in records], 0, reasons=reasons)
        events, observed, refusals = _decoded(records, self._breeds, self._observed)
        storing = [(refusal, store(refusal)) for refusal in refusals]
        sending = [
            self._pool.submit(self._trackers.send, session, stop_at=stop_sending)
            for session in gather(events, digests_from=digests_from)
        ]
        accepted: list[int] = []
        failures: dict[int, str] = {}
        calls = 0
        for sent in sending:
            result = sent.result()
            calls += result.calls
            accepted.extend(place for pending in result.accepted for place in pending.places)
            failures.update((place, str(result.failure)) for pending in result.failed for place in pending.places)
            late = [_Refusal(place, why, event.event_id) for event, why in result.refused for place in event.places]
            storing.extend((refusal, store(refusal)) for refusal in late)
        stored = _stored(storing, failures)
        failures.update((place, "QuarantineQueue") for place in self._quarantine.announce(stored, stop_at=stop_storing))

        checkpoint = min(failures, default=len(records))
        left = [item for item in stored if item.place < checkpoint]
        return Outcome(
            accepted=sum(place < checkpoint for place in accepted),
            quarantined=len(left),
            failures=[records[place].sequence_number for place in sorted(failures)],
            calls=calls,
            observed=sum(place < checkpoint for place in observed),
            reasons=dict(Counter(failures.values())),
            problems=dict(Counter(_BELOW_TOP.split(str(item.reason["field"]), 1)[0] for item in left)),
        )


def _decoded(
    records: Sequence[StreamRecord], breeds: Breeds, types: ObservedTypes
) -> tuple[list[tuple[int, StreamRecord, Event]], list[int], list[_Refusal]]:
    """The events to send, the places of the observed ones, and what can never succeed."""
    events: list[tuple[int, StreamRecord, Event]] = []
    observed: list[int] = []
    refusals: list[_Refusal] = []
    for place, record in enumerate(records):
        try:
            event = decode_record(record.data(), arrival=record.arrival, breeds=breeds, observed=types)
        except PayloadError as error:
            refusals.append(_Refusal(place, error))
            continue
        if isinstance(event, ObservedEvent):
            observed.append(place)
        else:
            events.append((place, record, event))
    return events, observed, refusals


def _stored(storing: list[tuple[_Refusal, Future[Quarantined]]], failures: dict[int, str]) -> list[Quarantined]:
    """The records that quarantine holds; those that it did not take join `failures`: nothing is lost."""
    stored: list[Quarantined] = []
    for refusal, future in storing:
        try:
            stored.append(future.result())
        except (UnavailableError, InvalidRequestError) as error:
            failures[refusal.place] = f"Quarantine{error.code}"
    return stored
