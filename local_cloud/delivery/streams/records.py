"""Stream records and the event that a Lambda function gets for them.

Shapes: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (example event) and the `Record` shape of the
Kinesis service model.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a Kinesis stream; `arrival` is in epoch seconds."""

    shard_id: str
    sequence_number: str
    partition_key: str
    data: bytes
    arrival: float

    @property
    def order(self) -> int:
        """Sequence numbers are decimal numbers of differing length: they compare as numbers, not as strings."""
        return int(self.sequence_number)

    @property
    def event_bytes(self) -> int:
        """About how many bytes the record takes in a Lambda event (base64 and the envelope around it)."""
        return 4 * ((len(self.data) + 2) // 3) + len(self.partition_key) + 480


def lambda_event(records: Sequence[Record], *, stream_arn: str, identity_arn: str) -> dict[str, Any]:
    """The event that a function receives for the records; `identity_arn` is the function's execution role."""
    region = stream_arn.split(":")[3]
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record.partition_key,
                    "sequenceNumber": record.sequence_number,
                    "data": base64.b64encode(record.data).decode("ascii"),
                    "approximateArrivalTimestamp": round(record.arrival, 3),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{record.shard_id}:{record.sequence_number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": identity_arn,
                "awsRegion": region,
                "eventSourceARN": stream_arn,
            }
            for record in records
        ]
    }
