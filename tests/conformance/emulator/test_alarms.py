"""Alarms in the emulator: judged by their definitions, heard at their topic, and fed by the services' own metrics."""

import json
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from personalize_local.api.guard import LOCAL_REQUEST
from tests.conformance.emulator.conftest import ROLE, invoke, make_function
from tests.deadline import eventually

ABOVE = {"EvaluationPeriods": 1, "Period": 60, "ComparisonOperator": "GreaterThanThreshold"}


def after(cloud, seconds: float) -> dict[str, str]:
    """The states of all alarms when all that was measured is so many seconds older."""
    answer = httpx.post(f"{cloud.endpoint}/_local/alarms", json={"pass": seconds}, headers=LOCAL_REQUEST, timeout=120)
    answer.raise_for_status()
    states: dict[str, str] = answer.json()
    return states


def measure(cloud, namespace: str, *values: float, **dimensions: str) -> None:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    data = [{"MetricName": "M", "Values": list(values), "Dimensions": named}]
    cloud.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)


def watch(cloud, name: str, **definition: Any) -> None:
    metric = {"Namespace": name, "MetricName": "M", "Statistic": "Maximum"} | ABOVE | {"Threshold": 5}
    cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **(metric | definition))


def test_an_alarm_sees_its_own_dimensions_only(cloud, name):
    """Another function's latency raises no alarm; its own does, and time ends it."""
    watch(cloud, name, Dimensions=[{"Name": "function", "Value": "mine"}], TreatMissingData="notBreaching")
    measure(cloud, name, 9, function="another")
    measure(cloud, name, 9)
    assert "OK" == after(cloud, 60)[name]
    measure(cloud, name, 9, function="mine")
    assert "ALARM" == after(cloud, 60)[name]
    assert "OK" == after(cloud, 3600)[name]


def test_a_percentile_is_of_the_single_values(cloud, name):
    """One of two hundred does not move the p99, five of them do."""
    definition = {"ExtendedStatistic": "p99", "Statistic": None, "TreatMissingData": "notBreaching"}
    given = {key: value for key, value in ({"Threshold": 5} | definition).items() if value is not None}
    metric = {"Namespace": name, "MetricName": "M"} | ABOVE
    cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **metric, **given)
    measure(cloud, name, *[1.0] * 149)
    measure(cloud, name, *[1.0] * 50, 9.0)
    assert "OK" == after(cloud, 60)[name]
    measure(cloud, name, *[1.0] * 100)
    measure(cloud, name, *[9.0] * 5)
    assert "ALARM" == after(cloud, 60)[name]


def test_a_change_of_state_is_told_to_the_topic_once(cloud, name):
    """With the alarm's name and the reason; evaluated again it says nothing new."""
    sqs, topic = cloud.client("sqs"), cloud.client("sns").create_topic(Name=name)["TopicArn"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]})
    queue = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    watch(cloud, name, AlarmActions=[topic], TreatMissingData="notBreaching")
    measure(cloud, name, 9)
    after(cloud, 60)
    after(cloud, 0)
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"))
    story = json.loads(json.loads(message["Body"])["Message"])
    assert (name, "ALARM") == (story["AlarmName"], story["NewStateValue"])
    assert "9" in story["NewStateReason"].partition("[")[2].partition("]")[0]
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def test_an_expression_that_cannot_be_judged_is_refused(cloud, name):
    """When the alarm is made, not by silence."""
    math = [{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m)"}]
    definition = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1}
    with pytest.raises(ClientError, match="ANOMALY_DETECTION_BAND"):
        cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, Metrics=math, **definition)


@pytest.mark.parametrize("body", ["no JSON", '{"pass": -1}', '{"pass": "long"}', "[]", '{"pass": true}'])
def test_time_passes_forwards_and_in_seconds(cloud, body):
    """Everything else is refused with what is allowed."""
    answer = httpx.post(f"{cloud.endpoint}/_local/alarms", content=body, headers=LOCAL_REQUEST)
    assert 400 == answer.status_code
    assert "seconds" in answer.json()["message"]


def total(cloud, namespace: str, metric: str, dimension: str, value: str) -> float:
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400 * 10_000,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_executions_queues_and_functions_are_measured(cloud, name):
    """By machine, queue and function; a queue's depth at each evaluation."""
    states = cloud.client("stepfunctions")
    definition = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})
    machine = states.create_state_machine(name=name, roleArn=ROLE, definition=definition)["stateMachineArn"]
    states.start_execution(stateMachineArn=machine)
    eventually(lambda: total(cloud, "AWS/States", "ExecutionsFailed", "StateMachineArn", machine) == 1)
    assert 1 == total(cloud, "AWS/States", "ExecutionsStarted", "StateMachineArn", machine)
    queue = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="one")
    before = total(cloud, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name)
    after(cloud, 0)
    assert before + 1 <= total(cloud, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name)
    make_function(cloud, name, "def lambda_handler(event, context): raise ValueError('no')")
    invoke(cloud, name)
    assert 1 == total(cloud, "AWS/Lambda", "Errors", "FunctionName", name)
