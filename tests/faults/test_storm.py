"""The script of a storm and the site's records are functions of the seed."""

import json
from collections import Counter
from itertools import pairwise

import pytest

from lambdas.shared.errors import PayloadError
from lambdas.shared.event import decode_event
from personalize_local.control.faults import Chance
from tests.faults.malformed import MALFORMATIONS, MOST_RECORD_BYTES
from tests.faults.run import calls
from tests.faults.site import MALFORMED_SHARE, UNLUCKY, records
from tests.faults.storm import storm
from tests.faults.test_run import EVENTS, SEED

COUNT = 20_000
MOST_EVENTS_A_CALL = 10
"""Of PutEvents."""
ARRIVAL = 1_790_000_000.0


def test_the_same_seed_is_the_same_storm() -> None:
    """Records byte for byte, faults and acts; another seed is another storm."""
    assert list(records(2000, 7)) == list(records(2000, 7))
    assert storm(2000, 7) == storm(2000, 7)
    assert list(records(2000, 7)) != list(records(2000, 8))
    assert storm(2000, 7) != storm(2000, 8)


@pytest.mark.parametrize("events", [2000, EVENTS, 1_000_000])
def test_every_act_has_its_time_within_the_run(events: int) -> None:
    """Each deed at least once, in order, before the last tenth; more of the kills in a longer run."""
    acts = storm(events, 7).acts
    deeds = Counter(act.deed for act in acts)
    kills = max(1, events // 100_000)
    expected = {"split shard": 1, "stall Personalize": 1} | dict.fromkeys(
        ("kill forwarder", "kill delivery", "kill Personalize"), kills
    )
    assert expected == deeds
    assert all(earlier.after <= later.after for earlier, later in pairwise(acts))
    assert all(0 < act.after <= 0.9 * events for act in acts)


def test_the_malformed_are_a_hundredth_and_of_twenty_kinds() -> None:
    """And the handler's own reader refuses each for the reason that the ledger expects, and takes all others."""
    sent = list(records(COUNT, 7))
    kinds = Counter(record.kind for record in sent if record.malformation)
    assert set(MALFORMATIONS) == set(kinds)
    assert 20 == len(kinds)
    assert MALFORMED_SHARE == pytest.approx(kinds.total() / COUNT, rel=0.2)
    for record in sent:
        wrong = record.malformation
        if wrong is None:
            event = decode_event(record.data, arrival=ARRIVAL)
            if record.stored is not None:
                fields = (event.session_id, event.user_id, event.event_type, event.item_id, event.occurred_at)
                assert record.stored == fields
        else:
            with pytest.raises(PayloadError) as refused:
                decode_event(record.data, arrival=ARRIVAL)
            assert wrong.field == refused.value.field
            assert wrong.says in refused.value.message


def test_a_small_storm_has_every_kind() -> None:
    """The one of the test suite too: each kind once before one comes again."""
    kinds = [record.kind for record in records(2000, 7) if record.malformation]
    assert set(MALFORMATIONS) == set(kinds[:20])


def test_the_storm_of_the_suite_meets_calls_with_every_fault() -> None:
    """Throttles, errors, time-outs, resets: the fewest calls that can carry its events have each of them.

    Personalize is killed once and draws anew then, so that the longer part has half of the calls at least. The visitors
    whose calls never succeed are among its sessions.
    """
    calls = EVENTS // MOST_EVENTS_A_CALL // 2
    met = {
        json.dumps(fault["outcome"]): sum(chance.meets() for _ in range(calls))
        for fault in storm(EVENTS, SEED).probabilistic_faults
        for chance in [Chance(fault["share"], fault["seed"])]
    }
    assert len(met) == 5
    assert all(met.values()), met
    assert any(record.session.startswith(UNLUCKY) for record in records(EVENTS, SEED))


def test_the_largest_record_is_as_large_as_the_stream_takes() -> None:
    """1 MiB, and no line feed in any record: one record is one line of the archive."""
    sent = list(records(COUNT, 7))
    assert MOST_RECORD_BYTES == max(len(record.data) for record in sent)
    assert not any(b"\n" in record.data for record in sent)


def test_calls_are_as_large_as_the_stream_takes() -> None:
    """All records in their order, at most 500 and 5 MiB a call, the largest of 1 MiB among them."""
    sent = list(records(COUNT, 7))
    portions = list(calls(iter(sent)))
    assert sent == [record for portion in portions for record in portion]
    assert max(len(portion) for portion in portions) == 500
    assert all(sum(len(r.data) + len(r.partition_key) for r in portion) <= 5 * 1024 * 1024 for portion in portions)


def test_the_refused_stand_amid_ten_good_ones() -> None:
    """The sixth of eleven in its session; and there are visitors whose calls never succeed."""
    sent = list(records(COUNT, 7))
    sessions = [record.session for record in sent if record.kind == "refused by Personalize"]
    assert len(sessions) >= COUNT // 2_000 - 1
    whole = [kinds for name in sessions if len(kinds := [r.kind for r in sent if r.session == name]) == 11]
    assert whole
    assert {"refused by Personalize"} == {kinds[5] for kinds in whole}
    assert any(record.session.startswith(UNLUCKY) for record in sent)


def test_within_a_session_numbers_and_times_rise() -> None:
    """So that order is one thing, whichever way it is asked for."""
    last: dict[str, int] = {}
    for record in records(COUNT, 7):
        if record.stored is not None and (time := record.stored[4]) is not None:
            assert time > last.get(record.session, 0)
            last[record.session] = time
