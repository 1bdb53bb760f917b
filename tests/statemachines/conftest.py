"""One local cloud with one shelter for all executed state machines."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.conftest import make_role
from tests.statemachines.shelter import make_shelter
from tests.statemachines.world import ROLE, Environment, ended, new_name


@pytest.fixture(scope="session")
def cloud(tmp_path_factory) -> Iterator[LocalCloud]:
    """Emulator and embedded Personalize; a minute of waiting in a state machine takes a few milliseconds."""
    folder = tmp_path_factory.mktemp("cloud")
    with LocalCloud(state=folder, services=("emulator", "personalize"), wait_scale=0.0005, pace=0.0) as cloud:
        make_role(cloud, ROLE.rpartition("/")[2], [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
        yield cloud


@pytest.fixture(scope="session")
def shelter(cloud: LocalCloud) -> LocalCloud:
    make_shelter(cloud)
    return cloud


@pytest.fixture(scope="session")
def served(shelter) -> Iterator[Environment]:
    """An environment whose campaigns serve. Tests that share it begin with what they find."""
    environment = Environment(shelter, new_name())
    environment.promoted_once()
    yield environment
    environment.remove()


@pytest.fixture(autouse=True)
def _no_faults_left(request) -> Iterator[None]:
    yield
    if "served" in request.fixturenames:
        environment = request.getfixturevalue("served")
        environment.forget_faults()
        environment.mend()
        environment.messages()


@pytest.fixture
def new(shelter) -> Iterator[Callable[..., Environment]]:
    """Makes environments that have never been trained."""
    made: list[Environment] = []

    def make(**options: Any) -> Environment:
        made.append(Environment(shelter, new_name(), **options))
        return made[-1]

    yield make
    for environment in made:
        environment.forget_faults()
        environment.remove()


@pytest.fixture
def execute(cloud) -> Callable[..., dict[str, Any]]:
    """Runs a definition to its end and describes the execution."""

    def run(definition: dict[str, Any], given: object = None) -> dict[str, Any]:
        client = cloud.client("stepfunctions")
        machine = client.create_state_machine(name=new_name(), definition=json.dumps(definition), roleArn=ROLE)
        started = client.start_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps({} if given is None else given)
        )
        return ended(cloud, started["executionArn"])

    return run
