"""The scores of a version's items for a user, in order, kept for the users who asked last.

Models are deterministic, and none that personalizes looks at the clock: the same history and context have the same
scores.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from personalize_local.data.data_folder import DataFolder
from personalize_local.data.events import LiveEvent
from personalize_local.engine.base.data import Float32, Float64, History, Indices, Int32
from personalize_local.engine.base.models import scores_of_many
from personalize_local.engine.base.scores import ranking, softmax
from personalize_local.serving.loaded_versions import LoadedVersion
from personalize_local.serving.snapshots import HISTORY_LENGTH

KEPT_BYTES = 64 * 1024 * 1024
_BLOCK = 512
_DIGITS = 1e7
"""Scores have seven decimals, as in recorded answers of the service."""


def rounded(shares: Float64) -> Float64:
    """Scores as answers show them."""
    return np.rint(shares * _DIGITS) / _DIGITS


def first_of(order: Indices, allowed: npt.NDArray[np.bool_], wanted: int) -> Indices:
    """The first `wanted` items of the order that are allowed; looks no further than it has to."""
    found: list[Indices] = []
    begin, size = 0, _BLOCK
    while wanted > 0 and begin < len(order):
        block = order[begin : begin + size]
        kept = block[allowed[block]][:wanted]
        found.append(kept)
        wanted -= len(kept)
        begin, size = begin + size, 2 * size
    return np.concatenate(found) if found else order[:0]


@dataclass(frozen=True, slots=True)
class RankedItems:
    """The items that a recipe scores, in order."""

    n_items: int
    """How many items the model knows."""
    order: Indices
    """The items that the recipe scores, the best first."""
    shares: Float64
    """The score of each item of `order`; before they were rounded they summed to one."""

    @classmethod
    def of(cls, raw: Float32, most: int | None) -> Self:
        """The best `most` items in order; all of them when it is None."""
        order = ranking(raw, limit=most)
        return cls(len(raw), order, rounded(softmax(raw, order)))

    def listed(self, allowed: npt.NDArray[np.bool_] | None, wanted: int) -> tuple[list[int], list[float]]:
        """The best `wanted` items that are allowed, and their scores."""
        if allowed is None:
            return self.order[:wanted].tolist(), self.shares[:wanted].tolist()
        kept = np.flatnonzero(allowed[self.order])[:wanted]
        return self.order[kept].tolist(), self.shares[kept].tolist()

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.order.nbytes + self.shares.nbytes


class Kept(Protocol):
    """What can be kept: it knows its size."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        ...


T = TypeVar("T", bound=Kept)


class RecentScores:
    """The scores that were asked for last, up to a number of bytes. Used in one thread."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def holds(self, key: Hashable) -> bool:
        """Whether something is kept under the key."""
        return key in self._kept

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under the key, or else what `make` returns."""
        known: T | None = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        made = self._kept[key] = make()
        self._bytes += made.nbytes
        while self._bytes > self._most:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return made


class ItemScores:
    """Scores of loaded versions. Called in the event loop's thread."""

    def __init__(self, contents: DataFolder) -> None:
        self._contents = contents
        self._recent = RecentScores()

    def ranked(
        self, version: LoadedVersion, user: str | None, item: str | None, given: Mapping[str, str]
    ) -> RankedItems:
        """The items in order: for the user in the given context, or as related to the item that is asked about."""
        most = version.recipe.scored_items
        return self._get("ranked", version, user, item, given, lambda raw: RankedItems.of(raw, most))

    def raw(self, version: LoadedVersion, user: str | None, item: str | None, given: Mapping[str, str]) -> Float32:
        """What the model says of every item, shape [n_items]; not to be written to."""
        return self._get("raw", version, user, item, given, lambda raw: raw)

    def prepare(self, version: LoadedVersion, users: Sequence[str]) -> None:
        """Score all these users at once and keep it: `ranked` and `raw` then find what they need.

        Only where scores are a user's own, and no more users than are kept: `batch_size` of the catalogue.
        """
        recipe, snapshot = version.recipe, version.snapshot
        if not recipe.real_time or recipe.by_item:
            return
        ranking = recipe.type == "PERSONALIZED_RANKING"
        context = version.contexts.numbered({})
        wanted: dict[tuple[Hashable, ...], History] = {}
        for user in users:
            key, make = self._of_user("raw" if ranking else "ranked", version, user, context)
            if not self._recent.holds(key):
                wanted[key] = make()
        if not wanted:
            return
        contexts = None if context is None else [context] * len(wanted)
        scores = scores_of_many(
            snapshot.model, list(wanted.values()), now=self._contents.clock.now(), contexts=contexts
        )
        for key, raw in zip(wanted, scores, strict=True):
            self._recent.get(key, raw.copy if ranking else partial(RankedItems.of, raw, recipe.scored_items))

    def _get(
        self,
        stage: str,
        version: LoadedVersion,
        user: str | None,
        item: str | None,
        given: Mapping[str, str],
        shape: Callable[[Float32], T],
    ) -> T:
        recipe, snapshot = version.recipe, version.snapshot
        context = version.contexts.numbered(given) if recipe.real_time else None

        def score(history: History) -> T:
            return shape(snapshot.model.score(history, now=self._contents.clock.now(), context=context))

        if not recipe.real_time:
            return score(snapshot.history_of_item(item) if recipe.by_item else History.empty())
        if recipe.by_item or user is None:
            history = snapshot.history_of_item(item) if recipe.by_item else History.empty()
            return self._recent.get((*_key(stage, version, context), history.item.tobytes()), lambda: score(history))
        key, history_of_user = self._of_user(stage, version, user, context)
        return self._recent.get(key, lambda: score(history_of_user()))

    def _of_user(
        self, stage: str, version: LoadedVersion, user: str, context: Int32 | None
    ) -> tuple[tuple[Hashable, ...], Callable[[], History]]:
        """Under what the user's scores are kept, and what makes the history behind them."""
        key = _key(stage, version, context)
        live = self._live(version, user)
        if not live and user not in version.snapshot.users:
            return key, History.empty
        # Events only ever follow: as many that end with the same one are the same.
        since = (len(live), live[-1].seq) if live else None
        return (*key, user, since), lambda: history_of(version, user, live)

    def _live(self, version: LoadedVersion, user: str) -> list[LiveEvent]:
        """The user's events since the training."""
        dataset = self._contents.datasets(version.group).get("INTERACTIONS")
        if dataset is None:
            return []
        after = version.snapshot.last_event
        return self._contents.events.of_user(dataset.id, user, after=after, limit=4 * HISTORY_LENGTH)


def _key(stage: str, version: LoadedVersion, context: Int32 | None) -> tuple[Hashable, ...]:
    return stage, version.snapshot.identity, None if context is None else context.tobytes()


def history_of(version: LoadedVersion, user: str, live: Sequence[LiveEvent]) -> History:
    """The user's events up to training and those since, as far as they count."""
    snapshot = version.snapshot
    item, time, weight = snapshot.events_of(user)
    counted = []
    for event in live:
        place = snapshot.places.get(event.item)
        worth = version.rule.weight(event.type, event.value)
        if place is not None and worth > 0:
            counted.append((place, event.at, worth))
    if not counted:
        return History(item, time, weight)
    since = np.array(counted)
    item = np.concatenate([item, since[:, 0].astype(np.int32)])
    time = np.concatenate([time, since[:, 1]])
    weight = np.concatenate([weight, since[:, 2].astype(np.float32)])
    order = np.argsort(time, kind="stable")[-HISTORY_LENGTH:]
    return History(item[order], time[order], weight[order])
