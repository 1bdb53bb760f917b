"""Reading shards: lineage, ends, expired iterators, streams that are not there."""

import pytest

from local_cloud.delivery.streams.checkpoints import TRIM_HORIZON, Position, after
from local_cloud.delivery.streams.shards import Shard, ShardReader, StreamMissingError, list_shards, ready
from tests.unit.local_cloud.delivery.fakes import STREAM, FakeKinesis, client_error


def test_children_wait_for_their_parents() -> None:
    """A child starts when each of its parents is finished; a parent that is no longer listed is."""
    shards = [Shard("a"), Shard("b"), Shard("child", ("a", "b")), Shard("orphan", ("long-gone",))]

    assert ["a", "b", "orphan"] == [s.shard_id for s in ready(shards, finished=(), running=())]
    assert ["orphan"] == [s.shard_id for s in ready(shards, finished=("a",), running=("b",))]
    assert ["child", "orphan"] == [s.shard_id for s in ready(shards, finished=("a", "b"), running=())]


def test_child_waits_for_a_parent_that_is_gone_from_the_list_and_still_runs() -> None:
    """What was read of a parent is delivered before the child's first record, whatever the list says."""
    assert [] == ready([Shard("child", ("parent",))], finished=(), running=("parent",))


def test_all_pages_of_shards_are_listed() -> None:
    """More shards than a page holds are all found, with parents and closedness."""
    kinesis = FakeKinesis("a", "b")
    kinesis.split("a", "c", "d")
    kinesis.page_size = 3

    assert [
        Shard("a", (), closed=True),
        Shard("b"),
        Shard("c", ("a",)),
        Shard("d", ("a",)),
    ] == list_shards(kinesis, STREAM)


def test_missing_stream_is_an_error_of_its_own() -> None:
    """A stream that is not there yet is told from a service that does not answer."""
    with pytest.raises(StreamMissingError):
        list_shards(FakeKinesis(), STREAM)


def test_other_errors_of_the_listing_pass() -> None:
    """Only a missing stream is a missing stream."""
    kinesis = FakeKinesis("a")
    kinesis.list_shards = lambda **_: (_ for _ in ()).throw(client_error("LimitExceededException"))  # type: ignore[method-assign]
    with pytest.raises(Exception, match="LimitExceeded"):
        list_shards(kinesis, STREAM)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (TRIM_HORIZON, ["one", "two", "three"]),
        (after("1"), ["two", "three"]),
        (Position("AT_TIMESTAMP", 1500.0), ["three"]),
    ],
)
def test_reading_begins_at_the_position(position: Position, expected: list[str]) -> None:
    """Each kind of position is turned into the iterator of its kind."""
    kinesis = FakeKinesis("a")
    kinesis.put("a", "one", "two")
    kinesis.put("a", "three", arrival=2000.0)

    read = ShardReader(kinesis, STREAM, "a", position).read()

    assert expected == [r.data.decode() for r in read.records]
    assert (False, 7) == (read.ended, read.milliseconds_behind)


def test_expired_iterator_is_made_anew_behind_the_last_record() -> None:
    """A pause longer than an iterator's life neither skips nor repeats records."""
    kinesis = FakeKinesis("a")
    kinesis.put("a", "one")
    reader = ShardReader(kinesis, STREAM, "a", TRIM_HORIZON)
    reader.read()
    kinesis.put("a", "two")
    kinesis.faults.append(client_error("ExpiredIteratorException"))

    assert [] == reader.read().records
    assert ["two"] == [r.data.decode() for r in reader.read().records]


def test_closed_shard_ends_after_its_last_record() -> None:
    """The end comes with the last records, once."""
    kinesis = FakeKinesis("a")
    kinesis.put("a", "one")
    kinesis.split("a", "b")

    read = ShardReader(kinesis, STREAM, "a", TRIM_HORIZON).read()

    assert (["one"], True) == ([r.data.decode() for r in read.records], read.ended)


def test_shard_that_its_stream_no_longer_has_has_ended() -> None:
    """Retention removes old closed shards: their children must not wait for ever."""
    kinesis = FakeKinesis("a", "b")
    reader = ShardReader(kinesis, STREAM, "a", TRIM_HORIZON)
    reader.read()
    del kinesis.shards["a"]

    assert reader.read().ended


def test_deleted_stream_is_not_the_end_of_its_shard() -> None:
    """An emulator that restarts empty, or a stream deleted and made again, must not end the shard for good."""
    kinesis = FakeKinesis("a")
    reader = ShardReader(kinesis, STREAM, "a", TRIM_HORIZON)
    reader.read()
    kinesis.shards.clear()

    with pytest.raises(StreamMissingError):
        reader.read()


def test_other_errors_pass_and_the_reader_goes_on() -> None:
    """A throttled read is the caller's to repeat, at the same place."""
    kinesis = FakeKinesis("a")
    kinesis.put("a", "one")
    kinesis.faults.append(client_error("ProvisionedThroughputExceededException"))
    reader = ShardReader(kinesis, STREAM, "a", TRIM_HORIZON)

    with pytest.raises(Exception, match="ProvisionedThroughput"):
        reader.read()
    assert ["one"] == [r.data.decode() for r in reader.read().records]
