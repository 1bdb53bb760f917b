"""The resources by which requests are judged."""

from typing import Any

import pytest

from local_cloud.services.feature_store import access as feature_store
from local_cloud.services.s3vectors import access as s3vectors

BUCKET = "arn:aws:s3vectors:us-east-1:000000000000:bucket/pets"
GROUP = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/profiles"


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateVectorBucket", {"vectorBucketName": "pets"}, BUCKET),
        ("GetVectorBucket", {"vectorBucketArn": BUCKET}, BUCKET),
        ("ListVectorBuckets", {}, "*"),
        ("ListIndexes", {"vectorBucketName": "pets"}, BUCKET),
        ("CreateIndex", {"vectorBucketName": "pets", "indexName": "i-1"}, f"{BUCKET}/index/i-1"),
        ("CreateIndex", {"vectorBucketArn": BUCKET, "indexName": "i-1"}, f"{BUCKET}/index/i-1"),
        ("QueryVectors", {"vectorBucketName": "pets", "indexName": "i-1"}, f"{BUCKET}/index/i-1"),
        ("QueryVectors", {"indexArn": f"{BUCKET}/index/i-1"}, f"{BUCKET}/index/i-1"),
        ("TagResource", {"resourceArn": BUCKET}, BUCKET),
        ("QueryVectors", {"vectorBucketName": ["pets"], "indexName": 7}, "*"),
    ],
)
def test_a_request_of_s3_vectors(operation: str, given: dict[str, Any], expected: str) -> None:
    """Bucket or index, by names or by ARN; everything where it names nothing."""
    assert expected == s3vectors.resource(operation, given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"FeatureGroupName": "profiles"}, GROUP),
        ({"FeatureGroupName": GROUP}, GROUP),
        ({"Identifiers": [{"FeatureGroupName": "profiles"}, {"FeatureGroupName": "other"}]}, GROUP),
        ({"Entries": [{"FeatureGroupName": GROUP}]}, GROUP),
        ({"Identifiers": []}, "*"),
        ({"Entries": "x"}, "*"),
        ({"FeatureGroupName": 7}, "*"),
    ],
)
def test_a_request_of_feature_store(given: dict[str, Any], expected: str) -> None:
    """The group that it names, of several the first."""
    assert expected == feature_store.resource("any", given)
