"""What an environment costs a month."""

from typing import Any

import pytest

from infra.prices import load_prices
from infra.settings import Settings, load_settings
from tools.deploy import costs as costs_module
from tools.deploy.costs import (
    Cost,
    Traffic,
    included_requests,
    million_events,
    million_recommendations,
    monthly_costs,
    over_budget,
    provenance,
    seed_interactions,
    sleeping_saves,
    total,
    training_dollars,
    trainings_a_month,
)

EXPRESSION = {"Metrics": [{"Expression": "SUM([a, b])"}, {"MetricStat": {}}, {"MetricStat": {}}]}
TEMPLATES: list[dict[str, Any]] = [
    {"Resources": {"K": {"Type": "AWS::KMS::Key"}, "S": {"Type": "AWS::Kinesis::Stream"}}},
    {
        "Resources": {
            "A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
            "B": {"Type": "AWS::CloudWatch::Alarm", "Properties": EXPRESSION},
        }
    },
    {"Resources": {"D": {"Type": "AWS::CloudWatch::Dashboard"}}},
    {},
]


@pytest.fixture
def dev() -> Settings:
    return load_settings("dev")


def of(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


def first_recipes(settings: Settings) -> Settings:
    v1 = {"recommendation": "aws-user-personalization", "reranking": "aws-personalized-ranking"}
    return of(settings, recipes=settings.recipes.model_copy(update=v1))


def line(costs: list[Cost], item: str) -> Cost:
    (found,) = (cost for cost in costs if cost.item == item)
    return found


def test_idle_v2_campaigns_bill_their_provisioned_requests(dev: Settings) -> None:
    """$0.15 for 1,000 requests and one a second, asked or not: two campaigns are $788.40 a month, not $292."""
    first = monthly_costs(dev, TEMPLATES)[0]
    assert first.item == "2 idle campaigns"
    assert first.dollars == pytest.approx(2 * 3600 * 730 * 0.15 / 1000)
    assert "$0.15 for 1,000 requests" in first.basis


def test_idle_v1_campaigns_bill_tps_hours(dev: Settings) -> None:
    """730 hours at $0.20 each."""
    assert pytest.approx(292.0) == monthly_costs(first_recipes(dev), TEMPLATES)[0].dollars


def test_the_tiers_count_what_both_campaigns_use(dev: Settings) -> None:
    """Two campaigns with 20 TPS use 29,200 TPS-hours together: the last 9,200 are at $0.10."""
    settings = of(first_recipes(dev), min_provisioned_tps=20, rerank_min_provisioned_tps=20)
    assert pytest.approx(20_000 * 0.2 + 9_200 * 0.1) == monthly_costs(settings, [])[0].dollars


def test_recipes_of_both_kinds_are_billed_each_by_its_own_price(dev: Settings) -> None:
    """A v2 recommender beside a v1 re-ranker."""
    mixed = dev.recipes.model_copy(update={"reranking": "aws-personalized-ranking"})
    assert pytest.approx(394.2 + 146) == monthly_costs(of(dev, recipes=mixed), [])[0].dollars


def test_without_reranking_only_one_campaign_is_billed(dev: Settings) -> None:
    """Switched off, re-ranking costs nothing, whatever its TPS."""
    first = monthly_costs(of(dev, reranking_enabled=False, rerank_min_provisioned_tps=50), [])[0]
    assert first.item == "1 idle campaign"
    assert first.dollars == pytest.approx(394.2)


def test_requests_cost_nothing_more_until_they_exceed_what_is_provisioned(dev: Settings) -> None:
    """2,628,000 a month are paid for already; the million after them is $150."""
    included = included_requests(dev, "recommendation")
    assert included == 2_628_000
    idle, within, beyond = (
        monthly_costs(dev, [], Traffic(recommendations=number))[0].dollars or 0.0
        for number in (0, included, included + 1_000_000)
    )
    assert idle == within
    assert pytest.approx(150.0) == beyond - within


def test_the_requests_of_each_function_go_to_its_own_campaign(dev: Settings) -> None:
    """What one campaign does not use pays for nothing of the other's."""
    beyond = Traffic(recommendations=0, rerankings=3_628_000)
    assert pytest.approx(788.4 + 150) == monthly_costs(dev, [], beyond)[0].dollars


def test_what_is_charged_by_the_piece_is_counted_in_the_templates(dev: Settings) -> None:
    """An alarm over an expression is charged for each metric that it looks at."""
    costs = monthly_costs(dev, TEMPLATES)
    expected = {"Kinesis stream": 29.2, "Encryption keys": 1.0, "Alarms": 0.3, "Dashboard": 3.0}
    assert {item: pytest.approx(dollars) for item, dollars in expected.items()} == {
        item: line(costs, item).dollars for item in expected
    }
    assert pytest.approx(788.4 + 33.5) == total(costs)


def test_at_rest_nothing_is_trained(dev: Settings) -> None:
    """A scheduled run without new events is skipped; where every run trains, every run is billed."""
    assert line(monthly_costs(dev, []), "Training").dollars == 0.0
    always = of(dev, min_new_events=0)
    runs = trainings_a_month(dev.schedule)
    assert runs is not None
    assert (
        pytest.approx(runs * training_dollars(dev, 5_000))
        == line(monthly_costs(always, [], seed=5_000), "Training").dollars
    )


def test_v2_trains_at_a_price_by_interactions(dev: Settings) -> None:
    """$0.002 for 1,000, for each of two solutions; beside that, the state machine's transitions."""
    transitions = training_dollars(dev, 0)
    assert 0 < transitions < 0.1
    assert pytest.approx(2 * 1_000_000 / 1000 * 0.002) == training_dollars(dev, 1_000_000) - transitions


def test_v1_trains_at_a_price_by_hours(dev: Settings) -> None:
    """2.1 billed hours up to 100,000 interactions, in proportion above; the popularity baseline is a v1 recipe."""
    v1 = first_recipes(dev)
    transitions = training_dollars(dev, 0)
    assert pytest.approx(2 * 2.1 * 0.24) == training_dollars(v1, 60_000) - transitions
    assert pytest.approx(2 * 4.2 * 0.24) == training_dollars(v1, 200_000) - transitions
    baseline = of(dev, popularity_baseline=True)
    assert pytest.approx(2.1 * 0.24) == training_dollars(baseline, 0) - transitions


def test_events_make_trainings_more_often_and_dearer(dev: Settings) -> None:
    """As often as there are new events enough, and no more often than the schedule; on all interactions."""
    few, many = (
        line(monthly_costs(dev, [], Traffic(events=events), seed=0), "Training").dollars
        for events in (2_000, 1_000_000)
    )
    runs = trainings_a_month(dev.schedule)
    assert runs is not None
    assert pytest.approx(2 * training_dollars(dev, 2_000)) == few
    assert pytest.approx(runs * training_dollars(dev, 1_000_000)) == many


def test_a_training_at_an_unknown_pace_is_unknown_and_not_in_the_sum(dev: Settings) -> None:
    """A cron expression is not guessed at; the price of one run is said."""
    settings = of(dev, schedule="cron(0 3 ? * SUN *)")
    costs = monthly_costs(settings, [], Traffic(events=1_000_000))
    training = line(costs, "Training")
    assert training.dollars is None
    assert "a run on 1,060,000 interactions" in training.basis
    assert total(costs) > 0


@pytest.mark.parametrize(
    ("schedule", "runs"), [("rate(7 days)", 730 / 168), ("rate(12 hours)", 730 / 12), ("cron(0 3 ? * SUN *)", None)]
)
def test_how_often_the_schedule_trains(schedule: str, runs: float | None) -> None:
    """A rate gives a number a month; a cron expression is not guessed at."""
    assert runs == trainings_a_month(schedule)


def test_firehose_is_most_of_what_archiving_events_costs(dev: Settings) -> None:
    """It counts each event of 0.4 KB as 5 KB: a million are 4.77 GB."""
    costs = million_events(dev)
    assert pytest.approx(5e6 / 1024**2 * 0.029) == line(costs, "Firehose").dollars
    assert 0.3 < total(costs) < 1.0


def test_a_million_recommendations_beyond_the_provisioned_ones(dev: Settings) -> None:
    """$150 with the v2 recipe, $56 with the first, and the functions'."""
    assert pytest.approx(150.0) == million_recommendations(dev)[0].dollars
    assert pytest.approx(1e6 / 3600 * 0.2) == million_recommendations(first_recipes(dev))[0].dollars


def test_sleeping_saves_what_the_idle_campaigns_cost(dev: Settings) -> None:
    """Nothing else goes while an environment sleeps."""
    assert pytest.approx(788.4) == sleeping_saves(dev)
    assert pytest.approx(394.2) == sleeping_saves(of(dev, reranking_enabled=False))


def test_the_lines_are_the_same_at_any_traffic(dev: Settings) -> None:
    """So that two bills can stand beside each other."""
    busy = monthly_costs(dev, TEMPLATES, Traffic(10, 10, 10))
    idle = monthly_costs(dev, TEMPLATES)
    assert [cost.item for cost in idle[1:]] == [cost.item for cost in busy[1:]]
    assert all((there.dollars or 0) >= (rest.dollars or 0) for rest, there in zip(idle, busy, strict=True))


def test_a_bill_above_the_budget_is_said_with_both_sums(dev: Settings) -> None:
    """What it is, by how much, and which key of which file; a bill at the budget is within it."""
    costs = [Cost("2 idle campaigns", 788.4, ""), Cost("Training", None, "")]
    over = over_budget(of(dev, monthly_budget_usd=500.0), costs)
    assert over is not None
    for part in ("ABOVE THE BUDGET", "788.40", "288.40", "monthlyBudgetUSD, 500.00", "config/dev.yaml"):
        assert part in over
    assert over_budget(of(dev, monthly_budget_usd=788.4), costs) is None


def test_the_bill_says_where_its_prices_are_from(dev: Settings) -> None:
    """How many nobody confirmed, another Region's where they are, and what is not in them."""
    assert "were not read on AWS's own pages" in provenance(dev)
    assert "taken from" not in provenance(dev)
    assert "Prices of eu-west-1, taken from us-east-1" in provenance(load_settings("dev", region="eu-west-1"))
    assert all(name in provenance(dev) for name in load_prices().unpriced)


def test_the_first_training_has_the_seeds_interactions(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Counted in the file, without its header; none where there is no file."""
    file = tmp_path / "interactions.csv"
    monkeypatch.setattr(costs_module, "INTERACTIONS", file)
    assert seed_interactions() == 0
    file.write_text("USER_ID,ITEM_ID\n1,a\n2,b\n")
    assert seed_interactions() == 2
