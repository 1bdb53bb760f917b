"""Which versions may serve."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.evaluate_version.gate import COVERAGE, NDCG, judge
from tests.unit.lambdas.evaluate_version.worlds import LIMITS, MADE, MADE_BEFORE, metrics, to_judge


def failed(judgement):
    return [reason["rule"] for reason in judgement["reasons"] if not reason["passed"]]


@pytest.mark.parametrize(("ndcg", "promoted"), [(0.0099, False), (0.01, False), (0.0101, True)])
def test_the_threshold_must_be_exceeded(ndcg, promoted):
    """As in the reference: equal is not enough."""
    assert judge(to_judge(metrics(ndcg)), LIMITS)["promote"] is promoted


@pytest.mark.parametrize(("ndcg", "promoted"), [(0.179, False), (0.18, True), (0.3, True)])
def test_d42_production_is_compared_with(ndcg, promoted):
    """A version may fall behind what serves by the tolerance, a share of production's value, and no more."""
    judgement = judge(to_judge(metrics(ndcg), production=metrics(0.2)), LIMITS)
    assert judgement["promote"] is promoted
    assert failed(judgement) == ([] if promoted else ["version in production"])


@pytest.mark.parametrize(("coverage", "promoted"), [(0.0499, False), (0.05, True)])
def test_d42_coverage_has_a_floor(coverage, promoted):
    """A model that recommends the same few groups to everybody does not serve."""
    assert judge(to_judge(metrics(0.9, coverage)), LIMITS)["promote"] is promoted


@pytest.mark.parametrize(("ndcg", "promoted"), [(0.2, False), (0.21, True)])
def test_the_baseline_must_be_exceeded(ndcg, promoted):
    """A model that is no better than counting is not worth its campaign."""
    assert judge(to_judge(metrics(ndcg), baseline=metrics(0.2)), LIMITS)["promote"] is promoted


def test_a_baseline_without_a_figure_promotes_nothing():
    """Asked for and not there: nobody can say that the model beats it."""
    assert failed(judge(to_judge(metrics(0.9), baseline={}), LIMITS)) == ["popularity baseline"]


@pytest.mark.parametrize("value", [None, "0.5", True, math.nan, math.inf])
@pytest.mark.parametrize("name", [NDCG, COVERAGE])
def test_d43_what_is_missing_or_no_number_holds_back(name, value):
    """It is a reason, not an exception."""
    given_metrics = {**metrics(0.9), name: value}
    if value is None:
        del given_metrics[name]
    judgement = judge(to_judge(given_metrics), LIMITS)
    assert judgement["promote"] is False
    assert all("missing" in r["text"] for r in judgement["reasons"] if not r["passed"])


def test_production_without_metrics_does_not_block():
    """There is nothing to be worse than; the reason says so."""
    judgement = judge(to_judge(metrics(0.2), production={}), LIMITS)
    assert judgement["promote"] is True
    assert "nothing to compare with" in judgement["reasons"][2]["text"]


def test_a_reason_says_by_how_much():
    """Metric, value, limit and the difference, as data and as text."""
    reason = judge(to_judge(metrics(0.004)), LIMITS)["reasons"][0]
    assert reason == {
        "rule": "promotion threshold",
        "metric": NDCG,
        "value": 0.004,
        "limit": 0.01,
        "passed": False,
        "text": "promotion threshold: NDCG@5 0.0040 falls short by 0.0060, more than 0.0100 is needed",
    }


@pytest.mark.parametrize(
    ("made", "promoted"),
    [(MADE, True), (MADE_BEFORE, True), ("2026-11-15T08:29:59.999Z", False), ("x", False), (None, False)],
)
def test_an_older_version_never_takes_the_place_of_what_serves(made, promoted):
    """However good it is; and what cannot be dated is not promoted."""
    event = to_judge(metrics(0.9), production=metrics(0.2))
    event["candidate"]["created"] = made
    assert failed(judge(event, LIMITS)) == ([] if promoted else ["not older than production"])


def test_what_the_service_no_longer_knows_has_no_age():
    """Nothing can be older than a version that is gone."""
    event = to_judge(metrics(0.9), production=metrics(0.2))
    event["candidate"]["created"], event["production"]["gone"] = "2020-01-01T00:00:00Z", True
    assert judge(event, LIMITS)["promote"] is True


values = st.dictionaries(
    st.sampled_from([NDCG, COVERAGE, "precision_at_5"]),
    st.one_of(st.floats(), st.none(), st.text(max_size=3), st.integers()),
)


@given(values, st.none() | values, st.none() | values)
def test_it_never_raises_and_promotes_only_what_passed_everything(candidate, production, baseline):
    """Whatever the services answer, the gate gives a decision with reasons."""
    judgement = judge(to_judge(candidate, production=production, baseline=baseline), LIMITS)
    assert judgement["promote"] is all(reason["passed"] for reason in judgement["reasons"])
    assert all(reason["text"] for reason in judgement["reasons"])


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_better_version_is_never_held_back_where_a_worse_one_is_promoted(lower, higher, production):
    """The decision is monotone in NDCG."""
    lower, higher = sorted((lower, higher))
    event = [to_judge(metrics(ndcg), production=metrics(production)) for ndcg in (lower, higher)]
    worse, better = (judge(e, LIMITS)["promote"] for e in event)
    assert better or not worse
