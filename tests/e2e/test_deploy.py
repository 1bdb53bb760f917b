"""`./deploy.sh local`, really: interrupted at its stages, held back by the gate, promoted, alarmed, and taken away."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.naming import EMPTY_LEDGER, METRIC_NAMESPACE, STACKS
from local_cloud.identity.decisions import refusals
from local_cloud.supervisor.lifecycle import LocalCloud
from tests.e2e import operations_page
from tests.e2e.alarm_causes import was_taken
from tests.e2e.alarms import CASES, CAT, CONFIG, HOUR, MORE_WAYS, World, rings_and_recovers
from tests.e2e.deploy_checkout import WAIT_SCALE, Checkout, personalize_names, until
from tools.deploy.base.training import running_training
from tools.deploy.observe import is_asleep, observe
from tools.environment.connection import Connection

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, synthesized: Path) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("deploy")
    # Some alarms ring because a role lost a right; nothing else may be refused.
    with LocalCloud(state=folder / "state", wait_scale=WAIT_SCALE, expects_refusals=True) as cloud:
        checkout = Checkout(folder / "checkout", cloud.state.root, synthesized)
        checkout.configure(**CONFIG)
        yield checkout
        refused = [decision for decision in refusals(cloud.state.decisions) if not was_taken(decision)]
        assert [] == [decision.reason for decision in refused]


@pytest.fixture
def connection(checkout: Checkout) -> Connection:
    return checkout.connection


@pytest.fixture(scope="module")
def world(checkout: Checkout) -> World:
    return World(checkout.connection)


def is_in_progress(connection: Connection, stack: str) -> bool:
    return observe(connection).stacks.get(stack, "").endswith("_IN_PROGRESS")


def lock_holder(connection: Connection) -> str:
    """Who holds the lock; nothing where nobody does."""
    dynamodb, table = connection.client("dynamodb"), connection.settings.names.lock_table
    return "".join(item["holder"]["S"] for item in dynamodb.scan(TableName=table, ConsistentRead=True)["Items"])


def recommended(connection: Connection) -> list[str]:
    names = connection.settings.names
    answer = connection.client("lambda").invoke(
        FunctionName=f"{names.function('recommend')}:live", Payload=json.dumps({"userId": "1"})
    )
    assert "FunctionError" not in answer
    return [entry["id"] for entry in json.loads(answer["Payload"].read())]


class TestTheLifeOfAnEnvironment:
    """One story, in order: each part begins where the one before it ended."""

    def test_d53_interrupted_at_every_stage_it_goes_on_where_it_was(
        self, checkout: Checkout, connection: Connection
    ) -> None:
        """Ctrl-C during templates, data, Personalize, and the training; each time it ends with 130."""
        checkout.configure(promotionThreshold=0.99)
        for what, when in (
            ("the templates", lambda: "app.py" in checkout.log),
            ("the data stack", lambda: is_in_progress(connection, "data") or "data" in observe(connection).stacks),
            ("the Personalize stack", lambda: is_in_progress(connection, "personalize")),
        ):
            code, output = checkout.interrupt(when, what=what)
            assert (code, output.count("interrupted")) == (130, 1), output
        with checkout.start() as process:
            until(lambda: "training" in observe(connection).stacks, what="the training stack")
            until(lambda: running_training(connection), what="the training")
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=120)
        assert process.returncode == 130, output

    def test_without_waiting_it_leaves_the_training_to_itself(self, checkout: Checkout, connection: Connection) -> None:
        """The run that the interrupted deploy started goes on; it is not started a second time."""
        code, output = checkout.deploy("--no-wait")
        assert code == 0, output
        assert "The training runs." in output

    def test_the_gate_holds_back_and_everything_else_stands(self, checkout: Checkout, connection: Connection) -> None:
        """Exit code 3, the metric and by how much; visitors get the packaged popular list meanwhile."""
        code, output = checkout.deploy()
        assert code == 3, output
        assert "recommendation: promotion threshold: NDCG@5" in output
        assert "falls short by 0." in output
        assert {EMPTY_LEDGER} == set(observe(connection).ledgers.values())
        assert set(STACKS) - {"campaigns"} == set(observe(connection).stacks)
        assert len(recommended(connection)) == 10

    def test_a_lower_threshold_promotes_what_was_trained(self, checkout: Checkout, connection: Connection) -> None:
        """The version that was held back is judged anew; nothing is trained twice. kill -9 holds nothing up."""
        checkout.configure(promotionThreshold=0.001)
        before = sum("list_solution_versions" in name for name in personalize_names(connection))
        code, output = checkout.interrupt(
            lambda: lock_holder(connection).startswith("deploy:"), what="the campaigns", by=signal.SIGKILL
        )
        assert code == -signal.SIGKILL, output
        assert lock_holder(connection).startswith("deploy:")
        code, output = checkout.deploy()
        assert code == 0, output
        assert before == sum("list_solution_versions" in name for name in personalize_names(connection))
        assert EMPTY_LEDGER not in observe(connection).ledgers.values()
        assert lock_holder(connection) == ""
        assert len(recommended(connection)) == 10

    def test_no_alarm_rings_at_a_first_deploy(self, world: World) -> None:
        """Silence where nothing could be heard yet is no alarm: neither at the deploy's end, nor an hour later."""
        for seconds in (0, HOUR):
            world.pass_by(seconds)
            assert len(world.states) > len(CASES)
            assert [] == [name for name, state in world.states.items() if state == "ALARM"]

    @pytest.mark.parametrize("alarm", CASES)
    def test_each_alarm_rings_by_its_cause_and_recovers(self, world: World, alarm: str) -> None:
        """Its definition, its metric, its message to the topic, and the end of it."""
        rings_and_recovers(world, alarm)

    @pytest.mark.parametrize("way", MORE_WAYS)
    def test_an_alarm_rings_by_each_of_its_causes(self, world: World, way: str) -> None:
        """No event but observed ones; a stream that is not read, whatever the reason: the topic has a key of its own."""
        alarm, case = MORE_WAYS[way]
        rings_and_recovers(world, alarm, case)

    def test_the_commands_of_the_operations_page_show_something(self, connection: Connection) -> None:
        """What whoever is paged copies from the page runs, and is not empty after all alarms have rung."""
        printed = operations_page.shown(connection)
        assert len(printed) > len(CASES) / 2
        assert [] == [entry for entry, output in printed.items() if not output.strip()]

    def test_no_alarm_is_without_a_cause(self, checkout: Checkout) -> None:
        """The alarms of the template are those that were made to ring."""
        resources = checkout.template("monitoring")["Resources"].values()
        alarms = {
            each["Properties"]["AlarmName"]
            for each in resources
            if each["Type"].startswith("AWS::CloudWatch::") and each["Properties"].get("AlarmActions")
        }
        assert alarms == {checkout.connection.settings.names.alarm(name) for name in CASES}

    def test_a_second_deploy_changes_nothing(self, checkout: Checkout, connection: Connection) -> None:
        """Every step finds its work done."""
        before, names = observe(connection), sorted(personalize_names(connection))
        code, output = checkout.deploy()
        assert code == 0, output
        assert output.count("there already") == 3
        assert "as they should be" in output
        assert before.ledgers == observe(connection).ledgers
        assert names == sorted(personalize_names(connection))

    def test_a_dry_run_says_so(self, checkout: Checkout, connection: Connection) -> None:
        """It names the steps, shows the bill first, and the differences: none."""
        code, output = checkout.deploy("--dry-run")
        assert code == 0, output
        assert "2 idle campaigns" in output
        assert output.count("There were no differences") == len(STACKS)

    def test_asleep_there_is_no_campaign_and_the_popular_list_answers(
        self, checkout: Checkout, connection: Connection, world: World
    ) -> None:
        """Events are forwarded still, no alarm on campaigns is left to ring, and a deploy keeps it asleep."""
        before = observe(connection).ledgers
        code, output = checkout.deploy("--sleep")
        assert code == 0, output
        assert "USD a month" in output
        code, output = checkout.deploy()
        assert code == 0, output
        assert "local sleeps" in output
        assert [] == connection.client("personalize").list_campaigns()["campaigns"]
        assert before == observe(connection).ledgers
        assert {"asleep"} == {item["source"] for item in world.invoke("recommend", {"userId": "1", "detail": True})}
        cat = {"itemId": "1", "animalMetadata": CAT}
        assert "asleep" == world.invoke("rerank", {"userId": "1", "itemMetadataList": [cat]})["source"]
        names = connection.settings.names
        of_forwarder = [{"Name": "service", "Value": "forward_events"}, {"Name": "environment", "Value": "local"}]
        accepted = world.measured(METRIC_NAMESPACE, "EventsAccepted", of_forwarder)
        world.put(world.visit())
        until(
            lambda: world.measured(METRIC_NAMESPACE, "EventsAccepted", of_forwarder) > accepted, what="the forwarding"
        )
        world.pass_by(300)
        assert {names.alarm(f"{role}-idle") for role in connection.settings.roles}.isdisjoint(world.states)
        assert {"OK", "INSUFFICIENT_DATA"} >= {
            world.state(alarm) for alarm in ("recommend-fallbacks", "rerank-fallbacks", "training-failed")
        }

    def test_killed_while_it_falls_asleep_it_wakes_with_the_versions_of_the_ledgers(
        self, checkout: Checkout, connection: Connection, world: World
    ) -> None:
        """Nothing is trained for it."""
        personalize = connection.client("personalize")
        versions = [v["solutionVersionArn"] for v in personalize.list_solution_versions()["solutionVersions"]]
        code, output = checkout.deploy("--wake")
        assert code == 0, output
        with checkout.start("--sleep") as process:
            until(lambda: is_asleep(connection), what="the parameter")
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=120)
        code, output = checkout.deploy("--wake")
        assert code == 0, output
        for role, campaign in world.served().items():
            assert campaign == world.ledger(role)
        assert versions == [v["solutionVersionArn"] for v in personalize.list_solution_versions()["solutionVersions"]]
        assert {"personalize"} == {
            item["source"] for item in world.invoke("recommend", {"userId": "1", "detail": True})
        }

    def test_interrupted_or_not_the_end_is_what_the_templates_say(
        self, checkout: Checkout, connection: Connection
    ) -> None:
        """Nothing is missing, nothing is there twice, and there is one version of each solution."""
        resources = [
            resource
            for stack in ("personalize", "campaigns")
            for resource in checkout.template(stack)["Resources"].values()
            if resource["Type"].startswith("AWS::Personalize::")
        ]
        expected = [resource["Properties"]["Name"] for resource in resources]
        expected += [r["Properties"]["Name"] for r in resources if r["Type"].endswith("::Solution")]
        there = [name.partition(" ")[2].rpartition("/")[2] for name in personalize_names(connection)]
        assert sorted(expected) == sorted(there)

    def test_deploys_and_trainings_take_turns(self, checkout: Checkout, connection: Connection, world: World) -> None:
        """A deploy during a training, and a training during that deploy: all end well, on one and the same model."""
        first = world.start({"force": True})
        until(lambda: lock_holder(connection) == first, what="the first run's lock")
        with checkout.start() as deploy:
            assert world.ended(first) == "SUCCEEDED"
            second = world.start({"task": "canary"})
            output, _ = deploy.communicate("", timeout=500)
        assert deploy.returncode == 0, output
        assert world.ended(second) == "SUCCEEDED"
        assert lock_holder(connection) == ""
        for role, campaign in world.served().items():
            assert campaign == world.ledger(role)

    def test_a_protected_environment_is_not_removed_by_a_slip(self, checkout: Checkout, connection: Connection) -> None:
        """Neither `y` nor --yes is its name; nothing is touched."""
        checkout.configure(protected=True, notificationEmails=["alarms@example.com"])
        code, output = checkout.deploy()
        assert code == 0, output
        before = observe(connection)
        for options, answer in ((("--destroy",), "y"), (("--destroy", "--purge", "--yes"), "")):
            code, output = checkout.deploy(*options, answer=answer)
            assert (code, "nothing was deleted" in output) == (1, True), output
        assert before == observe(connection)
        with pytest.raises(connection.client("cloudformation").exceptions.ClientError, match="TerminationProtection"):
            connection.client("cloudformation").delete_stack(StackName="local-pets-monitoring")

    def test_its_archive_outlives_it(self, checkout: Checkout, connection: Connection) -> None:
        """D21: with its name typed everything goes but the archive; a later deploy takes it up again."""
        s3, archive = connection.client("s3"), connection.settings.names.bucket("archive")
        s3.put_object(Bucket=archive, Key="events/kept.gz", Body=b"an event")
        code, output = checkout.deploy("--destroy", answer="local")
        assert code == 0, output
        assert f"Kept: bucket {archive}" in output
        assert [] == list(personalize_names(connection))
        assert [archive] == [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        code, output = checkout.deploy("--no-wait")
        assert code == 0, output
        assert s3.get_object(Bucket=archive, Key="events/kept.gz")["Body"].read() == b"an event"
        resources = connection.client("cloudformation").describe_stack_resources(StackName="local-pets-data")
        assert archive in [resource["PhysicalResourceId"] for resource in resources["StackResources"]]

    def test_d62_destroyed_nothing_is_left(self, checkout: Checkout, connection: Connection) -> None:
        """No stack, no Personalize resource, no bucket, no function, no parameter stays; the training is stopped."""
        code, output = checkout.deploy("--destroy", "--purge", answer="local")
        assert code == 0, output
        assert [] == list(personalize_names(connection))
        left = connection.client("cloudformation").list_stacks()["StackSummaries"]
        assert [] == [stack["StackName"] for stack in left if stack["StackStatus"] != "DELETE_COMPLETE"]
        assert [] == connection.client("s3").list_buckets()["Buckets"]
        assert [] == connection.client("ssm").describe_parameters()["Parameters"]
        assert [] == connection.client("dynamodb").list_tables()["TableNames"]
        assert [] == connection.client("lambda").list_functions()["Functions"]
        assert [] == connection.client("kinesis").list_streams()["StreamNames"]
        keys = [key["KeyId"] for key in connection.client("kms").list_keys()["Keys"]]
        states = {connection.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys}
        assert states <= {"PendingDeletion"}

    def test_destroyed_again_it_finds_nothing(self, checkout: Checkout) -> None:
        """An interrupted removal is started again like a deploy."""
        checkout.configure(protected=False)
        code, output = checkout.deploy("--destroy")
        assert code == 0, output
        assert "no stack, no Personalize resource" in output
