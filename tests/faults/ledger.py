"""The ledger of a run: what became of every single record, by what the pipeline's own stores hold.

Stored events are found by the number that each carries, not by their ids, so that an event that got two ids is seen as
stored twice. Memory is about 30 bytes a record.
"""

import itertools
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lambdas.shared.event import Event
from tests.faults.malformed import MALFORMATIONS, REFUSED
from tests.faults.site import Sent

_MOST_NAMED = 100


def sent_id(event_id: str, user: str | None, session: str) -> str:
    """Under which id an event with an id of its own is sent."""
    return Event(user, session, "", "", event_id=event_id).identity("")


@dataclass(frozen=True, slots=True)
class Stored:
    """One event as the store of Personalize holds it; given in the order of storing."""

    user: str | None
    session: str
    item: str
    type: str
    at: float
    number: int | None
    event_id: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The ledger's sums. It balances when each record is in exactly one place, and that is the right one."""

    sent: int
    stored_once: int
    quarantined: int
    failure_destination: int
    unexplained: int
    duplicated: int
    out_of_order: int
    archived: int
    archive_missing: int
    archive_twice: int
    findings: dict[str, int]
    """Why records are unexplained."""
    reasons: dict[str, int]
    """Quarantined records by what is wrong with them."""
    lost: list[int]
    """The numbers of the first records that are in none of the three places."""

    @property
    def balances(self) -> bool:
        wrong = (self.unexplained, self.duplicated, self.out_of_order, self.archive_missing, self.archive_twice)
        there = self.stored_once + self.quarantined + self.failure_destination
        return not any(wrong) and there == self.sent

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "balanced": self.balances}


class Ledger:
    """Takes down what was sent and what was found, and strikes the balance at any time."""

    def __init__(self, records: int) -> None:
        self.sent = 0
        self._content = np.zeros(records, np.int64)
        self._data = np.zeros(records, np.int64)
        self._valid = np.zeros(records, bool)
        self._own_id = np.zeros(records, bool)
        self._times = np.zeros(records, np.int32)
        self._given_up = np.zeros(records, bool)
        self._spoiled: dict[str, tuple[int, str]] = {}
        self._quarantined: dict[str, str] = {}
        self._sessions: dict[str, tuple[bool, int, float]] = {}
        self._random: dict[str, list[tuple[float, int]]] = {}
        self._archive: list[np.ndarray[Any, np.dtype[np.int64]]] = []
        self.archived = 0
        self.stored = 0
        self._out_of_order = 0
        self._findings: Counter[str] = Counter()

    # --- what was sent

    def send(self, record: Sent, name: str) -> None:
        """A record that the stream took under this name (`shard-sequence number`)."""
        number = record.number
        self.sent += 1
        self._data[number] = hash(record.data)
        if record.stored is None:
            self._spoiled[name] = (number, record.kind or "")
            return
        self._valid[number] = True
        self._content[number] = hash(record.stored)
        self._own_id[number] = record.event_id is not None
        if not record.in_order:
            self._random.setdefault(record.session, [])

    # --- what was found

    def store(self, event: Stored) -> None:
        """An event in the store of Personalize."""
        self.stored += 1
        number = event.number
        if number is None or not 0 <= number < len(self._valid) or not self._valid[number]:
            self._findings["stored, but never sent as a valid event"] += 1
            return
        self._times[number] += 1
        parts = (event.session, event.user, event.type, event.item)
        timed = bool(hash((*parts, int(event.at))) == self._content[number])
        if not timed and hash((*parts, None)) != self._content[number]:
            self._findings["stored with another content"] += 1
        if self._own_id[number] and event.event_id != sent_id(f"e-{number}", event.user, event.session):
            self._findings["stored under another id"] += 1
        if event.session in self._random:
            self._random[event.session].append((event.at, number))
        else:
            _, last, time = self._sessions.get(event.session, (True, -1, 0.0))
            self._out_of_order += int(number < last or (timed and event.at < time))
            self._sessions[event.session] = (True, max(last, number), event.at if timed else time)

    def quarantine(self, name: str, field: str, message: str, data: bytes) -> None:
        """A record in quarantine."""
        number, kind = self._spoiled.get(name, (-1, ""))
        if number < 0:
            self._findings[f"quarantined, but valid: {field}"] += 1
            return
        right = _reason(kind)
        if field != right[0] or right[1] not in message:
            self._findings[f"quarantined for the wrong reason: {kind}"] += 1
        elif hash(data) != self._data[number]:
            self._findings["quarantined with another payload"] += 1
        else:
            self._quarantined[name] = kind

    def give_up(self, name: str, data: bytes) -> None:
        """A record in the failure destination."""
        spoiled = self._spoiled.get(name)
        number = number_of(data) if spoiled is None else spoiled[0]
        if number is None or hash(data) != self._data[number]:
            self._findings["given up, but never sent"] += 1
            return
        self._given_up[number] = True

    def archive(self, lines: list[bytes]) -> None:
        """Records in the archive."""
        self.archived += len(lines)
        self._archive.append(np.fromiter(map(hash, lines), np.int64, len(lines)))

    # --- the end

    @property
    def under_way(self) -> int:
        """About how many records are on their way: neither stored nor in quarantine."""
        return self.sent - self.stored - len(self._quarantined)

    @property
    def accounted(self) -> int:
        """How many records have been found so far in one of the three places."""
        return int((self._times > 0).sum()) + len(self._quarantined) + self._only_given_up()

    def _only_given_up(self) -> int:
        quarantined = np.zeros(len(self._valid), bool)
        quarantined[[self._spoiled[name][0] for name in self._quarantined]] = True
        return int((self._given_up & (self._times == 0) & ~quarantined).sum())

    def balance(self) -> Balance:
        """The sums as of now."""
        once = int((self._times == 1).sum())
        more = int((self._times > 1).sum())
        given_up = self._only_given_up()
        lost = self.sent - once - more - len(self._quarantined) - given_up
        findings = dict(self._findings) | ({"in none of the three places": lost} if lost else {})
        missing, twice = self._compare_archive()
        return Balance(
            sent=self.sent,
            stored_once=once,
            quarantined=len(self._quarantined),
            failure_destination=given_up,
            unexplained=sum(findings.values()),
            duplicated=more,
            out_of_order=self._out_of_order + self._random_out_of_order(),
            archived=self.archived,
            archive_missing=missing,
            archive_twice=twice,
            findings=findings,
            reasons=dict(Counter(self._quarantined.values())),
            lost=self._lost(),
        )

    def _lost(self) -> list[int]:
        found = (self._times > 0) | self._given_up
        found[[self._spoiled[name][0] for name in self._quarantined]] = True
        numbers: list[int] = np.flatnonzero(~found[: self.sent])[:_MOST_NAMED].tolist()
        return numbers

    def _random_out_of_order(self) -> int:
        """Events whose `sentAt` puts them before an earlier one of their session."""
        wrong = 0
        for events in self._random.values():
            numbers = [number for _, number in sorted(events)]
            wrong += sum(later < earlier for earlier, later in itertools.pairwise(numbers))
        return wrong

    def _compare_archive(self) -> tuple[int, int]:
        """Records that the archive lacks, and lines that it has too often or that were never sent."""
        lines = np.concatenate([*self._archive, np.empty(0, np.int64)])
        values, sent = np.unique(self._data[: self.sent], return_counts=True)
        found_values, found = np.unique(lines, return_counts=True)
        wanted = dict(zip(values.tolist(), sent.tolist(), strict=True))
        there = dict(zip(found_values.tolist(), found.tolist(), strict=True))
        missing = sum(max(0, count - there.get(value, 0)) for value, count in wanted.items())
        twice = sum(max(0, count - wanted.get(value, 0)) for value, count in there.items())
        return missing, twice


def number_of(data: bytes) -> int | None:
    """The number that a valid event carries, flat or in its envelope; None for anything else."""
    try:
        event = json.loads(data)
        number = event.get("Data", event)["eventValue"]
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    return number if isinstance(number, int) else None


def _reason(kind: str) -> tuple[str, str]:
    right = MALFORMATIONS.get(kind, REFUSED)
    return right.field, right.says
