"""Batch segment jobs: users for an item, users for attributes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from personalize_local.jobs.segments import parse_query
from personalize_local.model.errors import ServiceError
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import ROLE, USERS, World


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str, str]]:
    """A world with a version of each recipe; even visitors are dog people."""
    with LocalPersonalize(tmp_path_factory.mktemp("segments")) as server:
        world = World(server)
        group = world.seeded()
        users = world.dataset(group, "Users", USERS)
        rows = "".join(f"u{number},{number},{'Rome' if number < 50 else 'Oslo'}\n" for number in range(200))
        world.load(users, "USER_ID,AGE,CITY\n" + rows, "users")
        yield (
            world,
            world.train(world.solution(group, "aws-item-affinity", "items"))["solutionVersionArn"],
            world.train(world.solution(group, "aws-item-attribute-affinity", "attributes"))["solutionVersionArn"],
        )


def _run(world: World, name: str, version: str, lines: list[Any], **more: Any) -> list[dict[str, Any]]:
    world.put(f"batch/{name}/asked.json", "".join(json.dumps(line) + "\n" for line in lines))
    shown = world.create(
        "batch_segment_job",
        jobName=name,
        solutionVersionArn=version,
        jobInput={"s3DataSource": {"path": f"s3://batch/{name}/"}},
        jobOutput={"s3DataDestination": {"path": f"s3://segments/{name}/"}},
        roleArn=ROLE,
        **more,
    )
    arn = shown["batchSegmentJobArn"]
    assert "ACTIVE" == shown["status"], shown
    listed = world.control.list_batch_segment_jobs(solutionVersionArn=version)["batchSegmentJobs"]
    assert arn in [one["batchSegmentJobArn"] for one in listed]
    text = (world.server.s3_root / "segments" / name / "asked.json.out").read_text()
    answers = [json.loads(line) for line in text.splitlines()]
    assert lines == [answer["input"] for answer in answers]
    return answers


def _dog_people(users: list[str]) -> float:
    return sum(int(user[1:]) % 2 == 0 for user in users) / len(users)


def test_an_item_finds_its_users(versions: tuple[World, str, str]) -> None:
    """Dogs find dog people, cats the others; an item that nobody knows has an error.

    Both names of the list are there: the guide's and the one of recorded jobs.
    """
    world, version, _ = versions
    dog, cat, stranger = _run(
        world, "items", version, [{"itemId": "dog1"}, {"itemId": "cat1"}, {"itemId": "bird"}], numResults=40
    )
    assert dog["output"]["recommendedUsers"] == dog["output"]["usersList"]
    assert (40, 1.0) == (len(dog["output"]["recommendedUsers"]), _dog_people(dog["output"]["recommendedUsers"]))
    assert 0.0 == _dog_people(cat["output"]["recommendedUsers"])
    assert (None, True) == (stranger["output"], "bird" in stranger["error"])


def test_attributes_find_their_users(versions: tuple[World, str, str]) -> None:
    """A query chooses items by their columns, the items choose the users; 25 without numResults."""
    world, _, version = versions
    queries = [
        {"itemAttributes": 'ITEMS.animal_type = "2"'},
        {"itemAttributes": 'Items.ANIMAL_TYPE = "1" AND Items.ITEM_VALUE < 1'},
        {"itemAttributes": 'ITEMS.COLOUR = "red"'},
        {"itemAttributes": "ITEMS.ANIMAL_TYPE ~ 3"},
    ]
    dogs, cats, unknown, unreadable = _run(world, "attributes", version, queries)
    assert (25, 1.0) == (len(dogs["output"]["recommendedUsers"]), _dog_people(dogs["output"]["recommendedUsers"]))
    assert 0.0 == _dog_people(cats["output"]["recommendedUsers"])
    assert "COLOUR" in unknown["error"]
    assert "cannot be read" in unreadable["error"]


def test_filters_choose_among_users(versions: tuple[World, str, str]) -> None:
    """A filter on users takes the values of the line; one that chooses items is an error."""
    world, version, _ = versions
    group = world.arn("dataset-group/pets")
    city = world.filter(group, "city", "INCLUDE UserID WHERE Users.CITY IN ($CITY)")
    (rome,) = _run(
        world,
        "city",
        version,
        [{"itemId": "dog1", "filterValues": {"CITY": '"Rome"'}}],
        filterArn=city,
        numResults=100,
    )
    assert {f"u{number}" for number in range(50)} == set(rome["output"]["recommendedUsers"])
    items = world.filter(group, "items", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")')
    (refused,) = _run(world, "wrong", version, [{"itemId": "dog1"}], filterArn=items)
    assert "UserID" in refused["error"]


def test_segments_are_for_their_recipes(versions: tuple[World, str, str]) -> None:
    """No campaign and no batch inference of a segmentation recipe; ten queries a file."""
    world, version, attributes = versions
    control = world.control
    with pytest.raises(control.exceptions.InvalidInputException, match="no campaigns"):
        control.create_campaign(name="c", solutionVersionArn=version)
    with pytest.raises(control.exceptions.InvalidInputException, match="not for recipe"):
        control.create_batch_inference_job(
            jobName="j",
            solutionVersionArn=version,
            jobInput={"s3DataSource": {"path": "s3://a/b"}},
            jobOutput={"s3DataDestination": {"path": "s3://a/c/"}},
            roleArn=ROLE,
        )
    answers = _run(world, "many", attributes, [{"itemAttributes": 'ITEMS.ANIMAL_TYPE = "1"'}] * 11)
    assert [None] * 10 == [answer["error"] for answer in answers[:10]]
    assert "10 lines" in answers[10]["error"]


def test_queries_bind_and_more_tightly() -> None:
    """a OR b AND c is a, or both b and c; what is no condition is refused."""
    assert [
        [("ITEMS", "A", "=", "x")],
        [("ITEMS", "B", "=", "y z"), ("Items", "C", ">=", 1.5)],
    ] == parse_query("ITEMS.A = 'x' or ITEMS.B = \"y z\" AND Items.C >= 1.5")
    for text in ("", "A = 1", "ITEMS.A", "ITEMS.A = 1 AND", "ITEMS.A IN (1)"):
        with pytest.raises(ServiceError, match="cannot be read"):
            parse_query(text)
