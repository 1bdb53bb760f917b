"""Whether a trained version may serve: the gate between training and promotion.

The metrics are those of GetSolutionMetrics:
https://docs.aws.amazon.com/personalize/latest/dg/working-with-training-metrics.html
"""

import math
from collections.abc import Mapping
from typing import Any

from lambdas.evaluate_version.limits import Limits
from lambdas.evaluate_version.moments import moment_of

NDCG = "normalized_discounted_cumulative_gain_at_5"
COVERAGE = "coverage"
AGE = "not older than production"
_SHORT = {NDCG: "NDCG@5", COVERAGE: "coverage"}


def judge(event: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """`{"promote": bool, "reasons": [...]}` for one version.

    `event`: `candidate` and `production` (`{"version", "created", "metrics": {name: value}}`, version `none` where
    nothing serves; production's `gone` where the service no longer knows it) and `baseline`, the outcome of the
    popularity baseline's training (`off` where the config has none).
    Promoted when every reason passed; a reason is `{"rule", "metric", "value", "limit", "passed", "text"}`, limit None
    where there is nothing to compare with. A missing metric holds the version back, it raises nothing.
    """
    candidate = event["candidate"]["metrics"]
    reasons = [
        *_order(event["candidate"], event["production"]),
        _above("promotion threshold", NDCG, candidate, limits.promotion_threshold),
        *_baseline(candidate, event["baseline"]),
        *_production(candidate, event["production"], limits),
        _at_least("coverage floor", COVERAGE, candidate, limits.coverage_floor),
    ]
    return {"promote": all(reason["passed"] for reason in reasons), "reasons": reasons}


def _order(candidate: Mapping[str, Any], production: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Not older than what serves, whatever its metrics: a run that was overtaken, or resumed, changes nothing."""
    if production["version"] == "none" or production["gone"]:
        return []
    made, served = moment_of(candidate["created"]), moment_of(production["created"])
    if made is None or served is None:
        text = f"age: whether the version is older than {production['version']}, which serves, cannot be seen"
        return [_reason(AGE, "creationDateTime", None, None, text, passed=False)]
    older = made < served
    order = "before" if older else "not before"
    text = f"age: made at {candidate['created']}, {order} {production['version']}, which serves"
    return [_reason(AGE, "creationDateTime", None, None, text, passed=not older)]


def _baseline(candidate: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Above what popularity alone reaches, where the config trains it; without its figure nothing is promoted."""
    if baseline["outcome"] == "off":
        return []
    limit = _number(baseline["metrics"], NDCG)
    if limit is None:
        text = "the popularity baseline has no NDCG@5 to compare with"
        return [_reason("popularity baseline", NDCG, _number(candidate, NDCG), None, text, passed=False)]
    return [_above("popularity baseline", NDCG, candidate, limit)]


def _production(candidate: Mapping[str, Any], production: Mapping[str, Any], limits: Limits) -> list[dict[str, Any]]:
    """Not worse than what serves by more than the tolerance, a share of production's value."""
    if production["version"] == "none":
        return []
    served = _number(production["metrics"], NDCG)
    if served is None:
        text = f"{production['version']} serves but has no NDCG@5: nothing to compare with"
        return [_reason("version in production", NDCG, _number(candidate, NDCG), None, text, passed=True)]
    # Rounded: 0.2 less a tenth must not be a hair more than 0.18.
    least = round(served * (1 - limits.regression_tolerance), 9)
    return [_at_least("version in production", NDCG, candidate, least)]


def _above(rule: str, metric: str, metrics: Mapping[str, Any], limit: float) -> dict[str, Any]:
    value = _number(metrics, metric)
    return _compared(rule, metric, value, limit, passed=value is not None and value > limit, demand="more than")


def _at_least(rule: str, metric: str, metrics: Mapping[str, Any], limit: float) -> dict[str, Any]:
    value = _number(metrics, metric)
    return _compared(rule, metric, value, limit, passed=value is not None and value >= limit, demand="at least")


def _compared(
    rule: str, metric: str, value: float | None, limit: float, *, passed: bool, demand: str
) -> dict[str, Any]:
    name = _SHORT[metric]
    if value is None:
        text = f"{rule}: {metric} is missing from the version's metrics, {demand} {limit:.4f} is needed"
    elif passed:
        text = f"{rule}: {name} {value:.4f}, {demand} {limit:.4f} is needed"
    else:
        text = f"{rule}: {name} {value:.4f} falls short by {limit - value:.4f}, {demand} {limit:.4f} is needed"
    return _reason(rule, metric, value, limit, text, passed=passed)


def _reason(
    rule: str, metric: str, value: float | None, limit: float | None, text: str, *, passed: bool
) -> dict[str, Any]:
    return {"rule": rule, "metric": metric, "value": value, "limit": limit, "passed": passed, "text": text}


def _number(metrics: Mapping[str, Any], name: str) -> float | None:
    """The metric as a number; None where it is missing or no number."""
    value = metrics.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
