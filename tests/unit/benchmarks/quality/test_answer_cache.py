"""Kept answers: the same code on the same bytes is not trained twice, anything else is."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.answer_cache import AnswerCache, cache_key
from benchmarks.quality.cut import Cut, cut
from benchmarks.quality.run import Entry, Run, run
from tests.unit.benchmarks.quality.logs import poisoned, ring_log

POPULARITY = Entry("popularity", "benchmarks.peers.linear", "popularity", code=("benchmarks/peers",))


def test_the_second_run_is_the_first(tmp_path: Path) -> None:
    """Answers and costs come back as they were; a fresh run, or one with other training events, is a run."""
    task, other = (cut(log, Cut.LEAVE_ONE_OUT) for log in (ring_log(), poisoned(ring_log(), 4)))
    first = run(POPULARITY, {}, task, AnswerCache(tmp_path), seed=0, progress=print)
    again = run(POPULARITY, {}, task, AnswerCache(tmp_path), seed=0, progress=print)
    fresh = run(POPULARITY, {}, task, AnswerCache(tmp_path, fresh=True), seed=0, progress=print)
    changed = run(POPULARITY, {}, other, AnswerCache(tmp_path), seed=0, progress=print)
    assert [False, True, False, False] == [one.from_cache for one in (first, again, fresh, changed)]
    assert first.costs == again.costs
    assert lists(first) == lists(again) == lists(fresh)
    assert lists(first) != lists(changed)


def lists(found: Run) -> dict[str, list[list[int]]]:
    return {
        f"{stage} {rule}": np.asarray(ranked).tolist()
        for (stage, _), answer in found.answers.items()
        for rule, ranked in answer.lists.items()
    }


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_everything_told_is_in_the_key(tmp_path: Path, change: str) -> None:
    """Another byte, another name or another file gives another key."""
    (tmp_path / "a").write_bytes(b"12")
    before = cache_key(tmp_path, ())
    if change == "content":
        (tmp_path / "a").write_bytes(b"13")
    elif change == "name":
        (tmp_path / "a").rename(tmp_path / "b")
    else:
        (tmp_path / "c").write_bytes(b"")
    assert before != cache_key(tmp_path, ())


def test_the_code_is_in_the_key(tmp_path: Path) -> None:
    """Other files of the project give another key, the same ones the same."""
    assert cache_key(tmp_path, ("benchmarks/peers",)) == cache_key(tmp_path, ("benchmarks/peers",))
    assert cache_key(tmp_path, ("benchmarks/peers",)) != cache_key(tmp_path, ("benchmarks/quality/answer_cache.py",))


def test_half_kept_answers_are_none(tmp_path: Path) -> None:
    """A folder in which a file is missing restores nothing."""
    cache = AnswerCache(tmp_path / "kept")
    (tmp_path / "answers.npz").write_bytes(b"1")
    (tmp_path / "costs.json").write_bytes(b"2")
    cache.store("k", tmp_path)
    assert cache.restore("k", tmp_path)
    (tmp_path / "kept/k/costs.json").unlink()
    assert not cache.restore("k", tmp_path)
