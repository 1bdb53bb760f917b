"""Batch inference: JSON Lines in, the answers of the runtime out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_local.settings.quotas import Quotas
from personalize_local.testing import LocalPersonalize
from tests.conformance.personalize.conftest import Trained
from tests.personalize_world import ROLE, World, interactions_csv, share_of


def _run(world: World, name: str, version: str, lines: list[Any], *, isolated_prefix: str = "", **more: Any) -> Any:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    world.put(f"batch/{name}/people.json", text)
    return world.create(
        "batch_inference_job",
        jobName=name,
        solutionVersionArn=version,
        jobInput={"s3DataSource": {"path": f"s3://batch/{name}/{isolated_prefix}"}},
        jobOutput={"s3DataDestination": {"path": f"s3://answers/{name}/"}},
        roleArn=ROLE,
        **more,
    )


def _answers(world: World, name: str) -> list[dict[str, Any]]:
    text = (world.server.s3_root / "answers" / name / "people.json.out").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def ranking_version(trained: Trained) -> str:
    campaign = trained.world.control.describe_campaign(campaignArn=trained.ranking)["campaign"]
    return str(campaign["solutionVersionArn"])


def test_the_answers_are_those_of_a_campaign(trained: Trained) -> None:
    """Items and scores as GetRecommendations gives them, the input beside them, a bad line with its reason."""
    world = trained.world
    lines = [{"userId": "u1"}, "not json", {"userId": "u2"}, {"itemId": "cat1"}]
    job = _run(world, "people", trained.version, lines, numResults=7)
    assert ("ACTIVE", 7, "BATCH_INFERENCE") == (job["status"], job["numResults"], job["batchInferenceJobMode"])
    answers = _answers(world, "people")
    assert lines == [answer["input"] for answer in answers]
    for answer in (answers[0], answers[2]):
        live = world.runtime.get_recommendations(
            campaignArn=trained.recommendation, userId=answer["input"]["userId"], numResults=7
        )["itemList"]
        assert [entry["itemId"] for entry in live] == answer["output"]["recommendedItems"]
        assert [entry["score"] for entry in live] == pytest.approx(answer["output"]["scores"], rel=0.01)
        assert answer["error"] is None
    assert [None, None] == [answers[1]["output"], answers[3]["output"]]
    assert "JSON" in answers[1]["error"]
    assert "userId" in answers[3]["error"]
    assert job["batchInferenceJobArn"] in [
        one["batchInferenceJobArn"]
        for one in world.control.list_batch_inference_jobs(solutionVersionArn=trained.version)["batchInferenceJobs"]
    ]


def test_rankings_rank_their_own_items(trained: Trained, ranking_version: str) -> None:
    """Each line has its list; the answer is that list in the user's order, what training has not seen last with score 0."""
    items = ["dog1", "cat1", "dog2", "cat2", "stranger"]
    _run(trained.world, "rank", ranking_version, [{"userId": "u1", "itemList": items}, {"userId": "u1"}])
    ranked, refused = _answers(trained.world, "rank")
    assert sorted(items) == sorted(ranked["output"]["recommendedItems"])
    assert {"cat1", "cat2"} == set(ranked["output"]["recommendedItems"][:2])
    assert ("stranger", 0.0) == (ranked["output"]["recommendedItems"][-1], ranked["output"]["scores"][-1])
    assert "itemList" in refused["error"]


def test_filters_take_the_values_of_the_line(trained: Trained) -> None:
    """A filter with a placeholder is asked for each line anew; 25 results without numResults."""
    world = trained.world
    arn = world.filter(trained.group, "batch-kind", "INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ($KIND)")
    lines: list[Any] = [{"userId": "u1", "filterValues": {"KIND": f'"{kind}"'}} for kind in (1, 2)]
    _run(world, "filtered", trained.version, [*lines, {"userId": "u1", "filterValues": 7}], filterArn=arn)
    cats, dogs, refused = _answers(world, "filtered")
    assert (25, 1.0) == (len(cats["output"]["recommendedItems"]), share_of("cat", cats["output"]["recommendedItems"]))
    assert (25, 1.0) == (len(dogs["output"]["recommendedItems"]), share_of("dog", dogs["output"]["recommendedItems"]))
    assert "filterValues" in refused["error"]


def test_an_input_that_is_not_there_fails_the_job(trained: Trained) -> None:
    """The job ends as CREATE FAILED and says why."""
    job = _run(trained.world, "missing", trained.version, [], isolated_prefix="else")
    assert ("CREATE FAILED", "Invalid Data location.") == (job["status"], job["failureReason"])


def test_what_batch_inference_refuses(trained: Trained) -> None:
    """Themes, too many results, a filter of nobody, a version that is not there."""
    control = trained.world.control
    for more, error in (
        ({"batchInferenceJobMode": "THEME_GENERATION"}, control.exceptions.InvalidInputException),
        ({"numResults": 501}, control.exceptions.InvalidInputException),
        ({"filterArn": trained.world.arn("filter/none")}, control.exceptions.ResourceNotFoundException),
    ):
        with pytest.raises(error):
            _run(trained.world, "refused", trained.version, [], **more)
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        _run(trained.world, "refused", f"{trained.version}0", [])


@pytest.fixture
def isolated(tmp_path: Path) -> Iterator[World]:
    with LocalPersonalize(tmp_path, isolated=True) as server:
        yield World(server)


def test_a_process_of_its_own_sees_the_same(isolated: World) -> None:
    """The job runs beside the server, on its folder, and knows events that came a moment before."""
    group = isolated.seeded()
    version = isolated.train(isolated.solution(group, "aws-user-personalization-v2"))["solutionVersionArn"]
    isolated.send("new", *[f"cat{number}" for number in range(8)])
    job = _run(isolated, "own", version, [{"userId": "new"}], numResults=10)
    assert "ACTIVE" == job["status"], job
    (answer,) = _answers(isolated, "own")
    assert share_of("cat", answer["output"]["recommendedItems"]) > 0.7


def test_volumes_are_bounded(tmp_path: Path) -> None:
    """Files, bytes and lines of a batch job, and bytes and rows of an import, up to the quotas and no further."""
    quotas = Quotas(
        batch_files=1,
        batch_file_bytes=60,
        batch_file_lines=2,
        incremental_import_bytes=1000,
        interactions_per_import=20,
    )
    with LocalPersonalize(tmp_path, quotas=quotas) as server:
        world = World(server)
        group = world.seeded()
        few = "\n".join(["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE", *(f"u{row},cat1,{row},View" for row in range(19))])
        dataset = world.arn("dataset/pets/INTERACTIONS")
        assert "at least 20" in world.load(dataset, few, "few", importMode="INCREMENTAL")["failureReason"]
        many = few + "".join(f"\nv{row},cat1,{row},View" for row in range(60))
        assert "1000 bytes" in world.load(dataset, many, "many", importMode="INCREMENTAL")["failureReason"]
        assert "ACTIVE" == world.load(dataset, many, "full")["status"]
        version = world.train(world.solution(group, "aws-popularity-count"))
        assert "CREATE FAILED" == version["status"]
        world.load(dataset, interactions_csv(), "all")
        trained = world.train(world.arn("solution/solution"))["solutionVersionArn"]
        line = {"userId": "u1"}
        assert "ACTIVE" == _run(world, "fits", trained, [line, line])["status"]
        assert "2 lines" in _run(world, "lines", trained, [line, line, line])["failureReason"]
        assert "60 bytes" in _run(world, "bytes", trained, [{"userId": "u" * 60}])["failureReason"]
        world.put("batch/files/other.json", "{}\n")
        assert "1 files" in _run(world, "files", trained, [line])["failureReason"]
