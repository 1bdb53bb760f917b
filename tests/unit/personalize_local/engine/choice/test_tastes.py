"""Tastes: those that made a world are found again, and few events are enough for a user."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, Int32
from personalize_local.engine.base.scores import softmax
from personalize_local.engine.choice import tastes
from personalize_local.engine.choice.tastes import REPEAT_WEIGHT, Tastes, taste_weights
from tests.unit.personalize_local.engine.worlds import one_hot

N_USERS, LENGTH, N_ITEMS = 400, 20, 24


def _world() -> tuple[Events, sparse.csr_matrix, Float32]:
    """Users who prefer one of four kinds of item, each to their own degree: a logit with known tastes.

    Items 0..19 have events, 20..23 are new, one of each kind. Returns events, attributes and the tastes [users, 4].
    """
    rng = np.random.default_rng(11)
    kinds = np.r_[np.arange(20) % 4, np.arange(4)]
    wants = rng.normal(0.0, 1.5, (N_USERS, 4)).astype(np.float32)
    probabilities = np.exp(wants[:, kinds[:20]])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    items = np.array([rng.choice(20, LENGTH, p=one) for one in probabilities]).ravel()
    n = len(items)
    events = Events(
        np.repeat(np.arange(N_USERS), LENGTH).astype(np.int32),
        items.astype(np.int32),
        np.arange(n, dtype=np.float64),
        np.ones(n, np.float32),
        N_USERS,
        N_ITEMS,
    )
    return events, one_hot(kinds.tolist()), wants


@pytest.fixture(scope="module")
def world() -> tuple[Events, sparse.csr_matrix, Float32]:
    return _world()


@pytest.fixture(scope="module")
def fitted(world: tuple[Events, sparse.csr_matrix, Float32]) -> Tastes:
    return _fit(*world[:2])


def _fit(
    events: Events, attributes: sparse.csr_matrix, start: Tastes | None = None, fields: Int32 | None = None
) -> Tastes:
    exposure = np.r_[np.ones(20), np.zeros(4)]
    fields = np.zeros(attributes.shape[1], np.int32) if fields is None else fields
    return Tastes.fit(events, attributes, np.full(N_ITEMS, 1 / N_ITEMS), exposure, fields=fields, start=start)


def _chances(model: Tastes, items: list[int]) -> Float32:
    rows = sparse.csr_matrix(np.bincount(items, minlength=N_ITEMS)[None].astype(np.float32))
    sums = np.asarray(rows @ model.loadings, np.float32)
    probabilities: Float32 = np.exp(model.log_probabilities(sums, np.array([len(items)], np.float32)))[0]
    return probabilities


def test_the_probabilities_of_users_are_found(world: tuple[Events, sparse.csr_matrix, Float32], fitted: Tastes) -> None:
    """After a user's twenty events the probabilities of the four kinds are near those that made the events."""
    events, _, wants = world
    far = []
    for user in range(0, N_USERS, 4):
        found = _chances(fitted, events.item[events.user == user].tolist())[:20]
        true = softmax(wants[user][np.arange(20) % 4])
        far.append(np.abs(found / found.sum() - true).sum() / 2)
    assert np.mean(far) < 0.12


def test_an_item_without_events_has_the_loadings_of_its_kind(fitted: Tastes) -> None:
    """Who looks at one kind gets the new item of that kind before the other new ones."""
    for kind in range(4):
        found = _chances(fitted, [kind, kind + 4, kind + 8, kind + 12])
        assert 20 + kind == 20 + int(np.argmax(found[20:]))


def test_an_item_of_an_unseen_breed_follows_its_other_attributes(
    world: tuple[Events, sparse.csr_matrix, Float32],
) -> None:
    """A breed without events has loadings near 0: its item goes to users of other breeds of its kind."""
    events, kinds, _ = world
    breeds = one_hot([*(item % 4 + 4 * (item >= 12) for item in range(20)), *range(8, 12)])
    fields = np.repeat([0, 1], [4, 12]).astype(np.int32)
    model = _fit(events, sparse.csr_matrix(sparse.hstack([kinds, breeds])), fields=fields)
    seen, unseen = model.attribute_loadings[4:12], model.attribute_loadings[12:]
    assert np.abs(unseen).max() < 0.1 * np.abs(seen).max()
    for kind in range(4):
        found = _chances(model, [kind, kind + 4, kind + 12, kind + 16])
        assert 20 + kind == 20 + int(np.argmax(found[20:]))


def test_only_items_of_unseen_breeds_have_a_large_variance(
    world: tuple[Events, sparse.csr_matrix, Float32], fitted: Tastes
) -> None:
    """Items with events have no variance, a new item of a known kind nearly none, one of an unseen breed that of breeds."""
    events, kinds, _ = world
    breeds = one_hot([*(item % 4 + 4 * (item >= 12) for item in range(20)), *range(8, 12)])
    fields = np.repeat([0, 1], [4, 12]).astype(np.int32)
    model = _fit(events, sparse.csr_matrix(sparse.hstack([kinds, breeds])), fields=fields)
    among = (model.attribute_loadings[4:12] ** 2).mean()
    assert 0 == np.abs(model.cold_variance[:20]).max()
    np.testing.assert_allclose(model.cold_variance[20:], among, rtol=0.2)
    assert 0 == np.abs(fitted.cold_variance[:20]).max()
    assert fitted.cold_variance[20:].max() < 0.01 * (fitted.attribute_loadings**2).mean()


def test_the_variance_of_an_item_counts_as_the_mean_over_its_loadings(fitted: Tastes) -> None:
    """For a known taste the logit of an item with variance grows as on average over draws of its loadings."""
    cold_variance = np.zeros(N_ITEMS, np.float32)
    cold_variance[20] = 0.02
    sums, amount = 200 * fitted.loadings[[0]], np.array([200], np.float32)
    known = fitted.posterior(sums, amount)
    draws = np.random.default_rng(1).normal(0.0, np.sqrt(0.02), (100_000, fitted.dimensions)) @ known.mean[0]
    placed, open_ = (
        replace(fitted, cold_variance=one).log_probabilities(sums, amount)[0]
        for one in (np.zeros_like(cold_variance), cold_variance)
    )
    gained = (open_[20] - open_[21]) - (placed[20] - placed[21])
    assert gained == pytest.approx(np.log(np.exp(draws).mean()), abs=0.1)


def test_the_variance_of_a_taste_counts_less_with_attributes(fitted: Tastes, monkeypatch: pytest.MonkeyPatch) -> None:
    """With attributes items with large loadings gain half as much from a wide posterior as without."""

    def gain(model: Tastes) -> Float32:
        nothing = np.zeros((1, model.dimensions), np.float32)
        spread = model.log_probabilities(nothing, np.zeros(1, np.float32))[0] - model.item_bias
        return np.asarray(spread - spread[0], np.float32)

    fitted = replace(fitted, cold_variance=np.zeros(N_ITEMS, np.float32))
    alone = replace(fitted, attribute_loadings=np.zeros((0, fitted.dimensions), np.float32))
    np.testing.assert_allclose(gain(fitted), gain(alone) / 2, atol=1e-4)
    monkeypatch.setattr(tastes, "_VARIANCE_BONUS_WITH_ATTRIBUTES", 1.0)
    np.testing.assert_array_equal(gain(fitted), gain(alone))


def test_each_event_makes_a_kind_likelier(fitted: Tastes) -> None:
    """Each event raises the probability, each further one by less, and all probabilities sum to one."""
    shares = []
    for count in range(6):
        found = _chances(fitted, [0] * count)
        assert 1 == pytest.approx(found.sum(), rel=1e-4)
        shares.append(found[0:20:4].sum())
    gained = np.diff(shares)
    assert (gained > 0).all()
    assert gained[4] < gained[0]


def test_the_mode_is_found_from_sums_alone(fitted: Tastes) -> None:
    """At the mode the events' loadings balance the predicted ones and the prior, whatever the size of the history."""
    for amount in (0.1, 3.0, 100.0):
        sums = (amount * fitted.loadings[3])[None]
        mean = fitted.posterior(sums, np.array([amount], np.float32)).mean
        slope = sums - amount * fitted.item_space.shares(mean) @ fitted.loadings - mean
        np.testing.assert_allclose(slope, 0.0, atol=2e-3 * max(1.0, amount))


def test_more_events_leave_less_unknown(fitted: Tastes) -> None:
    """The posterior's volume shrinks with the amount of evidence."""
    volumes = [
        np.linalg.det(fitted.posterior((a * fitted.loadings[0])[None], np.array([a], np.float32)).covariance[0])
        for a in (0.0, 1.0, 10.0)
    ]
    assert 1 == pytest.approx(volumes[0], rel=1e-3)
    assert volumes[0] > volumes[1] > volumes[2]


def test_going_on_from_fitted_tastes_changes_little(
    world: tuple[Events, sparse.csr_matrix, Float32], fitted: Tastes
) -> None:
    """A second fit on the same events, from the end of the first, predicts the same."""
    again = _fit(*world[:2], start=fitted)
    for items in ([], [1], [2, 6, 10]):
        assert np.abs(_chances(again, items) - _chances(fitted, items)).sum() / 2 < 0.08


def test_a_repeated_item_counts_less(world: tuple[Events, sparse.csr_matrix, Float32]) -> None:
    """A second event in a row on the same item by the same user counts a part, another user's counts whole."""
    events = world[0].of(np.arange(4))
    row = replace(
        events,
        user=np.array([0, 0, 0, 1], np.int32),
        item=np.array([5, 5, 6, 6], np.int32),
        weight=np.array([1, 2, 1, 3], np.float32),
    )
    assert [1.0, 2 * REPEAT_WEIGHT, 1.0, 3.0] == taste_weights(row).tolist()


def test_too_many_items_have_no_tastes(
    world: tuple[Events, sparse.csr_matrix, Float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit nothing is learned and all users get the items' bias, which is their expected share."""
    monkeypatch.setattr(tastes, "MAX_ITEMS", N_ITEMS - 1)
    model = _fit(*world[:2])
    assert 0 == model.dimensions
    np.testing.assert_allclose(_chances(model, [1, 2]), 1 / N_ITEMS, rtol=1e-5)
