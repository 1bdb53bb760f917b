"""Data deletion jobs: users leave the datasets for good."""

import csv
import io
from typing import Any

import pytest

from personalize_local.testing import LocalPersonalize
from tests.personalize_world import ROLE, USERS, World, settled, until


def _delete(world: World, group: str, location: str, name: str = "forget") -> Any:
    arn = world.control.create_data_deletion_job(
        jobName=name, datasetGroupArn=group, dataSource={"dataLocation": location}, roleArn=ROLE
    )["dataDeletionJobArn"]
    assert world.arn(f"data-deletion-job/{name}") == arn
    return until(
        lambda: world.control.describe_data_deletion_job(dataDeletionJobArn=arn)["dataDeletionJob"],
        lambda shown: shown["status"] in ("COMPLETED", "FAILED"),
    )


def _exported(world: World, dataset: str, name: str) -> list[dict[str, str]]:
    arn = world.control.create_dataset_export_job(
        jobName=name,
        datasetArn=dataset,
        ingestionMode="ALL",
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": f"s3://out/{name}/"}},
    )["datasetExportJobArn"]
    shown = settled(lambda: world.control.describe_dataset_export_job(datasetExportJobArn=arn)["datasetExportJob"])
    assert "ACTIVE" == shown["status"]
    text = (world.server.s3_root / "out" / name / "part-00000.csv").read_text()
    return list(csv.DictReader(io.StringIO(text)))


def test_users_leave_every_dataset(world: World) -> None:
    """Imported and put interactions, the user's sessions and the user's record go; all else stays; over restarts too."""
    group = world.seeded()
    interactions = world.arn("dataset/pets/INTERACTIONS")
    users = world.dataset(group, "Users", USERS)
    world.load(users, "USER_ID,AGE,CITY\nu3,10,Rome\nu4,11,Rome\n", "users")
    world.events.put_users(datasetArn=users, users=[{"userId": "u5", "properties": '{"age": 3}'}])
    world.send(None, "cat1", session="before")
    world.send("u3", "cat2", "cat3", session="before")
    world.send("u4", "dog1", session="other")
    before = _exported(world, interactions, "before")
    world.put("gone/first.csv", "USER_ID\nu3\n")
    world.put("gone/deeper/second.csv", "USER_ID\nu5\nstranger\n")

    job = _delete(world, group, "s3://gone/")

    owned = {"u3", "u5", "before"}
    expected = [row for row in before if row["USER_ID"] not in owned]
    assert expected == _exported(world, interactions, "after")
    assert {"u4"} == {row["USER_ID"] for row in _exported(world, users, "users-after")}
    assert len(before) - len(expected) + 2 == job["numDeleted"]
    assert "COMPLETED" == job["status"]
    listed = world.control.list_data_deletion_jobs(datasetGroupArn=group)["dataDeletionJobs"]
    assert ["forget"] == [one["jobName"] for one in listed]

    world.server.__exit__(None, None, None)
    with LocalPersonalize(world.server.s3_root.parent) as again:
        assert expected == _exported(World(again), interactions, "again")


def test_versions_forget_the_histories_at_once(world: World) -> None:
    """A deleted user is a stranger to a campaign that was trained before, and others stay who they are; restarts too."""
    group = world.seeded()
    version = world.train(world.solution(group, "aws-personalized-ranking-v2"))["solutionVersionArn"]
    campaign = world.campaign(version)

    def ranked(of: World, visitor: str) -> list[tuple[str, float]]:
        answer = of.runtime.get_personalized_ranking(
            campaignArn=campaign, userId=visitor, inputList=["cat1", "cat2", "dog1", "dog2"]
        )
        return [(entry["itemId"], entry["score"]) for entry in answer["personalizedRanking"]]

    stranger, other = ranked(world, "stranger"), ranked(world, "u5")
    assert stranger != ranked(world, "u3")
    world.put("gone/users.csv", "USER_ID\nu3\n")
    assert "COMPLETED" == _delete(world, group, "s3://gone/users.csv")["status"]
    assert (stranger, other) == (ranked(world, "u3"), ranked(world, "u5"))
    world.server.__exit__(None, None, None)
    with LocalPersonalize(world.server.s3_root.parent) as again:
        assert (stranger, other) == (ranked(World(again), "u3"), ranked(World(again), "u5"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [("USER\nu3\n", "single column USER_ID"), ("USER_ID,AGE\nu3,4\n", "single column USER_ID"), (None, "Invalid Data")],
)
def test_a_file_of_another_form_fails_the_job(world: World, content: str | None, reason: str) -> None:
    """The job ends as FAILED with a reason, and nothing is deleted."""
    group = world.seeded()
    if content is not None:
        world.put("gone/users.csv", content)
    job = _delete(world, group, "s3://gone/users.csv")
    assert "FAILED" == job["status"]
    assert reason in job["failureReason"]
    assert any(row["USER_ID"] == "u3" for row in _exported(world, world.arn("dataset/pets/INTERACTIONS"), "all"))


def test_a_job_needs_a_group_and_a_new_name(world: World) -> None:
    """Unknown groups, groups without data and names in use are refused."""
    empty = world.group("empty")
    make = world.control.create_data_deletion_job
    more = {"jobName": "forget", "dataSource": {"dataLocation": "s3://gone/u.csv"}, "roleArn": ROLE}
    with pytest.raises(world.control.exceptions.ResourceNotFoundException):
        make(datasetGroupArn=world.arn("dataset-group/none"), **more)
    with pytest.raises(world.control.exceptions.InvalidInputException, match="no dataset"):
        make(datasetGroupArn=empty, **more)
    world.dataset(empty, "Users", USERS)
    world.put("gone/u.csv", "USER_ID\nu3\n")
    assert 0 == _delete(world, empty, "s3://gone/u.csv")["numDeleted"]
    with pytest.raises(world.control.exceptions.ResourceAlreadyExistsException):
        make(datasetGroupArn=empty, **more)
