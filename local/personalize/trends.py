"""The trends of aws-trending-now versions as they are now: events put since the training join at each interval's end.

Source: developer guide, "Trending-Now recipe": the list is made anew every interval, without training. Events of items
that the training has not seen do not count before the next one.
"""

import numpy as np

from local.engine.models import Model
from local.engine.trending import TrendingModel
from local.personalize.contents import Contents
from local.personalize.events import EventReader
from local.personalize.served import Served


class Trends:
    """Keeps what it computed for a version until the next interval."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._now: dict[str, tuple[float, TrendingModel]] = {}

    def model(self, served: Served) -> Model:
        """The version's model; for a model of trends, with the events that came until the last interval's end."""
        trained = served.snapshot.model
        if not isinstance(trained, TrendingModel):
            return trained
        end = trained.interval_end(self._contents.clock.now())
        known = self._now.get(served.arn)
        if known is None or known[0] != end:
            known = self._now[served.arn] = (end, self._joined(trained, served, end))
        return known[1]

    def _joined(self, trained: TrendingModel, served: Served, end: float) -> TrendingModel:
        snapshot, dataset = served.snapshot, self._contents.datasets(served.group).get("INTERACTIONS")
        if dataset is None:
            return trained
        reader = EventReader(self._contents.events_path)
        try:
            counted = [
                (snapshot.places[event.item], event.at, served.rule.weight(event.type, event.value))
                for event in reader.events(dataset.id, after=snapshot.last_event)
                if event.item in snapshot.places and event.at < end
            ]
        finally:
            reader.close()
        item, time, weight = np.array(counted).reshape(-1, 3).T
        return trained.with_events(item.astype(np.int32), time, weight.astype(np.float32))
