"""Rates, other quotas and broken connections, as boto3 sees them."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from personalize_local.api.guard import LOCAL_REQUEST
from personalize_local.model.clock import ManualClock
from personalize_local.settings.quotas import Quotas, Rates
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import INTERACTIONS, ITEMS, World


def _put(world: World) -> None:
    event = {"eventType": "DetailView", "itemId": "cat1", "sentAt": time.time()}
    world.events.put_events(trackingId=world.tracking_id, sessionId="s", userId="u", eventList=[event])


def _item(world: World) -> None:
    properties = json.dumps({"animalType": "1", "creationTimestamp": 1})
    world.events.put_items(
        datasetArn=world.arn("dataset/pets/ITEMS"), items=[{"itemId": "cat1", "properties": properties}]
    )


def test_a_full_second_throttles(tmp_path: Path) -> None:
    """With rates on, the call after the last one of a second is throttled, with 429, and the next second takes it."""
    clock = ManualClock()
    rates = Rates(put_events_per_group=2, put_items_per_group=1)
    with LocalPersonalize(tmp_path, clock=clock, rates=rates) as server:
        world = World(server)
        group = world.group()
        world.dataset(group, "Interactions", INTERACTIONS)
        world.dataset(group, "Items", ITEMS)
        world.tracker(group)
        for put, most in ((_put, 2), (_item, 1)):
            for _ in range(most):
                put(world)
            with pytest.raises(ClientError) as refused:
                put(world)
            response: Any = refused.value.response
            assert "ThrottlingException" == response["Error"]["Code"]
            assert 429 == response["ResponseMetadata"]["HTTPStatusCode"]
        clock.advance(1)
        _put(world)
        _item(world)


def test_the_runtime_has_rates_of_its_own(tmp_path: Path) -> None:
    """Each campaign has its rate; both count towards the account's."""
    clock = ManualClock()
    with LocalPersonalize(tmp_path, clock=clock, rates=Rates(runtime_per_campaign=2, runtime_total=3)) as server:
        world = World(server)

        def code(campaign: str) -> str:
            with pytest.raises(ClientError) as refused:
                world.runtime.get_recommendations(campaignArn=world.arn(f"campaign/{campaign}"), userId="u")
            return str(refused.value.response["Error"]["Code"])

        missing, full = "ResourceNotFoundException", "ThrottlingException"
        assert [missing, missing, full] == [code("a") for _ in range(3)]
        assert [missing, full] == [code("b") for _ in range(2)]
        clock.advance(1)
        assert missing == code("a")


def test_quotas_can_be_others(tmp_path: Path) -> None:
    """One more than the quota that was set is too many."""
    with LocalPersonalize(tmp_path, quotas=Quotas(dataset_groups=1)) as server:
        world = World(server)
        world.group()
        with pytest.raises(world.control.exceptions.LimitExceededException):
            world.group("second")


def test_connections_break_off_on_order(world: World) -> None:
    """The client hears nothing and nothing was done; the next call is answered."""
    order = {"operation": "CreateDatasetGroup", "outcome": {"drop": True}}
    url, content = f"{world.server.endpoint}/_local/faults", json.dumps(order).encode()
    with urlopen(Request(url, content, LOCAL_REQUEST, method="POST")) as answer:  # noqa: S310 - our own server
        assert 200 == answer.status
    with pytest.raises(ConnectionClosedError):
        world.control.create_dataset_group(name="pets")
    assert [] == world.control.list_dataset_groups()["datasetGroups"]
    world.group()
