"""Cuts a log into training events, validation items and sealed test items, which are opened once, at the end.

Each user's last event is the test item and the one before it the validation item; the rest are training events. The
earlier cut first drops the last two events of every user, so that its test item, the third event from the end, is one
on which nothing was ever chosen.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from benchmarks.quality.answers import FrozenAnswers
from benchmarks.quality.data import Log
from personalize_local.engine.base.data import Events, History, Int32


class Cut(StrEnum):
    """The protocol: how many of the newest events of each user are dropped before the last two are held out."""

    LEAVE_ONE_OUT = "leave-one-out"
    EARLIER = "earlier-cut"

    @property
    def forgotten(self) -> int:
        """The number of newest events of each user that are not used at all."""
        return {Cut.LEAVE_ONE_OUT: 0, Cut.EARLIER: 2}[self]


class SealError(RuntimeError):
    """The test items were opened too early, or twice."""


class Sealed:
    """The test items of the users. They can be opened once, for answers that can no longer change.

    The items are in a closure: no attribute has them, they cannot be pickled, and `repr` does not show them.
    """

    __slots__ = ("__open",)

    def __init__(self, items: Int32) -> None:
        inside = [items]

        def take() -> Int32:
            if not inside:
                raise SealError("the test items were seen already; a second look needs a new run")
            return inside.pop()

        self.__open = take

    def open(self, answers: FrozenAnswers) -> Int32:
        """Shape [q]: the test item of each asked user. SealError the second time, or without frozen answers."""
        if not isinstance(answers, FrozenAnswers):
            raise SealError("the test items are for frozen answers only: choose, answer and freeze first")
        answers.verify()
        return self.__open()

    def __reduce__(self) -> NoReturn:
        raise SealError("sealed test items are not copied, pickled or sent to another process")


@dataclass(frozen=True, slots=True)
class Questions:
    """The q users for whom contestants rank items, and their histories."""

    user: Int32
    """Shape [q]: the users, by their numbers in training."""
    histories: tuple[History, ...]
    """The history of each user, in the order of `user`."""


@dataclass(frozen=True, slots=True)
class Task:
    """One log, cut: the data for contestants, the validation items, and the sealed test items."""

    training: Events
    on_validation: Questions
    """The questions whose answers are compared with the validation items; histories of training events only."""
    validation: Int32
    """Shape [q]: the validation item of each user of the questions."""
    on_test: Questions
    """The questions for the test items: the same users, with the validation event in their histories."""
    sealed: Sealed


def cut(log: Log, where: Cut) -> Task:
    """The task of this log. Users with fewer than three events (without the dropped ones) have only training events."""
    position = np.arange(len(log)) - np.repeat(_starts(log), _lengths(log))
    from_end = np.repeat(_lengths(log), _lengths(log)) - position - 1 - where.forgotten
    asked = np.flatnonzero(_lengths(log) - where.forgotten >= 3)
    is_asked = np.isin(log.user, asked)
    training = (from_end >= 2) | ((from_end >= 0) & ~is_asked)
    validation, test = is_asked & (from_end == 1), is_asked & (from_end == 0)
    return Task(
        training=_events(log, training),
        on_validation=_questions(log, asked, training),
        validation=log.item[validation],
        on_test=_questions(log, asked, training | validation),
        sealed=Sealed(log.item[test].copy()),
    )


def _lengths(log: Log) -> npt.NDArray[np.int64]:
    return np.bincount(log.user, minlength=log.n_users)


def _starts(log: Log) -> npt.NDArray[np.int64]:
    return np.cumsum(_lengths(log)) - _lengths(log)


def _events(log: Log, chosen: npt.NDArray[np.bool_]) -> Events:
    weight = np.ones(int(chosen.sum()), np.float32)
    return Events(log.user[chosen], log.item[chosen], log.time[chosen], weight, log.n_users, log.n_items)


def _questions(log: Log, asked: npt.NDArray[np.intp], known: npt.NDArray[np.bool_]) -> Questions:
    user, item, time = log.user[known], log.item[known], log.time[known]
    begins, ends = np.searchsorted(user, asked), np.searchsorted(user, asked, side="right")
    histories = (
        History(item[begin:end], time[begin:end], np.ones(end - begin, np.float32))
        for begin, end in zip(begins, ends, strict=True)
    )
    return Questions(asked.astype(np.int32), tuple(histories))
