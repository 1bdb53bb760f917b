"""The event rules of a site move the ranking in the intended direction, on worlds where the answer is known.

Half of the users view items of one kind and enquire about the other kind, half the other way round.
So views alone and enquiries alone lead to opposite tastes, and the event rule decides which of them count.
"""

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue, Events, History
from personalize_local.engine.base.models import Model
from personalize_local.engine.base.scores import ranking, softmax
from personalize_local.engine.recommenders.registry import MODELS
from personalize_local.serving.snapshots import EventRule
from tests.unit.personalize_local.engine.worlds import events_of, history_of, lovers, one_hot

VIEW, ENQUIRY = "DetailView", "AIF"
N_USERS, LENGTH, N_ITEMS = 80, 9, 12
LEFT, RIGHT = tuple(range(6)), tuple(range(6, 12))


def _world(rule: EventRule, values: tuple[float, float] = (1.0, 1.0)) -> Events:
    """Views of one kind and, one event in three, an enquiry about the other; values: of views and of enquiries.

    More people enquire about the right: three visitors of four.
    """
    rng = np.random.default_rng(8)
    users = np.repeat(np.arange(N_USERS), LENGTH)
    enquiry = rng.random(len(users)) < 1 / 3
    right = (users % 4 > 0) == enquiry
    items = rng.integers(0, 6, len(users)) + np.where(right, RIGHT[0], LEFT[0])
    weights = [
        rule.weight(ENQUIRY, values[1]) if enquires else rule.weight(VIEW, values[0]) for enquires in enquiry.tolist()
    ]
    return events_of(users, items, n_users=N_USERS, n_items=N_ITEMS, weights=weights)


def _model(rule: EventRule, values: tuple[float, float] = (1.0, 1.0)) -> Model:
    return MODELS["sequence"].fit(_world(rule, values), Catalogue(N_ITEMS, one_hot([0] * 6 + [1] * 6)))


def _share_of_the_right(model: Model, history: History | None = None) -> float:
    return float(softmax(model.score(history or History.empty()))[list(RIGHT)].sum())


def _weights(view: float, enquiry: float) -> EventRule:
    return EventRule(None, None, {VIEW.lower(): (view, None), ENQUIRY.lower(): (enquiry, None)})


def test_the_weights_of_event_types_decide_what_is_popular() -> None:
    """Views lead to the left, enquiries to the right: the heavier a type, the nearer the list to its side."""
    shares = [_share_of_the_right(_model(_weights(*weights))) for weights in ((1.0, 0.0), (1.0, 1.0), (0.1, 1.0))]
    assert shares == sorted(shares)
    assert shares[0] < 0.35
    assert shares[2] > 0.55


def test_only_the_event_type_that_is_asked_for_counts() -> None:
    """A solution for enquiries learns from enquiries alone, one for views from views alone."""
    assert _share_of_the_right(_model(EventRule(ENQUIRY, None, None))) > 0.6
    assert _share_of_the_right(_model(EventRule(VIEW, None, None))) < 0.4


def test_events_below_the_value_threshold_count_for_nothing() -> None:
    """With views of value 1 and enquiries of value 5 a threshold of 3 turns the list round."""
    values = (1.0, 5.0)
    without, with_threshold = (EventRule(None, threshold, None) for threshold in (None, 3.0))
    assert _share_of_the_right(_model(without, values)) < 0.5 < _share_of_the_right(_model(with_threshold, values))


@pytest.mark.parametrize(("heavy", "own"), [(0, "left"), (1, "right")])
def test_the_heavier_event_of_a_history_decides(heavy: int, own: str) -> None:
    """Of an event on each side the heavier one is followed, whatever came last."""
    world = lovers(n_users=40)
    model = MODELS["sequence"].fit(world.events, world.catalogue)
    history = History(
        np.array([2, 12], np.int32), np.arange(2.0), np.where(np.arange(2) == heavy, 1.0, 0.1).astype(np.float32)
    )
    dogs = float(softmax(model.score(history))[10:20].sum())
    assert own == ("right" if dogs > 0.5 else "left")


def test_what_is_adopted_already_is_left_out() -> None:
    """Without the excluded items the others keep their order, and their probabilities sum to one again."""
    world = lovers(n_users=40)
    scores = MODELS["sequence"].fit(world.events, world.catalogue).score(history_of(2, 5, 5))
    adopted = ranking(scores, limit=3).tolist()
    allowed = np.array([item for item in range(len(scores)) if item not in adopted])
    left = ranking(scores, allowed).tolist()
    assert [item for item in ranking(scores).tolist() if item not in adopted] == left
    assert 1 == pytest.approx(softmax(scores, allowed).sum())
