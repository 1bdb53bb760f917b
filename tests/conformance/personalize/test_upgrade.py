"""Models that an older version of the engine left behind: the server starts, says so, and trains anew."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from personalize_local.api.guard import LOCAL_REQUEST
from personalize_local.api.service import Personalize
from personalize_local.model.clock import StoppedClock
from personalize_local.settings.options import Options
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import ROLE, World, settled, until

REASON = "The solution version was trained by another version of the engine; train the solution again."


@dataclass
class Upgraded:
    """A server that was started over a folder whose models are older than its engine."""

    world: World
    group: str
    solution: str
    version: str
    campaign: str
    ranking: str


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    folder = tmp_path_factory.mktemp("upgraded")
    with LocalPersonalize(folder) as server:
        world = World(server)
        group = world.seeded()
        solution = world.solution(group, "aws-user-personalization", "for-you")
        version = world.train(solution)["solutionVersionArn"]
        ranking = world.train(world.solution(group, "aws-personalized-ranking-v2", "ranking"))["solutionVersionArn"]
        campaigns = world.campaign(version, "for-you"), world.campaign(ranking, "ranking")
    _age(folder)
    with LocalPersonalize(folder) as server:
        yield Upgraded(World(server), group, solution, version, *campaigns)


def _age(folder: Path) -> None:
    """Make the stored models what the engine wrote before it said which format they have."""
    for file in (folder / "data" / "models").glob("*/model/model.json"):
        facts = json.loads(file.read_text())
        del facts["format"]
        file.write_text(json.dumps(facts))
        (file.parent / "arrays.npz").unlink()


def test_the_server_starts(upgraded: Upgraded) -> None:
    """What has an old model is there as before."""
    assert 200 == httpx.get(f"{upgraded.world.server.endpoint}/_local/health", headers=LOCAL_REQUEST).status_code
    shown = upgraded.world.control.describe_campaign(campaignArn=upgraded.campaign)["campaign"]
    assert "ACTIVE" == shown["status"]


def test_campaigns_say_what_to_do(upgraded: Upgraded) -> None:
    """Both runtime operations answer with their modelled error, each time they are asked."""
    runtime = upgraded.world.runtime
    for _ in range(2):
        with pytest.raises(ClientError) as recommending:
            runtime.get_recommendations(campaignArn=upgraded.campaign, userId="u1")
        with pytest.raises(ClientError) as ranking:
            runtime.get_personalized_ranking(campaignArn=upgraded.ranking, userId="u1", inputList=["cat1"])
        for refused, campaign in ((recommending, upgraded.campaign), (ranking, upgraded.ranking)):
            error = refused.value.response["Error"]
            assert ("InvalidInputException", f"Campaign {campaign} cannot answer: {REASON}") == (
                error["Code"],
                error["Message"],
            )
            assert 400 == refused.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_batch_jobs_fail_with_the_reason(upgraded: Upgraded) -> None:
    """A batch inference job of an old version ends, and says why."""
    world = upgraded.world
    world.put("batch/upgraded/people.json", '{"userId": "u1"}\n')
    arn = world.control.create_batch_inference_job(
        jobName="upgraded",
        solutionVersionArn=upgraded.version,
        jobInput={"s3DataSource": {"path": "s3://batch/upgraded/"}},
        jobOutput={"s3DataDestination": {"path": "s3://answers/upgraded/"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    _failed(lambda: world.control.describe_batch_inference_job(batchInferenceJobArn=arn)["batchInferenceJob"])


def test_new_campaigns_fail_with_the_reason(upgraded: Upgraded) -> None:
    """A campaign that is to serve an old version ends as CREATE FAILED."""
    control = upgraded.world.control
    arn = control.create_campaign(name="late", solutionVersionArn=upgraded.version)["campaignArn"]
    _failed(lambda: control.describe_campaign(campaignArn=arn)["campaign"])


def test_updates_fail_with_the_reason(upgraded: Upgraded) -> None:
    """A version that only brings new items into an old one ends as CREATE FAILED."""
    control = upgraded.world.control
    arn = control.create_solution_version(solutionArn=upgraded.solution, trainingMode="UPDATE")["solutionVersionArn"]
    _failed(lambda: control.describe_solution_version(solutionVersionArn=arn)["solutionVersion"])


def _failed(describe: Any) -> None:
    shown = until(describe, lambda shown: shown["status"] in ("ACTIVE", "CREATE FAILED"))
    assert ("CREATE FAILED", REASON) == (shown["status"], shown["failureReason"])


def test_trained_again_it_serves(upgraded: Upgraded) -> None:
    """A new version of the same solution takes the campaign over, as the reason says."""
    world, campaign = upgraded.world, upgraded.campaign
    version = world.train(upgraded.solution)["solutionVersionArn"]
    world.control.update_campaign(campaignArn=campaign, solutionVersionArn=version)
    settled(lambda: world.control.describe_campaign(campaignArn=campaign)["campaign"]["latestCampaignUpdate"])
    assert 5 == len(world.recommended(campaign, "u1", 5))


def test_automatic_updates_pass_over_an_old_version(tmp_path: Path) -> None:
    """The schedule goes on with the others, and does not try again before the next interval."""
    with LocalPersonalize(tmp_path) as server:
        world = World(server)
        version = world.train(world.solution(world.seeded(), "aws-user-personalization-v2"))["solutionVersionArn"]
        world.campaign(version)
    _age(tmp_path)
    later = 4e9
    service = Personalize(Options(folder=tmp_path / "data", clock=StoppedClock(later)))
    try:
        service.schedule._look(later)
        stored = service.store.get(version, "solution-version")
        assert stored is not None
        assert later == stored.body["_explored"]
    finally:
        service.events.close()
        service.store.close()
        service._lock.close()  # a service that was not started cannot be closed as one
