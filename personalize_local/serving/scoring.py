"""What a solution version's model says of its items to a visitor, kept for the visitors of late.

Models are deterministic, and none that personalizes looks at the clock: the same history and context have the same
scores.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from personalize_local.data.data_folder import DataFolder
from personalize_local.data.events import LiveEvent
from personalize_local.engine.base.data import Float32, History, Int32
from personalize_local.engine.base.models import scores_of_many
from personalize_local.serving.ranked import Kept, Ranked, RecentScores
from personalize_local.serving.served import Served
from personalize_local.serving.snapshots import HISTORY_LENGTH

T = TypeVar("T", bound=Kept)


class Scoring:
    """Scores of served versions. Called in the event loop's thread."""

    def __init__(self, service: DataFolder) -> None:
        self._service = service
        self._recent = RecentScores()

    def ranked(self, served: Served, visitor: str | None, item: str | None, given: Mapping[str, str]) -> Ranked:
        """The items in order: for the visitor in the given context, or as related to the item that is asked about."""
        most = served.recipe.scored_items
        return self._get("ranked", served, visitor, item, given, lambda raw: Ranked.of(raw, most))

    def raw(self, served: Served, visitor: str | None, item: str | None, given: Mapping[str, str]) -> Float32:
        """What the model says of every item, shape [n_items]; not to be written to."""
        return self._get("raw", served, visitor, item, given, lambda raw: raw)

    def prepare(self, served: Served, visitors: Sequence[str]) -> None:
        """Score all these visitors at once and keep it: `ranked` and `raw` then find what they need.

        Only where scores are a visitor's own, and no more visitors than are kept: `batch_size` of the catalogue.
        """
        recipe, snapshot = served.recipe, served.snapshot
        if not recipe.real_time or recipe.by_item:
            return
        ranking = recipe.type == "PERSONALIZED_RANKING"
        context = served.contexts.numbered({})
        wanted: dict[tuple[Hashable, ...], History] = {}
        for visitor in visitors:
            key, make = self._of_visitor("raw" if ranking else "ranked", served, visitor, context)
            if not self._recent.holds(key):
                wanted[key] = make()
        if not wanted:
            return
        contexts = None if context is None else [context] * len(wanted)
        scores = scores_of_many(snapshot.model, list(wanted.values()), now=self._service.clock.now(), contexts=contexts)
        for key, raw in zip(wanted, scores, strict=True):
            self._recent.get(key, raw.copy if ranking else partial(Ranked.of, raw, recipe.scored_items))

    def _get(
        self,
        what: str,
        served: Served,
        visitor: str | None,
        item: str | None,
        given: Mapping[str, str],
        shape: Callable[[Float32], T],
    ) -> T:
        recipe, snapshot = served.recipe, served.snapshot
        context = served.contexts.numbered(given) if recipe.real_time else None

        def made(history: History) -> T:
            return shape(snapshot.model.score(history, now=self._service.clock.now(), context=context))

        if not recipe.real_time:
            return made(snapshot.about(item) if recipe.by_item else History.empty())
        if recipe.by_item or visitor is None:
            history = snapshot.about(item) if recipe.by_item else History.empty()
            return self._recent.get((*_key(what, served, context), history.item.tobytes()), lambda: made(history))
        key, history_of_visitor = self._of_visitor(what, served, visitor, context)
        return self._recent.get(key, lambda: made(history_of_visitor()))

    def _of_visitor(
        self, what: str, served: Served, visitor: str, context: Int32 | None
    ) -> tuple[tuple[Hashable, ...], Callable[[], History]]:
        """Under what the visitor's scores are kept, and what makes the history behind them."""
        key = _key(what, served, context)
        live = self._live(served, visitor)
        if not live and visitor not in served.snapshot.visitors:
            return key, History.empty
        # Events only ever follow: as many that end with the same one are the same.
        since = (len(live), live[-1].seq) if live else None
        return (*key, visitor, since), lambda: history_of(served, visitor, live)

    def _live(self, served: Served, visitor: str) -> list[LiveEvent]:
        """The visitor's events since the training."""
        dataset = self._service.datasets(served.group).get("INTERACTIONS")
        if dataset is None:
            return []
        after = served.snapshot.last_event
        return self._service.events.of_visitor(dataset.id, visitor, after=after, limit=4 * HISTORY_LENGTH)


def _key(what: str, served: Served, context: Int32 | None) -> tuple[Hashable, ...]:
    return what, served.snapshot.identity, None if context is None else context.tobytes()


def history_of(served: Served, visitor: str, live: Sequence[LiveEvent]) -> History:
    """The visitor's events up to training and those since, as far as they count."""
    snapshot = served.snapshot
    trained = snapshot.history(visitor)
    counted = []
    for event in live:
        place = snapshot.places.get(event.item)
        weight = served.rule.weight(event.type, event.value)
        if place is not None and weight > 0:
            counted.append((place, event.at, weight))
    if not counted:
        return trained
    since = np.array(counted)
    item = np.concatenate([trained.item, since[:, 0].astype(np.int32)])
    time = np.concatenate([trained.time, since[:, 1]])
    weights = np.concatenate([trained.weight, since[:, 2].astype(np.float32)])
    order = np.argsort(time, kind="stable")[-HISTORY_LENGTH:]
    return History(item[order], time[order], weights[order])
