"""What the training definition calls, in memory and on the interpreter's clock, with failures to order.

Trainings and updates take minutes of that clock; an update that is under way lets no other begin; the gate is the real
one. Requests are checked against botocore's service models, as Step Functions does.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from infra.definitions import TRAIN, definition_text
from lambdas.evaluate_version.conclusions import conclude_promotion, conclude_training
from lambdas.evaluate_version.limits import Limits
from lambdas.evaluate_version.popular import popular_list
from lambdas.evaluate_version.report import report
from lambdas.evaluate_version.steps import next_step
from lambdas.evaluate_version.training import decide
from local_cloud.emulator.states.integrations import integration, to_request
from local_cloud.emulator.states.language import StatesError
from tests.statemachines.fake_items import Items, RefusedError
from tests.statemachines.interpreter import Clock, Ended, Interpreter
from tests.statemachines.world import GOOD, NDCG, ROLES

GATE = {
    "decide": decide,
    "conclude training": conclude_training,
    "judge": next_step,
    "popular": popular_list,
    "conclude promotion": conclude_promotion,
    "report": report,
}
LIMITS = Limits(
    environment="test",
    promotion_threshold=0.01,
    regression_tolerance=0.1,
    coverage_floor=0.01,
    min_new_events=1000,
)
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:test"
TABLE, LOCK = "locks", "campaigns"
OLD, NEW = "old", "new"


def arn(resource: str) -> str:
    return f"arn:aws:personalize:us-east-1:000000000000:{resource}"


def execution_arn(name: str) -> str:
    return f"arn:aws:states:us-east-1:000000000000:execution:test:{name}"


def judged(role: str) -> str:
    return f"/test/{role}/judged"


@cache
def definition() -> Mapping[str, Any]:
    """The training definition with the names of this world."""
    return filled(definition_text(TRAIN))


def filled(text: str) -> Mapping[str, Any]:
    """A definition with the names of this world."""
    values = {
        "Environment": "test",
        "MetricNamespace": "Test",
        "EvaluateFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:gate",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:topic",
        "LockTable": TABLE,
        "LockId": LOCK,
        "SeedBucket": "seed",
        "PopularKey": "popular/g1.json",
        "RerankingEnabled": "true",
        "BaselineEnabled": "false",
        "BaselineSolutionArn": arn("solution/baseline"),
    }
    for role in ROLES:
        values[f"{role.capitalize()}SolutionArn"] = arn(f"solution/{role}")
        values[f"{role.capitalize()}CampaignArn"] = arn(f"campaign/{role}")
        values[f"{role.capitalize()}Ledger"] = f"/test/{role}"
        values[f"{role.capitalize()}Judged"] = judged(role)
    for key, value in values.items():
        text = text.replace(f"${{{key}}}", value)
    found: dict[str, Any] = json.loads(text)
    return found


@dataclass(frozen=True, slots=True)
class Fault:
    """How the calls of one state fail: the error, how often, and whether the service did the work all the same."""

    state: str
    error: str
    cause: str = "to order"
    times: int = 10_000
    done: bool = False

    def __str__(self) -> str:
        lasts = "always" if self.times > 1 else "once"
        return f"{self.state}: {self.error} {lasts}{', done all the same' if self.done else ''}"


@dataclass
class Campaign:
    """What serves, and what the last update wants to serve."""

    version: str
    status: str = "ACTIVE"
    update: dict[str, Any] | None = None
    done_at: datetime | None = None


@dataclass
class Services:
    """All services at once. Fields are what tests look at and set."""

    clock: Clock = field(default_factory=Clock)
    parameters: dict[str, str] = field(default_factory=dict)
    items: Items = field(default_factory=Items)
    modified: dict[str, str] = field(default_factory=dict)
    """When a parameter was written, where it was not long ago."""
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    executions: dict[str, str] = field(default_factory=dict)
    published: list[dict[str, str]] = field(default_factory=list)
    objects: dict[str, Any] = field(default_factory=dict)
    data: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    ends_as: dict[str, str] = field(default_factory=dict)
    """The status in which every training (key `training`) or update (`update`) ends, where not ACTIVE."""
    before: Callable[["Services", str], None] = lambda _services, _state: None
    """Called before each call, with the state's name: another run or a person at work meanwhile."""
    silent: bool = False
    """Campaigns answer with nothing."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """State and action of every call that was carried out."""
    recommended: list[str] = field(default_factory=lambda: ["2-Labrador_Retriever-4-2"])
    """What the campaigns recommend."""
    new_events: float = 5000.0
    quality: Mapping[str, float] = field(default_factory=lambda: GOOD | {NDCG: GOOD[NDCG] + 0.1})
    """What the next versions are measured with."""
    users: list[str] = field(default_factory=list)
    """Whom the campaigns were asked for."""
    answers: Callable[[str, Any], Any] = lambda _state, answer: answer
    """What a state's call is answered with instead."""
    machine: Mapping[str, Any] = field(default_factory=definition)
    """The definition that is run."""
    _used: dict[int, int] = field(default_factory=dict)
    _interpreter: Interpreter | None = None

    @classmethod
    def serving(cls) -> "Services":
        """An environment after its first promotion, whose next versions are better."""
        services = cls()
        for role in ROLES:
            version = arn(f"solution/{role}/{OLD}")
            services.parameters[f"/test/{role}"] = version
            services.campaigns[arn(f"campaign/{role}")] = Campaign(version)
        for role in ROLES:
            services._train(arn(f"solution/{role}"), OLD, GOOD, services.clock.now - timedelta(days=7))
        return services

    @classmethod
    def untrained(cls) -> "Services":
        """An environment before its first training."""
        return cls(parameters={f"/test/{role}": "none" for role in ROLES})

    def run(self, given: Mapping[str, Any] | None = None, name: str = "run") -> Ended:
        own = execution_arn(name)
        self.executions[own] = "RUNNING"
        self._interpreter = Interpreter(self.machine, self.call, self.clock)
        ended = self._interpreter.run(name, own, {} if given is None else given)
        self.executions[own] = ended.status
        return ended

    def redrive(self, given: Mapping[str, Any], name: str = "run") -> Ended:
        """The last run, which was stopped, redriven."""
        assert self._interpreter is not None
        own = execution_arn(name)
        self.executions[own] = "RUNNING"
        ended = self._interpreter.redrive(name, own, given)
        self.executions[own] = ended.status
        return ended

    def settle(self) -> None:
        """Lets every update come to its end."""
        self.clock.pass_by(7200)
        for campaign in self.campaigns:
            self._look(campaign)

    # --- the lock

    @property
    def holder(self) -> str | None:
        """Who holds the lock."""
        return self.items.found.get(LOCK, {}).get("holder")

    def hold(self, holder: str, **more: str) -> None:
        """Somebody holds the lock; `more` are other attributes of the item."""
        self.items.found[LOCK] = {"id": LOCK, "holder": holder, "heartbeat": "2026-11-21T00:00:00.000Z", **more}

    # --- calls

    def call(self, state: str, resource: str, parameters: Any) -> Any:
        self.before(self, state)
        fault = self._fault(state)
        if fault is not None and not fault.done:
            raise StatesError(fault.error, fault.cause)
        self.calls.append((state, resource.rpartition(":")[2]))
        answer = self._answer(resource, parameters)
        if fault is not None:
            raise StatesError(fault.error, fault.cause)
        return self.answers(state, json.loads(json.dumps(answer)))

    def _fault(self, state: str) -> Fault | None:
        for place, fault in enumerate(self.faults):
            if fault.state == state and self._used.get(place, 0) < fault.times:
                self._used[place] = self._used.get(place, 0) + 1
                return fault
        return None

    def _answer(self, resource: str, parameters: Any) -> Any:
        if resource == "arn:aws:states:::lambda:invoke":
            event = parameters["Payload"]
            return {"Payload": GATE[event["task"]](event, LIMITS)}
        found = integration(resource)
        to_request(parameters, found.model.input_shape)
        action = resource.rpartition(":")[2]
        return getattr(self, f"_{''.join(f'_{c.lower()}' if c.isupper() else c for c in action)}")(parameters)

    # SSM

    def _put_parameter(self, given: Any) -> Any:
        if given["Name"] in self.parameters and not given["Overwrite"]:
            raise StatesError("Ssm.ParameterAlreadyExistsException", "it exists")
        self.parameters[given["Name"]] = given["Value"]
        self.modified[given["Name"]] = self.clock.text()
        return {"Version": 1}

    def _get_parameter(self, given: Any) -> Any:
        value = self._parameter(given["Name"])
        long_ago = "2026-11-16T03:00:00.000Z"
        return {"Parameter": {"Value": value, "LastModifiedDate": self.modified.get(given["Name"], long_ago)}}

    def _delete_parameter(self, given: Any) -> Any:
        self._parameter(given["Name"])
        del self.parameters[given["Name"]]
        return {}

    def _parameter(self, name: str) -> str:
        if name not in self.parameters:
            raise StatesError("Ssm.ParameterNotFoundException", name)
        return self.parameters[name]

    # DynamoDB

    def _update_item(self, given: Any) -> Any:
        return self._conditionally(lambda: self.items.update(given))

    def _delete_item(self, given: Any) -> Any:
        return self._conditionally(lambda: self.items.delete(given))

    def _get_item(self, given: Any) -> Any:
        assert given["ConsistentRead"] is True
        return self.items.get(given)

    def _conditionally(self, write: Callable[[], Any]) -> Any:
        try:
            return write()
        except RefusedError as refused:
            raise StatesError("DynamoDb.ConditionalCheckFailedException", "The conditional request failed") from refused

    # Step Functions, SNS, S3, CloudWatch

    def _describe_execution(self, given: Any) -> Any:
        if given["ExecutionArn"] not in self.executions:
            raise StatesError("Sfn.ExecutionDoesNotExistException", given["ExecutionArn"])
        return {"Status": self.executions[given["ExecutionArn"]]}

    def _publish(self, given: Any) -> Any:
        self.published.append({"subject": given["Subject"], "message": given["Message"]})
        return {"MessageId": "1"}

    def _put_object(self, given: Any) -> Any:
        self.objects[given["Key"]] = given["Body"]
        return {"ETag": "1"}

    def _get_metric_statistics(self, _given: Any) -> Any:
        return {"Label": "EventsAccepted", "Datapoints": [{"Sum": self.new_events, "Unit": "Count"}]}

    def _put_metric_data(self, given: Any) -> Any:
        self.data += given["MetricData"]
        return {}

    # Personalize

    def _train(self, solution: str, name: str, metrics: Mapping[str, float], made: datetime) -> str:
        version = f"{solution}/{name}"
        self.versions[version] = {"solution": solution, "name": name, "metrics": dict(metrics), "made": made}
        return version

    def _latest(self, solution: str) -> dict[str, Any] | None:
        of_solution = [version for version, known in self.versions.items() if known["solution"] == solution]
        return self._version(of_solution[-1]) if of_solution else None

    def _version(self, version: str) -> dict[str, Any]:
        known = self.versions.get(version)
        if known is None:
            raise StatesError("Personalize.ResourceNotFoundException", version)
        ended = known["made"] + timedelta(seconds=150) <= self.clock.now
        status = "ACTIVE" if known["name"] == OLD else self.ends_as.get("training", "ACTIVE")
        return {
            "SolutionVersionArn": version,
            "Name": known["name"],
            "Status": status if ended else "CREATE IN_PROGRESS",
            "CreationDateTime": known["made"].isoformat().replace("+00:00", "Z"),
            **({"FailureReason": "to order"} if ended and status != "ACTIVE" else {}),
        }

    def _describe_solution(self, given: Any) -> Any:
        latest = self._latest(given["SolutionArn"])
        solution = {"SolutionArn": given["SolutionArn"], "Status": "ACTIVE", "PerformAutoTraining": False}
        return {"Solution": solution | ({"LatestSolutionVersion": latest} if latest else {})}

    def _create_solution_version(self, given: Any) -> Any:
        if f"{given['SolutionArn']}/{given['Name']}" in self.versions:
            raise StatesError("Personalize.ResourceAlreadyExistsException", given["Name"])
        version = self._train(given["SolutionArn"], given["Name"], self.quality, self.clock.now)
        return {"SolutionVersionArn": version}

    def _describe_solution_version(self, given: Any) -> Any:
        return {"SolutionVersion": self._version(given["SolutionVersionArn"])}

    def _get_solution_metrics(self, given: Any) -> Any:
        self._version(given["SolutionVersionArn"])
        metrics = self.versions[given["SolutionVersionArn"]]["metrics"]
        return {"SolutionVersionArn": given["SolutionVersionArn"], "Metrics": metrics}

    def _look(self, campaign: str) -> Campaign:
        found = self.campaigns.get(campaign)
        if found is None:
            raise StatesError("Personalize.ResourceNotFoundException", campaign)
        if found.update and found.done_at and found.done_at <= self.clock.now:
            back = found.update["SolutionVersionArn"] == found.version
            found.update["Status"] = "ACTIVE" if back else self.ends_as.get("update", "ACTIVE")
            if found.update["Status"] == "ACTIVE":
                found.version = found.update["SolutionVersionArn"]
            found.done_at = None
        return found

    def _describe_campaign(self, given: Any) -> Any:
        found = self._look(given["CampaignArn"])
        update = {"LatestCampaignUpdate": dict(found.update)} if found.update else {}
        return {"Campaign": {"Status": found.status, "SolutionVersionArn": found.version, **update}}

    def _update_campaign(self, given: Any) -> Any:
        found = self._look(given["CampaignArn"])
        if found.done_at is not None:
            raise StatesError("Personalize.ResourceInUseException", "an update is under way")
        self._version(given["SolutionVersionArn"])
        found.update = {"SolutionVersionArn": given["SolutionVersionArn"], "Status": "CREATE IN_PROGRESS"}
        found.done_at = self.clock.now + timedelta(seconds=200)
        return {"CampaignArn": given["CampaignArn"]}

    def _get_recommendations(self, given: Any) -> Any:
        self._look(given["CampaignArn"])
        self.users.append(given["UserId"])
        names = [] if self.silent else self.recommended[: given["NumResults"]]
        items = [{"ItemId": name, "Score": 0.5, "Metadata": {"breed": name}} for name in names]
        return {"ItemList": items, "RecommendationId": "1"}

    def _get_personalized_ranking(self, given: Any) -> Any:
        self._look(given["CampaignArn"])
        self.users.append(given["UserId"])
        ranked = [] if self.silent else [{"ItemId": item} for item in given["InputList"]]
        return {"PersonalizedRanking": ranked, "RecommendationId": "1"}
