"""The ledgers and the check that what serves is what they say."""

from typing import Any

import pytest

from infra.naming import EMPTY_LEDGER
from tools.connection import Connection
from tools.deploy.errors import DeployError
from tools.deploy.ledger import check_campaigns, delete_parameters, drop_ledgers, make_ledgers
from tools.deploy.observe import read_ledgers

VERSION = "arn:aws:personalize:us-east-1:123456789012:solution/dev-recommender-solution-pss/0123abcd"


class Campaigns:
    """Personalize as far as the check asks it."""

    def __init__(self, **campaign: Any) -> None:
        self.campaign = {"status": "ACTIVE", "solutionVersionArn": VERSION} | campaign

    def describe_campaign(self, **_: str) -> dict[str, Any]:
        return {"campaign": self.campaign}


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
    assert ["recommendation: dev-recommender-solution-pss/0123abcd"] == check_campaigns(connection, (1,))


def test_a_campaign_that_serves_another_version_is_an_error(connection: Connection) -> None:
    """The message names both versions and the ledger."""
    make_ledgers(connection, 1)
    promote(connection)
    connection._clients["personalize"] = Campaigns(solutionVersionArn=f"{VERSION[:-1]}0")
    with pytest.raises(DeployError, match=r"serves .*0123abc0, but its ledger .*/arn says .*0123abcd"):
        check_campaigns(connection, (1,))


def test_a_campaign_that_failed_is_an_error(connection: Connection) -> None:
    """The message holds Personalize's reason."""
    make_ledgers(connection, 1)
    promote(connection)
    connection._clients["personalize"] = Campaigns(status="CREATE FAILED", failureReason="no capacity")
    with pytest.raises(DeployError, match="CREATE FAILED, not ACTIVE: no capacity"):
        check_campaigns(connection, (1,))


def test_generations_that_are_not_deployed_are_not_looked_at(connection: Connection) -> None:
    """While an old generation goes, its ledgers outlive its campaigns."""
    make_ledgers(connection, 1)
    promote(connection)
    assert [] == check_campaigns(connection, (2,))
