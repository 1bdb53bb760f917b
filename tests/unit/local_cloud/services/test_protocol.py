"""Requests found and read as the service models say."""

from typing import Any

import pytest

from local_cloud.services.errors import ServiceError
from local_cloud.services.protocol import LARGEST_BODY, Api, Route

RUNTIME = Api("sagemaker-featurestore-runtime", "ValidationError")
VECTORS = Api("s3vectors", "ValidationException")
CONTROL = Api("sagemaker", "ValidationException")
ARN = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/profiles"


@pytest.mark.parametrize(
    ("api", "method", "path", "headers", "expected"),
    [
        (RUNTIME, "PUT", "/FeatureGroup/profiles", {}, Route("PutRecord", {"FeatureGroupName": "profiles"})),
        (RUNTIME, "GET", f"/FeatureGroup/{ARN}", {}, Route("GetRecord", {"FeatureGroupName": ARN})),
        (RUNTIME, "POST", f"/FeatureGroup/{ARN}/ListRecords", {}, Route("ListRecords", {"FeatureGroupName": ARN})),
        (RUNTIME, "POST", "/FeatureGroup/a%2Fb/Record", {}, Route("UpdateRecord", {"FeatureGroupName": "a/b"})),
        (RUNTIME, "POST", "/FeatureGroup/profiles", {}, None),
        (RUNTIME, "GET", "/FeatureGroup/", {}, None),
        (VECTORS, "POST", "/QueryVectors", {"x-amz-target": "S3Vectors.DeleteIndex"}, Route("QueryVectors", {})),
        (VECTORS, "POST", "/queryvectors", {}, None),
        (VECTORS, "POST", "/QueryVectors/", {}, None),
        (CONTROL, "POST", "/", {"x-amz-target": "SageMaker.ListFeatureGroups"}, Route("ListFeatureGroups", {})),
        (CONTROL, "POST", "/", {"x-amz-target": "SageMaker.Nothing"}, None),
        (CONTROL, "POST", "/", {"x-amz-target": "Other.ListFeatureGroups"}, None),
        (CONTROL, "POST", "/", {}, None),
    ],
)
def test_a_request_is_found_by_what_its_protocol_says(
    api: Api, method: str, path: str, headers: dict[str, str], expected: Route | None
) -> None:
    """Method and path, or the target; a name may be an ARN."""
    assert expected == api.route(method, path, headers)


def _read(api: Api, operation: str, body: bytes = b"", query: dict[str, Any] | None = None, **labels: str) -> Any:
    return api.read(Route(operation, labels), query or {}, body)


def test_parameters_come_from_path_query_and_body() -> None:
    """By the model's names; one of several in a query is a list where the model has a list."""
    query = {"RecordIdentifierValueAsString": ["v"], "FeatureName": ["cats"]}
    expected = {"FeatureGroupName": "g", "RecordIdentifierValueAsString": "v", "FeatureNames": ["cats"]}
    assert expected == _read(RUNTIME, "GetRecord", query=query, FeatureGroupName="g")
    assert {"topK": 1, "queryVector": {"float32": [1]}} == _read(
        VECTORS, "QueryVectors", b'{"topK": 1, "queryVector": {"float32": [1]}, "indexName": null}'
    )


@pytest.mark.parametrize(
    ("operation", "body", "query", "told"),
    [
        ("GetRecord", b"", {"RecordIdentifierValueAsString": "v", "x": "y"}, "Unknown parameter at '/x'"),
        ("GetRecord", b'{"FeatureGroupName": "other"}', {"RecordIdentifierValueAsString": "v"}, "Unknown parameter"),
        ("GetRecord", b"", {}, "must not be null"),
        ("PutRecord", b'{"Record": [{"FeatureName": "\\ud800"}]}', {}, "half a character"),
        ("PutRecord", b"[1]", {}, "no JSON object"),
        ("PutRecord", b" " * (LARGEST_BODY + 1), {}, "larger than"),
    ],
)
def test_what_the_model_does_not_have_is_refused(operation: str, body: bytes, query: dict[str, Any], told: str) -> None:
    """Also what a body says of the path's part."""
    with pytest.raises(ServiceError, match=told):
        _read(RUNTIME, operation, body, query, FeatureGroupName="g")


def test_a_refusal_of_a_million_mistakes_is_short() -> None:
    """It names the first ones."""
    vectors = b",".join([b"{}"] * 500_000)
    with pytest.raises(ServiceError) as refused:
        _read(VECTORS, "PutVectors", b'{"vectors": [' + vectors + b"]}")
    assert (True, 10) == (len(refused.value.message) < 5000, len(refused.value.fields))


def test_an_answer_is_held_against_the_model() -> None:
    """What it does not allow never leaves."""
    assert b'{"vectors": []}' == VECTORS.answer("GetVectors", {"vectors": []})
    wrongs: list[dict[str, Any]] = [{}, {"vectors": [{}]}, {"vectors": [], "more": 1}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="does not allow"):
            VECTORS.answer("GetVectors", wrong)
    with pytest.raises(ValueError, match="does not allow"):
        RUNTIME.answer("PutRecord", {"any": 1})
