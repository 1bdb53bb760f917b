"""A generation change on the local cloud: another schema and other recipes, with visitors and events all the while."""

import csv
import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.naming import ARCHIVE_PREFIX, EMPTY_LEDGER, Names
from local_cloud.supervisor.lifecycle import LocalCloud
from tests.e2e.deploy_checkout import WAIT_SCALE, Checkout, personalize_names, until
from tools.deploy.observe import observe
from tools.environment.connection import Connection
from tools.events.archive import lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
GROUP = {"animal_species_id": "1", "animal_primary_breed_id": "Russian Blue", "animal_size_id": "1"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, synthesized: Path) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("generation")
    with LocalCloud(state=folder / "state", wait_scale=WAIT_SCALE) as cloud:
        checkout = Checkout(folder / "checkout", cloud.state.root, synthesized)
        code, output = checkout.deploy()
        assert code == 0, output
        yield checkout


@pytest.fixture
def connection(checkout: Checkout) -> Connection:
    return checkout.connection


def send(connection: Connection, visitor: str, count: int, **changes: Any) -> None:
    """So many events of one visitor, a second apart, as the site sends them."""
    now = int(time.time())
    records = [
        {
            "PartitionKey": visitor,
            "Data": json.dumps(
                {
                    "userId": visitor,
                    "sessionId": f"{visitor}-session",
                    "eventType": "DetailView",
                    "timestamp": now - number,
                    "animalMetadata": GROUP | {"animal_age_id": str(1 + number % 5)},
                    **changes,
                }
            ),
        }
        for number in range(count)
    ]
    answer = connection.client("kinesis").put_records(StreamName=connection.settings.names.stream, Records=records)
    assert answer["FailedRecordCount"] == 0


def interactions(connection: Connection, generation: int, mode: str = "ALL") -> list[dict[str, str]]:
    """What the generation's interactions dataset holds, by the API's own export."""
    personalize, names = connection.client("personalize"), connection.settings.names
    prefix = f"{Names.EXPORT_PREFIX}test/{uuid.uuid4().hex}/"
    arn = personalize.create_dataset_export_job(
        jobName=f"test-{uuid.uuid4().hex[:12]}",
        datasetArn=names.dataset_arn("interactions", generation),
        ingestionMode=mode,
        roleArn=names.role_arn("personalize"),
        jobOutput={"s3DataDestination": {"path": f"s3://{names.bucket('seed')}/{prefix}"}},
    )["datasetExportJobArn"]

    def job() -> dict[str, Any]:
        answer: dict[str, Any] = personalize.describe_dataset_export_job(datasetExportJobArn=arn)
        return answer["datasetExportJob"]  # type: ignore[no-any-return]

    until(lambda: job()["status"] == "ACTIVE", what="the export")
    s3 = connection.client("s3")
    rows: list[dict[str, str]] = []
    for entry in s3.list_objects_v2(Bucket=names.bucket("seed"), Prefix=prefix).get("Contents", []):
        body = s3.get_object(Bucket=names.bucket("seed"), Key=entry["Key"])["Body"].read().decode()
        rows += csv.DictReader(body.splitlines())
    return rows


def events_of(connection: Connection, visitor: str, generation: int) -> int:
    return sum(row["USER_ID"] == visitor for row in interactions(connection, generation, "PUT"))


def put_shown(connection: Connection, visitor: str, count: int) -> None:
    """What generation 1 was told before the config named the type `Shown` an observed one."""
    names, now = connection.settings.names, int(time.time())
    parameter = connection.client("ssm").get_parameter(Name=names.tracking_id_parameter(1))["Parameter"]
    connection.client("personalize-events").put_events(
        trackingId=parameter["Value"],
        userId=visitor,
        sessionId=f"{visitor}-session",
        eventList=[
            {"eventType": "Shown", "itemId": "1-Russian Blue-1-1", "sentAt": now - number, "eventId": f"shown-{number}"}
            for number in range(count)
        ],
    )


def archived(connection: Connection) -> list[dict[str, Any]]:
    """The events of the archive."""
    s3, bucket = connection.client("s3"), connection.settings.names.bucket("archive")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=ARCHIVE_PREFIX).get("Contents", [])]
    return [json.loads(line) for key in keys for line in lines(s3, bucket, key)]


def next_generation(checkout: Checkout, **changes: Any) -> None:
    """Generation 2: a nullable column more in the interactions, and the v1 recipes."""
    path = checkout.folder / "seed_data" / "schemas" / "interactions.avsc.json"
    schema = json.loads(path.read_text())
    if schema["fields"][-1]["name"] != "DEVICE":
        schema["fields"].append({"name": "DEVICE", "type": ["null", "string"], "categorical": True})
        path.write_text(json.dumps(schema))
        seed = checkout.folder / "seed_data" / "interactions" / "interactions.csv"
        header, *rows = seed.read_text().splitlines()
        seed.write_text("\n".join([f"{header},DEVICE", *(f"{row}," for row in rows)]) + "\n")
    checkout.configure(
        generation=2,
        recipes={"recommendation": "aws-user-personalization", "reranking": "aws-personalized-ranking"},
        explorationWeight=0.1,
        explorationItemAgeCutOff=30,
        **changes,
    )


class TestANewGeneration:
    """One story, in order: each part begins where the one before it ended."""

    def test_what_cannot_be_changed_needs_a_new_generation(self, checkout: Checkout) -> None:
        """Another recipe under the same generation is refused before anything is touched, with the way to do it."""
        checkout.configure(
            recipes={"recommendation": "aws-user-personalization-v2", "reranking": "aws-personalized-ranking"}
        )
        code, output = checkout.deploy()
        assert code == 1
        assert "raise `generation` to 2" in output

    def test_held_back_the_old_generation_keeps_serving(self, checkout: Checkout, connection: Connection) -> None:
        """Exit code 3; both stand, both get every event, the old one answers."""
        send(connection, "early", 20)
        put_shown(connection, "shown", 3)
        send(connection, "observed", 5, eventType="Shown", impression=["1-Siamese-2-2"])
        until(lambda: events_of(connection, "early", 1) == 20, what="the events before the change")
        until(lambda: events_of(connection, "shown", 1) == 3, what="what is observed by now")
        next_generation(checkout, promotionThreshold=0.99)
        code, output = checkout.deploy()
        assert code == 3, output
        assert "Generation 1 keeps serving; generation 2 stands beside it." in output
        observed = observe(connection)
        assert (observed.serving, observed.generations) == (1, frozenset({1, 2}))
        assert EMPTY_LEDGER not in (observed.ledgers["recommendation", 1], observed.ledgers["reranking", 1])
        assert observed.ledgers["recommendation", 2] == observed.ledgers["reranking", 2] == EMPTY_LEDGER
        send(connection, "between", 20)
        for generation in (1, 2):
            until(
                lambda generation=generation: events_of(connection, "between", generation) == 20,  # type: ignore[misc]
                what=f"the events in generation {generation}",
            )

    def test_the_new_schema_holds_the_old_interactions_once(self, connection: Connection) -> None:
        """As multisets: what generation 1 has, generation 2 has, in its own columns; nothing twice.

        But for observed events: what generation 1 learned before their type was observed stays behind.
        """
        columns = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE")
        old, new = interactions(connection, 1), interactions(connection, 2)
        assert "DEVICE" in new[0]
        assert "DEVICE" not in old[0]
        assert Counter(tuple(row[c] for c in columns) for row in old if row["EVENT_TYPE"] != "Shown") == Counter(
            tuple(row[c] for c in columns) for row in new
        )

    def test_observed_events_are_in_the_archive_alone(self, connection: Connection) -> None:
        """Sent to the stream with all that an event for Personalize has, and in none of the generations."""
        until(
            lambda: sum(event.get("userId") == "observed" for event in archived(connection)) == 5,
            what="the observed events in the archive",
        )
        for generation in (1, 2):
            assert 0 == events_of(connection, "observed", generation)

    def test_promoted_it_takes_over_and_the_old_one_is_gone(self, checkout: Checkout, connection: Connection) -> None:
        """What was held back is judged anew and serves; interrupted while the old one goes, it goes all the same."""
        next_generation(checkout, promotionThreshold=0.001)
        code, output = checkout.interrupt(lambda: observe(connection).serving == 2, what="the switch")
        assert code == 130, output
        assert observe(connection).generations == frozenset({1, 2})
        code, output = checkout.deploy()
        assert code == 0, output
        observed = observe(connection)
        assert (observed.serving, observed.generations) == (2, frozenset({2}))
        names = list(personalize_names(connection))
        assert all("-g2-" in name for name in names), names
        assert sum(name.startswith("list_campaigns") for name in names) == 2

    def test_visitors_and_events_go_on(self, checkout: Checkout, connection: Connection) -> None:
        """The functions answer from the new campaigns; the forwarder sends to the new tracker alone."""
        names = connection.settings.names
        answer = connection.client("lambda").invoke(
            FunctionName=f"{names.function('recommend')}:live",
            Payload=json.dumps({"userId": "early", "detail": True}),
        )
        told = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
        assert {"personalize"} == {entry["source"] for entry in told}
        send(connection, "late", 20)
        until(lambda: events_of(connection, "late", 2) == 20, what="the events after the change")

    def test_a_later_deploy_finds_nothing_to_do(self, checkout: Checkout, connection: Connection) -> None:
        """The generation change is over."""
        before = sorted(personalize_names(connection))
        code, output = checkout.deploy()
        assert code == 0, output
        assert "generation 1" not in output
        assert before == sorted(personalize_names(connection))
