"""The handlers against the embedded Personalize: what is forwarded is stored, learned and served."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas.shared.animal import AnimalGroup
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import INTERACTIONS, ROLE, START, World, settled
from tests.unit.lambdas.conftest import Context, aws, load_handler, personalize
from tests.unit.lambdas.forward_events.stream import kinesis_event

__all__ = ["aws", "load_handler", "personalize"]  # the fixtures of the handlers' tests

GROUPS = [f"{species}-Breed {number}-3-2" for species in "12" for number in range(20)]
VISITORS = 120


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Half of the visitors look at cats only, half at dogs only; a campaign for each serving function."""
    chosen = random.Random(1)
    lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"]
    for visitor in range(VISITORS):
        mine = GROUPS[:20] if visitor % 2 else GROUPS[20:]
        lines += [f"u{visitor},{chosen.choice(mine)},{START + n * 100 + visitor},DetailView" for n in range(15)]
    with LocalPersonalize(tmp_path) as server:
        made = World(server)
        group = made.group()
        interactions = made.dataset(group, "Interactions", INTERACTIONS)
        assert made.load(interactions, "\n".join(lines) + "\n", "seed")["status"] == "ACTIVE"
        made.tracker(group)
        yield made


@pytest.fixture
def handlers(world: World, load_handler: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The three handlers by name, pointed at the world's tracker and campaigns."""
    endpoint = world.events.meta.endpoint_url
    group = world.control.list_dataset_groups()["datasetGroups"][0]["datasetGroupArn"]
    environment = {
        "TRACKING_IDS": world.tracking_id,
        "DEADLINE_MILLISECONDS": "20000",
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": endpoint,
        "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME": endpoint,
    }
    loaded = {"forward_events": load_handler("forward_events", **environment).lambda_handler}
    for function, recipe in (
        ("recommend", "aws-user-personalization-v2"),
        ("rerank", "aws-personalized-ranking-v2"),
    ):
        version = world.train(world.solution(group, recipe, name=function))["solutionVersionArn"]
        campaign = world.campaign(version, name=function)
        loaded[function] = load_handler(function, CAMPAIGN_ARN=campaign, **environment).lambda_handler
    return loaded


def event(item_id: str, **changes: Any) -> dict[str, Any]:
    return {"eventType": "DetailView", "animalMetadata": metadata(item_id), "timestamp": START + 9000, **changes}


def metadata(item_id: str) -> dict[str, Any]:
    group = AnimalGroup.parse(item_id)
    return {**group.metadata, "animal_size_id": int(group.size)}


def test_what_a_session_forwards_decides_what_it_is_shown(handlers: dict[str, Any]) -> None:
    """An anonymous session that looks at five dogs is recommended dogs, and dogs are ranked first."""
    views = [event(item_id, sessionId="s1", animal_id=str(n)) for n, item_id in enumerate(GROUPS[20:25])]

    assert {"batchItemFailures": []} == handlers["forward_events"](kinesis_event(*views), Context())
    shown = handlers["recommend"]({"sessionId": "s1", "limit": 10, "detail": True}, Context())
    animals = [{"itemId": item_id, "animalMetadata": metadata(item_id)} for item_id in GROUPS[:10] + GROUPS[25:35]]
    ranked = handlers["rerank"]({"sessionId": "s1", "itemMetadataList": animals}, Context())

    assert {"personalize"} == {item["source"] for item in shown} == {ranked["source"]}
    assert {"2"} == {item["id"][0] for item in shown}
    assert ["2"] * 10 + ["1"] * 10 == [item_id[0] for item_id in ranked["ranking"]]


def test_every_optional_field_is_stored_once(handlers: dict[str, Any], world: World) -> None:
    """A full event, delivered twice, is accepted by the service's own validation and comes back once in an export."""
    full = event(
        GROUPS[0],
        sessionId="s2",
        userId="visitor",
        eventType="AIF",
        eventValue=1.5,
        recommendationId="RID-1",
        impression=GROUPS[:3],
        context={"DEVICE_TYPE": "phone"},
        properties={"paid": True},
    )

    for _ in range(2):
        assert {"batchItemFailures": []} == handlers["forward_events"](kinesis_event(full), Context())

    dataset = world.control.list_datasets()["datasets"][0]["datasetArn"]
    arn = world.control.create_dataset_export_job(
        jobName="live",
        datasetArn=dataset,
        ingestionMode="PUT",
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": "s3://out/live/"}},
    )["datasetExportJobArn"]
    settled(lambda: world.control.describe_dataset_export_job(datasetExportJobArn=arn)["datasetExportJob"])
    files = sorted((world.server.s3_root / "out").rglob("*.csv"))
    [stored] = [row for file in files for row in csv.DictReader(file.read_text().splitlines())]
    expected = {"USER_ID": "visitor", "ITEM_ID": GROUPS[0], "EVENT_TYPE": "AIF", "TIMESTAMP": str(START + 9000)}
    assert expected == {name: stored[name] for name in expected}
