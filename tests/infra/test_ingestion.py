"""The ingestion stack: the mapping never blocks on a bad record, and what is given up is kept whole."""

import json
from typing import Any

import pytest

from tests.infra.synthesis import Synthesis, as_list, synthesize

MAPPING = "AWS::Lambda::EventSourceMapping"
QUARANTINE = "arn:aws:s3:::dev-recommender-quarantine-123456789012-us-east-1"


def _mapping(synthesis: Synthesis) -> Any:
    return synthesis.resource("ingestion", MAPPING)


def test_d01_a_poison_record_cannot_stall_a_shard(dev: Synthesis) -> None:
    """Partial batch responses, bisecting, bounded retries and age, and a destination for what is given up."""
    mapping = _mapping(dev)
    assert ["ReportBatchItemFailures"] == mapping["FunctionResponseTypes"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 50 == mapping["MaximumRetryAttempts"]
    assert 86400 == mapping["MaximumRecordAgeInSeconds"]
    assert {"OnFailure": {"Destination": QUARANTINE}} == mapping["DestinationConfig"]


def test_d14_events_sent_before_the_mapping_are_read(dev: Synthesis) -> None:
    """From the oldest record that the stream still has."""
    assert "TRIM_HORIZON" == _mapping(dev)["StartingPosition"]


def test_batches_come_from_the_config(dev: Synthesis) -> None:
    """Size, window and parallelization."""
    mapping = _mapping(dev)
    assert (500, 1, 2) == (
        mapping["BatchSize"],
        mapping["MaximumBatchingWindowInSeconds"],
        mapping["ParallelizationFactor"],
    )
    assert "arn:aws:kinesis:us-east-1:123456789012:stream/dev-recommender-stream-kss" == mapping["EventSourceArn"]


def test_given_up_events_are_counted(dev: Synthesis) -> None:
    """The mapping publishes its event counts, and its id, their dimension, for the alarm."""
    assert {"Metrics": ["EventCount"]} == _mapping(dev)["MetricsConfig"]
    parameter = dev.resource("ingestion", "AWS::SSM::Parameter")
    assert "/animal-recommender/dev/event-source-mapping/id" == parameter["Name"]
    assert {"Fn::GetAtt": ["StreamToForwardEvents", "Id"]} == parameter["Value"]


def test_the_forwarder_knows_tracker_and_quarantine(dev: Synthesis) -> None:
    """By environment variables, so that no invocation looks anything up; the tracking id comes through SSM."""
    function = dev.resource("ingestion", "AWS::Lambda::Function")
    assert "dev-recommender-put-events-lambda-lbd" == function["FunctionName"]
    assert "lambdas.forward_events.handler.lambda_handler" == function["Handler"]
    variables = function["Environment"]["Variables"]
    assert "dev-recommender-quarantine-123456789012-us-east-1" == variables["QUARANTINE_BUCKET"]
    (queue,) = dev.resources("ingestion", "AWS::SQS::Queue")
    assert {"Ref": queue} == variables["QUARANTINE_QUEUE_URL"]
    parameter = dev.templates["ingestion"]["Parameters"][variables["TRACKING_IDS"]["Ref"]]
    assert "/animal-recommender/dev/personalize/event-tracker/id" == parameter["Default"]
    ids = "/animal-recommender/dev/personalize/event-ids/digests-from"
    assert ids == dev.templates["ingestion"]["Parameters"][variables["EVENT_IDS_FROM"]["Ref"]]["Default"]
    assert (ids, "Latin") == (variables["EVENT_IDS_PARAMETER"], variables["BREED_SCRIPTS"])
    assert "Shown,LetterOpened,LetterClicked,AnswerHelpful" == variables["OBSERVED_EVENT_TYPES"]


@pytest.mark.parametrize("most", [[], [f"{n:02}".join("Ab") + "x" * 60 for n in range(20)]])
def test_the_observed_types_are_the_configs(most: list[str]) -> None:
    """None, or so many and so long that no more are allowed: they fit the 4 KB of a function's environment."""
    function = synthesize(observedEventTypes=most).resource("ingestion", "AWS::Lambda::Function")
    variables = function["Environment"]["Variables"]
    assert ",".join(most) == variables["OBSERVED_EVENT_TYPES"]
    assert len(json.dumps(variables)) < 4096


def test_the_forwarder_may_do_its_work_and_nothing_else(dev: Synthesis) -> None:
    """Read the stream, put events, quarantine, log, trace, use the key; while ids change, read from when on."""
    (role,) = dev.resources("ingestion", "AWS::IAM::Role").values()
    rights = {
        action
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
    }
    assert {
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "personalize:PutEvents",
        "s3:PutObject",
        "s3:ListBucket",
        "sqs:SendMessage",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "ssm:GetParameter",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    } == rights


def test_the_quarantine_queue_is_encrypted_and_refuses_plain_http(dev: Synthesis) -> None:
    """With the environment's key; pointers live as long as SQS can keep them."""
    queue = dev.resource("ingestion", "AWS::SQS::Queue")
    assert "dev-recommender-quarantine-sqs" == queue["QueueName"]
    assert {"Ref"} == set(queue["KmsMasterKeyId"]) or {"Fn::Select", "Ref"} & set(queue["KmsMasterKeyId"])
    assert 14 * 24 * 3600 == queue["MessageRetentionPeriod"]
    policy = dev.resource("ingestion", "AWS::SQS::QueuePolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert ("Deny", {"Bool": {"aws:SecureTransport": "false"}}) == (statement["Effect"], statement["Condition"])
