"""The texts of missing resources: one pattern for every kind and operation, recorded of the service for dataset groups."""

import json
import re
from collections.abc import Iterator

import pytest

from personalize_local.api.services import routes
from personalize_local.operations import ABSENT, OPERATIONS
from tests.conformance.personalize.conftest import Inhabited
from tests.conformance.personalize.inhabited import ARN, RECIPE, REQUESTS, Server, code, filled

LOOKING = sorted(name for name in OPERATIONS if "ResourceNotFoundException" in routes().operations[name].errors)
PUBLIC = ("recipe", "algorithm", "feature-transformation")
CASES = [
    (name, member)
    for name in LOOKING
    for member in REQUESTS[name]
    if member.endswith("Arn") and member not in ("roleArn", "resourceArn")
]


@pytest.fixture(scope="module")
def server(inhabited: Inhabited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(inhabited.folder, tmp_path_factory.mktemp("missing") / "copy")
    yield server
    server.close()


def _kind(member: str) -> str:
    """`dataset-group` for `datasetGroupArn`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", member.removesuffix("Arn")).lower()


@pytest.mark.parametrize(("name", "member"), CASES)
def test_a_missing_resource_is_named_with_its_kind(
    server: Server, inhabited: Inhabited, name: str, member: str
) -> None:
    """`The given KIND does not exist: ARN`, for every ARN that a request holds, one missing at a time."""
    kind = _kind(member)
    arn = f"arn:aws:personalize:::{kind}/none" if kind in PUBLIC else f"{ARN}{kind}/none"
    answer = server.sent(name, filled({**REQUESTS[name], member: arn}, inhabited.chosen))
    assert f"The given {kind.replace('-', ' ')} does not exist: {arn}" == json.loads(answer.body)["message"]


@pytest.mark.parametrize("name", ["ListTagsForResource", "TagResource", "UntagResource"])
@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("campaign/none", "campaign"),
        ("solution/none", "solution"),
        ("solution/none/12345678", "solution version"),
        ("dataset/none/ITEMS", "dataset"),
        ("recommender/none", "resource"),
    ],
)
def test_what_tags_are_of_is_named_by_its_arn(server: Server, name: str, resource: str, kind: str) -> None:
    """The request does not say the kind, so the form of the ARN does."""
    answer = server.sent(name, {**REQUESTS[name], "resourceArn": ARN + resource})
    assert f"The given {kind} does not exist: {ARN}{resource}" == json.loads(answer.body)["message"]


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        # A bare solution is no version, as users of the service found out.
        (
            "CreateCampaign",
            {"solutionVersionArn": f"{ARN}solution/popular"},
            f"The given solution version does not exist: {ARN}solution/popular",
        ),
        (
            "CreateCampaign",
            {"solutionVersionArn": f"{ARN}solution/none/$LATEST"},
            f"The given solution does not exist: {ARN}solution/none",
        ),
        ("CreateSolution", {"recipeArn": RECIPE + "none"}, f"The given recipe does not exist: {RECIPE}none"),
        (
            "GetRecommendations",
            {"filterArn": f"{ARN}filter/none"},
            f"The given filter does not exist: {ARN}filter/none",
        ),
        (
            "UpdateMetricAttribution",
            {"removeMetrics": ["none"]},
            f"The given metric does not exist: {ARN}metric-attribution/impact/none",
        ),
    ],
)
def test_what_is_missing_is_what_was_looked_for(
    server: Server, inhabited: Inhabited, name: str, change: dict[str, object], text: str
) -> None:
    """The text names what the request asked for, also where that is not the resource the call is about."""
    answer = server.sent(name, filled({**REQUESTS[name], **change}, inhabited.chosen))
    assert text == json.loads(answer.body)["message"]


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_there_is_no_recommender(server: Server, name: str) -> None:
    """Clean-up scripts wait for this error; a request that the model forbids is refused as such."""
    arn = f"{ARN}recommender/none"
    answer = server.sent(name, {"recommenderArn": arn, "recommenderConfig": {}})
    assert ("ResourceNotFoundException", f"The given recommender does not exist: {arn}") == (
        code(answer),
        json.loads(answer.body)["message"],
    )
    assert "InvalidInputException" == code(server.sent(name, {"recommenderArn": "no ARN", "recommenderConfig": {}}))


def test_a_recommender_recommends_nothing(server: Server) -> None:
    """GetRecommendations with `recommenderArn` alone: HTTP status 404, as the API has it; a campaign counts more."""
    arn = f"{ARN}recommender/none"
    answer = server.sent("GetRecommendations", {"recommenderArn": arn, "userId": "u1"})
    assert (404, f"The given recommender does not exist: {arn}") == (
        answer.status,
        json.loads(answer.body)["message"],
    )
    both = {"recommenderArn": arn, "campaignArn": f"{ARN}campaign/popular"}
    assert 200 == server.sent("GetRecommendations", both).status
    assert "campaignArn is required" in json.loads(server.sent("GetRecommendations", {}).body)["message"]
