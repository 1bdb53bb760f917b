"""forward_events as Lambda runs it: over HTTP to a fake Personalize, S3 and SQS of moto."""

import json

import boto3

from tests.unit.lambdas.forward_events.stream import kinesis_event, sequence_number, site_event


def test_forwards_the_documented_event(load_handler, personalize, context, published):
    """One event arrives in Personalize with all that it says, and the batch is done."""
    handler = load_handler("forward_events")

    answer = handler.lambda_handler(kinesis_event(site_event(timestamp=1_699_999_999)), context)

    assert {"batchItemFailures": []} == answer
    [event] = personalize.stored()
    assert ("12345", "s1", "DetailView", "1-Russian_Blue-1-2", 1_699_999_999) == (
        event["userId"],
        event["sessionId"],
        event["eventType"],
        event["itemId"],
        event["sentAt"],
    )
    [metrics] = published()
    assert ([1], [0], [0], [1], "forward_events", "test") == (
        metrics["EventsAccepted"],
        metrics["EventsQuarantined"],
        metrics["EventsFailed"],
        metrics["PutEventsCalls"],
        metrics["service"],
        metrics["environment"],
    )


def test_d01_a_bad_record_is_quarantined_and_delays_nobody(load_handler, personalize, context):
    """A poison record goes to quarantine with payload and reason; its neighbours are accepted, nothing is retried."""
    handler = load_handler("forward_events")

    answer = handler.lambda_handler(
        kinesis_event(site_event(animal_id="1"), b"not json", site_event(animal_id="2")), context
    )

    assert {"batchItemFailures": []} == answer
    assert 2 == len(personalize.stored())
    [pointer] = _messages()
    stored = json.loads(boto3.client("s3").get_object(Bucket=pointer["bucket"], Key=pointer["key"])["Body"].read())
    assert f"dt=2023-11-14/hour=22/shardId-000000000003-{sequence_number(1)}.json" == pointer["key"]
    assert ("record", "bm90IGpzb24=") == (stored["reason"]["field"], stored["payload"])
    assert stored["reason"] == pointer["reason"]


def _messages() -> list[dict]:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="quarantine")["QueueUrl"]
    return [
        json.loads(message["Body"])
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]
