"""The next-item mixture: the component that makes the events gets the weight; one history scores as one of many."""

import numpy as np
import numpy.typing as npt
import pytest

from personalize_local.engine.base.data import History
from personalize_local.engine.choice.next_item import NextItemMixture, Prefixes
from tests.unit.personalize_local.engine.worlds import events_of, one_hot

N_ITEMS, N_USERS, LENGTH = 12, 300, 12
KINDS = [item % 4 for item in range(N_ITEMS)]
GLANCE, ENQUIRY = 0.5, 1.5


def _fit(items: npt.NDArray[np.int64], weights: npt.NDArray[np.float64] | None = None) -> NextItemMixture:
    users = np.repeat(np.arange(N_USERS), LENGTH)
    events = events_of(users, items.ravel(), n_users=N_USERS, n_items=N_ITEMS, weights=weights)
    share = np.bincount(events.item, minlength=N_ITEMS) / len(events)
    fields = np.zeros(4, np.int32)
    return NextItemMixture.fit(
        events.in_order(), one_hot(KINDS), fields, share, np.ones(N_ITEMS), memory=50.0, reach=100
    )


def _walk(seed: int, step: object) -> npt.NDArray[np.int64]:
    """Items [users, length]: the first at random, each next one by `step(last, rng)`."""
    rng = np.random.default_rng(seed)
    items = np.empty((N_USERS, LENGTH), np.int64)
    items[:, 0] = rng.integers(0, N_ITEMS, N_USERS)
    for place in range(1, LENGTH):
        items[:, place] = [step(last, rng) for last in items[:, place - 1]]  # type: ignore[operator]
    return items


def _repeat(last: int, rng: np.random.Generator) -> int:
    return last if rng.random() < 0.6 else int(rng.integers(0, N_ITEMS))


def _similar(last: int, rng: np.random.Generator) -> int:
    return (last + 4 * int(rng.integers(0, 3))) % N_ITEMS if rng.random() < 0.8 else int(rng.integers(N_ITEMS))


@pytest.mark.parametrize(("step", "component", "share"), [(_repeat, "repeat", 0.55), (_similar, "similar 0", 0.75)])
def test_the_component_that_makes_the_events_is_found(step: object, component: str, share: float) -> None:
    """Where most users repeat the item, or take one of its kind, that component has the largest weight, near their share."""
    model = _fit(_walk(1, step))
    mixing_weights = dict(zip(model.names, model.mixing_weights[1].tolist(), strict=True))
    assert component == max(mixing_weights, key=lambda name: mixing_weights[name])
    assert mixing_weights[component] == pytest.approx(share, abs=0.15)


def test_the_weight_of_the_last_event_decides() -> None:
    """Who only glanced goes on with the item, who enquired does not: the same history, another order."""
    rng = np.random.default_rng(2)
    items = _walk(3, lambda last, rng: int(rng.integers(0, N_ITEMS)))
    weights = np.where(rng.random(items.shape) < 0.5, GLANCE, ENQUIRY)
    for place in range(1, LENGTH):
        goes_on = (weights[:, place - 1] == GLANCE) & (rng.random(N_USERS) < 0.7)
        items[goes_on, place] = items[goes_on, place - 1]
    model = _fit(items, weights.ravel())

    def repeat_after(weight: float) -> float:
        history = History(np.array([3, 7], np.int32), np.arange(2.0), np.array([GLANCE, weight], np.float32))
        return float(np.exp(model.log_probabilities_after(history, 100)[7]))

    assert repeat_after(GLANCE) > 0.5
    assert repeat_after(ENQUIRY) < 0.25


def test_an_empty_history_gets_popular_items() -> None:
    """Without a history the probabilities are the items' shares."""
    model = _fit(_walk(4, lambda last, rng: int(rng.integers(0, 3))))
    np.testing.assert_allclose(np.exp(model.log_probabilities_after(History.empty(), 100)), model.share, rtol=1e-4)


@pytest.mark.parametrize("reach", [100, 3])
def test_one_history_scores_as_one_of_many(reach: int) -> None:
    """The probabilities after one history are those of the same history as the prefix of an event."""
    model = _fit(_walk(5, _similar))
    rng = np.random.default_rng(6)
    n = 40
    users = np.repeat(np.arange(4), 10)
    items, weights = rng.integers(0, N_ITEMS, n), rng.choice([0.5, 1.0, 1.5], n)
    events = events_of(users, items, n_users=4, n_items=N_ITEMS, weights=weights)
    chosen = np.zeros(n, bool)
    chosen[[0, 1, 5, 9, 12, 39]] = True
    many = model.log_probabilities(Prefixes.of(events, chosen, memory=50.0, reach=reach))
    for row, event in zip(many, np.flatnonzero(chosen), strict=True):
        before = slice(event - event % 10, event)
        one = History(events.item[before], events.time[before], events.weight[before])
        np.testing.assert_allclose(row, model.log_probabilities_after(one, reach), rtol=1e-3, atol=1e-3)


def test_hardly_any_events_are_enough() -> None:
    """Without any user the mixing weights are the prior ones."""
    nothing = events_of([], [], n_users=0, n_items=N_ITEMS)
    share = np.full(N_ITEMS, 1 / N_ITEMS)
    attributes = one_hot(KINDS)
    model = NextItemMixture.fit(
        nothing, attributes, np.zeros(4, np.int32), share, np.ones(N_ITEMS), memory=50.0, reach=100
    )
    assert 1 == pytest.approx(model.mixing_weights[1].sum(), rel=1e-4)
    history = History(np.array([1], np.int32), np.zeros(1), np.ones(1, np.float32))
    assert 1 == int(np.argmax(model.log_probabilities_after(history, 100)))
