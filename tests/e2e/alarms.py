"""What makes each alarm of the monitoring stack ring in a deployed local cloud, and what ends it.

Time is what the alarms' own endpoint lets pass: everything measured becomes older.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from infra.naming import Role
from personalize_local.api.guard import LOCAL_REQUEST
from tests.deadline import eventually
from tests.e2e import alarm_causes as causes
from tests.e2e.deploy_checkout import until
from tools.environment.connection import Connection

HOUR, DAY = 3600, 86_400
THRESHOLDS = {
    "iteratorAgeSeconds": 1,
    "archiveAgeSeconds": 1,
    "noEventHours": 24,
    "quarantinedPerHour": 1,
    "forwardFailuresPerFiveMinutes": 1,
    "fallbackShare": 0.05,
    "latencyP99Milliseconds": 200,
    "daysSincePromotion": 21,
    "campaignIdleHours": 24,
}
"""Those that let a single event, or a second of waiting, be too much."""

CAT = {
    "animal_species_id": "1",
    "animal_primary_breed_id": "Domestic_Shorthair",
    "animal_size_id": "2",
    "animal_age_id": "1",
}
CONFIG: Mapping[str, Any] = {
    "minProvisionedTPS": 2,
    "alarms": THRESHOLDS,
    "ingestion": {
        "batchSize": 500,
        "batchWindowSeconds": 0,
        "parallelizationFactor": 1,
        "retryAttempts": 1,
        "maxRecordAgeSeconds": DAY,
    },
}
"""Of the environment: thresholds as above, events given up at once, and a campaign whose capacity could be lowered."""

REQUESTS_OF_AN_HOUR = 3700
"""More than half of two transactions a second for an hour."""


@dataclass
class World:
    """The deployed environment, its alarms and its clock."""

    connection: Connection
    states: Mapping[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.connection.client(service)

    def name(self, function: Any) -> str:
        return self.connection.settings.names.function(function)

    def pass_by(self, seconds: float) -> None:
        """Lets time pass, and has all alarms evaluated then."""
        url = f"{self.connection.endpoint('cloudwatch')}/_local/alarms"
        answer = httpx.post(url, json={"pass": seconds}, headers=LOCAL_REQUEST, timeout=120)
        answer.raise_for_status()
        self.states = answer.json()

    def state(self, alarm: str) -> str:
        return self.states[self.connection.settings.names.alarm(alarm)]

    @cached_property
    def queue(self) -> str:
        """A queue that hears what the topic says from now on."""
        name = f"hears-{uuid.uuid4().hex[:8]}"
        arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
        allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]}
        attributes = {"Policy": json.dumps(policy)}
        url: str = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.listen(arn)
        return url

    def listen(self, queue_arn: str) -> None:
        """Lets the queue hear what the topic says."""
        topic = self.connection.settings.names.topic_arn
        self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)

    def heard(self) -> list[str]:
        """The names of alarms that the topic told of since this was asked last."""
        told = []
        while found := self.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self.client("sqs").delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                text = json.loads(message["Body"])["Message"]
                story = json.loads(text) if text.startswith("{") else {}  # runs of the state machine tell theirs too
                told += [story["AlarmName"]] if story.get("NewStateValue") == "ALARM" else []
        return told

    def seen(self, alarm: str, metric: str, statistic: str = "Sum", seconds: float = 1000 * DAY) -> float:
        """The statistic of one of the alarm's metrics over the last seconds, 0 where there is nothing."""
        name = self.connection.settings.names.alarm(alarm)
        (described,) = self.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        stats = [query["MetricStat"]["Metric"] for query in described.get("Metrics", []) if "MetricStat" in query]
        (watched,) = [found for found in (stats or [described]) if found["MetricName"] == metric]
        return self.measured(watched["Namespace"], metric, watched.get("Dimensions", []), statistic, seconds)

    def measured(
        self, namespace: str, metric: str, dimensions: Any, statistic: str = "Sum", seconds: float = 1000 * DAY
    ) -> float:
        """The statistic of a metric over the last seconds, 0 where there is nothing."""
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=dimensions,
            StartTime=time.time() - seconds,
            EndTime=time.time() + 60,
            Period=60,
            Statistics=[statistic],
        )["Datapoints"]
        values = [float(point[statistic]) for point in points]
        return max(values, default=0.0) if statistic == "Maximum" else sum(values)

    # --- causes

    def put(self, *records: bytes) -> None:
        for data in records:
            stream = self.connection.settings.names.stream
            self.client("kinesis").put_record(StreamName=stream, Data=data, PartitionKey="one session")

    def visit(self) -> bytes:
        """An event that no other is."""
        event = {
            "userId": f"alarm-{uuid.uuid4().hex}",
            "sessionId": "s",
            "eventType": "DetailView",
            "animal_id": "1",
            "animalMetadata": CAT,
        }
        return json.dumps(event).encode()

    @contextmanager
    def fault(self, operation: str, outcome: Mapping[str, Any], times: int = 100_000) -> Iterator[None]:
        url = f"{self.connection.endpoint('personalize')}/_local/faults"
        order = {"operation": operation, "times": times, "outcome": outcome}
        httpx.post(url, json=order, headers=LOCAL_REQUEST).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(url, headers=LOCAL_REQUEST).raise_for_status()

    def invoke(self, function: str, payload: object, *, alias: str = ":live") -> Any:
        answer = self.client("lambda").invoke(FunctionName=f"{self.name(function)}{alias}", Payload=json.dumps(payload))
        return json.loads(answer["Payload"].read())

    @contextmanager
    def broken(self, function: str) -> Iterator[None]:
        """The function's unpublished version with a handler that does not exist."""
        client, name = self.client("lambda"), self.name(function)
        handler = client.get_function_configuration(FunctionName=name)["Handler"]
        client.update_function_configuration(FunctionName=name, Handler="lambdas.nowhere.handler")
        try:
            yield
        finally:
            client.update_function_configuration(FunctionName=name, Handler=handler)

    def start(self, given: Mapping[str, Any]) -> str:
        """The ARN of a new run of the state machine."""
        machine = self.connection.settings.names.state_machine_arn
        started = self.client("stepfunctions").start_execution(stateMachineArn=machine, input=json.dumps(given))
        return str(started["executionArn"])

    def ended(self, run: str) -> str:
        """The status of a run when it has ended."""
        functions = self.client("stepfunctions")

        def status() -> str:
            found = str(functions.describe_execution(executionArn=run)["status"])
            return "" if found == "RUNNING" else found

        return eventually(status, seconds=400, what="the run's end")

    def train(self, given: Mapping[str, Any]) -> str:
        """The end of a run of the state machine."""
        return self.ended(self.start(given))

    def served(self) -> Mapping[Role, str]:
        """The version that each campaign serves."""
        personalize, names = self.client("personalize"), self.connection.settings.names
        return {
            role: personalize.describe_campaign(campaignArn=names.campaign_arn(role, 1))["campaign"][
                "solutionVersionArn"
            ]
            for role in self.connection.settings.roles
        }

    def ledger(self, role: Role) -> str:
        """The version that the ledger names."""
        name = self.connection.settings.names.ledger(role, 1)
        return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    @contextmanager
    def without_topic(self) -> Iterator[None]:
        """The topic is gone meanwhile, and back as it was afterwards."""
        sns, arn = self.client("sns"), self.connection.settings.names.topic_arn
        kept = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        given = {name: kept[name] for name in ("Policy", "KmsMasterKeyId") if kept.get(name)}
        heard_by = [each["Endpoint"] for each in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]]
        sns.delete_topic(TopicArn=arn)
        try:
            yield
        finally:
            sns.create_topic(Name=arn.rpartition(":")[2], Attributes=given)
            for queue in heard_by:
                self.listen(queue)


REQUESTS = {
    "recommend": {"userId": "1"},
    "rerank": {"userId": "1", "itemMetadataList": [{"itemId": "1", "animalMetadata": CAT}]},
}
OPERATIONS = {"recommend": "GetRecommendations", "rerank": "GetPersonalizedRanking"}
REFUSED = {"error": {"code": "ThrottlingException", "message": "to order", "status": 429}}


def slow_events(world: World) -> None:
    """PutEvents stalls with one event for seconds; another one waits behind it."""

    def batches() -> float:
        return world.seen("iterator-age", "IteratorAge", "SampleCount", seconds=200)

    def waited() -> bool:
        with world.fault("PutEvents", {"delaySeconds": 6.0}, times=1):
            before = batches()
            world.put(world.visit())
            until(lambda: batches() > before, what="the stall")
            world.put(world.visit())
            until(lambda: batches() > before + 1, what="the end of the stall")
        age = world.seen("iterator-age", "IteratorAge", "Maximum", seconds=200)
        return age >= 1000 * THRESHOLDS["iteratorAgeSeconds"]

    until(waited, what="waiting for a second")


def malformed(world: World) -> None:
    """An event that is not JSON."""
    world.put(b"no event at all")


def refused_events(world: World) -> None:
    """Personalize refuses the events until the mapping gives them up."""
    before = world.seen("failure-destination", "OnFailureDestinationDeliveredEventCount")
    with world.fault("PutEvents", REFUSED):
        world.put(world.visit())
        given_up = "OnFailureDestinationDeliveredEventCount"
        until(lambda: world.seen("failure-destination", given_up) > before, what="giving up")


def unanswered(function: str) -> Callable[[World], None]:
    def cause(world: World) -> None:
        with world.fault(OPERATIONS[function], REFUSED):
            world.invoke(function, REQUESTS[function])

    return cause


def stalling(function: str) -> Callable[[World], None]:
    def cause(world: World) -> None:
        with world.fault(OPERATIONS[function], {"delaySeconds": 2.0}, times=1):
            world.invoke(function, REQUESTS[function])

    return cause


def failing(function: str) -> Callable[[World], None]:
    def cause(world: World) -> None:
        with world.broken(function):
            answer = world.invoke(function, {}, alias="")
            assert "errorType" in answer, answer

    return cause


def a_misspelt_run(world: World) -> None:
    assert world.train({"task": "tarin"}) == "FAILED"


def a_run_without_topic(world: World) -> None:
    with world.without_topic():
        assert world.train({"task": "tarin"}) == "FAILED"


def silence(_world: World) -> None:
    """Nothing happens."""


def a_canary(world: World) -> None:
    assert world.train({"task": "canary"}) == "SUCCEEDED"


def asked(function: str) -> Callable[[World], None]:
    def end(world: World) -> None:
        world.invoke(function, REQUESTS[function])

    return end


def asked_often(world: World) -> None:
    """The campaign is asked by eight visitors at once, as often as half of its provision is."""
    client = world.client("personalize-runtime")
    campaign = world.connection.settings.names.campaign_arn("recommendation", 1)

    def ask(_number: int) -> None:
        client.get_recommendations(campaignArn=campaign, userId="1", numResults=1)

    with ThreadPoolExecutor(8) as visitors:
        list(visitors.map(ask, range(REQUESTS_OF_AN_HOUR)))


@dataclass(frozen=True)
class Case:
    """A cause, repeated `times` times with `apart` seconds after each; what ends the alarm, and after which time."""

    cause: Callable[[World], None]
    metric: str | None = None
    """Of the alarm; waited for after the cause."""
    apart: float = 300
    times: int = 1
    end: Callable[[World], None] = silence
    after: float = 3 * HOUR
    before: Callable[[World], None] = silence
    """What there has to be first, where the alarm is about silence."""
    during: Callable[[World], AbstractContextManager[None]] = lambda _world: nullcontext()
    """What stays broken until the alarm has rung."""


CASES: Mapping[str, Case] = {
    # Periods begin with a minute of the clock. Less than a period apart, none begins between the event that is stalled,
    # whose own age is no cause, and the one that waits behind it.
    "iterator-age": Case(slow_events, apart=240, times=2),
    "forwarding-stopped": Case(
        causes.an_event, apart=700, times=2, during=causes.without("forward-events", "ReadStream")
    ),
    "stream-throttled": Case(causes.too_many_bytes, "PutRecords.ThrottledRecords", apart=60),
    "quarantine": Case(malformed, "EventsQuarantined", apart=60),
    "failure-destination": Case(refused_events, apart=60),
    "forward-failures": Case(refused_events, "EventsFailed", apart=60),
    "forward-events-errors": Case(failing("forward_events"), "Errors", apart=60),
    "evaluate-version-errors": Case(failing("evaluate_version"), "Errors", apart=60),
    "recommend-errors": Case(failing("recommend"), "Errors", apart=60),
    "rerank-errors": Case(failing("rerank"), "Errors", apart=60),
    "recommend-fallbacks": Case(unanswered("recommend"), "Fallbacks", times=2),
    "rerank-fallbacks": Case(unanswered("rerank"), "Fallbacks", times=2),
    "recommend-latency": Case(stalling("recommend"), "Duration", times=3),
    "rerank-latency": Case(stalling("rerank"), "Duration", times=3),
    "archive-stopped": Case(causes.an_event, apart=2800, times=2, during=causes.without("firehose", "ReadStream")),
    "archive-late": Case(causes.an_event_that_waits, times=2, during=causes.without("firehose", "WriteArchive")),
    **{
        f"{function.replace('_', '-')}-throttles": Case(causes.no_room_for(function), "Throttles", apart=60)
        for function in ("forward_events", "evaluate_version", "recommend", "rerank")
    },
    "schedule-failed": Case(
        causes.a_due_schedule, "TargetErrorCount", apart=60, during=causes.without("trigger", "Start")
    ),
    "rule-failed": Case(causes.a_silent_end, "FailedInvocations", apart=60, during=causes.without_events_on_the_topic),
    "messages-undelivered": Case(causes.a_message_to_nobody, "NumberOfNotificationsFailed", apart=60),
    "training-failed": Case(a_misspelt_run, "ExecutionsFailed", apart=60),
    "notification-failed": Case(a_run_without_topic, "NotificationFailed", apart=60),
    "recommendation-outdated": Case(silence, before=a_canary, apart=10 * DAY, end=a_canary, after=HOUR),
    "reranking-outdated": Case(silence, before=a_canary, apart=10 * DAY, end=a_canary, after=HOUR),
    "recommendation-idle": Case(silence, before=asked("recommend"), apart=27 * HOUR, end=asked("recommend"), after=60),
    "reranking-idle": Case(silence, before=asked("rerank"), apart=27 * HOUR, end=asked("rerank"), after=60),
    "recommendation-campaign-overprovisioned": Case(asked("recommend"), apart=24.5 * HOUR, end=asked_often, after=60),
    "no-events": Case(
        silence, before=causes.a_forwarded_event, apart=27 * HOUR, end=causes.a_forwarded_event, after=60
    ),
}
"""By the alarm's name without environment and ending."""


MORE_WAYS: Mapping[str, tuple[str, Case]] = {
    "only observed events come": (
        "no-events",
        Case(
            causes.a_list_shown,
            before=causes.a_forwarded_event,
            apart=9 * HOUR,
            times=3,
            end=causes.a_forwarded_event,
            after=60,
        ),
    ),
    **{
        name: ("forwarding-stopped", Case(causes.an_event, apart=700, times=2, during=during))
        for name, during in {
            "the key of the data is disabled": causes.with_the_data_key_disabled,
            "the mapping is disabled": causes.with_the_mapping_disabled,
            # Last: the one that takes its place reads the whole stream again, a sign of life for a while.
            "the mapping is deleted": causes.without_the_mapping,
        }.items()
    },
}
"""Other causes of the same alarms: what happened, the alarm, and how."""


def rings_and_recovers(world: World, alarm: str, case: Case | None = None) -> None:
    """The alarm rings by its cause and tells the topic so, and is quiet again when the cause is gone."""
    case = case or CASES[alarm]
    name = world.connection.settings.names.alarm(alarm)
    case.before(world)
    world.pass_by(case.after)
    world.heard()
    assert world.state(alarm) != "ALARM", "before its cause"
    with case.during(world):
        for _ in range(case.times):
            before = world.seen(alarm, case.metric) if case.metric else 0.0
            case.cause(world)
            if case.metric:
                until(_rises(world, alarm, case.metric, before), what=case.metric)
            world.pass_by(case.apart)
        assert world.state(alarm) == "ALARM"
        heard: list[str] = []
        until(lambda: _heard(world, name, heard), what="the message")
    until(lambda: _recovers(world, alarm, case), what="recovery")


def _recovers(world: World, alarm: str, case: Case) -> bool:
    """On a busy machine an answer may come after the deadline, and be counted after the look."""
    case.end(world)
    world.pass_by(case.after)
    return world.state(alarm) == "OK"


def _rises(world: World, alarm: str, metric: str, before: float) -> Callable[[], bool]:
    return lambda: world.seen(alarm, metric) > before


def _heard(world: World, name: str, heard: list[str]) -> bool:
    heard += world.heard()
    return name in heard
