"""Automatic training off and event weights on, as the API takes them."""

from collections.abc import Iterator
from typing import Any

import pytest

from personalize_local.testing import LocalPersonalize
from tests.unit.tools.deploy.personalize_environment import connect, make_generation
from tools.deploy.base.errors import DeployError
from tools.deploy.solutions import configure_solutions
from tools.environment.connection import Connection


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    folder = tmp_path_factory.mktemp("personalize")
    with LocalPersonalize(folder) as server:
        connection = connect(server, folder)
        make_generation(connection, 1)
        yield connection


def described(connection: Connection) -> dict[str, Any]:
    arn = connection.settings.names.solution_arn("recommendation", 1)
    solution: dict[str, Any] = connection.client("personalize").describe_solution(solutionArn=arn)["solution"]
    return solution


def changed(connection: Connection, **update: Any) -> Connection:
    other = Connection(settings=connection.settings.model_copy(update=update), state=connection.state)
    other._clients["personalize"] = connection.client("personalize")
    return other


def test_a_new_solution_trains_itself_until_it_is_told_not_to(connection: Connection) -> None:
    """The API's default is what is turned off, for every role, together with the config's weights."""
    assert described(connection)["performAutoTraining"] is True
    assert configure_solutions(connection, 1) == 2
    assert described(connection)["performAutoTraining"] is False
    events = described(connection)["latestSolutionUpdate"]["solutionUpdateConfig"]["eventsConfig"]
    weights = {event["eventType"]: event["weight"] for event in events["eventParametersList"]}
    assert connection.settings.event_weights == pytest.approx(weights)


def test_what_is_so_already_is_left_alone(connection: Connection) -> None:
    """A deploy of what stands makes no update."""
    configure_solutions(connection, 1)
    before = described(connection)["latestSolutionUpdate"]["creationDateTime"]
    assert configure_solutions(connection, 1) == 0
    assert before == described(connection)["latestSolutionUpdate"]["creationDateTime"]


def test_changed_weights_are_brought_over(connection: Connection) -> None:
    """Another config, another update; only the roles that the config has."""
    configure_solutions(connection, 1)
    heavier = changed(connection, event_weights={"AIF": 1.0}, reranking_enabled=False)
    assert configure_solutions(heavier, 1) == 1
    events = described(connection)["latestSolutionUpdate"]["solutionUpdateConfig"]["eventsConfig"]
    assert [{"eventType": "AIF", "weight": 1.0}] == events["eventParametersList"]


class Refusing:
    """Personalize where an update fails."""

    def describe_solution(self, **_: str) -> dict[str, Any]:
        update = {"status": "CREATE FAILED", "failureReason": "no such event type"}
        return {"solution": {"status": "ACTIVE", "performAutoTraining": True, "latestSolutionUpdate": update}}

    def update_solution(self, **_: Any) -> None:
        """Accepts, as the API does; the update fails afterwards."""


def test_an_update_that_fails_is_an_error_with_its_reason(connection: Connection) -> None:
    """Statuses are compared by equality; a failure is never taken for `not yet`."""
    failing = changed(connection)
    failing._clients["personalize"] = Refusing()
    with pytest.raises(DeployError, match="could not be updated: no such event type"):
        configure_solutions(failing, 1)
