"""A shard takes a thousand records and a mebibyte a second, on streams that were made provisioned."""

from typing import Any

import pytest

from local_cloud.emulator.streams.limits import SHARD_BYTES, SHARD_RECORDS, ShardRates


def _rates() -> tuple[ShardRates, list[float]]:
    now = [10.0]
    return ShardRates(clock=lambda: now[0]), now


@pytest.mark.parametrize(("size", "most"), [(1, SHARD_RECORDS), (SHARD_BYTES // 4, 4)])
def test_a_shard_takes_so_much_a_second(size: int, most: int) -> None:
    """By records or by bytes, whichever is first; each shard its own, and anew each second."""
    rates, now = _rates()
    assert [True] * most + [False] == [rates.takes("stream", "a", size) for _ in range(most + 1)]
    assert rates.takes("stream", "b", size)
    assert rates.takes("other", "a", size)
    now[0] += 1
    assert rates.takes("stream", "a", size)


@pytest.mark.usefixtures("emulator")
def test_only_streams_that_were_made_provisioned_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """UpdateStreamMode says which; PutRecords fails in part, and what was refused is measured under both names."""
    from ministack.services import kinesis

    from local_cloud.emulator.streams import limits
    from local_cloud.emulator.streams.metrics import StreamMeasurements

    measured = StreamMeasurements()
    monkeypatch.setattr(
        kinesis,
        "_put_records",
        limits._limited_records(kinesis, kinesis._put_records, ShardRates(lambda: 1.0), measured),
    )
    kinesis._create_stream({"StreamName": "limited", "ShardCount": 1})
    kinesis._streams["limited"]["StreamStatus"] = "ACTIVE"
    half = {"PartitionKey": "key", "Data": "eA==" * 1}
    big = {"PartitionKey": "key", "Data": "eHh4" * 200_000}

    def put(*records: dict[str, Any]) -> Any:
        import json

        return json.loads(kinesis._put_records({"StreamName": "limited", "Records": list(records)})[2])

    assert 0 == put(big, big, half)["FailedRecordCount"]
    mode = {"StreamARN": kinesis._streams["limited"]["StreamARN"], "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    assert 200 == limits._update_stream_mode(kinesis, mode)[0]
    answer = put(big, big, half)
    assert 1 == answer["FailedRecordCount"]
    assert [None, limits.CODE, None] == [record.get("ErrorCode") for record in answer["Records"]]
    refused = {datum["MetricName"]: datum["StatisticValues"]["Sum"] for datum in measured.taken()}
    assert {"WriteProvisionedThroughputExceeded": 1, "PutRecords.ThrottledRecords": 1} == refused
    wrong = limits._update_stream_mode(kinesis, mode | {"StreamModeDetails": {"StreamMode": "FAST"}})
    assert 400 == wrong[0]
    assert 200 == limits._update_stream_mode(kinesis, mode | {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}})[0]
    assert 0 == put(big, big, half)["FailedRecordCount"]
