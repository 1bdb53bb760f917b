"""What a shard takes a second, on streams that UpdateStreamMode made PROVISIONED.

A shard of such a stream takes 1,000 records and 1 MiB a second, keys included; what is more is refused:
https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html. Streams that are on demand, or were made
with a number of shards, take what comes: they are for tests and benchmarks that write faster than this computer's
shards would be. MiniStack does not know UpdateStreamMode.
"""

import base64
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.emulator.streams.metrics import MEASURED, StreamMeasurements

Answer = tuple[int, dict[str, Any], Any]
Handler = Callable[[dict[str, Any]], Answer]

SHARD_RECORDS = 1000
SHARD_BYTES = 1024 * 1024
CODE = "ProvisionedThroughputExceededException"
_LIMITED = "limited_by_shard"
_MODES = ("PROVISIONED", "ON_DEMAND")


class ShardRates:
    """What each shard was given in the current second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = -1
        self._given: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])

    def takes(self, stream: str, shard: str, size: int) -> bool:
        """Whether the shard takes one more record of so many bytes now; one that it takes is counted."""
        if (second := int(self._clock())) != self._second:
            self._second = second
            self._given.clear()
        given = self._given[stream, shard]
        if given[0] + 1 > SHARD_RECORDS or given[1] + size > SHARD_BYTES:
            return False
        given[0] += 1
        given[1] += size
        return True


def install(measured: StreamMeasurements = MEASURED) -> None:
    """Puts the mode and its limits into MiniStack's Kinesis; what is put is counted by `emulator_stream_metrics`."""
    from ministack import app
    from ministack.services import kinesis

    rates = ShardRates()
    kinesis._put_record = _limited_record(kinesis, kinesis._put_record, rates, measured)
    kinesis._put_records = _limited_records(kinesis, kinesis._put_records, rates, measured)
    serve = app.SERVICE_HANDLERS["kinesis"]

    async def handle_request(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Answer:
        if headers.get("x-amz-target", "").endswith(".UpdateStreamMode"):
            return _update_stream_mode(kinesis, json.loads(body or b"{}"))
        answer: Answer = await serve(method, path, headers, body, query)
        return answer

    app.SERVICE_HANDLERS["kinesis"] = handle_request


def _update_stream_mode(kinesis: Any, request: dict[str, Any]) -> Answer:
    name, stream = kinesis._resolve_stream(request)
    mode = (request.get("StreamModeDetails") or {}).get("StreamMode")
    if not stream:
        missing: Answer = kinesis.error_response_json("ResourceNotFoundException", f"Stream {name} not found", 400)
        return missing
    if mode not in _MODES:
        message = f"StreamModeDetails.StreamMode is {mode!r}; it must be {' or '.join(_MODES)}"
        refused: Answer = kinesis.error_response_json("ValidationException", message, 400)
        return refused
    stream["StreamModeDetails"] = {"StreamMode": mode}
    stream[_LIMITED] = mode == "PROVISIONED"
    done: Answer = kinesis.json_response({})
    return done


def _limited_record(kinesis: Any, put: Handler, rates: ShardRates, measured: StreamMeasurements) -> Handler:
    def handler(request: dict[str, Any]) -> Answer:
        name, stream = kinesis._resolve_stream(request)
        if stream and stream.get(_LIMITED) and not _taken(kinesis, rates, stream, request):
            measured.refuse(name, 1, together=False)
            refused: Answer = kinesis.error_response_json(CODE, _message(stream), 400)
            return refused
        return put(request)

    return handler


def _limited_records(kinesis: Any, put: Handler, rates: ShardRates, measured: StreamMeasurements) -> Handler:
    """PutRecords succeeds in part: each record that is refused has an error in its place."""

    def handler(request: dict[str, Any]) -> Answer:
        name, stream = kinesis._resolve_stream(request)
        if not stream or not stream.get(_LIMITED):
            return put(request)
        taken = [_taken(kinesis, rates, stream, record) for record in request["Records"]]
        refused = taken.count(False)
        if not refused:
            return put(request)
        measured.refuse(name, refused, together=True)
        kept = [record for record, is_taken in zip(request["Records"], taken, strict=True) if is_taken]
        results: list[Any] = []
        if kept:
            status, headers, body = put({**request, "Records": kept})
            if status != 200:
                return status, headers, body
            results = json.loads(body)["Records"]
        error = {"ErrorCode": CODE, "ErrorMessage": _message(stream)}
        records = [results.pop(0) if is_taken else error for is_taken in taken]
        answer: Answer = kinesis.json_response({"FailedRecordCount": refused, "Records": records})
        return answer

    return handler


def _taken(kinesis: Any, rates: ShardRates, stream: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    key = record.get("PartitionKey", "")
    hashed = record.get("ExplicitHashKey")
    shard = kinesis._route_to_shard(int(hashed) if hashed else kinesis._partition_key_to_hash(key), stream)
    size = len(base64.b64decode(record.get("Data") or "")) + len(key.encode())
    return rates.takes(stream["StreamName"], shard, size)


def _message(stream: Mapping[str, Any]) -> str:
    return f"Rate exceeded for a shard of stream {stream['StreamName']}"
