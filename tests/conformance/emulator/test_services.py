"""What the project uses of single services, each held to AWS's documented behaviour."""

import datetime
import json
from typing import Any

import pytest

from tests.conformance.emulator.conftest import ROLE
from tests.deadline import eventually


def test_ssm_refuses_to_overwrite_unless_told_to(cloud, name):
    """`Overwrite=false` on an existing parameter is ParameterAlreadyExists and changes nothing: no ledger is overwritten."""
    ssm = cloud.client("ssm")
    ssm.put_parameter(Name=f"/{name}", Value="first", Type="String", Overwrite=False)
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=f"/{name}", Value="second", Type="String", Overwrite=False)
    assert "first" == ssm.get_parameter(Name=f"/{name}")["Parameter"]["Value"]
    ssm.put_parameter(Name=f"/{name}", Value="third", Type="String", Overwrite=True)
    assert "third" == ssm.get_parameter(Name=f"/{name}")["Parameter"]["Value"]
    ssm.delete_parameter(Name=f"/{name}")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=f"/{name}")


def test_kms_encrypts_for_one_key_only_and_grants_can_be_made(cloud):
    """What one key encrypted comes back whole; rotation can be switched on; Personalize's CreateGrant is accepted."""
    kms = cloud.client("kms")
    key = kms.create_key(Description="any")["KeyMetadata"]["KeyId"]
    secret = kms.encrypt(KeyId=key, Plaintext=b"cats and dogs")["CiphertextBlob"]
    assert b"cats and dogs" not in secret
    assert b"cats and dogs" == kms.decrypt(CiphertextBlob=secret)["Plaintext"]
    data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert data_key["Plaintext"] == kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"]
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert kms.create_grant(KeyId=key, GranteePrincipal=ROLE, Operations=["Decrypt"])["GrantId"]


def test_s3_keeps_objects_versions_and_conditions(cloud, name):
    """Keys with spaces and other letters, versions, paging in order, and a conditional put that loses."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    keys = [f"dt=2026-11-22/a b é {i:02}.json" for i in range(12)]
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"old")
    s3.put_object(Bucket=name, Key=keys[0], Body=b"new")
    assert b"new" == s3.get_object(Bucket=name, Key=keys[0])["Body"].read()
    assert 2 == len(s3.list_object_versions(Bucket=name, Prefix=keys[0])["Versions"])
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix="dt=", PaginationConfig={"PageSize": 5})
    assert keys == [item["Key"] for page in pages for item in page["Contents"]]
    with pytest.raises(s3.exceptions.ClientError) as refused:
        s3.put_object(Bucket=name, Key=keys[0], Body=b"newer", IfNoneMatch="*")
    assert "PreconditionFailed" == refused.value.response["Error"]["Code"]


def test_sns_delivers_to_sqs(cloud, name):
    """A message to a topic is in the subscribed queue, enveloped with its subject, as the notifications are tested."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Subject="Promoted", Message="the story")
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    body = json.loads(message["Body"])
    assert ("Promoted", "the story", topic) == (body["Subject"], body["Message"], body["TopicArn"])


def test_kinesis_keeps_order_within_a_key_and_takes_concurrent_puts(cloud, name):
    """Each partition key's records come back in the order put, none lost and none twice, with growing numbers."""
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    eventually(
        lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"],
        lambda status: status == "ACTIVE",
    )
    for batch in range(4):
        kinesis.put_records(
            StreamName=name,
            Records=[{"Data": b"%d-%d" % (batch, i), "PartitionKey": str(i % 7)} for i in range(100)],
        )
    by_key: dict[str, list[bytes]] = {}
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = kinesis.get_records(ShardIterator=iterator, Limit=1000)["Records"]
        numbers = [int(record["SequenceNumber"]) for record in records]
        assert sorted(set(numbers)) == numbers
        for record in records:
            by_key.setdefault(record["PartitionKey"], []).append(record["Data"])
    expected = {str(k): [b"%d-%d" % (b, i) for b in range(4) for i in range(100) if i % 7 == k] for k in range(7)}
    assert expected == by_key


def test_a_schedule_starts_its_state_machine(cloud, name):
    """EventBridge Scheduler runs an `at` schedule on time, with the target's input."""
    machine = _machine(cloud, name, {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
    cloud.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine, "RoleArn": ROLE, "Input": '{"trigger": "schedule"}'},
    )
    states = cloud.client("stepfunctions")
    (execution,) = eventually(
        lambda: states.list_executions(stateMachineArn=machine, statusFilter="SUCCEEDED")["executions"], seconds=90
    )
    assert {"trigger": "schedule"} == json.loads(
        states.describe_execution(executionArn=execution["executionArn"])["input"]
    )


def test_a_map_contains_the_failure_of_one_item(cloud, name):
    """One item's task fails and is caught, the other's result stays; an hour's wait is scaled, here to nothing."""
    cloud.client("ssm").put_parameter(Name=f"/{name}", Value="there", Type="String")
    item = {
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 3600, "Next": "Read"},
            "Read": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
                "Parameters": {"Name.$": "$"},
                "ResultSelector": {"value.$": "$.Parameter.Value"},
                "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "Result": {"value": "caught"}, "End": True},
        },
    }
    machine = _machine(
        cloud, name, {"StartAt": "All", "States": {"All": {"Type": "Map", "ItemProcessor": item, "End": True}}}
    )
    execution = cloud.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps([f"/{name}", f"/{name}/absent"])
    )["executionArn"]
    ended = eventually(
        lambda: cloud.client("stepfunctions").describe_execution(executionArn=execution),
        lambda execution: execution["status"] != "RUNNING",
    )
    assert ("SUCCEEDED", [{"value": "there"}, {"value": "caught"}]) == (ended["status"], json.loads(ended["output"]))


def test_a_role_can_be_assumed_and_the_caller_is_known(cloud, name):
    """STS gives credentials of a role that trusts the account, as the CDK CLI needs; the account is the local one."""
    sts = cloud.client("sts")
    assert "000000000000" == sts.get_caller_identity()["Account"]
    trust = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
    role = cloud.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    assert sts.assume_role(RoleArn=role, RoleSessionName="any")["Credentials"]["AccessKeyId"]


def test_an_alarm_keeps_its_metric_math_and_its_dimensions(cloud, name):
    """PutMetricAlarm with `Metrics` comes back whole; a breaching datum of another dimension changes no state."""
    cloudwatch = cloud.client("cloudwatch")
    metrics = [
        {"Id": "share", "Expression": "part / whole", "Label": "Share", "ReturnData": True},
        *(
            {
                "Id": part,
                "MetricStat": {"Metric": {"Namespace": name, "MetricName": part}, "Period": 60, "Stat": "Sum"},
                "ReturnData": False,
            }
            for part in ("part", "whole")
        ),
    ]
    common = {"EvaluationPeriods": 1, "Threshold": 0.5, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName=f"{name}-math", Metrics=metrics, **common)
    cloudwatch.put_metric_alarm(
        AlarmName=f"{name}-one", Namespace=name, MetricName="part", Period=60, Statistic="Sum",
        Dimensions=[{"Name": "function", "Value": "mine"}], **common,
    )  # fmt: skip
    cloudwatch.put_metric_data(
        Namespace=name,
        MetricData=[{"MetricName": "part", "Value": 9, "Dimensions": [{"Name": "function", "Value": "other"}]}],
    )
    math, one = cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]
    assert metrics == math["Metrics"]
    assert "MetricName" not in math
    assert ["INSUFFICIENT_DATA"] * 2 == [math["StateValue"], one["StateValue"]]


def _machine(cloud, name: str, definition: dict[str, Any]) -> str:
    made = cloud.client("stepfunctions").create_state_machine(
        name=name, roleArn=ROLE, definition=json.dumps(definition)
    )
    return str(made["stateMachineArn"])


def test_a_rule_tells_which_executions_ended_silently(cloud, name):
    """Status changes of executions reach the bus; `$or`, `exists` and `anything-but` choose as the failure rule needs."""
    states, events, sqs = cloud.client("stepfunctions"), cloud.client("events"), cloud.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    failing = {"StartAt": "End", "States": {"End": {"Type": "Fail", "ErrorPath": "$.error", "Cause": "any"}}}
    machine = _machine(cloud, name, failing)
    silent = [
        {"status": ["ABORTED", "TIMED_OUT"]},
        {"status": ["FAILED"], "error": [{"exists": False}, {"anything-but": {"prefix": "Told."}}]},
    ]
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine], "$or": silent},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue_arn}])
    for error in ("Told.Failure", "States.Runtime"):
        states.start_execution(stateMachineArn=machine, name=error, input=json.dumps({"error": error}))
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    detail = json.loads(message["Body"])["detail"]
    assert ("FAILED", "States.Runtime") == (detail["status"], detail["name"])
    eventually(lambda: len(states.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"]) == 2)
    assert "Messages" not in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
