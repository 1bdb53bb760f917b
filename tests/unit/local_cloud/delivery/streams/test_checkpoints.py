"""Positions that outlive the process."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from local_cloud.delivery.streams.checkpoints import SHARD_END, TRIM_HORIZON, Checkpoints, Intent, Position, after


def test_positions_are_there_for_the_next_process(tmp_path: Path) -> None:
    """What was saved is read by a new connection to the same file, without the first being closed."""
    file = tmp_path / "delivery" / "checkpoints.sqlite"
    first = Checkpoints(file)
    first.save("mapping", "shard-0", {"0/2": after("12"), "1/2": Position("AT_TIMESTAMP", 1.5)})
    first.save("mapping", "shard-0", {"1/2": SHARD_END})

    second = Checkpoints(file)

    assert {"shard-0": {"0/2": after("12"), "1/2": SHARD_END}} == second.positions("mapping")
    assert {} == second.positions("another")
    assert {"mapping"} == second.consumers()
    first.close()
    second.close()


def test_replace_drops_the_other_lanes(tmp_path: Path) -> None:
    """A change of the number of lanes leaves none of the old names behind."""
    checkpoints = Checkpoints(tmp_path / "c.sqlite")
    checkpoints.save("mapping", "shard-0", {"0/2": after("12"), "1/2": after("9")})

    checkpoints.replace("mapping", "shard-0", {"0/1": after("9")})

    assert {"shard-0": {"0/1": after("9")}} == checkpoints.positions("mapping")
    checkpoints.close()


def test_fulfilled_intent_moves_the_position_and_is_gone(tmp_path: Path) -> None:
    """An intent stands until its object is stored; then the position says so."""
    checkpoints = Checkpoints(tmp_path / "c.sqlite")
    checkpoints.intend("archive", "shard-0", Intent("30", "events/a.gz"))
    assert Intent("30", "events/a.gz") == checkpoints.intent("archive", "shard-0")

    checkpoints.fulfil("archive", "shard-0", "0/1", after("30"))

    assert checkpoints.intent("archive", "shard-0") is None
    assert {"shard-0": {"0/1": after("30")}} == checkpoints.positions("archive")
    checkpoints.close()


def test_forgetting_a_consumer_leaves_the_others(tmp_path: Path) -> None:
    """A deleted resource takes its own positions and intents with it, and no others."""
    checkpoints = Checkpoints(tmp_path / "c.sqlite")
    for consumer in ("gone", "kept"):
        checkpoints.save(consumer, "shard-0", {"0/1": TRIM_HORIZON})
        checkpoints.intend(consumer, "shard-0", Intent("1", "key"))

    checkpoints.forget("gone")

    assert {"kept"} == checkpoints.consumers()
    assert checkpoints.intent("gone", "shard-0") is None
    assert checkpoints.intent("kept", "shard-0") is not None
    checkpoints.close()


@given(
    st.permutations(
        [TRIM_HORIZON, Position("AT_TIMESTAMP", 5.0), Position("LATEST"), after("9"), after("10"), SHARD_END]
    )
)
def test_order_is_the_order_of_reading(shuffled: list[Position]) -> None:
    """Sequence numbers compare as numbers: 9 comes before 10."""
    expected = [TRIM_HORIZON, Position("AT_TIMESTAMP", 5.0), Position("LATEST"), after("9"), after("10"), SHARD_END]
    assert expected == sorted(shuffled, key=lambda position: position.order)


def test_position_covers_what_lies_before_it() -> None:
    """A record is dealt with when the position is behind it."""
    assert after("10").covers(9)
    assert after("10").covers(10)
    assert not after("10").covers(11)
    assert SHARD_END.covers(11)
    assert not TRIM_HORIZON.covers(1)
