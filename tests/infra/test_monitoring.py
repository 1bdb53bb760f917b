"""The monitoring stack: every alarm of the design stands, watches what is really published, and reaches the topic."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.synthesis import ROOT, Synthesis, synthesize

ALARM = "AWS::CloudWatch::Alarm"
TOPIC = "arn:aws:sns:us-east-1:123456789012:dev-recommender-topic-sns"


def _alarms(synthesis: Synthesis) -> dict[str, Any]:
    return {
        alarm["AlarmName"].removeprefix("dev-recommender-").removesuffix("-alm"): alarm
        for alarm in synthesis.resources("monitoring", ALARM).values()
    }


def _metrics(alarm: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(namespace, metric, dimensions) of all that an alarm looks at."""
    plain = [alarm] if "MetricName" in alarm else []
    for each in plain + [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]:
        yield each["Namespace"], each["MetricName"], {d["Name"]: d["Value"] for d in each.get("Dimensions", [])}


def test_every_alarm_of_the_design_stands(dev: Synthesis) -> None:
    """Ingestion, errors, serving, training and cost."""
    assert {
        "iterator-age",
        "quarantine",
        "failure-destination",
        "forward-failures",
        "forward-events-errors",
        "evaluate-version-errors",
        "recommend-errors",
        "rerank-errors",
        "recommend-fallbacks",
        "rerank-fallbacks",
        "recommend-latency",
        "rerank-latency",
        "training-failed",
        "notification-failed",
        "recommendation-stale",
        "reranking-stale",
        "recommendation-campaign-idle",
        "reranking-campaign-idle",
    } == set(_alarms(dev))


def test_every_alarm_reaches_the_topic_and_says_what_is_wrong(dev: Synthesis) -> None:
    """An alarm that nobody hears is none."""
    for name, alarm in _alarms(dev).items():
        assert [TOPIC] == alarm["AlarmActions"], name
        assert len(alarm["AlarmDescription"]) > 20, name


def test_d52_the_topic_admits_alarms_budgets_and_the_failure_rule(dev: Synthesis) -> None:
    """Each as a service of this account, and nobody without TLS."""
    statements = dev.resource("training", "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allowed = {
        statement["Principal"]["Service"]: statement["Condition"]
        for statement in statements
        if statement["Effect"] == "Allow" and "Service" in statement["Principal"]
    }
    own_account = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert own_account == allowed["cloudwatch.amazonaws.com"]
    assert own_account == allowed["budgets.amazonaws.com"]
    assert "ArnEquals" in allowed["events.amazonaws.com"]
    assert "Deny" in {statement["Effect"] for statement in statements}


def test_d52_the_configs_addresses_are_subscribed() -> None:
    """One subscription for each, in the template."""
    synthesis = synthesize(notificationEmails=["keeper@example.org", "vet@example.org"])
    subscriptions = synthesis.resources("training", "AWS::SNS::Subscription").values()
    assert [("email", "keeper@example.org"), ("email", "vet@example.org")] == [
        (each["Protocol"], each["Endpoint"]) for each in subscriptions
    ]


def test_thresholds_come_from_the_config(dev: Synthesis) -> None:
    """Those of the `alarms` section, in the metric's unit."""
    thresholds = {name: alarm["Threshold"] for name, alarm in _alarms(dev).items()}
    expected = {
        "iterator-age": 300_000,
        "quarantine": 100,
        "forward-failures": 10,
        "recommend-fallbacks": 0.05,
        "recommend-latency": 1000,
        "recommendation-stale": 21,
        "failure-destination": 1,
    }
    assert expected == {name: thresholds[name] for name in expected}


def test_handler_metrics_have_the_handlers_dimensions(dev: Synthesis) -> None:
    """Service and environment, as the handlers' embedded metrics carry them: others would never match."""
    seen = {
        (metric, tuple(sorted(dimensions.items())))
        for alarm in _alarms(dev).values()
        for namespace, metric, dimensions in _metrics(alarm)
        if namespace == "AnimalRecommender" and "service" in dimensions
    }
    assert {
        ("EventsQuarantined", (("environment", "dev"), ("service", "forward_events"))),
        ("EventsFailed", (("environment", "dev"), ("service", "forward_events"))),
        ("Fallbacks", (("environment", "dev"), ("service", "recommend"))),
        ("Fallbacks", (("environment", "dev"), ("service", "rerank"))),
        ("Requests", (("environment", "dev"), ("service", "recommend"))),
        ("Requests", (("environment", "dev"), ("service", "rerank"))),
    } == seen


def test_every_metric_of_ours_that_is_watched_is_published(dev: Synthesis) -> None:
    """Each name stands in a handler or in the state machine: an alarm on another would sleep for ever."""
    alarms = {
        metric for alarm in _alarms(dev).values() for namespace, metric, _ in _metrics(alarm) if "Animal" in namespace
    }
    _, parts = dev.resource("monitoring", "AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Join"]
    body = "".join(part for part in parts if isinstance(part, str))
    shown = set(re.findall(r'"AnimalRecommender","(\w+)"', body))
    assert {"EventsAccepted", "Coverage", "BadRequests"} <= shown
    sources = [*(ROOT / "lambdas").rglob("*.py"), ROOT / "statemachines" / "train.asl.json"]
    text = "".join(path.read_text() for path in sources)
    assert set() == {metric for metric in alarms | shown if f'"{metric}"' not in text}


def test_given_up_events_are_watched_by_the_mappings_id(dev: Synthesis) -> None:
    """Through the parameter that the ingestion stack writes."""
    dimensions = {metric: dimensions for _, metric, dimensions in _metrics(_alarms(dev)["failure-destination"])}
    assert {"OnFailureDestinationDeliveredEventCount", "DroppedEventCount"} == set(dimensions)
    for each in dimensions.values():
        parameter = dev.templates["monitoring"]["Parameters"][each["EventSourceMappingUUID"]["Ref"]]
        assert "/animal-recommender/dev/event-source-mapping/id" == parameter["Default"]


def test_failed_aborted_and_timed_out_runs_alarm(dev: Synthesis) -> None:
    """All ends of a training run but success."""
    assert {"ExecutionsFailed", "ExecutionsAborted", "ExecutionsTimedOut"} == {
        metric for _, metric, _ in _metrics(_alarms(dev)["training-failed"])
    }


def test_no_alarm_looks_back_further_than_cloudwatch_does(dev: Synthesis, prod: Synthesis) -> None:
    """Seven days, for periods of an hour and more."""
    for name, alarm in _alarms(dev).items():
        periods = (
            [alarm["Period"]]
            if "Period" in alarm
            else [query["MetricStat"]["Period"] for query in alarm["Metrics"] if "MetricStat" in query]
        )
        assert max(periods) * alarm["EvaluationPeriods"] <= 7 * 24 * 3600, name


@pytest.mark.parametrize(
    ("schedule", "missing", "periods"),
    [
        ("rate(1 day)", "breaching", 7),
        ("rate(3 days)", "breaching", 7),
        ("rate(72 hours)", "breaching", 7),
        ("rate(7 days)", "ignore", 1),
        ("cron(0 3 ? * MON *)", "ignore", 1),
    ],
)
def test_silence_about_promotions_is_bad_where_runs_are_frequent(schedule: str, missing: str, periods: int) -> None:
    """Within seven days there are two runs at least, or silence means nothing."""
    synthesis = synthesize(schedule=schedule, rerankingEnabled=False)
    alarm = _alarms(synthesis)["recommendation-stale"]
    assert (missing, periods) == (alarm["TreatMissingData"], alarm["EvaluationPeriods"])
    assert [("AnimalRecommender", "DaysSincePromotion", {"environment": "dev", "role": "recommendation"})] == list(
        _metrics(alarm)
    )


def test_idle_campaigns_alarm_on_silence(dev: Synthesis) -> None:
    """No request, or no data point at all, for the config's hours; each campaign by its own metric and ARN."""
    for role, metric, campaign in (
        ("recommendation", "GetRecommendations", "recommender"),
        ("reranking", "GetPersonalizedRanking", "reranking"),
    ):
        alarm = _alarms(dev)[f"{role}-campaign-idle"]
        assert ("breaching", 24, 3600) == (alarm["TreatMissingData"], alarm["EvaluationPeriods"], alarm["Period"])
        arn = f"arn:aws:personalize:us-east-1:123456789012:campaign/dev-{campaign}-personalize-campaign-cpn"
        assert [("AWS/Personalize", metric, {"CampaignArn": arn})] == list(_metrics(alarm))


def test_idle_alarms_say_what_the_campaign_costs(dev: Synthesis, with_first_recipes: Synthesis) -> None:
    """From the price table: a v2 campaign by its provisioned requests, one of the first recipes by its TPS-hours."""
    for role in ("recommendation", "reranking"):
        assert "about $394 a month" in _alarms(dev)[f"{role}-campaign-idle"]["AlarmDescription"]
    first = _alarms(with_first_recipes)
    assert "about $584 a month" in first["recommendation-campaign-idle"]["AlarmDescription"]
    assert "about $146 a month" in first["reranking-campaign-idle"]["AlarmDescription"]
    lower = first["recommendation-campaign-overprovisioned"]["AlarmDescription"]
    assert "each transaction a second is about $146 a month" in lower


def test_over_provisioning_alarms_where_capacity_could_be_lowered(with_first_recipes: Synthesis) -> None:
    """Above one transaction a second, the least that there is."""
    alarms = _alarms(with_first_recipes)
    assert "recommendation-campaign-overprovisioned" in alarms
    assert "reranking-campaign-overprovisioned" not in alarms
    expressions = [query.get("Expression") for query in alarms["recommendation-campaign-overprovisioned"]["Metrics"]]
    assert "FILL(requests, 0) / PERIOD(requests) / 4" in expressions


def test_the_budget_warns_the_topic(dev: Synthesis) -> None:
    """At 80 % spent and when the month is forecast to go over."""
    budget = dev.resource("monitoring", "AWS::Budgets::Budget")
    assert {"Amount": 1100, "Unit": "USD"} == budget["Budget"]["BudgetLimit"]
    assert [(80, "ACTUAL", TOPIC), (100, "FORECASTED", TOPIC)] == [
        (
            each["Notification"]["Threshold"],
            each["Notification"]["NotificationType"],
            each["Subscribers"][0]["Address"],
        )
        for each in budget["NotificationsWithSubscribers"]
    ]


def test_the_dashboard_shows_every_part(dev: Synthesis) -> None:
    """Events, both functions, models, campaigns."""
    dashboard = json.dumps(dev.resource("monitoring", "AWS::CloudWatch::Dashboard")["DashboardBody"])
    for metric in (
        "EventsAccepted",
        "IteratorAge",
        "Fallbacks",
        "Duration",
        "NormalizedDiscountedCumulativeGainAt5",
        "DaysSincePromotion",
        "GetPersonalizedRanking",
        "ExecutionsSucceeded",
    ):
        assert metric in dashboard, metric
