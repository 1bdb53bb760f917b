"""A real emulator with a stream, buckets and a function; the delivery runs in the test's own process."""

import base64
import io
import json
import textwrap
import threading
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud.delivery.host import Delivery
from local_cloud.delivery.streams.clients import Clients
from local_cloud.supervisor.lifecycle import LocalCloud
from tests.deadline import eventually

FUNCTION = textwrap.dedent(
    """
    import base64, json, os
    import boto3

    s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])

    def lambda_handler(event, context):
        # One object an invocation with what was accepted; records that begin with poison are reported, with crash fatal.
        accepted, failures = [], []
        for record in event["Records"]:
            data = base64.b64decode(record["kinesis"]["data"]).decode()
            if data.startswith("crash"):
                raise ValueError("crash")
            if data.startswith("poison"):
                failures.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
            elif not failures:
                accepted.append(record)
        if accepted:
            bucket = event["Records"][0]["eventSourceARN"].split("/")[-1]
            s3.put_object(Bucket=bucket, Key=f"accepted/{context.aws_request_id}", Body=json.dumps(accepted).encode())
        return {"batchItemFailures": failures}
    """
)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """An emulator alone: its delivery is the test's."""
    with LocalCloud(state=tmp_path_factory.mktemp("cloud"), services=("emulator",)) as running:
        yield running


class Pipeline:
    """A stream and a bucket of one test's own, and the delivery between them."""

    def __init__(self, cloud: LocalCloud, state: Path, *, shards: int = 1) -> None:
        self.cloud = cloud
        self.state = state
        self.name = f"stream-{uuid.uuid4().hex[:8]}"
        self.kinesis, self.s3 = cloud.client("kinesis"), cloud.client("s3")
        self.kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        description = eventually(
            lambda: (
                (d := self.kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"])[
                    "StreamStatus"
                ]
                == "ACTIVE"
                and d
            ),
            what="the stream's becoming active",
        )
        self.stream_arn: str = description["StreamARN"]
        self.s3.create_bucket(Bucket=self.name)
        self._clients = Clients(cloud.endpoint)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._bodies: dict[tuple[str, str], bytes] = {}

    def function(self, source: str = FUNCTION) -> str:
        """The ARN of a new function with this source, behind an alias."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", source)
        client = self.cloud.client("lambda")
        client.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/forwarder",
            Handler="index.lambda_handler",
            Code={"ZipFile": archive.getvalue()},
            Timeout=30,
            Environment={"Variables": {"AWS_ENDPOINT_URL": self.cloud.endpoint}},
        )
        version = client.publish_version(FunctionName=self.name)["Version"]
        arn: str = client.create_alias(FunctionName=self.name, Name="live", FunctionVersion=version)["AliasArn"]
        return arn

    def deploy_mapping(self, **properties: Any) -> str:
        """Write the file of a mapping, as the emulator's provisioner does; gives its UUID."""
        identifier = str(uuid.uuid4())
        self._write("mappings", identifier, {"uuid": identifier, "properties": {
            "EventSourceArn": self.stream_arn, "StartingPosition": "TRIM_HORIZON",
            "FunctionResponseTypes": ["ReportBatchItemFailures"], **properties,
        }})  # fmt: skip
        return identifier

    def deploy_delivery_stream(self, **destination: Any) -> str:
        name = f"archive-{self.name}"
        self._write("delivery-streams", name, {"name": name, "properties": {
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": {"KinesisStreamARN": self.stream_arn, "RoleARN": "arn:aws:iam::0:role/x"},
            "ExtendedS3DestinationConfiguration": {"BucketARN": f"arn:aws:s3:::{self.name}", **destination},
        }})  # fmt: skip
        return name

    def _write(self, kind: str, name: str, definition: dict[str, Any]) -> None:
        folder = self.state / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tmp").write_text(json.dumps(definition))
        (folder / f"{name}.tmp").rename(folder / f"{name}.json")

    def send(self, payloads: list[str], *, key: str | None = None) -> None:
        for start in range(0, len(payloads), 500):
            entries = [
                {"Data": payload.encode(), "PartitionKey": key or payload} for payload in payloads[start : start + 500]
            ]
            assert self.kinesis.put_records(StreamName=self.name, Records=entries)["FailedRecordCount"] == 0

    def start(self, *, time_scale: float = 0.01) -> None:
        delivery = Delivery(self.state, self._clients, time_scale=time_scale)
        self._stop.clear()
        self._thread = threading.Thread(target=delivery.run, args=(self._stop,))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self._thread = None

    def close(self) -> None:
        self.stop()
        self._clients.close()

    def objects(self, prefix: str) -> dict[str, bytes]:
        """The bucket's objects; each is fetched once, and again when its content has changed."""
        listing = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        for entry in listing:
            if (entry["Key"], entry["ETag"]) not in self._bodies:
                body = self.s3.get_object(Bucket=self.name, Key=entry["Key"])["Body"].read()
                self._bodies[entry["Key"], entry["ETag"]] = body
        return {entry["Key"]: self._bodies[entry["Key"], entry["ETag"]] for entry in listing}

    def accepted(self) -> list[dict[str, Any]]:
        """The Lambda records that the function accepted, repetitions included."""
        return [record for body in self.objects("accepted/").values() for record in json.loads(body)]

    def accepted_payloads(self) -> list[str]:
        return [base64.b64decode(record["kinesis"]["data"]).decode() for record in self.accepted()]

    def discarded(self) -> list[dict[str, Any]]:
        """The invocation records in the failure destination."""
        return [json.loads(body) for body in self.objects("aws/lambda/").values()]


@pytest.fixture
def pipeline(cloud: LocalCloud, tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(cloud, tmp_path, shards=2)
    yield made
    made.close()
