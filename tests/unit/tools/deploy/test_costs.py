"""What an environment costs a month."""

import pytest

from infra.settings import Settings, load_settings
from tools.deploy.costs import campaign_dollars, monthly_costs, total, trainings_a_month

TEMPLATES = [
    {"Resources": {"K": {"Type": "AWS::KMS::Key"}, "S": {"Type": "AWS::Kinesis::Stream"}}},
    {"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm"}, "B": {"Type": "AWS::CloudWatch::Alarm"}}},
    {"Resources": {"D": {"Type": "AWS::CloudWatch::Dashboard"}}},
    {},
]


def test_the_two_idle_campaigns_come_first() -> None:
    """An idle TPS is 730 hours at $0.20: two campaigns at one TPS are $292 a month before the first visitor."""
    first = monthly_costs(load_settings("dev"), TEMPLATES)[0]
    assert ("2 idle campaigns", 292.0) == (first.item, first.dollars)
    assert "third-party" in first.basis


@pytest.mark.parametrize(
    ("tps_hours", "dollars"),
    [(0, 0), (730, 146), (20_000, 4_000), (20_001, 4_000.1), (300_000, 4_000 + 18_000 + 5_000)],
)
def test_a_tps_hour_is_cheaper_in_each_tier(tps_hours: float, dollars: float) -> None:
    """$0.20 up to 20,000 TPS-hours a month, $0.10 up to 200,000, $0.05 above."""
    assert dollars == pytest.approx(campaign_dollars(tps_hours))


def test_without_reranking_only_one_campaign_is_billed() -> None:
    """Switched off, re-ranking costs nothing, whatever its TPS."""
    settings = load_settings("dev").model_copy(update={"reranking_enabled": False, "rerank_min_provisioned_tps": 50})
    first = monthly_costs(settings, [])[0]
    assert ("1 idle campaign", 146.0) == (first.item, first.dollars)


def test_an_unknown_price_is_said_to_be_unknown() -> None:
    """The price of v2 training could not be verified: it is named, and not in the sum."""
    costs = monthly_costs(load_settings("dev"), TEMPLATES)
    training = next(cost for cost in costs if cost.item == "Training")
    assert training.dollars is None
    assert "could not be verified" in training.basis
    assert pytest.approx(292 + 29.2 + 1 + 0.2 + 3) == total(costs)


def test_v1_training_has_a_price() -> None:
    """Two solutions, weekly, 2.1 h each at $0.24."""
    v1 = load_settings("dev").recipes.model_copy(
        update={"recommendation": "aws-user-personalization", "reranking": "aws-personalized-ranking"}
    )
    settings: Settings = load_settings("dev").model_copy(update={"recipes": v1, "schedule": "rate(7 days)"})
    training = next(cost for cost in monthly_costs(settings, []) if cost.item == "Training")
    assert pytest.approx(730 / 168 * 2 * 2.1 * 0.24) == training.dollars
    assert "could not be verified" not in monthly_costs(settings, [])[0].basis


@pytest.mark.parametrize(
    ("schedule", "runs"), [("rate(7 days)", 730 / 168), ("rate(12 hours)", 730 / 12), ("cron(0 3 ? * SUN *)", None)]
)
def test_how_often_the_schedule_trains(schedule: str, runs: float | None) -> None:
    """A rate gives a number a month; a cron expression is not guessed at."""
    assert runs == trainings_a_month(schedule)
