"""The failure destination of a mapping: where batches go that the function never accepted.

Format and object names: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html. A queue or
topic gets metadata only; a bucket also gets the records, as the text of the event in `payload`.
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any, Protocol

from local_cloud.delivery.mapping.retry import Discarded
from local_cloud.delivery.mapping.settings import EventSourceMapping
from local_cloud.delivery.streams.clients import LONGEST_ANSWER_SECONDS
from local_cloud.delivery.streams.records import lambda_event


class ClientSource(Protocol):
    """Where the boto3 clients come from."""

    def client(self, service: str, *, answer_seconds: float = LONGEST_ANSWER_SECONDS) -> Any: ...


def failure_record(
    mapping: EventSourceMapping, discarded: Discarded, *, function_arn: str, now: datetime
) -> dict[str, Any]:
    """The invocation record without the payload, as a queue gets it."""
    first, last = discarded.records[0], discarded.records[-1]
    return {
        "requestContext": {
            "requestId": discarded.last.request_id if discarded.last else str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": discarded.condition,
            "approximateInvokeCount": discarded.invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": discarded.last.executed_version,
            "functionError": discarded.last.function_error,
        }
        if discarded.last
        else None,
        "version": "1.0",
        "timestamp": _iso(now),
        "KinesisBatchInfo": {
            "shardId": first.shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _iso(datetime.fromtimestamp(first.arrival, UTC)),
            "approximateArrivalOfLastRecord": _iso(datetime.fromtimestamp(last.arrival, UTC)),
            "batchSize": len(discarded.records),
            "streamArn": mapping.stream_arn,
        },
    }


def object_key(mapping: EventSourceMapping, discarded: Discarded, now: datetime) -> str:
    """`aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`.

    The UUID is derived from the batch: a batch that is discarded twice (killed before its checkpoint) can be told.
    """
    first, last = discarded.records[0], discarded.records[-1]
    batch = uuid.uuid5(
        uuid.NAMESPACE_URL,
        f"{mapping.uuid}/{first.shard_id}/{first.sequence_number}/{last.sequence_number}/{len(discarded.records)}",
    )
    return f"aws/lambda/{mapping.uuid}/{first.shard_id}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{batch}"


def store(
    mapping: EventSourceMapping, discarded: Discarded, clients: ClientSource, *, function_arn: str, identity_arn: str
) -> None:
    """Send the batch to the mapping's destination; without one it is dropped, as on AWS. Raises the client's errors."""
    if mapping.destination_arn is None:
        return
    now = datetime.now(UTC)
    record = failure_record(mapping, discarded, function_arn=function_arn, now=now)
    service, account, name = (mapping.destination_arn.split(":")[index] for index in (2, 4, -1))
    match service:
        case "s3":
            event = lambda_event(discarded.records, stream_arn=mapping.stream_arn, identity_arn=identity_arn)
            clients.client("s3").put_object(
                Bucket=name,
                Key=object_key(mapping, discarded, now),
                Body=json.dumps(record | {"payload": json.dumps(event)}).encode(),
                ContentType="application/json",
            )
        case "sqs":
            sqs = clients.client("sqs")
            queue = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(record))
        case "sns":
            clients.client("sns").publish(TopicArn=mapping.destination_arn, Message=json.dumps(record))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
