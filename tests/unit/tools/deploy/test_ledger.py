"""The ledgers and the check that what serves is what they say."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.naming import EMPTY_LEDGER
from tools.deploy.ledger import Serving, compare_campaigns, delete_parameters, drop_ledgers, make_ledgers
from tools.deploy.observe import read_ledgers
from tools.environment.connection import Connection

VERSION = "arn:aws:personalize:us-east-1:123456789012:solution/dev-recommender-solution-pss/0123abcd"


class Campaigns:
    """Personalize as far as the check asks it."""

    def __init__(self, campaign: Mapping[str, str] | None = MappingProxyType({})) -> None:
        self.campaign = campaign

    def describe_campaign(self, **_: str) -> dict[str, Any]:
        if self.campaign is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}, "DescribeCampaign")
        return {"campaign": {"status": "ACTIVE", "solutionVersionArn": VERSION, **self.campaign}}


def ledgers(connection: Connection) -> dict[Any, str]:
    return dict(read_ledgers(connection.client("ssm"), connection.settings.names))


def promote(connection: Connection, generation: int = 1) -> None:
    name = connection.settings.names.ledger("recommendation", generation)
    connection.client("ssm").put_parameter(Name=name, Value=VERSION, Type="String", Overwrite=True)


def test_they_begin_empty(connection: Connection) -> None:
    """Every role gets a ledger that says `none`."""
    assert make_ledgers(connection, 1) == 2
    assert {("recommendation", 1): EMPTY_LEDGER, ("reranking", 1): EMPTY_LEDGER} == ledgers(connection)


def test_a_ledger_is_never_overwritten(connection: Connection) -> None:
    """A deploy of what stands leaves alone what the state machine wrote."""
    make_ledgers(connection, 1)
    promote(connection)
    assert make_ledgers(connection, 1) == 0
    assert ledgers(connection)["recommendation", 1] == VERSION


def test_each_generation_has_its_own(connection: Connection) -> None:
    """They are told apart by the path, and other parameters are not taken for one."""
    make_ledgers(connection, 1)
    make_ledgers(connection, 12)
    for path in ("personalize/event-tracker/id", "personalize/popularity/solution/version/arn", "lock"):
        name = connection.settings.names.parameter(path)
        connection.client("ssm").put_parameter(Name=name, Value="x", Type="String")
    expected = {(role, generation) for role in ("recommendation", "reranking") for generation in (1, 12)}
    assert expected == set(ledgers(connection))


def test_those_of_a_generation_that_is_gone_go(connection: Connection) -> None:
    """The others stay."""
    make_ledgers(connection, 1)
    make_ledgers(connection, 2)
    drop_ledgers(connection, [("recommendation", 1), ("reranking", 1)])
    assert {("recommendation", 2), ("reranking", 2)} == set(ledgers(connection))


def test_the_note_of_a_rejected_version_goes_with_its_ledger(connection: Connection) -> None:
    """A solution that is made anew must not meet the notes of the old one."""
    make_ledgers(connection, 1)
    name = connection.settings.names.judged("recommendation", 1)
    connection.client("ssm").put_parameter(Name=name, Value="x", Type="String")
    drop_ledgers(connection, [("recommendation", 1), ("reranking", 1)])
    assert [] == connection.client("ssm").get_parameters(Names=[name])["Parameters"]


def test_parameters_are_deleted_ten_at_a_time(connection: Connection) -> None:
    """DeleteParameters takes ten names; those that are not there are no error."""
    names = [f"/animal-recommender/dev/x{number}" for number in range(23)]
    for name in names[:21]:
        connection.client("ssm").put_parameter(Name=name, Value="x", Type="String")
    delete_parameters(connection, names)
    assert [] == connection.client("ssm").get_parameters_by_path(Path="/animal-recommender/dev")["Parameters"]


def test_a_campaign_that_serves_its_ledger_is_told(connection: Connection) -> None:
    """The line names the version; a role without a model is passed over."""
    make_ledgers(connection, 1)
    promote(connection)
    connection._clients["personalize"] = Campaigns()
    expected = Serving(as_told=("recommendation: dev-recommender-solution-pss/0123abcd",), otherwise=())
    assert expected == compare_campaigns(connection, (1,))


@pytest.mark.parametrize(
    ("campaign", "told"),
    [
        ({"solutionVersionArn": f"{VERSION[:-1]}0"}, "0123abc0, but its ledger /animal-recommender/dev/personalize"),
        ({"status": "CREATE FAILED", "failureReason": "no capacity"}, "is CREATE FAILED, not ACTIVE: no capacity"),
        ({"status": "CREATE IN_PROGRESS"}, "is CREATE IN_PROGRESS, not ACTIVE"),
        (None, "the recommendation campaign does not exist"),
    ],
)
def test_a_campaign_that_does_not_is_told_with_what_is_wrong(
    connection: Connection, campaign: dict[str, str] | None, told: str
) -> None:
    """Another version, a failure, not yet, or nothing at all: each in its own words."""
    make_ledgers(connection, 1)
    promote(connection)
    connection._clients["personalize"] = Campaigns(campaign)
    serving = compare_campaigns(connection, (1,))
    assert serving.as_told == ()
    assert len(serving.otherwise) == 1
    assert told in serving.otherwise[0]


def test_generations_that_are_not_deployed_are_not_looked_at(connection: Connection) -> None:
    """While an old generation goes, its ledgers outlive its campaigns."""
    make_ledgers(connection, 1)
    promote(connection)
    assert Serving((), ()) == compare_campaigns(connection, (2,))
