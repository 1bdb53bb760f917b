"""The neural network, and its ensemble with the closed form."""

from collections.abc import Iterator

import numpy as np
import pytest

from personalize_local.engine.base.data import Events, Float32, Float64, History
from personalize_local.engine.base.scores import softmax
from personalize_local.engine.ranking import network
from personalize_local.engine.ranking.ensemble import Ensemble
from personalize_local.engine.ranking.network import Network
from personalize_local.engine.ranking.training_queries import Query, newest_of, training_queries
from tests.unit.personalize_local.engine.worlds import LENGTH, MET, SIDES, history_of, third, two_together


@pytest.fixture(scope="module")
def trained() -> Network:
    return Network.fit(two_together(0), seed=1)


@pytest.fixture
def small() -> Iterator[tuple[Events, network._Training, dict[str, Float64]]]:
    """Some events of many weights, and a training in double precision that leaves nothing out."""
    rng = np.random.default_rng(4)
    n, n_items = 40, 9
    user = np.sort(rng.integers(0, 5, n)).astype(np.int32)
    item, weight = rng.integers(0, n_items, n).astype(np.int32), rng.choice([0.0, 0.5, 1.0, 2.0], n).astype(np.float32)
    events = Events(user, item, np.arange(n, dtype=np.float64), weight, 5, n_items)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "_DROPOUT", np.float32(0))
        made = Network.fit(events, seed=0)
        exact = {name: 0.3 * rng.standard_normal(array.shape) for name, array in made.weights.items()}
        training = network._Training(events, made.row_of_item, made.weights, rng)
        training._weights = exact  # type: ignore[assignment]
        yield events, training, exact


def test_the_slopes_are_those_of_the_likelihood(
    small: tuple[Events, network._Training, dict[str, Float64]],
) -> None:
    """Each slope is what the loss gains by a little of each weight, the loss as histories are served."""
    events, training, exact = small
    targets = training._targets
    served = Network(np.unique(events.item).astype(np.intp), _places(events), exact)  # type: ignore[arg-type]

    def loss() -> float:
        lost = 0.0
        for event in targets.tolist():
            first = int(np.searchsorted(events.user, events.user[event]))
            seen = slice(first, event)
            history = History(events.item[seen], events.time[seen], events.weight[seen])
            logits = served.logits(history).astype(np.float64)
            came = served.row_of_item[events.item[event]]
            lost += float(events.weight[event]) * (np.log(np.exp(logits).sum()) - logits[came])
        return lost / len(targets)

    gradients = training._gradients(targets)
    rng = np.random.default_rng(2)
    assert gradients.keys() == exact.keys()
    for name, array in exact.items():
        flat = array.reshape(-1)
        for index in rng.integers(0, flat.size, 4).tolist():
            kept = flat[index]
            sides = []
            for little in (1e-4, -1e-4):
                flat[index] = kept + little
                sides.append(loss())
            flat[index] = kept
            expected = (sides[0] - sides[1]) / 2e-4
            assert gradients[name].reshape(-1)[index] == pytest.approx(expected, rel=2e-3, abs=2e-5), name


def _places(events: Events) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    index = np.full(events.n_items, -1, np.intp)
    seen = np.unique(events.item)
    index[seen] = np.arange(len(seen))
    return index


def test_it_learns_what_no_sum_can_say(trained: Network) -> None:
    """On users of another draw it predicts which of two items is next, in nine of ten cases; a sum can only guess."""
    others = two_together(5, 40)
    first = []
    for begin in range(0, len(others), LENGTH):
        seen = slice(begin, begin + LENGTH - 1)
        history = History(others.item[seen], others.time[seen], others.weight[seen])
        first.append(int(SIDES + np.argmax(trained.logits(history)[SIDES:MET])) == int(others.item[begin + LENGTH - 1]))
    assert np.mean(first) > 0.9


def test_the_same_events_give_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit; another seed gives another one."""
    monkeypatch.setattr(network, "_MIN_STEPS", 50)
    events = two_together(0, 60)
    one, same, other = (Network.fit(events, seed=seed).logits(history_of(1, 2, 3)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_network_goes_on_with_new_events_and_items(trained: Network) -> None:
    """What it knew stays, and it learns after which item a new one comes."""
    events = two_together(0)
    user = np.repeat(np.arange(events.n_users, dtype=np.int32), 2)
    item = np.tile(np.array([3, MET], np.int32), events.n_users)
    time, weight = np.full(len(user), 1e9), np.ones(len(user), np.float32)
    more = Events(
        np.append(events.user, user),
        np.append(events.item, item),
        np.append(events.time, time),
        np.append(events.weight, weight),
        events.n_users,
        events.n_items,
    )
    after = Network.fit(more.in_order(), seed=1, start=trained)
    assert [*range(MET + 1)] == after.head.tolist()
    of_new = [after.logits(history_of(1, 2, 13, last))[MET] for last in (3, 4)]
    assert of_new[0] > of_new[1] + 1
    for first, second in ((7, 8), (3, 5), (11, 4)):
        probabilities = after.logits(history_of(1, 2, 13, first, second))
        assert third(np.array(first), np.array(second)) == SIDES + np.argmax(probabilities[SIDES:MET])


@pytest.mark.parametrize(
    "history",
    [history_of(MET + 1), history_of(1, weight=0.0), history_of(*[1, 2] * 200), History.empty()],
    ids=["unknown", "weightless", "long", "empty"],
)
def test_every_history_has_finite_logits(trained: Network, history: History) -> None:
    """Items without events, events that do not count, and more of them than are read."""
    logits = trained.logits(history)
    assert (MET,) == logits.shape
    assert np.isfinite(logits).all()


def _queries(events: Events) -> list[Query]:
    return list(training_queries(events, newest_of(events), np.random.default_rng(0)))


def _flat(history: History) -> Float32:
    return np.zeros(MET + 2, np.float32)


def _knowing(history: History) -> Float32:
    scores = np.zeros(MET + 2, np.float32)
    if history.item[-1] < SIDES:
        scores[SIDES:] = -3
        scores[third(history.item[-2:][:1], history.item[-1:])] = 1
    return scores


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    events = two_together(0)
    return Ensemble.fit(events.of(~newest_of(events)), _queries(events), _flat, seed=0)


def test_the_ensemble_weights_who_predicts_better(ensemble: Ensemble) -> None:
    """With an uninformative closed form the networks get the weight; with a good one, bad networks hardly any."""
    events = two_together(0)
    noise = np.random.default_rng(6).permutation(events.item)
    ignorant = Events(events.user, noise, events.time, events.weight, events.n_users, events.n_items)
    beside = Ensemble.fit(ignorant.of(~newest_of(events)), _queries(events), _knowing, seed=0)
    assert ensemble.weights[1] > 0.5
    assert beside.weights[0] > 5 * abs(beside.weights[1])


def test_items_without_events_keep_their_probability(ensemble: Ensemble) -> None:
    """The ensemble changes the probabilities of the items with events; the others keep those of the closed form."""
    history = history_of(2, 3, 8)
    closed_form = np.linspace(-1, 1, MET + 2).astype(np.float32)
    scores, network_logits = ensemble.combine(history, closed_form)
    before, after = softmax(closed_form), softmax(scores)
    np.testing.assert_allclose(after[MET:], before[MET:], rtol=1e-4)
    assert not np.allclose(after[:MET], before[:MET], rtol=0.1)
    assert network_logits[MET] == network_logits.min()


def test_an_ensemble_is_restored_from_arrays(ensemble: Ensemble) -> None:
    """Read from its arrays, among other arrays, it gives the same scores."""
    stored = {**ensemble.arrays(), "parts_head": np.arange(3)}
    closed_form = _flat(history_of(1))
    for kept, read in zip(
        ensemble.combine(history_of(3, 4), closed_form),
        Ensemble.of_arrays(stored).combine(history_of(3, 4), closed_form),
        strict=True,
    ):
        np.testing.assert_array_equal(kept, read)
