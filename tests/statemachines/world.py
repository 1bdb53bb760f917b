"""What the training state machine works on: solutions with data, ledgers, a topic that is listened to, and the gate.

One shelter with visitors who look at cats and visitors who look at dogs; every environment has solutions, parameters
and names of its own, so that tests do not meet.
"""

import itertools
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import httpx

from infra.definitions import TRAIN, definition_text
from local_cloud.emulator.states.definition import states
from local_cloud.supervisor.lifecycle import LocalCloud
from personalize_local.api.guard import LOCAL_REQUEST
from tests.deadline import eventually

ROLE = "arn:aws:iam::000000000000:role/any"

ROOT = Path(__file__).resolve().parent.parent.parent
BUCKET = "seed-of-the-state-machines"
LOCKS = "locks-of-the-state-machines"
GROUP = "arn:aws:personalize:us-east-1:000000000000:dataset-group/shelter"
RECIPES = {
    "recommendation": "aws-user-personalization-v2",
    "reranking": "aws-personalized-ranking-v2",
    "baseline": "aws-popularity-count",
}
NDCG = "normalized_discounted_cumulative_gain_at_5"
GOOD = {NDCG: 0.2, "coverage": 0.5}
ROLES = ("recommendation", "reranking")
_improvements = itertools.count(1)


@cache
def _definition_text() -> str:
    return definition_text(TRAIN)


def new_name() -> str:
    """A name that nothing else has."""
    return f"t{uuid.uuid4().hex[:12]}"


def wait_until(look: Any, seconds: float = 60.0) -> Any:
    """What `look` gives as soon as it is true; fails when that does not happen in time."""
    return eventually(look, seconds=seconds)


def ended(cloud: LocalCloud, execution: str, seconds: float = 60.0) -> dict[str, Any]:
    """The description of the execution once it has ended."""
    client = cloud.client("stepfunctions")

    def look() -> Any:
        described = client.describe_execution(executionArn=execution)
        return described if described["status"] != "RUNNING" else None

    found: dict[str, Any] = wait_until(look, seconds)
    return found


def personalize_arn(resource: str) -> str:
    return f"arn:aws:personalize:us-east-1:000000000000:{resource}"


@dataclass(frozen=True)
class Environment:
    """One environment of the shelter, as the stacks and deploy.sh would leave it before its first training."""

    cloud: LocalCloud
    name: str
    gate: str = "gate"
    baseline: bool = False
    reranking: bool = True

    def __post_init__(self) -> None:
        roles = [*ROLES[: 1 + self.reranking], *(["baseline"] if self.baseline else [])]
        for role in roles:
            self.personalize.create_solution(
                name=self.solution_name(role),
                datasetGroupArn=GROUP,
                recipeArn=f"arn:aws:personalize:::recipe/{RECIPES[role]}",
                performAutoTraining=False,
            )
        for role in roles:
            wait_until(lambda role=role: self.solution(role)["status"] == "ACTIVE")
        for role in ROLES:
            self.ssm.put_parameter(Name=self.ledger(role), Value="none", Type="String")
        arn = f"arn:aws:sqs:us-east-1:000000000000:{self.name}"
        topic = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**topic, "Resource": arn}]})
        sqs = self.cloud.client("sqs")
        queue = sqs.create_queue(QueueName=self.name, Attributes={"Policy": policy})["QueueUrl"]
        self.cloud.client("sns").create_topic(Name=self.name)
        self.cloud.client("sns").subscribe(
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "false"},
        )
        assert queue.endswith(self.name)
        self.cloud.client("stepfunctions").create_state_machine(
            name=self.name, definition=self.definition(), roleArn=ROLE
        )

    # --- names

    def solution_name(self, role: str) -> str:
        return f"{self.name}-{role}"

    def solution_arn(self, role: str) -> str:
        return personalize_arn(f"solution/{self.solution_name(role)}")

    def campaign(self, role: str) -> str:
        return personalize_arn(f"campaign/{self.name}-{role}")

    def ledger(self, role: str) -> str:
        return f"/{self.name}/{role}/version"

    @property
    def topic(self) -> str:
        return f"arn:aws:sns:us-east-1:000000000000:{self.name}"

    @property
    def machine(self) -> str:
        return f"arn:aws:states:us-east-1:000000000000:stateMachine:{self.name}"

    def execution(self, name: str) -> str:
        return f"arn:aws:states:us-east-1:000000000000:execution:{self.name}:{name}"

    def definition(self, **other: str) -> str:
        """The definition with its placeholders filled, as CloudFormation does it."""
        values = {
            "Environment": self.name,
            "MetricNamespace": self.name,
            "EvaluateFunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{self.gate}",
            "TopicArn": self.topic,
            "LockTable": LOCKS,
            "LockId": self.name,
            "SeedBucket": BUCKET,
            "PopularKey": f"popular/{self.name}.json",
            "RerankingEnabled": str(self.reranking).lower(),
            "BaselineEnabled": str(self.baseline).lower(),
            "BaselineSolutionArn": self.solution_arn("baseline"),
        }
        for role in ROLES:
            values[f"{role.capitalize()}SolutionArn"] = self.solution_arn(role)
            values[f"{role.capitalize()}CampaignArn"] = self.campaign(role)
            values[f"{role.capitalize()}Ledger"] = self.ledger(role)
            values[f"{role.capitalize()}Judged"] = f"/{self.name}/{role}/judged"
        text = _definition_text()
        for key, value in {**values, **other}.items():
            text = text.replace(f"${{{key}}}", value)
        assert "${" not in text
        return text

    # --- what there is

    @cached_property
    def personalize(self) -> Any:
        return self.cloud.client("personalize")

    @cached_property
    def ssm(self) -> Any:
        return self.cloud.client("ssm")

    @cached_property
    def functions(self) -> Any:
        """Step Functions."""
        return self.cloud.client("stepfunctions")

    def solution(self, role: str) -> dict[str, Any]:
        found: dict[str, Any] = self.personalize.describe_solution(solutionArn=self.solution_arn(role))["solution"]
        return found

    def versions(self, role: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.personalize.list_solution_versions(solutionArn=self.solution_arn(role))[
            "solutionVersions"
        ]
        return found

    def says_ledger(self, role: str) -> str:
        return str(self.ssm.get_parameter(Name=self.ledger(role))["Parameter"]["Value"])

    @cached_property
    def dynamodb(self) -> Any:
        return self.cloud.client("dynamodb")

    def lock(self) -> dict[str, str]:
        """The item that is the lock; empty where nobody holds it."""
        found = self.dynamodb.get_item(TableName=LOCKS, Key={"id": {"S": self.name}}, ConsistentRead=True)
        return {name: value["S"] for name, value in found.get("Item", {}).items()}

    def holder(self) -> str | None:
        """Who holds the lock."""
        return self.lock().get("holder")

    def hold(self, holder: str, **more: str) -> None:
        """Somebody holds the lock; `more` are other attributes of the item."""
        item = {"id": self.name, "holder": holder, "heartbeat": "2026-11-21T00:00:00.000Z", **more}
        self.dynamodb.put_item(TableName=LOCKS, Item={name: {"S": value} for name, value in item.items()})

    def served(self, role: str) -> str:
        """The version that the campaign serves."""
        found = self.personalize.describe_campaign(campaignArn=self.campaign(role))["campaign"]
        return str(found["solutionVersionArn"])

    def free_lock(self) -> None:
        self.dynamodb.delete_item(TableName=LOCKS, Key={"id": {"S": self.name}})

    def make_campaign(self, role: str, status: str = "ACTIVE") -> None:
        """The campaign as the campaigns stack makes it, from the ledger; once it has this status."""
        self.personalize.create_campaign(
            name=f"{self.name}-{role}", solutionVersionArn=self.says_ledger(role), minProvisionedTPS=1
        )
        wait_until(
            lambda: self.personalize.describe_campaign(campaignArn=self.campaign(role))["campaign"]["status"] == status
        )

    def accept_events(self, count: int) -> None:
        """What the forwarder counts."""
        self.cloud.client("cloudwatch").put_metric_data(
            Namespace=self.name,
            MetricData=[
                {
                    "MetricName": "EventsAccepted",
                    "Value": count,
                    "Unit": "Count",
                    "Dimensions": [
                        {"Name": "service", "Value": "forward_events"},
                        {"Name": "environment", "Value": self.name},
                    ],
                }
            ],
        )

    def metric(self, name: str, **dimensions: str) -> float | None:
        """The only value of the metric, or None."""
        points = self.cloud.client("cloudwatch").get_metric_statistics(
            Namespace=self.name,
            MetricName=name,
            Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()],
            StartTime=time.time() - 86_400,
            EndTime=time.time() + 60,
            Period=86_400 * 2,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(points[0]["Sum"]) if points else None

    def messages(self) -> list[dict[str, str]]:
        """Subject and message of everything told to the topic, oldest first."""
        client = self.cloud.client("sqs")
        url = client.get_queue_url(QueueName=self.name)["QueueUrl"]
        told: list[dict[str, str]] = []
        while received := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in received:
                body = json.loads(message["Body"])
                told.append({"subject": body.get("Subject", ""), "message": body["Message"]})
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return told

    # --- what one does

    def start(self, given: object = None, name: str | None = None) -> str:
        started = self.functions.start_execution(
            stateMachineArn=self.machine, input=json.dumps({} if given is None else given), name=name or new_name()
        )
        return str(started["executionArn"])

    def run(self, given: object = None, name: str | None = None) -> "Run":
        """An execution, ended."""
        return self.after(self.start(given, name))

    def after(self, execution: str) -> "Run":
        """What came of an execution: its end, its record where it left one, and what it told the topic."""
        described = ended(self.cloud, execution)
        day = described["startDate"].astimezone(UTC).strftime("%Y-%m-%d")
        return Run(
            arn=execution,
            name=described["name"],
            status=described["status"],
            error=described.get("error", ""),
            cause=described.get("cause", ""),
            output=json.loads(described.get("output") or "{}"),
            record=self._object(f"runs/dt={day}/{described['name']}.json") or {},
            messages=self.messages(),
        )

    def _object(self, key: str) -> dict[str, Any] | None:
        client = self.cloud.client("s3")
        try:
            content = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None
        return dict(json.loads(content))

    def popular_list(self) -> dict[str, Any] | None:
        return self._object(f"popular/{self.name}.json")

    def history(self, run: "Run") -> list[str]:
        return self.history_of(run.arn)

    def history_of(self, execution: str) -> list[str]:
        """The states that the execution has entered so far, in order."""
        pages = self.functions.get_paginator("get_execution_history").paginate(executionArn=execution)
        events = [event for page in pages for event in page["events"]]
        return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]

    def use_gate(self, gate: str) -> None:
        """Decide by another gate from now on."""
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{gate}"
        self._redefine(json.loads(self.definition(EvaluateFunctionArn=arn)))

    def break_state(self, state: str, **parameters: Any) -> None:
        """Other parameters for one state, with which its call fails; without any, a call that can only fail."""
        definition = json.loads(self.definition())
        found = dict(states(definition))[state]
        if not parameters:
            found["Resource"] = "arn:aws:states:::aws-sdk:sns:publish"
            found["Parameters"] = {"TopicArn": f"{self.topic}-gone", "Message": "to nobody"}
        for key, value in parameters.items():
            found["Parameters"].pop(f"{key}.$", None)
            found["Parameters"][key] = value
        self._redefine(definition)

    def lengthen(self, state: str, seconds: int) -> None:
        """Another time for one Wait state: a test that acts during the wait is not late on a busy machine."""
        definition = json.loads(self.definition())
        dict(states(definition))[state]["Seconds"] = seconds
        self._redefine(definition)

    def give_metrics(self, metrics: Mapping[str, float]) -> None:
        """GetSolutionMetrics seems to answer with nothing but these."""
        definition = json.loads(self.definition())
        dict(states(definition))["GetVersionMetrics"]["ResultSelector"] = {
            name: [value] for name, value in metrics.items()
        }
        self._redefine(definition)

    def mend(self) -> None:
        """The definition as it is."""
        self._redefine(json.loads(self.definition()))

    def _redefine(self, definition: Mapping[str, Any]) -> None:
        self.functions.update_state_machine(stateMachineArn=self.machine, definition=json.dumps(definition))

    def fault(self, operation: str, outcome: Mapping[str, Any], *, role: str, times: int = 1) -> None:
        """The next calls of the operation that name this role's solution or campaign have this outcome."""
        fault = {"operation": operation, "match": f"{self.name}-{role}", "times": times, "outcome": outcome}
        httpx.post(f"{self.cloud.personalize}/_local/faults", json=fault, headers=LOCAL_REQUEST).raise_for_status()

    def forget_faults(self) -> None:
        httpx.delete(f"{self.cloud.personalize}/_local/faults", headers=LOCAL_REQUEST).raise_for_status()

    def measure(self, metrics: Mapping[str, float], *roles: str) -> None:
        """The metrics that the next version of each role is recorded with."""
        for role in roles or ROLES:
            self.fault("CreateSolutionVersion", {"metrics": metrics}, role=role)

    def improve(self, *roles: str) -> None:
        """The next version of each role is better than the one in its ledger, whichever test had that promoted.

        A run that judges what an earlier test trained may promote a version with metrics of its own.
        """
        for role in roles or ROLES:
            found = self.personalize.get_solution_metrics(solutionVersionArn=self.says_ledger(role))
            best = max(GOOD[NDCG] + 0.001 * next(_improvements), found["metrics"][NDCG])
            self.measure({NDCG: best, "coverage": 0.5}, role)

    def hang(self, role: str = "recommendation") -> None:
        """The role's next training never ends."""
        self.fault("CreateSolutionVersion", {"status": "CREATE IN_PROGRESS"}, role=role)

    def promoted_once(self) -> None:
        """The environment after its first training and the deploy of the campaigns."""
        self.measure(GOOD, *ROLES[: 1 + self.reranking])
        first = self.run({"force": True})
        assert first.status == "SUCCEEDED", first
        for role in ROLES[: 1 + self.reranking]:
            self.make_campaign(role)

    def remove(self) -> None:
        """Frees the quotas of the account; what hangs in an update or a training has to stay."""
        campaigns = {c["campaignArn"] for c in self.personalize.list_campaigns(maxResults=100)["campaigns"]}
        for role in (*ROLES, "baseline"):
            if self.campaign(role) in campaigns:
                with suppress(self.personalize.exceptions.ResourceInUseException):
                    self.personalize.delete_campaign(campaignArn=self.campaign(role))
                    wait_until(lambda role=role: not self._exists("campaign", role))
            if self._exists("solution", role):
                with suppress(self.personalize.exceptions.ResourceInUseException):
                    self.personalize.delete_solution(solutionArn=self.solution_arn(role))

    def _exists(self, kind: str, role: str) -> bool:
        describe = getattr(self.personalize, f"describe_{kind}")
        arn = self.campaign(role) if kind == "campaign" else self.solution_arn(role)
        try:
            describe(**{f"{kind}Arn": arn})
        except self.personalize.exceptions.ResourceNotFoundException:
            return False
        return True


@dataclass(frozen=True)
class Run:
    """An execution that has ended."""

    arn: str
    name: str
    status: str
    error: str
    cause: str
    output: Mapping[str, Any]
    record: Mapping[str, Any]
    messages: Sequence[Mapping[str, str]]

    def of(self, role: str) -> Any:
        """What came of one solution, from the record, which failed runs leave too."""
        return {solution["role"]: solution for solution in self.record["solutions"]}[role]

    def decisions(self) -> dict[str, str]:
        return {solution["role"]: solution["decision"] for solution in self.record["solutions"]}

    def failed_rules(self, role: str) -> list[str]:
        """The rules of the gate that the role's version did not pass."""
        return [reason["rule"] for reason in self.of(role)["reasons"] if not reason["passed"]]
