"""The trends of aws-trending-now versions as they are now: events put since the training join at each interval's end.

Source: developer guide, "Trending-Now recipe": the list is made anew every interval, without training, and holds new
items too.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from personalize_local.data.data_folder import DataFolder
from personalize_local.data.events import EventRow
from personalize_local.engine.base.data import Float32
from personalize_local.engine.recommenders.trending import TrendingModel
from personalize_local.serving.loaded_versions import LoadedVersion
from personalize_local.serving.snapshots import Snapshot


class Trends:
    """Keeps what it computed for a version until the next interval."""

    def __init__(self, contents: DataFolder) -> None:
        self._contents = contents
        self._now: dict[str, tuple[float, LoadedVersion]] = {}

    def current(self, version: LoadedVersion) -> LoadedVersion:
        """The version; one of trends with the events, and their items, that came until the last interval's end."""
        trained = version.snapshot.trained
        if not isinstance(trained, TrendingModel):
            return version
        end = trained.interval_end(self._contents.clock.now())
        known = self._now.get(version.arn)
        if known is None or known[0] != end:
            known = self._now[version.arn] = (end, self._joined(trained, version, end))
        return known[1]

    def _joined(self, trained: TrendingModel, version: LoadedVersion, end: float) -> LoadedVersion:
        dataset = self._contents.datasets(version.group).get("INTERACTIONS")
        if dataset is None:
            return version
        reader = self._contents.events.reader()
        try:
            events = [
                event
                for event in reader.events(dataset.id, after=version.snapshot.last_event)
                if event.item is not None and event.at < end
            ]
        finally:
            reader.close()
        places = dict(version.snapshot.places)
        for event in events:
            places.setdefault(str(event.item), len(places))
        counted = [(places[str(event.item)], event.at, _weight(version, event)) for event in events]
        item, time, weight = np.array(counted).reshape(-1, 3).T
        more = len(places) - len(version.snapshot.items)
        model = replace(trained, log_share=_with_rarest(trained.log_share, more))
        joined = model.with_events(item.astype(np.int32), time, weight.astype(np.float32))
        return replace(version, snapshot=_with_items(version.snapshot, joined, places))


def _weight(version: LoadedVersion, event: EventRow) -> float:
    return version.rule.weight(event.type, event.value)


def _with_rarest(log_share: Float32, more: int) -> Float32:
    """The items' shares of users, with `more` items that are as rare as the rarest."""
    return np.concatenate([log_share, np.full(more, log_share.min(initial=0.0), np.float32)])


def _with_items(snapshot: Snapshot, model: TrendingModel, places: Mapping[str, int]) -> Snapshot:
    """The snapshot with items after its own; nobody had anything to do with them before."""
    new = np.arange(len(snapshot.items), len(places))
    return replace(
        snapshot,
        trained=model,
        items=tuple(places),
        places=dict(places),
        popularity=np.concatenate([snapshot.popularity, np.zeros(len(new), np.int64)]),
        popular=np.concatenate([snapshot.popular, new]),
    )
