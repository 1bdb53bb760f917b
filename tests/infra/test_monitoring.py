"""The monitoring stack: every alarm of the design stands, watches what is really published, and reaches the topic."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from infra.definitions import TRAIN, definition_text
from infra.settings import CONFIG_FOLDER
from tests.infra.synthesis import ROOT, Synthesis, synthesize

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
TOPIC = "arn:aws:sns:us-east-1:123456789012:dev-recommender-topic-sns"


def _alarms(synthesis: Synthesis) -> dict[str, Any]:
    return {
        alarm["AlarmName"].removeprefix("dev-recommender-").removesuffix("-alm"): alarm
        for alarm in synthesis.resources("monitoring", ALARM).values()
    }


def _composed(synthesis: Synthesis) -> dict[str, str]:
    """The rules of composite alarms, with their parts by name: `ALARM(...)`, `AND`, `NOT`."""
    by_id = {id_: alarm["AlarmName"] for id_, alarm in synthesis.resources("monitoring", ALARM).items()}
    rules = {}
    for alarm in synthesis.resources("monitoring", COMPOSITE).values():
        _, parts = alarm["AlarmRule"]["Fn::Join"]
        rule = "".join(part if isinstance(part, str) else by_id[part["Fn::GetAtt"][0]] for part in parts)
        name = alarm["AlarmName"].removeprefix("dev-recommender-").removesuffix("-alm")
        rules[name] = rule.replace('"', "").replace("dev-recommender-", "").replace("-alm", "")
    return rules


def _told(synthesis: Synthesis) -> dict[str, Any]:
    """The alarms that tell somebody, of both kinds, by name."""
    return {
        alarm["AlarmName"].removeprefix("dev-recommender-").removesuffix("-alm"): alarm
        for type_ in (ALARM, COMPOSITE)
        for alarm in synthesis.resources("monitoring", type_).values()
        if alarm.get("AlarmActions")
    }


def _metrics(alarm: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(namespace, metric, dimensions) of all that an alarm looks at."""
    plain = [alarm] if "MetricName" in alarm else []
    for each in plain + [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]:
        yield each["Namespace"], each["MetricName"], {d["Name"]: d["Value"] for d in each.get("Dimensions", [])}


def test_every_alarm_of_the_design_stands(dev: Synthesis) -> None:
    """Ingestion, errors, serving, training and cost."""
    assert {
        "no-events",
        "stream-throttled",
        "forwarding-stopped",
        "archive-stopped",
        "archive-late",
        "schedule-failed",
        "rule-failed",
        "messages-undelivered",
        "forward-events-throttles",
        "evaluate-version-throttles",
        "recommend-throttles",
        "rerank-throttles",
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
        "recommendation-outdated",
        "reranking-outdated",
        "recommendation-idle",
        "reranking-idle",
    } == set(_told(dev))


def test_every_alarm_reaches_the_topic_and_says_what_is_wrong(dev: Synthesis) -> None:
    """An alarm that nobody hears is none; one without a topic is a part of one that has it."""
    for name, alarm in _told(dev).items():
        assert [TOPIC] == alarm["AlarmActions"], name
        assert len(alarm["AlarmDescription"]) > 20, name
    parts = set(_alarms(dev)) - set(_told(dev))
    assert parts == set(re.findall(r"\((?:[^()]*\()*([a-z-]+)\)", " ".join(_composed(dev).values())))


def test_no_alarm_rings_for_silence_before_the_first_word(dev: Synthesis) -> None:
    """Missing data alone breaches nowhere: before the first deploy, event or training there are none of them."""
    assert set() == {name for name, alarm in _alarms(dev).items() if alarm["TreatMissingData"] == "breaching"}


def test_d52_the_topic_admits_alarms_budgets_and_the_failure_rule(dev: Synthesis) -> None:
    """Alarms and budgets of this account; EventBridge takes no condition; nobody without TLS."""
    statements = dev.resource("training", "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allowed = {
        statement["Principal"]["Service"]: statement.get("Condition")
        for statement in statements
        if statement["Effect"] == "Allow" and "Service" in statement["Principal"]
    }
    alarms = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:dev-recommender-*-alm"
    assert {"ArnLike": {"aws:SourceArn": alarms}} == allowed["cloudwatch.amazonaws.com"]
    assert {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:budgets::123456789012:*"},
    } == allowed["budgets.amazonaws.com"]
    assert allowed["events.amazonaws.com"] is None
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
        "recommendation-outdated-age": 21,
        "archive-late": 900,
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
        ("EventsAccepted", (("environment", "dev"), ("service", "forward_events"))),
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
    text = "".join([*(path.read_text() for path in (ROOT / "lambdas").rglob("*.py")), definition_text(TRAIN)])
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


WATCHED = {
    "forwarding-stopped": {
        ("AWS/Kinesis", "IncomingRecords", "StreamName", "dev-recommender-stream-kss"),
        ("AWS/Lambda", "Invocations", "FunctionName", "dev-recommender-put-events-lambda-lbd"),
    },
    "archive-stopped": {
        ("AWS/Kinesis", "IncomingRecords", "StreamName", "dev-recommender-stream-kss"),
        ("AWS/Firehose", "DeliveryToS3.Records", "DeliveryStreamName", "dev-recommender-archive-kdf"),
    },
    "archive-late": {
        ("AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", "dev-recommender-archive-kdf"),
        ("AWS/Firehose", "KinesisMillisBehindLatest", "DeliveryStreamName", "dev-recommender-archive-kdf"),
    },
    "stream-throttled": {
        ("AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", "dev-recommender-stream-kss"),
        ("AWS/Kinesis", "PutRecords.ThrottledRecords", "StreamName", "dev-recommender-stream-kss"),
    },
    "recommend-throttles": {
        ("AWS/Lambda", "Throttles", "FunctionName", "dev-recommender-get-recommendation-lambda-lbd"),
    },
    "schedule-failed": {
        ("AWS/Scheduler", "TargetErrorCount", "ScheduleGroup", "dev-recommender-schedules-scg"),
        ("AWS/Scheduler", "InvocationDroppedCount", "ScheduleGroup", "dev-recommender-schedules-scg"),
    },
    "rule-failed": {("AWS/Events", "FailedInvocations", "RuleName", "dev-recommender-silent-ends-evt")},
    "messages-undelivered": {("AWS/SNS", "NumberOfNotificationsFailed", "TopicName", "dev-recommender-topic-sns")},
    "no-events-lately": {
        ("AnimalRecommender", "EventsAccepted", "service", "forward_events"),
        ("AnimalRecommender", "EventsAccepted", "environment", "dev"),
    },
}
"""By the metrics that AWS or a handler emits, with each of their dimensions."""


@pytest.mark.parametrize("name", WATCHED)
def test_each_hop_is_watched_by_what_aws_measures_of_it(dev: Synthesis, name: str) -> None:
    """Namespace, name and dimension as the services document them: others would never match."""
    watched = {
        (namespace, metric, dimension, value)
        for namespace, metric, dimensions in _metrics(_alarms(dev)[name])
        for dimension, value in dimensions.items()
    }
    assert WATCHED[name] == watched


def test_a_period_is_longer_than_handling_may_take() -> None:
    """Else a quiet site would ring: what comes in last in a period is handled in the next, and only two in a row count."""
    synthesis = synthesize(
        ingestion={
            "batchSize": 500,
            "batchWindowSeconds": 300,
            "parallelizationFactor": 2,
            "retryAttempts": 50,
            "maxRecordAgeSeconds": 86400,
        }
    )
    mapping = synthesis.resource("ingestion", "AWS::Lambda::EventSourceMapping")
    delivery = synthesis.resource("data", "AWS::KinesisFirehose::DeliveryStream")
    buffering = delivery["ExtendedS3DestinationConfiguration"]["BufferingHints"]["IntervalInSeconds"]
    for name, longest in (
        ("forwarding-stopped", mapping["MaximumBatchingWindowInSeconds"]),
        ("archive-stopped", buffering),
    ):
        alarm = _alarms(synthesis)[name]
        periods = {query["MetricStat"]["Period"] for query in alarm["Metrics"] if "MetricStat" in query}
        assert min(periods) > 2 * longest, name
        assert (2, "notBreaching") == (alarm["EvaluationPeriods"], alarm["TreatMissingData"])


def test_what_is_silent_rings_only_when_it_was_heard_before(dev: Synthesis) -> None:
    """The first part sees whether there was something lately, the second keeps whether there ever was."""
    rules = _composed(dev)
    for name, period, periods in (
        ("no-events", 3600, 24),
        ("recommendation-idle", 3600, 24),
        ("reranking-idle", 3600, 24),
    ):
        lately, ever = _alarms(dev)[f"{name}-lately"], _alarms(dev)[f"{name}-ever"]
        assert f"(INSUFFICIENT_DATA({name}-lately) AND (NOT (INSUFFICIENT_DATA({name}-ever))))" == rules[name]
        assert ("missing", periods) == (lately["TreatMissingData"], lately["EvaluationPeriods"])
        assert ("ignore", periods) == (ever["TreatMissingData"], ever["EvaluationPeriods"])
        # Never an alarm by themselves: counts are not below 0.
        for part in (lately, ever):
            assert (0, "LessThanThreshold") == (part["Threshold"], part["ComparisonOperator"])
            stats = [query["MetricStat"] for query in part.get("Metrics", []) if "MetricStat" in query] or [part]
            assert {period} == {stat["Period"] for stat in stats}


@pytest.mark.parametrize("hours", [1, 144])
def test_the_hours_without_an_event_are_the_configs(hours: int) -> None:
    """From one to six days of them: CloudWatch looks back seven at most."""
    config = yaml.safe_load((CONFIG_FOLDER / "dev.yaml").read_text())["alarms"]
    alarms = _alarms(synthesize(alarms=config | {"noEventHours": hours}))
    assert hours == alarms["no-events-lately"]["EvaluationPeriods"]


@pytest.mark.parametrize("schedule", ["rate(1 day)", "rate(3 days)", "rate(72 hours)"])
def test_silence_about_promotions_is_bad_where_runs_are_frequent(schedule: str) -> None:
    """Within seven days there are two runs at least; before the first one silence means nothing."""
    synthesis = synthesize(schedule=schedule, rerankingEnabled=False)
    rule = _composed(synthesis)["recommendation-outdated"]
    age, lately, ever = (f"recommendation-outdated-{part}" for part in ("age", "lately", "ever"))
    assert f"(ALARM({age}) OR (INSUFFICIENT_DATA({lately}) AND (NOT (INSUFFICIENT_DATA({ever})))))" == rule
    for name, missing, periods in ((age, "ignore", 1), (lately, "missing", 7), (ever, "ignore", 7)):
        alarm = _alarms(synthesis)[name]
        assert (missing, periods) == (alarm["TreatMissingData"], alarm["EvaluationPeriods"])
        watched = ("AnimalRecommender", "DaysSincePromotion", {"environment": "dev", "role": "recommendation"})
        assert [watched] == list(_metrics(alarm))


@pytest.mark.parametrize("schedule", ["rate(7 days)", "cron(0 3 ? * MON *)"])
def test_silence_about_promotions_means_nothing_where_runs_are_rare(schedule: str) -> None:
    """The alarm keeps its state between two runs: the age that the last one reported."""
    synthesis = synthesize(schedule=schedule, rerankingEnabled=False)
    assert "ALARM(recommendation-outdated-age)" == _composed(synthesis)["recommendation-outdated"]
    age = _alarms(synthesis)["recommendation-outdated-age"]
    assert ("ignore", 1) == (age["TreatMissingData"], age["EvaluationPeriods"])


# What environments of earlier releases have, as alarms on one metric each.
EARLIER = {
    f"dev-recommender-{name}-alm"
    for name in (
        "recommendation-stale",
        "reranking-stale",
        "recommendation-campaign-idle",
        "reranking-campaign-idle",
    )
}


def test_an_environment_of_an_earlier_release_can_be_updated(dev: Synthesis) -> None:
    """CloudFormation changes no resource's type, and CloudWatch has one alarm of a name, whatever its kind."""
    resources = dev.templates["monitoring"]["Resources"]
    composite = {id_: r["Properties"]["AlarmName"] for id_, r in resources.items() if r["Type"] == COMPOSITE}
    assert len(composite) == 5
    assert set() == EARLIER & set(composite.values())
    assert not any("stale" in id_ or "campaignidle" in id_ for id_ in composite)


def test_idle_campaigns_are_watched_by_their_own_requests(dev: Synthesis) -> None:
    """Each campaign by its own metric and ARN."""
    for role, metric, campaign in (
        ("recommendation", "GetRecommendations", "recommender"),
        ("reranking", "GetPersonalizedRanking", "reranking"),
    ):
        arn = f"arn:aws:personalize:us-east-1:123456789012:campaign/dev-{campaign}-personalize-campaign-cpn"
        for part in ("lately", "ever"):
            alarm = _alarms(dev)[f"{role}-idle-{part}"]
            assert [("AWS/Personalize", metric, {"CampaignArn": arn})] == list(_metrics(alarm))


def test_idle_alarms_say_what_the_campaign_costs(dev: Synthesis, with_first_recipes: Synthesis) -> None:
    """From the price table: a v2 campaign by its provisioned requests, one of the first recipes by its TPS-hours."""
    for role in ("recommendation", "reranking"):
        assert "about $394 a month" in _told(dev)[f"{role}-idle"]["AlarmDescription"]
    assert "about $584 a month" in _told(with_first_recipes)["recommendation-idle"]["AlarmDescription"]
    assert "about $146 a month" in _told(with_first_recipes)["reranking-idle"]["AlarmDescription"]
    first = _alarms(with_first_recipes)
    lower = first["recommendation-campaign-overprovisioned"]["AlarmDescription"]
    assert "each transaction a second is about $146 a month" in lower


def test_over_provisioning_alarms_where_capacity_could_be_lowered(with_first_recipes: Synthesis) -> None:
    """Above one transaction a second, the least that there is."""
    alarms = _alarms(with_first_recipes)
    assert "recommendation-campaign-overprovisioned" in alarms
    assert "reranking-campaign-overprovisioned" not in alarms
    expressions = [query.get("Expression") for query in alarms["recommendation-campaign-overprovisioned"]["Metrics"]]
    assert "requests / PERIOD(requests) / 4" in expressions


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
        "EventsObserved",
        "IteratorAge",
        "Fallbacks",
        "Duration",
        "NormalizedDiscountedCumulativeGainAt5",
        "DaysSincePromotion",
        "GetPersonalizedRanking",
        "ExecutionsSucceeded",
    ):
        assert metric in dashboard, metric
