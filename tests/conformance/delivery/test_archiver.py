"""The archiver against a real stream and a real bucket of the emulator."""

import gzip
import re
from datetime import UTC, datetime

from tests.conformance.delivery.conftest import Pipeline
from tests.deadline import eventually

DESTINATION = {
    "Prefix": "events/dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/",
    "CompressionFormat": "GZIP",
    "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 5},
    "ProcessingConfiguration": {
        "Enabled": True,
        "Processors": [
            {
                "Type": "AppendDelimiterToRecord",
                "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
            }
        ],
    },
}


def archived_lines(pipeline: Pipeline) -> list[str]:
    lines: list[str] = []
    for body in pipeline.objects("events/").values():
        lines += gzip.decompress(body).decode().splitlines()
    return lines


def test_d17_d19_archive_is_partitioned_compressed_and_delimited(pipeline: Pipeline) -> None:
    """Every record is one line of a .gz object under the hour of its arrival."""
    payloads = [f'{{"number": {number}}}' for number in range(300)]
    pipeline.send(payloads)
    name = pipeline.deploy_delivery_stream(**DESTINATION)

    pipeline.start()
    eventually(lambda: len(archived_lines(pipeline)) >= 300, what="the archive's being written")

    assert sorted(payloads) == sorted(archived_lines(pipeline))
    now = datetime.now(UTC)
    for key in pipeline.objects("events/"):
        assert re.fullmatch(
            rf"events/dt={now:%Y}-\d\d-\d\d/hour=\d\d/{name}-1-{now:%Y}(-\d\d){{5}}-[0-9a-f-]{{36}}\.gz", key
        )


def test_stop_stores_what_is_buffered_and_a_restart_repeats_nothing(pipeline: Pipeline) -> None:
    """With an interval that never passes, a clean stop leaves the archive complete, and only once."""
    pipeline.send([f"first {number}" for number in range(50)])
    pipeline.deploy_delivery_stream(**DESTINATION)
    status = pipeline.state / "delivery" / "status.json"
    pipeline.start(time_scale=1000)
    eventually(lambda: status.exists() and _buffered(status.read_text()) == 50, what="the buffering")
    assert [] == archived_lines(pipeline)
    pipeline.stop()
    assert 50 == len(archived_lines(pipeline))

    pipeline.send([f"second {number}" for number in range(50)])
    pipeline.start()
    eventually(lambda: len(archived_lines(pipeline)) >= 100, what="the second half")

    assert sorted(f"{half} {number}" for half in ("first", "second") for number in range(50)) == sorted(
        archived_lines(pipeline)
    )


def _buffered(status: str) -> int:
    return sum(int(count) for count in re.findall(r'"pending": (\d+)', status))
