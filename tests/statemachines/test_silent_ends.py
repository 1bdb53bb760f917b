"""The rule that speaks for runs that ended without telling so themselves."""

import json

import pytest

from tests.infra.synthesis import Synthesis, synthesize
from tests.statemachines.world import new_name, wait_until


@pytest.fixture(scope="module")
def rule():
    synthesis: Synthesis = synthesize()
    rules = synthesis.resources("training", "AWS::Events::Rule").values()
    (found,) = [rule for rule in rules if rule["Name"].endswith("silent-ends-evt")]
    return found


def event(pattern, **detail):
    arn = pattern["detail"]["stateMachineArn"][0]
    return {
        "id": "1",
        "account": "123456789012",
        "region": "us-east-1",
        "time": "2026-11-22T08:30:00Z",
        "resources": [],
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"stateMachineArn": arn, "name": "run-1", "error": None, "cause": None, **detail},
    }


@pytest.mark.parametrize(
    ("detail", "speaks"),
    [
        ({"status": "ABORTED"}, True),
        ({"status": "TIMED_OUT"}, True),
        ({"status": "FAILED", "error": "States.Runtime"}, True),
        ({"status": "FAILED", "error": None}, True),
        ({"status": "FAILED", "error": "AnimalRecommender.SolutionFailed"}, False),
        ({"status": "FAILED", "error": "AnimalRecommender.NotificationFailed"}, False),
        ({"status": "SUCCEEDED"}, False),
        ({"status": "RUNNING"}, False),
        ({"status": "ABORTED", "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:other"}, False),
    ],
)
def test_it_speaks_only_for_silent_ends(cloud, rule, detail, speaks):
    """Stopped, out of time, or failed without the marker; everything else has told its story."""
    pattern = rule["EventPattern"]
    answer = cloud.client("events").test_event_pattern(
        EventPattern=json.dumps(pattern), Event=json.dumps(event(pattern, **detail))
    )
    assert answer["Result"] is speaks


def test_a_stopped_run_is_heard_of_by_people(served, rule):
    """The rule's own target and template, on a run that is really stopped: a sentence, not raw JSON."""
    events, name = served.cloud.client("events"), new_name()
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": served.topic}]})
    served.cloud.client("sns").set_topic_attributes(
        TopicArn=served.topic, AttributeName="Policy", AttributeValue=policy
    )
    pattern = rule["EventPattern"] | {"detail": {**rule["EventPattern"]["detail"], "stateMachineArn": [served.machine]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    (target,) = rule["Targets"]
    transformer = target["InputTransformer"]
    events.put_targets(Rule=name, Targets=[{"Id": "topic", "Arn": served.topic, "InputTransformer": transformer}])
    served.lengthen("WaitForLock", 6000)
    served.hold("deploy:abc", kind="deploy", expires="2099-01-01T00:00:00.000Z")
    execution = served.start()
    wait_until(lambda: "WaitForLock" in served.history_of(execution))
    served.functions.stop_execution(executionArn=execution)
    served.free_lock()
    (message,) = wait_until(served.messages)
    assert "ended as ABORTED and could not say why" in message["message"]
    assert execution in message["message"]
    events.remove_targets(Rule=name, Ids=["topic"])
    events.delete_rule(Name=name)
