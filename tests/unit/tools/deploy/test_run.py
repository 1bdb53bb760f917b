"""The order of a whole deploy, with stand-ins for what it calls; tests/e2e does the same for real."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.naming import EMPTY_LEDGER, STACKS, Role
from tools.deploy import ledger, solutions
from tools.deploy import run as run_module
from tools.deploy.base import training
from tools.deploy.base.errors import DeployError, HeldBackError
from tools.deploy.base.training import Execution
from tools.deploy.confirm import Confirm
from tools.deploy.ledger import Serving
from tools.deploy.lock import old_lock
from tools.deploy.lock.lock import LockLostError
from tools.deploy.observe import Observed
from tools.deploy.run import Deployment
from tools.deploy.seeding import seed
from tools.deploy.show import Display
from tools.environment.connection import Connection
from tools.events import event_ids

VERSION = "arn:aws:personalize:us-east-1:123456789012:solution/dev-recommender-solution-pss/0123abcd"


class World:
    """An environment in memory: what stands, what was done to it, and how its training ends."""

    def __init__(self) -> None:
        self.stacks: dict[str, str] = {}
        self.ledgers: dict[Any, str] = {}
        self.serving: int | None = None
        self.event_ids: str | None = None
        self.done: list[str] = []
        self.promotes: tuple[Role, ...] = ("recommendation", "reranking")
        self.bootstrapped = False

    def observe(self, _: Connection) -> Observed:
        return Observed(
            stacks=dict(self.stacks), ledgers=dict(self.ledgers), serving=self.serving, event_ids=self.event_ids
        )

    def prepare_event_ids(self, _: Connection, value: str) -> None:
        self.event_ids = self.did(f"event ids {value}", value)

    def did(self, what: str, answer: Any) -> Any:
        self.done.append(what)
        return answer

    def make_ledgers(self, connection: Connection, generation: int) -> int:
        for role in connection.settings.roles:
            self.ledgers.setdefault((role, generation), EMPTY_LEDGER)
        return int(self.did("ledgers", 2))

    def train(self, _connection: Connection, generation: int, _progress: Any) -> Execution:
        self.done.append("train")
        for role in self.promotes:
            self.ledgers[role, generation] = VERSION
        held = [
            {"role": role, "decision": "held back", "reasons": [{"passed": False, "text": "NDCG@5 falls short by 0.1"}]}
            for role, _ in self.ledgers
            if role not in self.promotes
        ]
        return Execution(arn="arn", status="SUCCEEDED", output={"solutions": held}, error="", cause="")

    def start_training(self, _connection: Connection, task: str = "train") -> str:
        return str(self.did("start" if task == "train" else task, f"arn of {task}"))

    def follow(self, connection: Connection, arn: str, generation: int, _progress: Any) -> Execution:
        """A canary's end: it has written the list of what is popular."""
        assert arn == "arn of canary"
        names = connection.settings.names
        connection.client("s3").put_object(Bucket=names.bucket("seed"), Key=names.popular_key(generation), Body=b"{}")
        return Execution(arn=arn, status="SUCCEEDED", output={}, error="", cause="")


class Cdk:
    """The CDK of that world."""

    world: World

    def __init__(self, *_: Any) -> None:
        """Takes what the real one takes."""

    def synthesize(self, generations: tuple[int, ...], serving: int, **_: Any) -> None:
        self.world.done.append(f"synthesize {generations} {serving}")

    def template(self, _: str) -> dict[str, Any]:
        return {"Resources": {}, "Metadata": {"Generations": {"1": {}}}}

    def is_bootstrapped(self) -> bool:
        return self.world.bootstrapped

    def bootstrap(self) -> None:
        self.world.done.append("bootstrap")

    def is_deployed(self, stack: str) -> bool:
        return stack in self.world.stacks

    def deploy(self, stacks: list[str], **_: Any) -> None:
        self.world.done.append("deploy " + " ".join(stacks))
        self.world.stacks |= dict.fromkeys(stacks, "CREATE_COMPLETE")
        if "serving" in stacks:
            self.world.serving = 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(Cdk, "world", world, raising=False)
    monkeypatch.setattr(run_module, "Cdk", Cdk)
    monkeypatch.setattr(run_module, "observe", world.observe)
    monkeypatch.setattr(run_module, "wait_until_settled", lambda *_: None)
    monkeypatch.setattr(event_ids, "prepare", world.prepare_event_ids)
    monkeypatch.setattr(event_ids, "fix", lambda _: world.did("fix event ids", "1790000000"))
    monkeypatch.setattr(ledger, "make_ledgers", world.make_ledgers)
    monkeypatch.setattr(ledger, "compare_campaigns", lambda *_: Serving(("serves",), ()))
    monkeypatch.setattr(seed, "seed_files", lambda *_: [])
    monkeypatch.setattr(seed, "upload_seed", lambda *_: world.did("seed", 2))
    monkeypatch.setattr(solutions, "configure_solutions", lambda *_: world.did("configure", 2))
    monkeypatch.setattr(training, "train", world.train)
    monkeypatch.setattr(training, "running_training", lambda *_: None)
    monkeypatch.setattr(training, "start_training", world.start_training)
    monkeypatch.setattr(training, "follow", world.follow)
    return world


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def deployment(connection: Connection, world: World, screen: io.StringIO, tmp_path: Path) -> Deployment:
    connection.client("s3").create_bucket(Bucket=connection.settings.names.bucket("seed"))
    return Deployment(connection, Display(Console(file=screen, width=200)), tmp_path)


def confirm(deployment: Deployment, *, yes: bool = True) -> Confirm:
    return Confirm(deployment.display, yes=yes, is_local=False, interactive=True)


FIRST = [
    "synthesize (1,) 1",
    "bootstrap",
    "event ids none",
    "deploy data",
    "ledgers",
    "seed",
    "deploy personalize ingestion training serving monitoring",
    "configure",
    "train",
    "deploy campaigns",
    "canary",
]


def test_the_first_deploy_does_everything_in_order(deployment: Deployment, world: World, screen: io.StringIO) -> None:
    """And ends with what was deployed, where to send events, and which functions to invoke."""
    deployment.deploy(wait=True, confirm=confirm(deployment))
    assert FIRST == world.done
    assert set(STACKS) == set(world.stacks)
    shown = screen.getvalue()
    assert "Kinesis stream dev-recommender-stream-kss" in shown
    assert "dev-recommender-get-recommendation-lambda-lbd:live" in shown
    assert "dev-recommender-get-reranking-lambda-lbd:live" in shown


def test_nothing_is_changed_before_the_bill_is_accepted(
    deployment: Deployment, world: World, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The templates are made, which needs no account; the two idle campaigns come first on the bill."""
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(DeployError, match="nothing was changed"):
        deployment.deploy(wait=True, confirm=confirm(deployment, yes=False))
    assert ["synthesize (1,) 1"] == world.done
    shown = screen.getvalue()
    assert shown.index("2 idle campaigns") < shown.index("Kinesis stream") < shown.index("Deploy dev to account")
    assert "were not read on AWS's own pages" in shown
    assert "ABOVE" not in shown


def test_a_bill_above_the_budget_is_said_before_the_question(
    deployment: Deployment, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two idle campaigns are more than 500 dollars a month."""
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    poor = deployment.connection.settings.model_copy(update={"monthly_budget_usd": 500.0})
    poorer = Deployment(Connection(settings=poor, state=deployment.connection.state), deployment.display, Path("out"))
    with pytest.raises(DeployError, match="nothing was changed"):
        poorer.deploy(wait=True, confirm=confirm(poorer, yes=False))
    shown = screen.getvalue()
    assert shown.index("ABOVE THE BUDGET: 788.40 USD a month") < shown.index("Deploy dev to account")


def test_a_deploy_of_what_stands_asks_nothing_and_trains_nothing(deployment: Deployment, world: World) -> None:
    """No bill, no question, no bootstrap, no training; a campaigns stack that is right is left alone."""
    world.bootstrapped = True
    deployment.deploy(wait=True, confirm=confirm(deployment))
    world.done.clear()
    again = Deployment(deployment.connection, deployment.display, deployment.output)
    again.deploy(wait=True, confirm=confirm(deployment, yes=False))
    assert {"train", "bootstrap", "deploy campaigns"}.isdisjoint(world.done)


def test_an_environment_from_before_digests_gets_its_moment_after_the_new_forwarder(
    deployment: Deployment, world: World
) -> None:
    """Between the two deployments of the forwarder: then no older one runs, and from the second on nobody asks."""
    world.bootstrapped = True
    world.stacks = dict.fromkeys(STACKS, "UPDATE_COMPLETE")
    deployment.deploy(wait=True, confirm=confirm(deployment))
    stacks = "deploy personalize ingestion training serving monitoring"
    begun = world.done.index("event ids pending")
    assert [stacks, "fix event ids", "deploy ingestion", "configure"] == world.done[begun + 5 : begun + 9]


def test_a_model_held_back_ends_with_its_reason_after_all_else_is_done(deployment: Deployment, world: World) -> None:
    """The other role's campaign stands by then."""
    world.promotes = ("recommendation",)
    with pytest.raises(HeldBackError, match=r"reranking: NDCG@5 falls short by 0\.1"):
        deployment.deploy(wait=True, confirm=confirm(deployment))
    assert FIRST == world.done


def test_without_waiting_it_starts_the_training_and_ends(
    deployment: Deployment, world: World, screen: io.StringIO
) -> None:
    """What an earlier run promoted gets its campaign first; its list is there already."""
    world.promotes = ("recommendation",)
    with pytest.raises(HeldBackError):
        deployment.deploy(wait=True, confirm=confirm(deployment))
    world.done.clear()
    del world.stacks["campaigns"]
    deployment.deploy(wait=False, confirm=confirm(deployment))
    assert ["deploy campaigns", "start"] == world.done[-2:]
    assert "canary" not in world.done
    assert "The training runs." in screen.getvalue()
    assert "train" not in world.done


def test_campaigns_that_do_not_serve_their_ledgers_are_an_error(
    deployment: Deployment, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy ends by checking that what serves is what the ledgers say."""
    told = Serving((), ("the recommendation campaign does not exist",))
    monkeypatch.setattr(ledger, "compare_campaigns", lambda *_: told)
    with pytest.raises(DeployError, match="the recommendation campaign does not exist"):
        deployment.deploy(wait=True, confirm=confirm(deployment))
    assert world.done[-1] == "deploy campaigns"


def test_an_upgrade_exchanges_the_state_machine_under_both_locks(
    deployment: Deployment, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its table is there by then; the later deploys of stacks and of campaigns find the upgrade done."""
    deployment.deploy(wait=True, confirm=confirm(deployment))
    world.done.clear()
    connection, names = deployment.connection, deployment.connection.settings.names
    monkeypatch.setattr(old_lock, "machine_is_old", lambda _: not any("training" in done for done in world.done))
    held: list[str] = []

    def deploy(self: Cdk, stacks: list[str], **_: Any) -> None:
        table = connection.client("dynamodb").scan(TableName=names.lock_table)["Items"]
        parameters = connection.client("ssm").get_parameters(Names=[names.old_lock])["Parameters"]
        if "training" in stacks:
            held.extend([table[0]["holder"]["S"], parameters[0]["Value"]])
        else:
            assert table == []
        world.done.append("deploy " + " ".join(stacks))

    monkeypatch.setattr(Cdk, "deploy", deploy)
    deployment.deploy(wait=True, confirm=confirm(deployment))
    assert world.done.index("deploy data") < next(n for n, done in enumerate(world.done) if "training" in done)
    assert len(held) == 2
    assert held[0] == held[1]
    assert connection.client("dynamodb").scan(TableName=names.lock_table)["Items"] == []
    assert connection.client("ssm").get_parameters(Names=[names.old_lock])["Parameters"] == []


def test_a_deploy_that_loses_the_lock_does_not_touch_the_campaigns(
    deployment: Deployment, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again at the last moment, stops, and says so."""
    deployment.deploy(wait=True, confirm=confirm(deployment))
    world.done.clear()
    world.stacks.pop("campaigns")
    names, dynamodb = deployment.connection.settings.names, deployment.connection.client("dynamodb")

    def robbed(*_: Any) -> Serving:
        stolen = {"id": {"S": "campaigns"}, "holder": {"S": "deploy:other"}, "heartbeat": {"S": "now"}}
        dynamodb.put_item(TableName=names.lock_table, Item=stolen)
        return Serving((), ("differs",))

    monkeypatch.setattr(ledger, "compare_campaigns", robbed)
    with pytest.raises(LockLostError):
        deployment.deploy(wait=True, confirm=confirm(deployment))
    assert "deploy campaigns" not in world.done
    (item,) = dynamodb.scan(TableName=names.lock_table)["Items"]
    assert item["holder"] == {"S": "deploy:other"}


def test_a_dry_run_without_credentials_shows_the_bill_the_steps_and_the_stacks(
    deployment: Deployment, world: World, screen: io.StringIO
) -> None:
    """Only the templates are made; it says what credentials would add."""
    deployment.dry_run(reachable=False)
    assert ["synthesize (1,) 1"] == world.done
    shown = screen.getvalue()
    assert "2 idle campaigns" in shown
    assert "- Training, judging, promoting" in shown
    assert "dev-pets-data" in shown
    assert "No AWS credentials" in shown
    assert "With credentials (AWS_PROFILE, or `aws sso login`) this would also show what stands" in shown
    assert "local cloud" not in shown
