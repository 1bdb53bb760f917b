"""What the demonstration asks of the deployed environment, by the APIs that it also has on AWS."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.naming import ARCHIVE_PREFIX, METRIC_NAMESPACE, Names
from lambdas.shared.quarantined import QUARANTINE_PREFIX, QuarantinedRecord
from tools.deploy.base.personalize import created
from tools.deploy.base.waiting import poll
from tools.environment.connection import Connection
from tools.environment.errors import ToolError


class DemoError(ToolError):
    """The demonstration cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run of the state machine."""

    name: str
    started: datetime
    status: str
    outcome: str
    solutions: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        keys = ("role", "decision", "reasons", "metrics")
        return {"status": self.status, "solutions": [{key: s.get(key) for key in keys} for s in self.solutions]}


class Cloud:
    """One environment as the demonstration sees it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.names: Names = connection.settings.names
        self.generation = connection.settings.generation

    # --- metrics

    def forwarded(self, since: datetime) -> dict[str, int]:
        """How many events the forwarder has accepted and quarantined since then, by its own metrics."""
        cloudwatch = self.connection.client("cloudwatch")
        counts: dict[str, int] = {}
        for metric in ("EventsAccepted", "EventsQuarantined"):
            points = cloudwatch.get_metric_statistics(
                Namespace=METRIC_NAMESPACE,
                MetricName=metric,
                Dimensions=[
                    {"Name": "service", "Value": "forward_events"},
                    {"Name": "environment", "Value": self.names.environment},
                ],
                StartTime=since,
                EndTime=datetime.now(UTC) + timedelta(minutes=1),
                Period=60,
                Statistics=["Sum"],
            )["Datapoints"]
            counts[metric] = round(sum(float(point["Sum"]) for point in points))
        return counts

    # --- buckets

    def objects(self, bucket: str, prefix: str = "") -> Iterator[tuple[datetime, bytes]]:
        """All objects of a bucket below a prefix: when each was stored, and its body."""
        s3 = self.connection.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield entry["LastModified"], s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()

    def archived(self) -> Iterator[tuple[datetime, bytes]]:
        """The archive's objects."""
        return self.objects(self.names.bucket("archive"), ARCHIVE_PREFIX)

    def quarantined(self) -> list[QuarantinedRecord]:
        """The records in quarantine."""
        bodies = self.objects(self.names.bucket("quarantine"), QUARANTINE_PREFIX)
        return [QuarantinedRecord.from_json(json.loads(body)) for _, body in bodies]

    # --- Personalize

    def export_interactions(self) -> list[bytes]:
        """The CSV files of a dataset export job over what came through PutEvents. Raises CreationError."""
        personalize = self.connection.client("personalize")
        bucket, folder = self.names.bucket("seed"), f"{Names.EXPORT_PREFIX}demo-{uuid.uuid4().hex[:12]}/"
        created(
            personalize,
            "dataset_export_job",
            every_seconds=0.1,
            jobName=f"demo-{uuid.uuid4().hex[:12]}",
            datasetArn=self.names.dataset_arn("interactions", self.generation),
            ingestionMode="PUT",
            roleArn=self.names.role_arn("personalize"),
            jobOutput={"s3DataDestination": {"path": f"s3://{bucket}/{folder}"}},
        )
        return [body for _, body in self.objects(bucket, folder)]

    # --- the state machine

    def start_training(self) -> str:
        """Start a run as the schedule does; returns the execution's ARN."""
        started = self.connection.client("stepfunctions").start_execution(
            stateMachineArn=self.names.state_machine_arn,
            name=f"demo-{uuid.uuid4().hex[:12]}",
            input=json.dumps({"trigger": "manual"}),
        )
        return str(started["executionArn"])

    def wait_for(self, execution: str, progress: Callable[[str], None]) -> Run:
        """Follow an execution to its end; `progress` is told the state that it is in."""
        functions = self.connection.client("stepfunctions")

        def ended() -> bool:
            if functions.describe_execution(executionArn=execution)["status"] != "RUNNING":
                return True
            events = functions.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=20)["events"]
            names = (e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e)
            progress(next(names, "starting"))
            return False

        poll(ended, every_seconds=0.3, for_seconds=600, otherwise=f"{execution} has not ended")
        return self.run(execution)

    def run(self, execution: str) -> Run:
        """What an execution that has ended came to."""
        described = self.connection.client("stepfunctions").describe_execution(executionArn=execution)
        output = json.loads(described.get("output") or "{}")
        return Run(
            name=described["name"],
            started=described["startDate"],
            status=described["status"],
            outcome=output.get("outcome", described.get("cause") or described["status"]),
            solutions=output.get("solutions", []),
        )

    def trainings(self) -> list[Run]:
        """The runs so far that trained or judged a model, oldest first (not those that only asked the campaigns)."""
        pages = self.connection.client("stepfunctions").get_paginator("list_executions")
        arns = [
            execution["executionArn"]
            for page in pages.paginate(stateMachineArn=self.names.state_machine_arn)
            for execution in page["executions"]
        ]
        runs = [self.run(arn) for arn in arns]
        return sorted((run for run in runs if run.outcome != "canary"), key=lambda run: run.started)
