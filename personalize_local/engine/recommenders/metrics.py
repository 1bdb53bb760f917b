"""Offline metrics as Amazon Personalize defines and names them, on its hold-out.

Developer guide, "Evaluating a solution version with metrics": 90 % of the users train the model, the other 10 % test
it; of each test user the oldest 90 % of events are the input and the newest 10 % are what should have been recommended.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from personalize_local.engine.base.data import Catalogue, Events, History, Indices
from personalize_local.engine.base.models import Model
from personalize_local.engine.base.scores import ranking
from personalize_local.engine.recommenders.trending import REFRESH_SECONDS

CUTOFFS = (5, 10, 25)
_TEST_SHARE = 0.1
_TARGET_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Case:
    """One test user."""

    history: History
    """The input: the user's oldest events."""
    relevance: Mapping[int, float]
    """The target: for each item of the user's newest events the largest weight of these."""

    @property
    def relevant(self) -> Set[int]:
        """The items of the target."""
        return self.relevance.keys()


def hold_out(events: Events, *, seed: int) -> tuple[Events, list[Case]]:
    """The training events and the cases of the test users.

    Test users are drawn from those with at least two events of positive weight: a user needs an input and a target.
    The target of a user with fewer than ten events is one event.
    """
    ordered = events.of(events.weight > 0).in_order()
    counts = np.bincount(ordered.user, minlength=events.n_users)
    able = np.flatnonzero(counts >= 2)
    n_test = max(1, round(_TEST_SHARE * len(able))) if len(able) > 1 else 0
    tested = np.sort(np.random.default_rng(seed).permutation(able)[:n_test])
    is_tested = np.zeros(events.n_users, dtype=bool)
    is_tested[tested] = True
    first = np.searchsorted(ordered.user, tested)
    cases = [_case(ordered, start, start + counts[user]) for user, start in zip(tested, first, strict=True)]
    return ordered.of(~is_tested[ordered.user]), cases


def _case(ordered: Events, start: int, end: int) -> Case:
    cut = end - max(1, round(_TARGET_SHARE * (end - start)))
    history = History(ordered.item[start:cut], ordered.time[start:cut], ordered.weight[start:cut])
    relevance: dict[int, float] = {}
    for item, weight in zip(ordered.item[cut:end].tolist(), ordered.weight[cut:end].tolist(), strict=True):
        relevance[item] = max(weight, relevance.get(item, 0.0))
    return Case(history, relevance)


def solution_metrics(
    model_class: type[Model],
    events: Events,
    catalogue: Catalogue,
    *,
    seed: int = 0,
    event_weights: bool = False,
    **hyperparameters: float,
) -> dict[str, float]:
    """The documented metrics of a model of this class, trained on the training events of the hold-out.

    Keys: coverage, mean_reciprocal_rank_at_25, and normalized_discounted_cumulative_gain_at_K and precision_at_K for K
    of 5, 10 and 25; with `event_weights` also normalized_discounted_cumulative_gain_with_event_weights_at_K; for a
    model of trends also trending_prediction_accuracy. Values in 0..1, rounded to four digits as the service gives them.
    All are 0 without a test user.
    """
    training, cases = hold_out(events, seed=seed)
    found = ranking_metrics([], n_items=catalogue.n_items)
    weighted = weighted_gains([])
    if cases:
        model = model_class.fit(training, catalogue, seed=seed, **hyperparameters)
        lists = [ranking(model.score(case.history), limit=max(CUTOFFS)) for case in cases]
        relevant = [case.relevant for case in cases]
        found = ranking_metrics(zip(lists, relevant, strict=True), n_items=catalogue.n_items)
        weighted = weighted_gains(list(zip(lists, (case.relevance for case in cases), strict=True)))
    if event_weights:
        found |= weighted
    if model_class.capabilities.trends:
        found["trending_prediction_accuracy"] = trend_accuracy(model_class, events, catalogue, seed, hyperparameters)
    return found


def weighted_gains(answers: Sequence[tuple[Indices | Sequence[int], Mapping[int, float]]]) -> dict[str, float]:
    """The NDCG of ranked lists with graded relevance; only the ratios of relevances matter.

    Developer guide, "normalized discounted cumulative gain with event weights": an item's gain is its event's weight
    over the mean weight.
    """
    discount = 1 / np.log(np.arange(2, max(CUTOFFS) + 2))
    values = {}
    for k in CUTOFFS:
        gains = []
        for ranked, relevance in answers:
            gained = np.array([relevance.get(int(item), 0.0) for item in ranked[:k]])
            best = np.sort(list(relevance.values()))[::-1][:k]
            ideal = float(discount[: len(best)] @ best)
            gains.append(float(discount[: len(gained)] @ gained) / ideal if ideal else 0.0)
        values[f"normalized_discounted_cumulative_gain_with_event_weights_at_{k}"] = round(_mean(gains), 4)
    return values


def trend_accuracy(
    model_class: type[Model], events: Events, catalogue: Catalogue, seed: int, hyperparameters: Mapping[str, float]
) -> float:
    """The share of the growth in the last interval that the list of the interval before predicted, from 0 to 1.

    Developer guide, "trend prediction accuracy": the growth of the 25 recommended items divided by that of the 25 items
    that grew most. The interval is that of `hyperparameters`.
    """
    if not len(events):
        return 0.0
    interval = hyperparameters.get("interval", REFRESH_SECONDS)
    end = float(np.nextafter(events.time.max(), np.inf))
    last = events.time >= end - interval
    before = (events.time >= end - 2 * interval) & ~last
    counts = [
        np.bincount(events.item[chosen], weights=events.weight[chosen], minlength=catalogue.n_items)
        for chosen in (before, last)
    ]
    growth = np.maximum(counts[1] - counts[0], 0.0)
    most = float(np.sort(growth)[::-1][: max(CUTOFFS)].sum())
    if not most:
        return 0.0
    model = model_class.fit(events.of(~last), catalogue, seed=seed, **hyperparameters)
    predicted_growth = growth[ranking(model.score(History.empty()), limit=max(CUTOFFS))].sum()
    return round(float(predicted_growth) / most, 4)


def ranking_metrics(answers: Iterable[tuple[Indices | Sequence[int], Set[int]]], *, n_items: int) -> dict[str, float]:
    """The documented metrics of ranked lists, each with its relevant items, over a catalogue of `n_items`.

    The discount of position p is 1 / log(1 + p). The ideal list has all relevant items, at most K. Coverage is the
    share of the catalogue that is among the first 25 of at least one list.
    """
    discount = 1 / np.log(np.arange(2, max(CUTOFFS) + 2))
    recommended: set[int] = set()
    reciprocal: list[float] = []
    gain: dict[int, list[float]] = {k: [] for k in CUTOFFS}
    precision: dict[int, list[float]] = {k: [] for k in CUTOFFS}
    for ranked, relevant in answers:
        shown = [int(item) for item in ranked[: max(CUTOFFS)]]
        recommended.update(shown)
        hits = np.array([item in relevant for item in shown], dtype=bool)
        reciprocal.append(1 / (1 + int(hits.argmax())) if hits.any() else 0.0)
        for k in CUTOFFS:
            first = hits[:k]
            ideal = discount[: min(k, len(relevant))].sum()
            gain[k].append(float(discount[: len(first)][first].sum() / ideal) if relevant else 0.0)
            precision[k].append(float(first.sum() / k))
    values = {
        "coverage": len(recommended) / n_items if n_items else 0.0,
        "mean_reciprocal_rank_at_25": _mean(reciprocal),
    }
    for k in CUTOFFS:
        values[f"normalized_discounted_cumulative_gain_at_{k}"] = _mean(gain[k])
        values[f"precision_at_{k}"] = _mean(precision[k])
    return {name: round(value, 4) for name, value in values.items()}


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
