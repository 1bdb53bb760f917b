"""Sleeping and waking, with stand-ins for CloudFormation and Personalize; tests/e2e does the same for real."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.naming import ASLEEP, AWAKE, EMPTY_LEDGER, SLEEPING_STACKS
from infra.settings import Settings
from tests.refusal import refusal
from tools.deploy import sleep
from tools.deploy.base.errors import DeployError
from tools.deploy.costs import sleeping_saves
from tools.deploy.ledger import make_ledgers
from tools.deploy.lock.lock import LockLostError
from tools.deploy.observe import Observed, is_asleep, read_ledgers
from tools.environment.connection import Connection
from tools.environment.errors import UsageError

VERSION = "arn:aws:personalize:us-east-1:123456789012:solution/dev-recommender-solution-pss/0123abcd"


class Cloud:
    """CloudFormation and Personalize of an environment whose models are promoted: stacks as they were updated last."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.names = connection.settings.names
        self.ssm = connection.client("ssm")
        self.asleep = dict.fromkeys(SLEEPING_STACKS, AWAKE)
        """What each stack read at its last update."""
        self.knows_sleep = set(SLEEPING_STACKS)
        self.campaigns = {self.names.campaign_arn(role, 1): VERSION for role in connection.settings.roles}
        self.leaves_campaigns = False
        self.fails: str | None = None
        self.events: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.exceptions = self
        self.ResourceNotFoundException = _NotFoundError
        self.ResourceInUseException = _InUseError

    # --- CloudFormation

    def describe_stacks(self, **request: str) -> dict[str, Any]:
        stack = request["StackName"].removeprefix("dev-pets-")
        if stack not in self.asleep:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        keys = ["RecommendationG1Version", "RerankingG1Version"] if stack == "campaigns" else ["BootstrapVersion"]
        keys += ["Asleep"] if stack in self.knows_sleep else []
        status = "UPDATE_ROLLBACK_COMPLETE" if stack == self.fails else "UPDATE_COMPLETE"
        return {"Stacks": [{"StackStatus": status, "Parameters": [{"ParameterKey": key} for key in keys]}]}

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        return {"StackEvents": self.events}

    def update_stack(self, **request: Any) -> None:
        stack = request["StackName"].removeprefix("dev-pets-")
        self.updates.append(request)
        now = self.ssm.get_parameter(Name=self.names.asleep)["Parameter"]["Value"]
        if self.asleep[stack] == now:
            message = "No updates are to be performed."
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "UpdateStack")
        if stack == self.fails:
            event = {"ResourceStatus": "CREATE_FAILED", "LogicalResourceId": "RerankingG1Campaign"}
            self.events = [{**event, "ResourceStatusReason": "LimitExceeded", "Timestamp": datetime.now(UTC)}]
            return
        self.asleep[stack] = now
        if stack == "campaigns":
            if now != ASLEEP:
                ledgers = read_ledgers(self.ssm, self.names).items()
                self.campaigns = {
                    self.names.campaign_arn(*key): value for key, value in ledgers if value != EMPTY_LEDGER
                }
            elif not self.leaves_campaigns:
                self.campaigns.clear()

    # --- Personalize

    def describe_campaign(self, **request: str) -> dict[str, Any]:
        arn = request["campaignArn"]
        if arn not in self.campaigns:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}, "DescribeCampaign")
        return {"campaign": {"status": "ACTIVE", "solutionVersionArn": self.campaigns[arn]}}

    def delete_campaign(self, **request: str) -> None:
        if self.campaigns.pop(request["campaignArn"], None) is None:
            raise _NotFoundError


class Store:
    """The parameter store in memory, fast enough for a run a call."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def put_parameter(self, **request: Any) -> None:
        if not request["Overwrite"] and request["Name"] in self.values:
            raise ClientError({"Error": {"Code": "ParameterAlreadyExists", "Message": "there"}}, "PutParameter")
        self.values[request["Name"]] = request["Value"]

    def get_parameter(self, **request: Any) -> dict[str, Any]:
        if request["Name"] not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": "none"}}, "GetParameter")
        return {"Parameter": {"Value": self.values[request["Name"]]}}

    def get_parameters(self, **request: Any) -> dict[str, Any]:
        return {"Parameters": [{"Value": self.values[name]} for name in request["Names"] if name in self.values]}

    def get_paginator(self, _: str) -> "Store":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Parameters": [{"Name": name, "Value": value} for name, value in self.values.items()]}]


class _NotFoundError(Exception):
    """What delete_campaign raises for a campaign that is gone."""


class _InUseError(Exception):
    """What delete_campaign raises while it cannot."""


class Killed(BaseException):
    """The program ends here."""


class Fatal:
    """A client on whose nth call, counted over all clients, the program ends: before the call or after it."""

    def __init__(self, client: Any, calls: list[str], nth: int, *, after: bool) -> None:
        self._client, self._calls, self._nth, self._after = client, calls, nth, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found) or isinstance(found, type):
            return found

        def call(**request: Any) -> Any:
            self._calls.append(name)
            fatal = len(self._calls) == self._nth
            if fatal and not self._after:
                raise Killed
            try:
                return found(**request)
            finally:
                if fatal:
                    raise Killed

        return found if name == "get_paginator" else call


@pytest.fixture
def cloud(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr("tools.deploy.base.waiting.time.sleep", lambda _: None)
    connection._clients["ssm"] = Store()
    cloud = Cloud(connection)
    connection._clients.update({"cloudformation": cloud, "personalize": cloud})
    make_ledgers(connection, 1)
    for role in connection.settings.roles:
        name = cloud.names.ledger(role, 1)
        cloud.ssm.put_parameter(Name=name, Value=VERSION, Type="String", Overwrite=True)
    sleep.make_parameter(connection)
    return cloud


class Held:
    """A lock that is never lost; tests/unit/tools/deploy/lock/test_lock.py is about the real one."""

    def check(self) -> None:
        """Nobody else is there."""


@pytest.fixture
def _unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.deploy.lock.lock.held", lambda *_: contextlib.nullcontext(Held()))


def change(connection: Connection, *, asleep: bool) -> str:
    return sleep.change(connection, asleep=asleep, progress=lambda _: None)


def stands(cloud: Cloud, *, asleep: bool) -> bool:
    """Whether all is as it should be, in one direction or the other."""
    value = ASLEEP if asleep else AWAKE
    arns = set() if asleep else {cloud.names.campaign_arn(role, 1) for role in cloud.connection.settings.roles}
    return (
        is_asleep(cloud.connection) is asleep
        and set(cloud.asleep.values()) == {value}
        and set(cloud.campaigns) == arns
        and set(cloud.campaigns.values()) <= {VERSION}
        and set(read_ledgers(cloud.ssm, cloud.names).values()) == {VERSION}
    )


def test_asleep_there_are_no_campaigns_and_awake_those_of_the_ledgers(connection: Connection, cloud: Cloud) -> None:
    """There and back; each call can be made again."""
    for _ in range(2):
        assert change(connection, asleep=True) == "no campaign stands"
        assert stands(cloud, asleep=True)
    for _ in range(2):
        assert "reranking: dev-recommender-solution-pss/0123abcd" in change(connection, asleep=False)
        assert stands(cloud, asleep=False)


def test_stacks_are_updated_with_what_they_have(connection: Connection, cloud: Cloud) -> None:
    """Their own templates and parameters, so that a checkout of something newer deploys nothing of it."""
    change(connection, asleep=True)
    assert {"dev-pets-campaigns", "dev-pets-training", "dev-pets-monitoring"} == {
        update["StackName"] for update in cloud.updates
    }
    for update in cloud.updates:
        assert update["UsePreviousTemplate"] is True
        assert {"TemplateBody", "TemplateURL", "RoleARN", "Tags"}.isdisjoint(update)
        assert all(parameter["UsePreviousValue"] for parameter in update["Parameters"])
        assert "Asleep" in {parameter["ParameterKey"] for parameter in update["Parameters"]}


@pytest.mark.usefixtures("_unlocked")
@pytest.mark.parametrize("first", [True, False], ids=["falling asleep", "waking"])
@pytest.mark.parametrize("then", [True, False], ids=["then sleep", "then wake"])
@pytest.mark.parametrize("after", [True, False], ids=["after the call", "before the call"])
def test_interrupted_anywhere_the_next_call_finishes(
    connection: Connection, cloud: Cloud, *, first: bool, then: bool, after: bool
) -> None:
    """Ended before and after every single call to AWS, in both directions; ledgers are never touched."""
    clients = dict(connection._clients)
    calls: list[str] = []
    nth = 0
    while True:
        change(connection, asleep=not first)
        nth += 1
        calls.clear()
        for name in ("ssm", "cloudformation", "personalize"):
            connection._clients[name] = Fatal(clients[name], calls, nth, after=after)
        try:
            change(connection, asleep=first)
        except Killed:
            pass
        else:
            break
        finally:
            connection._clients.update(clients)
        change(connection, asleep=then)
        assert stands(cloud, asleep=then), f"killed at call {nth}, {calls[-1]}"
    assert nth > 15


def test_a_campaign_that_its_stack_leaves_behind_is_deleted(connection: Connection, cloud: Cloud) -> None:
    """CloudFormation forgets what it cannot delete at the end of an update; the campaign would go on billing."""
    cloud.leaves_campaigns = True
    change(connection, asleep=True)
    assert stands(cloud, asleep=True)


def test_a_failed_update_says_what_failed(connection: Connection, cloud: Cloud) -> None:
    """With the resource and CloudFormation's reason; once it can be, the next call finishes."""
    change(connection, asleep=True)
    cloud.fails = "campaigns"
    with pytest.raises(DeployError, match=r"dev-pets-campaigns ended as UPDATE_ROLLBACK_COMPLETE.\n.*LimitExceeded"):
        change(connection, asleep=False)
    cloud.fails = None
    change(connection, asleep=False)
    assert stands(cloud, asleep=False)


def test_a_campaign_that_serves_another_version_is_an_error(connection: Connection, cloud: Cloud) -> None:
    """Waking ends by comparing what serves with the ledgers."""
    wrong = dict.fromkeys(cloud.campaigns, f"{VERSION}0")
    cloud.campaigns = wrong
    with pytest.raises(DeployError, match="but its ledger"):
        change(connection, asleep=False)


def test_before_the_first_promotion_there_is_nothing_to_serve(connection: Connection, cloud: Cloud) -> None:
    """The campaigns stack does not stand yet."""
    del cloud.asleep["campaigns"]
    cloud.campaigns.clear()
    for role in connection.settings.roles:
        cloud.ssm.put_parameter(Name=cloud.names.ledger(role, 1), Value=EMPTY_LEDGER, Type="String", Overwrite=True)
    assert change(connection, asleep=True) == "no campaign stands"
    assert change(connection, asleep=False) == "no model was promoted yet, so there is no campaign"


def test_a_lost_lock_stops_it(connection: Connection, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks again before it writes anything."""

    def robbed(*_: Any) -> None:
        stolen = {"id": {"S": "campaigns"}, "holder": {"S": "deploy:other"}, "heartbeat": {"S": "now"}}
        connection.client("dynamodb").put_item(TableName=cloud.names.lock_table, Item=stolen)

    monkeypatch.setattr(sleep, "wait_until_settled", robbed)
    with pytest.raises(LockLostError):
        change(connection, asleep=True)
    assert stands(cloud, asleep=False)


def test_the_parameter_is_never_overwritten_by_a_deploy(connection: Connection, cloud: Cloud) -> None:
    """A deploy of an environment that sleeps leaves it asleep."""
    change(connection, asleep=True)
    sleep.make_parameter(connection)
    assert is_asleep(connection)


def observed(*stacks: str) -> Observed:
    return Observed(stacks=dict.fromkeys(stacks, "CREATE_COMPLETE"), ledgers={}, serving=None)


def test_what_is_not_deployed_neither_sleeps_nor_wakes(connection: Connection) -> None:
    """A clear sentence instead of CloudFormation's."""
    with pytest.raises(DeployError, match=r"dev is not deployed \(no stack training and no stack monitoring\)"):
        sleep.refuse_where_not_deployed(connection, observed())


def test_what_is_from_before_is_upgraded_first(connection: Connection, cloud: Cloud) -> None:
    """Its stacks do not read the parameter: an update would change nothing, and look like success."""
    cloud.knows_sleep.discard("training")
    with pytest.raises(DeployError, match=r"dev-pets-training is from before.*\./deploy\.sh dev brings it up to date"):
        sleep.refuse_where_not_deployed(connection, observed(*SLEEPING_STACKS))
    cloud.knows_sleep.add("training")
    assert "" == refusal(DeployError, sleep.refuse_where_not_deployed, connection, observed(*SLEEPING_STACKS))


def settings_of(connection: Connection, *, protected: bool, allowed: bool) -> Settings:
    meant = connection.settings.sleep.model_copy(update={"allowed": allowed})
    return connection.settings.model_copy(update={"protected": protected, "sleep": meant})


def test_a_protected_environment_does_not_sleep_by_a_slip(connection: Connection) -> None:
    """Its visitors would get the popular list; the refusal says which key allows it."""
    with pytest.raises(UsageError, match=r"set sleep\.allowed to true in config/dev\.yaml"):
        sleep.refuse_where_not_allowed(settings_of(connection, protected=True, allowed=False))


@pytest.mark.parametrize(("protected", "allowed"), [(True, True), (False, False)])
def test_it_sleeps_where_that_is_meant(connection: Connection, *, protected: bool, allowed: bool) -> None:
    """Where the config allows it, and everywhere that is not protected."""
    given = settings_of(connection, protected=protected, allowed=allowed)
    assert "" == refusal(UsageError, sleep.refuse_where_not_allowed, given)


def test_it_says_what_is_saved_and_what_waking_takes(connection: Connection) -> None:
    """The idle campaigns, by the price table; without a model to be trained."""
    said = sleep.what_it_saves(connection.settings)
    assert f"{sleeping_saves(connection.settings):,.2f} USD a month" in said
    assert "without a training" in said
