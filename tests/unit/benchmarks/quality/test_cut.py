"""The cut of a log, and the seal on its test items."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.answers import CUTOFF, RULES, Answer, ChangedAnswerError, FrozenAnswers
from benchmarks.quality.cut import Cut, Sealed, SealError, cut
from benchmarks.quality.data import Log
from benchmarks.quality.run import Entry, write_task
from tests.unit.benchmarks.quality.logs import poisoned, ring_log

ENTRY = Entry("popularity", "benchmarks.peers.linear", "popularity")


def counted(lengths: tuple[int, ...]) -> Log:
    """Users with so many events on items 0, 1, 2, ..., in this order."""
    user = np.repeat(np.arange(len(lengths)), lengths).astype(np.int32)
    item = np.concatenate([np.arange(length) for length in lengths]).astype(np.int32)
    return Log(user, item, np.arange(len(user), dtype=np.float64), len(lengths), max(lengths))


def some_answers(n: int) -> FrozenAnswers:
    lists = {rule: np.zeros((n, CUTOFF), np.int32) for rule in RULES}
    return FrozenAnswers({"a": {"b": 1}}, {"a//0": Answer(lists, {})})


@pytest.mark.parametrize(("where", "first"), [(Cut.LEAVE_ONE_OUT, 9), (Cut.EARLIER, 7)])
def test_the_newest_event_is_the_test_and_the_one_before_it_validates(where: Cut, first: int) -> None:
    """Of ten events the test is the last, or for the earlier cut the third from the end; what came before trains."""
    task = cut(counted((10, 10)), where)
    assert [first] * 2 == task.sealed.open(some_answers(2)).tolist()
    assert [first - 1] * 2 == task.validation.tolist()
    assert list(range(first - 1)) * 2 == task.training.item.tolist()
    assert list(range(first - 1)) == task.on_validation.histories[0].item.tolist()
    assert list(range(first)) == task.on_test.histories[1].item.tolist()


def test_visitors_with_a_short_history_only_train() -> None:
    """Two events cannot be cut in three: they train, and nobody is asked about them."""
    task = cut(counted((2, 5, 1)), Cut.LEAVE_ONE_OUT)
    assert [1] == task.on_test.user.tolist()
    assert [0, 0, 1, 1, 1, 2] == task.training.user.tolist()


def test_the_earlier_cut_forgets_two_events_even_of_short_histories() -> None:
    """What leave-one-out holds out is nowhere in the earlier cut, not even in training."""
    task = cut(counted((2, 4, 5)), Cut.EARLIER)
    assert [2] == task.on_test.user.tolist()
    assert [(1, 0), (1, 1), (2, 0)] == list(zip(task.training.user.tolist(), task.training.item.tolist(), strict=True))


@pytest.mark.parametrize(("where", "newest"), [(Cut.LEAVE_ONE_OUT, (0,)), (Cut.EARLIER, (0, 1, 2))])
def test_test_events_reach_no_contestant(tmp_path: Path, where: Cut, newest: tuple[int, ...]) -> None:
    """Whatever the sealed items (and the forgotten ones) are, a contestant's process reads the same bytes."""
    log = ring_log()
    tasks = []
    for number, one in enumerate((log, *(poisoned(log, place) for place in newest))):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_task(ENTRY, {"x": 1}, cut(one, where), folder, seed=3)
        tasks.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert 3 == len(tasks[0])
    assert [tasks[0]] * len(tasks) == tasks


def test_a_poisoned_validation_event_does_reach_them(tmp_path: Path) -> None:
    """The test above can fail: with another validation event the files differ."""
    log, tasks = ring_log(), []
    for number, one in enumerate((log, poisoned(log, 1))):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_task(ENTRY, {}, cut(one, Cut.LEAVE_ONE_OUT), folder, seed=3)
        tasks.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert tasks[0] != tasks[1]


def test_the_seal_opens_once() -> None:
    """After the first look the items are gone from the object."""
    sealed = Sealed(np.array([4], np.int32))
    assert [4] == sealed.open(some_answers(1)).tolist()
    with pytest.raises(SealError, match="seen already"):
        sealed.open(some_answers(1))


def test_the_seal_opens_for_frozen_answers_only() -> None:
    """Whoever has not frozen their choices gets nothing, and the seal stays whole."""
    sealed = Sealed(np.array([4], np.int32))
    with pytest.raises(SealError, match="frozen answers only"):
        sealed.open({"a": 1})  # type: ignore[arg-type]
    assert [4] == sealed.open(some_answers(1)).tolist()


def test_the_seal_goes_to_no_other_process() -> None:
    """It cannot be pickled, and shows nothing of itself."""
    sealed = Sealed(np.array([987], np.int32))
    with pytest.raises(SealError, match="not copied"):
        pickle.dumps(sealed)
    assert "987" not in repr(sealed)
    assert not hasattr(sealed, "__dict__")


def test_frozen_answers_are_read_only() -> None:
    """Lists cannot be written to, and the choices are a copy."""
    choices = {"a": {"b": 1}}
    lists = {rule: np.zeros((1, CUTOFF), np.int32) for rule in RULES}
    frozen = FrozenAnswers(choices, {"a//0": Answer(lists, {})})
    choices["a"]["b"] = 2
    frozen.verify()
    with pytest.raises(ValueError, match="read-only"):
        lists["whole"][0, 0] = 1


def test_changed_answers_do_not_open_the_seal() -> None:
    """An answer that was exchanged after the freeze is found by its digest."""
    frozen = some_answers(1)
    frozen.answers["a//0"] = Answer({rule: np.ones((1, CUTOFF), np.int32) for rule in RULES}, {})
    with pytest.raises(ChangedAnswerError):
        Sealed(np.array([4], np.int32)).open(frozen)
