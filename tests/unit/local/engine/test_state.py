"""A visitor who is followed event by event gets the scores that their whole history gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.engine import parts
from local.engine.data import Catalogue, History
from local.engine.models import Model
from local.engine.parts import Parts
from local.engine.registry import MODELS
from local.engine.state import Heard
from tests.unit.local.engine.worlds import lovers

WORLD = lovers()
EVENTS = st.lists(st.tuples(st.integers(0, 21), st.sampled_from([0.0, 0.2, 1.0, 4.0])), max_size=30)


def _history(events: list[tuple[int, float]]) -> History:
    return History(
        np.array([item for item, _ in events], np.int32),
        np.arange(len(events), dtype=np.float64),
        np.array([weight for _, weight in events], np.float32),
    )


@pytest.fixture(scope="module")
def fitted() -> dict[str, Model]:
    return {name: model.fit(WORLD.events, WORLD.catalogue) for name, model in MODELS.items()}


@pytest.mark.parametrize("name", sorted(MODELS))
@settings(deadline=None, derandomize=True, max_examples=25)
@given(events=EVENTS, known=st.integers(0, 30))
def test_event_by_event_is_from_scratch(
    name: str, fitted: dict[str, Model], events: list[tuple[int, float]], known: int
) -> None:
    """Any history, begun with any part of it and continued event by event, scores as the whole does."""
    visitor = fitted[name].visitor(_history(events[:known]))
    for number, (item, weight) in list(enumerate(events))[known:]:
        visitor.update(item, float(number), weight)
    np.testing.assert_allclose(visitor.score(), fitted[name].score(_history(events)), rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("most", [100, 10], ids=["dense", "sparse"])
@settings(deadline=None, derandomize=True, max_examples=40)
@given(events=EVENTS, reach=st.sampled_from([1, 3, 100]))
def test_the_parts_hear_one_row_an_event(most: int, events: list[tuple[int, float]], reach: int) -> None:
    """Whatever the form and the reach, what falls out of reach included, the signals are those of the whole history."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "MAX_ITEMS", most)
        part = _parts(most, reach)
    heard = Heard(part)
    for item, weight in events:
        heard.add(item, weight)
    np.testing.assert_allclose(heard.signals(), part.signals(_history(events)), rtol=1e-2, atol=1e-2)


_FITTED: dict[tuple[int, int], Parts] = {}


def _parts(most: int, reach: int) -> Parts:
    """Parts of this form and reach, fitted once."""
    if (most, reach) not in _FITTED:
        _FITTED[most, reach] = Parts.fit(WORLD.events.in_order(), reach=reach)
    return _FITTED[most, reach]


def test_a_visitor_s_list_is_scored_in_its_order(fitted: dict[str, Model]) -> None:
    """The scores of a list are those of its items, in the list's order."""
    visitor = fitted["sequence"].visitor(_history([(3, 1.0)]))
    np.testing.assert_array_equal(visitor.score()[[7, 2, 7]], visitor.score(items=np.array([7, 2, 7])))


def test_an_event_changes_the_next_scores(fitted: dict[str, Model]) -> None:
    """No training in between: a dog makes dogs likelier for a cat person."""
    visitor = fitted["sequence"].visitor(_history([(3, 1.0), (4, 1.0)]))
    before = visitor.score()
    visitor.update(12, 3.0)
    after = visitor.score()
    assert after[10:20].mean() - after[:10].mean() > before[10:20].mean() - before[:10].mean()


def test_a_visitor_of_a_model_without_parts_is_their_history() -> None:
    """A catalogue too small to teach a stack: the state still answers, from the events."""
    model = MODELS["sequence"].fit(WORLD.events.of(np.arange(3)), Catalogue(22))
    visitor = model.visitor(History.empty())
    visitor.update(2, 1.0)
    np.testing.assert_allclose(visitor.score(), model.score(_history([(2, 1.0)])), rtol=1e-5)
