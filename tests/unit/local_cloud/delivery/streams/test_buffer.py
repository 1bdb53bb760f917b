"""When a portion is due and what it holds."""

from hypothesis import given
from hypothesis import strategies as st

from local_cloud.delivery.streams.buffer import Buffer
from tests.unit.local_cloud.delivery.fakes import record


def buffer(*, max_records: int = 3, max_bytes: int = 100, seconds: float = 10.0) -> Buffer:
    return Buffer(max_records=max_records, max_bytes=max_bytes, seconds=seconds, size=lambda r: len(r.data))


def test_empty_buffer_is_never_due() -> None:
    """Nothing is delivered when nothing came."""
    assert buffer().due_in(1e9) is None


def test_window_begins_with_the_first_record() -> None:
    """The time left counts from the oldest record, not from the newest."""
    waiting = buffer()
    waiting.add([record(1)], now=100.0)
    waiting.add([record(2)], now=109.0)

    assert 1.0 == waiting.due_in(109.0)
    assert 0.0 == waiting.due_in(110.0)
    assert 0.0 == waiting.due_in(200.0)


def test_full_by_count_is_due_at_once() -> None:
    """A full batch does not wait for its window; what is over stays, with the time it came at."""
    full = buffer()
    full.add([record(n) for n in range(3)], now=0.0)
    full.add([record(3)], now=6.0)

    assert 0.0 == full.due_in(6.0)
    assert ["0", "1", "2"] == [r.sequence_number for r in full.take()]
    assert 4.0 == full.due_in(12.0)


def test_full_by_size_is_due_at_once() -> None:
    """A portion never exceeds the size limit, unless one record alone does."""
    large = buffer(max_records=10)
    large.add([record(1, data=b"x" * 60), record(2, data=b"x" * 60), record(3, data=b"x" * 300)], now=0.0)

    assert 0.0 == large.due_in(0.0)
    assert [["1"], ["2"], ["3"]] == [[r.sequence_number for r in large.take()] for _ in range(3)]
    assert 0 == len(large)


@given(sizes=st.lists(st.integers(0, 120), max_size=40), max_records=st.integers(1, 7), max_bytes=st.integers(1, 200))
def test_portions_are_the_records_in_order_within_the_limits(
    sizes: list[int], max_records: int, max_bytes: int
) -> None:
    """Taking until empty gives every record once, in order, each portion within both limits or a single record."""
    filled = buffer(max_records=max_records, max_bytes=max_bytes)
    filled.add([record(n, data=b"x" * size) for n, size in enumerate(sizes)], now=0.0)

    portions = []
    while filled:
        portions.append(filled.take())

    assert [str(n) for n in range(len(sizes))] == [r.sequence_number for portion in portions for r in portion]
    for portion in portions:
        assert 1 <= len(portion) <= max_records
        assert len(portion) == 1 or sum(len(r.data) for r in portion) <= max_bytes
