"""The ledger: it balances only when every record is where it belongs, and says what is wrong otherwise."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.ledger import Balance, Ledger, Stored, sent_id
from tests.faults.malformed import MALFORMATIONS
from tests.faults.site import Sent, records

RECORDS = list(records(3000, 5))
VALID = [record for record in RECORDS if record.stored is not None]
SPOILED = [record for record in RECORDS if record.malformation is not None]
ORDERED = [record for record in VALID if record.in_order]


def name(record: Sent) -> str:
    return f"shardId-0-{record.number}"


def stored(record: Sent) -> Stored:
    assert record.stored is not None
    session, user, kind, item, time = record.stored
    event_id = "a digest" if record.event_id is None else sent_id(record.event_id, user, session)
    return Stored(user, session, item, kind, time or 1.8e9, record.number, event_id)


def pair() -> tuple[Sent, Sent]:
    """Two neighbouring events of one session that is keyed by itself, both with a time."""
    for first in ORDERED:
        later = [record for record in ORDERED if record.session == first.session and record.number > first.number]
        if later and first.stored and later[0].stored and first.stored[4] and later[0].stored[4]:
            return first, later[0]
    raise AssertionError("no session has two events")


def struck(change: Callable[[Ledger], None] = lambda _: None, *, without: Sent | None = None) -> Balance:
    """The balance of a perfect run, after a change; `without` is found nowhere but in the archive."""
    ledger = Ledger(len(RECORDS))
    for record in RECORDS:
        ledger.send(record, name(record))
    for record in RECORDS:
        if record is without:
            continue
        if record.stored is not None:
            ledger.store(stored(record))
        elif record.malformation is not None:
            wrong = record.malformation
            ledger.quarantine(name(record), wrong.field, f"it {wrong.says} here", record.data)
        else:
            message = "refused by Amazon Personalize (InvalidInputException): no"
            ledger.quarantine(name(record), "event", message, record.data)
    ledger.archive([record.data for record in RECORDS])
    change(ledger)
    return ledger.balance()


def test_a_perfect_run_balances() -> None:
    """Every valid event stored, every other one in quarantine, all in the archive."""
    balance = struck()
    assert balance.balances
    assert (len(RECORDS), len(VALID)) == (balance.sent, balance.stored_once)
    assert len(RECORDS) - len(VALID) == balance.quarantined


@pytest.mark.parametrize("lost", [VALID[7], SPOILED[0]], ids=["valid", "malformed"])
def test_what_is_nowhere_is_unexplained(lost: Sent) -> None:
    """One record less, and the ledger does not balance; in the failure destination it is explained."""
    balance = struck(without=lost)
    assert (1, {"in none of the three places": 1}, False) == (balance.unexplained, balance.findings, balance.balances)
    assert [lost.number] == balance.lost
    again = struck(lambda ledger: ledger.give_up(name(lost), lost.data), without=lost)
    assert (0, 1, True) == (again.unexplained, again.failure_destination, again.balances)
    assert [] == again.lost


def test_what_is_stored_and_given_up_counts_as_stored() -> None:
    """A time-out hides an answer: the event is stored, and redriven it would be counted once."""
    balance = struck(lambda ledger: ledger.give_up(name(VALID[0]), VALID[0].data))
    assert (0, True) == (balance.failure_destination, balance.balances)


def test_an_event_under_two_ids_is_seen_twice() -> None:
    """The number that an event carries tells it, whatever its id."""
    event = next(record for record in VALID if record.event_id is None)
    balance = struck(lambda ledger: ledger.store(replace(stored(event), event_id="another digest")))
    assert (1, False) == (balance.duplicated, balance.balances)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"user": "somebody else"}, "stored with another content"),
        ({"event_id": "another"}, "stored under another id"),
        ({"number": None}, "stored, but never sent as a valid event"),
        ({"number": SPOILED[0].number}, "stored, but never sent as a valid event"),
    ],
)
def test_what_is_stored_otherwise_than_sent_is_found(change: dict[str, object], finding: str) -> None:
    """Content, id and number are those that were sent."""
    event = next(record for record in VALID if record.event_id is not None)
    balance = struck(lambda ledger: ledger.store(replace(stored(event), **change)), without=event)  # type: ignore[arg-type]
    assert balance.findings[finding] == 1
    assert not balance.balances


def test_order_is_that_of_the_session() -> None:
    """Two events of a session that is keyed by itself, stored the other way round."""
    first, second = pair()
    ledger = Ledger(len(RECORDS))
    for record in (first, second):
        ledger.send(record, name(record))
    ledger.store(stored(second))
    ledger.store(stored(first))
    assert 1 == ledger.balance().out_of_order


def test_a_random_key_keeps_order_by_time_only() -> None:
    """Stored the other way round is right there; with times the other way round it is not."""
    sessions: dict[str, list[Sent]] = {}
    for record in VALID:
        if not record.in_order:
            sessions.setdefault(record.session, []).append(record)
    first, second = next(events for events in sessions.values() if len(events) > 1)[:2]
    for one, other, wrong in ((stored(first), stored(second), 0), (stored(first), stored(second), 1)):
        ledger = Ledger(len(RECORDS))
        for record in (first, second):
            ledger.send(record, name(record))
        ledger.store(replace(other, at=one.at) if wrong else other)
        ledger.store(replace(one, at=other.at) if wrong else one)
        assert wrong == ledger.balance().out_of_order


@pytest.mark.parametrize("kind", sorted({record.kind or "" for record in SPOILED}))
def test_the_wrong_reason_is_no_explanation(kind: str) -> None:
    """Quarantined for something else than what is wrong with it."""
    record = next(record for record in SPOILED if record.kind == kind)
    wrong = MALFORMATIONS[kind]

    def change(field: str, message: str, data: bytes) -> Balance:
        return struck(lambda ledger: ledger.quarantine(name(record), field, message, data), without=record)

    assert change(wrong.field, wrong.says, record.data).balances
    assert not change("userId.other", wrong.says, record.data).balances
    assert not change(wrong.field, "is not liked", record.data).balances
    assert not change(wrong.field, wrong.says, b"something else").balances


def test_a_valid_event_in_quarantine_is_a_finding() -> None:
    """Even when it is stored as well."""
    balance = struck(lambda ledger: ledger.quarantine(name(VALID[0]), "sessionId", "is missing", VALID[0].data))
    assert {"quarantined, but valid: sessionId": 1} == balance.findings


def test_the_archive_has_every_record_once() -> None:
    """A record that is missing, one that is there twice, one that was never sent."""
    ledger = Ledger(len(RECORDS))
    for record in RECORDS:
        ledger.send(record, name(record))
    ledger.archive([record.data for record in RECORDS[1:]] + [RECORDS[5].data, b"never sent"])
    balance = ledger.balance()
    assert (1, 2) == (balance.archive_missing, balance.archive_twice)
