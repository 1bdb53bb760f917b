"""What the model of aws-sims promises beyond what all item-to-item models do."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from personalize_local.engine.base.data import Catalogue, Events
from personalize_local.engine.base.percentiles import within_percentiles
from personalize_local.engine.base.scores import ranking
from personalize_local.engine.linear.cooccurrence import Cooccurrence
from personalize_local.engine.recommenders.sims import SimsModel
from tests.unit.personalize_local.engine.worlds import events_of, history_of


def _baskets(*baskets: Sequence[int], n_items: int) -> Events:
    users = np.repeat(np.arange(len(baskets)), [len(basket) for basket in baskets])
    return events_of(users, [item for basket in baskets for item in basket], n_users=len(baskets), n_items=n_items)


def test_users_in_common_are_counted_once_each() -> None:
    """A user who comes back counts once for a pair, and no item is its own neighbour."""
    counts = Cooccurrence.of(_baskets((0, 1, 0, 1), (1, 0), (2,), n_items=3))
    assert [[0, 2, 0], [2, 0, 0], [0, 0, 0]] == counts.common.toarray().tolist()
    assert [2, 2, 1] == counts.users.tolist()


def test_pairs_need_enough_users() -> None:
    """Two items with fewer users in common than min_cointeraction_count are no neighbours."""
    events = _baskets(*[(0, 1)] * 3, *[(0, 2)] * 2, *[(3, 2)] * 9, n_items=4)

    def order(count: float) -> list[int]:
        model = SimsModel.fit(events, Catalogue(4), min_cointeraction_count=count, popularity_discount_factor=0.0)
        return [int(item) for item in ranking(model.score(history_of(0)))]

    assert [1, 2, 3, 0] == order(2)
    assert 1 == order(3)[0]
    assert 0 == SimsModel.fit(events, Catalogue(4), min_cointeraction_count=10).similar.nnz


def test_unusual_users_and_items_are_left_out() -> None:
    """A robot that meets everything makes no neighbours, and an item that everybody meets is nobody's neighbour."""
    robot = list(range(6)) * 5
    events = _baskets(*[(0, 1, 5)] * 6, *[(2, 3, 5)] * 6, robot, n_items=6)
    options: dict[str, Any] = {"min_cointeraction_count": 1.0}
    every = SimsModel.fit(events, Catalogue(6), **options)
    assert every.similar[0, 2] != 0 or every.similar[0].nnz == 5
    without_robot = SimsModel.fit(events, Catalogue(6), max_user_history_length_percentile=0.9, **options)
    assert [1, 5] == sorted(without_robot.similar[0].indices.tolist())
    without_both = SimsModel.fit(
        events,
        Catalogue(6),
        max_user_history_length_percentile=0.9,
        max_item_interaction_count_percentile=0.8,
        **options,
    )
    assert [1] == without_both.similar[0].indices.tolist()


def test_percentiles_are_of_those_with_events() -> None:
    """Both borders are included; what has no event is never chosen."""
    counts = np.array([0, 1, 2, 3, 4, 5])
    assert [False, True, True, True, True, True] == within_percentiles(counts, 0.0, 1.0).tolist()
    assert [False, False, True, True, True, False] == within_percentiles(counts, 0.25, 0.75).tolist()
    assert not within_percentiles(np.zeros(3), 0.0, 1.0).any()
