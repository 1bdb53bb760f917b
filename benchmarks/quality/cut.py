"""Where a log is cut into training, validation and a sealed test, and the seal, which opens once, at the end.

Each visitor's last event is the test item and the one before it the validation item; the rest trains. The earlier cut
first forgets everybody's last two events, so that its test item is one on which nothing was ever chosen: there it is
the third event from the end.
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
    """How many of the newest events of each visitor are forgotten before the last two are held out."""

    LEAVE_ONE_OUT = "leave-one-out"
    EARLIER = "earlier-cut"

    @property
    def forgotten(self) -> int:
        """Events of each visitor that nobody sees at all."""
        return {Cut.LEAVE_ONE_OUT: 0, Cut.EARLIER: 2}[self]


class SealError(RuntimeError):
    """Someone wanted to see the test items too early, or twice."""


class Sealed:
    """The test items of the visitors. They come out once, for answers that can no longer change.

    The items are in a closure: no attribute holds them, they are not pickled, and `repr` says nothing.
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
        """The test item of each asked visitor, shape [q]. SealError the second time, or without frozen answers."""
        if not isinstance(answers, FrozenAnswers):
            raise SealError("the test items are for frozen answers only: choose, answer and freeze first")
        answers.verify()
        return self.__open()

    def __reduce__(self) -> NoReturn:
        raise SealError("sealed test items are not copied, pickled or sent to another process")


@dataclass(frozen=True, slots=True)
class Questions:
    """Whom to answer, and what is known of them: `q` visitors of `histories`, in the order of `user`."""

    user: Int32
    histories: tuple[History, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One log, cut: all that a contestant may see, the validation items, and the sealed test items."""

    training: Events
    on_validation: Questions
    """Histories of training events alone."""
    validation: Int32
    """Shape [q]: the item that each of the asked visitors took next."""
    on_test: Questions
    """The same visitors; their histories hold the validation event too."""
    sealed: Sealed


def cut(log: Log, where: Cut) -> Task:
    """The task that the log gives. Visitors with fewer than three events (after forgetting) only train."""
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
