"""The mapping against a real stream, a real function and real destinations of the emulator."""

import json

from tests.conformance.delivery.conftest import Pipeline
from tests.deadline import eventually


def test_d01_one_poison_record_of_500_delays_no_other(pipeline: Pipeline) -> None:
    """499 records are accepted and the poison one lands in the failure destination, alone and with its payload."""
    payloads = [f"good {number}" for number in range(499)]
    pipeline.send([*payloads[:200], "poison", *payloads[200:]])
    mapping = pipeline.deploy_mapping(
        FunctionName=pipeline.function(),
        BatchSize=500,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{pipeline.name}"}},
    )

    pipeline.start()
    discarded = eventually(pipeline.discarded, what="the failure destination's being written")
    eventually(lambda: len(set(pipeline.accepted_payloads())) >= len(payloads), what="the good records' delivery")

    assert set(payloads) == set(pipeline.accepted_payloads())
    assert [("RetryAttemptsExhausted", 1)] == [
        (d["requestContext"]["condition"], d["KinesisBatchInfo"]["batchSize"]) for d in discarded
    ]
    (key,) = pipeline.objects("aws/lambda/")
    assert key.startswith(f"aws/lambda/{mapping}/shardId-")
    (record,) = json.loads(discarded[0]["payload"])["Records"]
    assert "poison" == record["kinesis"]["partitionKey"]


def test_crash_is_bisected_down_to_the_guilty_record(pipeline: Pipeline) -> None:
    """A function that raises fails the whole batch; splitting isolates the record that makes it raise."""
    payloads = [f"good {number}" for number in range(30)]
    pipeline.send([*payloads[:11], "crash", *payloads[11:]], key="one")
    queue = pipeline.cloud.client("sqs").create_queue(QueueName=pipeline.name)["QueueUrl"]
    pipeline.deploy_mapping(
        FunctionName=pipeline.function(),
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:000000000000:{pipeline.name}"}},
    )

    pipeline.start()
    eventually(lambda: len(pipeline.accepted_payloads()) >= len(payloads), what="the good records' delivery")

    assert payloads == sorted(pipeline.accepted_payloads(), key=payloads.index)
    sqs = pipeline.cloud.client("sqs")
    (message,) = eventually(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"), what="the queue's message"
    )
    body = json.loads(message["Body"])
    assert (1, "Unhandled") == (body["KinesisBatchInfo"]["batchSize"], body["responseContext"]["functionError"])
    assert "payload" not in body


def test_event_has_the_documented_shape(pipeline: Pipeline) -> None:
    """The function sees the records exactly as AWS documents them."""
    pipeline.send(["hello"], key="visitor 1")
    pipeline.deploy_mapping(FunctionName=pipeline.function())

    pipeline.start()
    (record,) = eventually(pipeline.accepted, what="the delivery")

    shard, sequence = record["eventID"].split(":")
    arrival = record["kinesis"].pop("approximateArrivalTimestamp")
    assert 1_700_000_000 < arrival < 4_000_000_000
    assert shard.startswith("shardId-")
    assert {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "visitor 1",
            "sequenceNumber": sequence,
            "data": "aGVsbG8=",
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/forwarder",
        "awsRegion": "us-east-1",
        "eventSourceARN": pipeline.stream_arn,
    } == record


def test_d14_trim_horizon_delivers_what_was_sent_before_the_mapping_lived(pipeline: Pipeline) -> None:
    """Nothing is lost between the first event and the first poll, nor between a stop and the next start."""
    pipeline.send([f"before {number}" for number in range(20)])
    pipeline.deploy_mapping(FunctionName=pipeline.function(), ParallelizationFactor=2)
    pipeline.start()
    eventually(lambda: len(pipeline.accepted_payloads()) == 20, what="the first delivery")
    pipeline.stop()
    pipeline.send([f"between {number}" for number in range(20)])

    pipeline.start()
    eventually(lambda: len(pipeline.accepted_payloads()) >= 40, what="the second delivery")

    expected = [f"{when} {number}" for when in ("before", "between") for number in range(20)]
    assert sorted(expected) == sorted(pipeline.accepted_payloads())


def test_latest_delivers_what_is_sent_after_the_start_only(pipeline: Pipeline) -> None:
    """LATEST skips what was there, also when the delivery restarts before the first new record."""
    pipeline.send(["old"])
    pipeline.deploy_mapping(FunctionName=pipeline.function(), StartingPosition="LATEST")
    pipeline.start()
    status = pipeline.state / "delivery" / "status.json"
    eventually(lambda: status.exists() and "shardId" in status.read_text(), what="the mapping's start")
    pipeline.stop()
    pipeline.send(["new"])

    pipeline.start()
    eventually(pipeline.accepted_payloads, what="the delivery")

    assert ["new"] == pipeline.accepted_payloads()
