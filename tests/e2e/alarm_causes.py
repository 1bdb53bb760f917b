"""What breaks between the parts of a deployed local cloud, for as long as an alarm needs to ring."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from infra.naming import METRIC_NAMESPACE, Function
from local_cloud.identity.decisions import Decision
from tests.e2e.deploy_checkout import until

if TYPE_CHECKING:
    from tests.e2e.alarms import World

During = Callable[["World"], AbstractContextManager[None]]

_TAKEN: set[tuple[str, str]] = set()
"""(role, action) of each right that was taken away for a while."""


def was_taken(decision: Decision) -> bool:
    """Whether a refusal is one that a cause of this file is about."""
    return (decision.role, decision.action) in _TAKEN


def without(purpose: str, sid: str) -> During:
    """The role has lost the right."""

    @contextmanager
    def broken(world: "World") -> Iterator[None]:
        iam, role = world.client("iam"), world.connection.settings.names.role(purpose)
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        kept = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        left = [statement for statement in kept["Statement"] if statement.get("Sid") != sid]
        (taken,) = [statement["Action"] for statement in kept["Statement"] if statement.get("Sid") == sid]
        _TAKEN.update((role, action) for action in ([taken] if isinstance(taken, str) else taken))
        if left:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(kept | {"Statement": left}))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)  # a policy has a statement at least
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(kept))

    return broken


@contextmanager
def with_the_data_key_disabled(world: "World") -> Iterator[None]:
    """Somebody disabled the key of stream, buckets and queue."""
    kms, alias = world.client("kms"), world.connection.settings.names.key_alias
    key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    try:
        yield
    finally:
        with _what_waited_forwarded(world):
            kms.enable_key(KeyId=key)


@contextmanager
def _what_waited_forwarded(world: "World") -> Iterator[None]:
    """Ends once the function was asked to forward: later, that would be a sign of life in the next case."""
    dimensions = [{"Name": "FunctionName", "Value": world.name("forward_events")}]
    before = world.measured("AWS/Lambda", "Invocations", dimensions)
    yield
    until(
        lambda: world.measured("AWS/Lambda", "Invocations", dimensions) > before, what="the forwarding of what waited"
    )


def _mapping_changed(change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> During:
    """The event source mapping's record, which the delivery process follows, is another or gone."""

    @contextmanager
    def broken(world: "World") -> Iterator[None]:
        (file,) = (world.connection.state / "mappings").glob("*.json")
        kept = file.read_text()
        # Written beside it first: the delivery process reads whole files only.
        changed = change(json.loads(kept))
        if changed is None:
            file.unlink()
        else:
            file.with_suffix(".new").write_text(json.dumps(changed))
            file.with_suffix(".new").replace(file)
        until(lambda: _mapping_state(world) != "Enabled", what="the mapping's end")
        try:
            yield
        finally:
            with _what_waited_forwarded(world):
                file.with_suffix(".new").write_text(kept)
                file.with_suffix(".new").replace(file)
                until(lambda: _mapping_state(world) == "Enabled", what="the mapping's return")

    return broken


def _mapping_state(world: "World") -> str:
    status = json.loads((world.connection.state / "delivery" / "status.json").read_text())
    return "".join(mapping["state"] for mapping in status["mappings"].values())


with_the_mapping_disabled = _mapping_changed(
    lambda record: {**record, "properties": {**record["properties"], "Enabled": False}}
)
without_the_mapping = _mapping_changed(lambda _record: None)


@contextmanager
def without_events_on_the_topic(world: "World") -> Iterator[None]:
    """The topic's policy does not admit EventBridge any more."""
    sns, topic = world.client("sns"), world.connection.settings.names.topic_arn
    kept = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    policy = json.loads(kept)
    left = [statement for statement in policy["Statement"] if statement.get("Sid") != "EventsPublishes"]
    assert len(left) == len(policy["Statement"]) - 1
    changed = json.dumps(policy | {"Statement": left})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=changed)
    try:
        yield
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=kept)


# --- causes


def an_event(world: "World") -> None:
    """A visitor does something."""
    world.put(world.visit())


def a_forwarded_event(world: "World") -> None:
    """A visitor does something, and Personalize takes it."""
    before = world.seen("no-events-lately", "EventsAccepted")
    world.put(world.visit())
    until(lambda: world.seen("no-events-lately", "EventsAccepted") > before, what="the forwarding")


def a_list_shown(world: "World") -> None:
    """The site says what it showed, and nobody does anything about it."""
    names = [{"Name": "service", "Value": "forward_events"}, {"Name": "environment", "Value": "local"}]
    before = world.measured(METRIC_NAMESPACE, "EventsObserved", names)
    world.put(json.dumps({"sessionId": "s", "eventType": "Shown", "impression": ["1-Siamese-2-2"]}).encode())
    until(lambda: world.measured(METRIC_NAMESPACE, "EventsObserved", names) > before, what="the observed event")


def an_event_that_waits(world: "World") -> None:
    """An event is read for the archive and is older than a second before it is written."""
    world.put(world.visit())
    until(
        lambda: world.seen("archive-late", "DeliveryToS3.DataFreshness", "Maximum", seconds=60) > 1,
        what="an event that waits for the archive",
    )


def too_many_bytes(world: "World") -> None:
    """One session sends more in a second than a shard of a provisioned stream takes."""
    kinesis, arn = world.client("kinesis"), world.connection.settings.names.stream_arn
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    try:
        records = [{"Data": b"x" * 500_000, "PartitionKey": "one session"} for _ in range(3)]
        assert kinesis.put_records(StreamARN=arn, Records=records)["FailedRecordCount"] == 1
    finally:
        kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})


def no_room_for(function: Function) -> Callable[["World"], None]:
    """The function is asked while all of its concurrency is used up."""

    def cause(world: "World") -> None:
        client, name = world.client("lambda"), world.name(function)
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        try:
            with pytest.raises(ClientError, match="TooManyRequestsException"):
                client.invoke(FunctionName=name, Payload=b"{}")
        finally:
            client.delete_function_concurrency(FunctionName=name)

    return cause


def a_due_schedule(world: "World") -> None:
    """A schedule of the environment's group comes due, with the same target as its own."""
    scheduler, names = world.client("scheduler"), world.connection.settings.names
    own = scheduler.get_schedule(Name=names.schedule, GroupName=names.schedule_group)
    name, group = f"due-{uuid.uuid4().hex[:8]}", [{"Name": "ScheduleGroup", "Value": names.schedule_group}]
    before = world.measured("AWS/Scheduler", "InvocationAttemptCount", group)
    scheduler.create_schedule(
        Name=name,
        GroupName=names.schedule_group,
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=own["Target"],
    )
    until(lambda: world.measured("AWS/Scheduler", "InvocationAttemptCount", group) > before, what="the attempt")
    scheduler.delete_schedule(Name=name, GroupName=names.schedule_group)


def a_silent_end(world: "World") -> None:
    """A run is stopped before it can say anything."""
    run = world.start({"task": "canary"})
    world.client("stepfunctions").stop_execution(executionArn=run, error="Stopped", cause="by somebody")
    assert world.ended(run) == "ABORTED"


def a_message_to_nobody(world: "World") -> None:
    """A subscriber's queue is gone."""
    sns, topic = world.client("sns"), world.connection.settings.names.topic_arn
    gone = f"arn:aws:sqs:us-east-1:000000000000:gone-{uuid.uuid4().hex[:8]}"
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=gone)["SubscriptionArn"]
    try:
        sns.publish(TopicArn=topic, Message="Does anybody hear this?")
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
