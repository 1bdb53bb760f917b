"""Values held against shapes of real service models."""

from typing import Any

import botocore.session
import pytest

from local_cloud.services.shapes import compiled, problems


def _shape(service: str, operation: str) -> Any:
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape


def _told(service: str, operation: str, given: Any) -> list[str]:
    return [
        f"{one.path} {one.message.rpartition('constraint: ')[2]}" for one in problems(_shape(service, operation), given)
    ]


PUT: dict[str, Any] = {"indexArn": "arn:aws:s3vectors:us-east-1:000000000000:bucket/pets/index/pets"}


def test_what_the_model_allows_passes() -> None:
    """A member that is null is absent; documents are anything."""
    vector = {"key": "k", "data": {"float32": [1, 2.5]}, "metadata": {"any": [{"thing": None}]}}
    assert [] == _told("s3vectors", "PutVectors", {**PUT, "vectors": [vector], "indexName": None})


@pytest.mark.parametrize(
    ("vectors", "path"),
    [
        (None, "/vectors"),
        ({}, "/vectors"),
        ([], "/vectors"),
        ([{"data": {"float32": [1]}}], "/vectors/0/key"),
        ([{"key": 7, "data": {"float32": [1]}}], "/vectors/0/key"),
        ([{"key": "k", "data": {"float64": [1]}}], "/vectors/0/data/float64"),
        ([{"key": "k", "data": {}}], "/vectors/0/data"),
        ([{"key": "k", "data": {"float32": [1, True]}}], "/vectors/0/data/float32/1"),
        ([{"key": "k", "data": {"float32": [float("nan")]}}], "/vectors/0/data/float32/0"),
        ([{"key": "k", "data": {"float32": [float("inf")]}}], "/vectors/0/data/float32/0"),
        ([{"key": "k", "data": {"float32": [1e39]}}], "/vectors/0/data/float32/0"),
        ([{"key": "k", "data": {"float32": [10**5000]}}], "/vectors/0/data/float32/0"),
        ([{"key": "k", "data": {"float32": [None]}}], "/vectors/0/data/float32/0"),
        ([{"key": "k", "data": {"float32": [1]}, "more": 1}], "/vectors/0/more"),
    ],
)
def test_what_the_model_does_not_allow_is_named_by_its_place(vectors: Any, path: str) -> None:
    """Each with a rule."""
    assert path in [told.split(" ")[0] for told in _told("s3vectors", "PutVectors", {**PUT, "vectors": vectors})]


def test_patterns_hold_for_the_whole_text() -> None:
    """A line break at the end, another path before or behind: none of it passes."""
    for arn in (f"{PUT['indexArn']}\n", f"x{PUT['indexArn']}", f"{PUT['indexArn']}/../other"):
        (told,) = _told("s3vectors", "GetIndex", {"indexArn": arn})
        assert "regular expression" in told


def test_patterns_in_javas_dialect_are_read() -> None:
    """Letters of every script in tags; whole characters where Java has pairs."""
    tag = compiled(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)")
    assert tag.fullmatch("größe 大 1_.:/=+-@")
    assert not tag.fullmatch("line\nbreak")
    table = compiled(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*")
    assert table.fullmatch("table \U0001f436")
    assert not table.fullmatch("\x00")


def test_a_long_text_is_not_searched() -> None:
    """One that breaks its length's rule is refused by that alone."""
    (told,) = _told("sagemaker", "DescribeFeatureGroup", {"FeatureGroupName": "-" * 5_000_000})
    assert "length less than or equal to 256" in told
