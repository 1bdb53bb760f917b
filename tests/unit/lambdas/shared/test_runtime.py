"""Asking a campaign within a deadline."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import boto3
import pytest
from botocore.config import Config

from lambdas.shared.attempts import Attempts, UnavailableError
from lambdas.shared.popular import PopularGroups
from lambdas.shared.runtime import Campaign
from tests.unit.lambdas.conftest import CAMPAIGN_ARN
from tests.unit.lambdas.personalize_server import BROKEN, NOT_THERE, RESET, THROTTLED


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def campaign(aws, personalize, threads):
    client = boto3.client(
        "personalize-runtime", endpoint_url=personalize.url, config=Config(retries={"total_max_attempts": 1})
    )
    popular = PopularGroups(boto3.client("s3"), "seed", "popular/g1.json", threads=threads)
    return Campaign(
        CAMPAIGN_ARN, client, popular, threads, Attempts(most=3, first_pause=0, longest_pause=0), deadline_seconds=30
    )


def test_the_campaign_answers(campaign, personalize):
    """The request carries the campaign's ARN, the answer is Personalize's."""
    answer = campaign.ask("get_recommendations", {"userId": "u", "numResults": 1}, answer_by=campaign.answer_by())

    assert (["2-Beagle-3-3"], CAMPAIGN_ARN) == (
        [item["itemId"] for item in answer["itemList"]],
        personalize.of("GetRecommendations")[0]["campaignArn"],
    )


@pytest.mark.parametrize("fault", [THROTTLED, BROKEN, RESET])
def test_a_passing_failure_is_tried_again(campaign, personalize, fault):
    """Two failures in a row are not seen by the visitor."""
    faults = iter([fault, fault])
    personalize.judge = lambda operation, request: next(faults, None)

    assert campaign.ask("get_recommendations", {"userId": "u", "numResults": 1}, answer_by=campaign.answer_by())[
        "itemList"
    ]


def test_a_campaign_that_is_not_there_is_said_at_once(campaign, personalize):
    """Before the first promotion nothing is tried twice."""
    personalize.judge = lambda operation, request: NOT_THERE

    with pytest.raises(UnavailableError, match="ResourceNotFoundException"):
        campaign.ask("get_recommendations", {"userId": "u", "numResults": 1}, answer_by=campaign.answer_by())

    assert 1 == len(personalize.requests)


def test_the_deadline_holds_when_the_call_does_not_end(campaign, personalize, threads):
    """A call that hangs, in the name server or a dripping answer, is given up at the deadline."""
    release = Event()

    class Hanging:
        @staticmethod
        def get_recommendations(**request: object) -> dict[str, object]:
            release.wait(60)
            return {}

    hanging = Campaign(CAMPAIGN_ARN, Hanging(), campaign.popular, threads, campaign.attempts, deadline_seconds=0.5)
    try:
        with pytest.raises(UnavailableError, match="DeadlineExceeded"):
            hanging.ask("get_recommendations", {}, answer_by=hanging.answer_by())
        assert not release.is_set()
    finally:
        release.set()
