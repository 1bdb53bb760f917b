"""What CloudWatch shows of a stream that is written and read."""

from datetime import UTC, datetime, timedelta

import httpx

from personalize_local.api.guard import LOCAL_REQUEST
from tests.conformance.delivery.conftest import Pipeline
from tests.deadline import eventually


def measured(pipeline: Pipeline, metric: str) -> dict[str, float]:
    """The metric of the pipeline's stream over its life."""
    httpx.post(f"{pipeline.cloud.endpoint}/_local/alarms", headers=LOCAL_REQUEST, timeout=60).raise_for_status()
    now = datetime.now(UTC)
    points = pipeline.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Kinesis",
        MetricName=metric,
        Dimensions=[{"Name": "StreamName", "Value": pipeline.name}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum", "SampleCount", "Minimum", "Maximum"],
    )["Datapoints"]
    return {
        "Sum": sum(point["Sum"] for point in points),
        "SampleCount": sum(point["SampleCount"] for point in points),
        "Minimum": min(point["Minimum"] for point in points),
        "Maximum": max(point["Maximum"] for point in points),
    }


def test_what_is_put_and_read_is_shown_by_stream(pipeline: Pipeline) -> None:
    """Records and bytes by the call; a reader is behind by the age of its last record until it has caught up."""
    pipeline.send(["one", "three"], key="key")
    put = pipeline.kinesis.put_record(StreamName=pipeline.name, Data=b"seven", PartitionKey="key")
    assert {"Sum": 3, "SampleCount": 2, "Minimum": 1, "Maximum": 2} == measured(pipeline, "IncomingRecords")
    assert {"Sum": 13, "SampleCount": 2, "Minimum": 5, "Maximum": 8} == measured(pipeline, "IncomingBytes")

    iterator = pipeline.kinesis.get_shard_iterator(
        StreamName=pipeline.name, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    first = pipeline.kinesis.get_records(ShardIterator=iterator, Limit=1)
    pipeline.kinesis.get_records(ShardIterator=first["NextShardIterator"])
    assert {"Sum": 3, "SampleCount": 2, "Minimum": 1, "Maximum": 2} == measured(pipeline, "GetRecords.Records")
    age = measured(pipeline, "GetRecords.IteratorAgeMilliseconds")
    assert (2, 0.0) == (age["SampleCount"], age["Minimum"])
    assert 0.0 < age["Maximum"]


def test_the_mappings_reading_is_shown_too(pipeline: Pipeline) -> None:
    """What the local poller reads is read by GetRecords: its lag is seen where AWS shows it."""
    pipeline.send([f"r{number}" for number in range(20)])
    pipeline.deploy_mapping(FunctionName=pipeline.function())
    pipeline.start()
    eventually(lambda: len(pipeline.accepted_payloads()) >= 20, what="the delivery")
    assert 20 == measured(pipeline, "GetRecords.Records")["Sum"]
    assert 0.0 == measured(pipeline, "GetRecords.IteratorAgeMilliseconds")["Minimum"]
