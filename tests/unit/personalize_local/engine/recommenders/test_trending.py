"""What the model of aws-trending-now promises: growth from one interval to the next, on a clock."""

from pathlib import Path

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue, Events, History
from personalize_local.engine.base.scores import ranking
from personalize_local.engine.recommenders.trending import REFRESH_SECONDS, TrendingModel

HOUR = 3600.0
START = 1000 * REFRESH_SECONDS


def _events(*counts: tuple[int, float, int], n_items: int = 4) -> Events:
    """`n` events of an item at a time each, by users of their own: (item, hours after the start, n)."""
    item = np.repeat([one[0] for one in counts], [one[2] for one in counts])
    time = np.repeat([START + HOUR * one[1] for one in counts], [one[2] for one in counts])
    n = len(item)
    return Events(np.arange(n, dtype=np.int32), item.astype(np.int32), time, np.ones(n, np.float32), n, n_items)


def _order(model: TrendingModel, hours: float) -> list[int]:
    return [int(item) for item in ranking(model.score(History.empty(), now=START + hours * HOUR))]


# Item 0 is loved by all and steady, item 1 rises, item 2 rises more slowly, item 3 falls.
WORLD = _events((0, 0.5, 50), (0, 1.5, 50), (1, 0.5, 2), (1, 1.5, 20), (2, 1.5, 9), (3, 0.5, 30), (3, 1.5, 5))


def test_what_grows_comes_first() -> None:
    """By growth, then by popularity: the rising items before the popular one, which does not grow."""
    assert [1, 2, 0, 3] == _order(TrendingModel.fit(WORLD, Catalogue(4), interval=HOUR), 2.0)


def test_without_news_the_popular_items_come() -> None:
    """No event in the last two intervals: the whole list is by popularity."""
    assert [0, 3, 1, 2] == _order(TrendingModel.fit(WORLD, Catalogue(4), interval=HOUR), 10.0)


def test_the_list_stands_still_within_an_interval() -> None:
    """Half an hour later in the same hour nothing has changed; an hour later everything has."""
    model = TrendingModel.fit(WORLD, Catalogue(4), interval=HOUR)
    assert _order(model, 2.0) == _order(model, 2.9)
    assert _order(model, 2.0) != _order(model, 3.0)


@pytest.mark.parametrize(("interval", "refresh"), [(1800.0, 1800.0), (10800.0, 7200.0), (86400.0, 7200.0)])
def test_long_intervals_are_looked_at_every_two_hours(interval: float, refresh: float) -> None:
    """A trend over a day is told anew every two hours, one over half an hour every half hour."""
    model = TrendingModel.fit(WORLD, Catalogue(4), interval=interval)
    assert START == model.interval_end(START + refresh - 1)
    assert START + refresh == model.interval_end(START + refresh)


def test_events_join_without_training() -> None:
    """New events of the next interval make another item the fastest, from its end on."""
    model = TrendingModel.fit(WORLD, Catalogue(4), interval=HOUR)
    n = 80
    joined = model.with_events(np.full(n, 3, np.int32), np.full(n, START + 2.5 * HOUR), np.ones(n, np.float32))
    assert _order(model, 2.0) == _order(joined, 2.0)
    assert 3 == _order(joined, 3.0)[0]


def test_what_joined_is_kept_on_disk(tmp_path: Path) -> None:
    """Interval and events are part of the stored model."""
    model = TrendingModel.fit(WORLD, Catalogue(4), interval=HOUR)
    model.save(tmp_path)
    assert _order(model, 2.0) == _order(TrendingModel.load(tmp_path), 2.0)


def test_old_events_are_dropped() -> None:
    """Of a long log only what an interval can still see is kept."""
    model = TrendingModel.fit(_events((0, -100, 50), (1, 0.5, 3)), Catalogue(4), interval=HOUR)
    assert [1, 1, 1] == model.item.tolist()


def test_an_interval_of_nothing_is_refused() -> None:
    """An interval must last."""
    with pytest.raises(ValueError, match="interval must be positive, not 0"):
        TrendingModel.fit(WORLD, Catalogue(4), interval=0.0)
