"""S3 Vectors by boto3 against a running local cloud: its operations, its refusals, roles, templates, a restart."""

import math
import stat
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.conftest import delete, deploy, failures, stack_status
from tests.conformance.emulator.raw import ask

ARN = "arn:aws:s3vectors:us-east-1:000000000000:bucket/"


@pytest.fixture
def vectors(cloud: LocalCloud) -> Any:
    return cloud.client("s3vectors")


@pytest.fixture
def index(vectors: Any, name: str) -> dict[str, str]:
    """An index for three dimensions and the cosine, whose key `note` is not filterable; as requests name it."""
    vectors.create_vector_bucket(vectorBucketName=name)
    named = {"vectorBucketName": name, "indexName": "pets"}
    vectors.create_index(
        **named,
        dataType="float32",
        dimension=3,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["note"]},
    )
    return named


def _vector(key: str, *values: float, **metadata: Any) -> dict[str, Any]:
    return {"key": key, "data": {"float32": list(values)}, **({"metadata": metadata} if metadata else {})}


def _refused(call: Any, **given: Any) -> tuple[str, str]:
    """The error's name and message."""
    with pytest.raises(ClientError) as refused:
        call(**given)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_buckets_and_indexes_are_made_described_listed_and_deleted(vectors, name):
    """With the ARNs and defaults that the service has; a bucket that holds an index stays."""
    assert (
        ARN + name
        == vectors.create_vector_bucket(vectorBucketName=name, tags={"environment": "local"})["vectorBucketArn"]
    )
    bucket = vectors.get_vector_bucket(vectorBucketArn=ARN + name)["vectorBucket"]
    assert (name, {"sseType": "AES256"}) == (bucket["vectorBucketName"], bucket["encryptionConfiguration"])
    assert {"environment": "local"} == vectors.list_tags_for_resource(resourceArn=ARN + name)["tags"]
    for index in ("one", "two", "three"):
        vectors.create_index(
            vectorBucketName=name, indexName=index, dataType="float32", dimension=4, distanceMetric="euclidean"
        )
    described = vectors.get_index(indexArn=f"{ARN}{name}/index/two")["index"]
    assert (4, "euclidean", "float32") == tuple(described[key] for key in ("dimension", "distanceMetric", "dataType"))
    pages = vectors.get_paginator("list_indexes").paginate(vectorBucketName=name, PaginationConfig={"PageSize": 2})
    assert ["one", "three", "two"] == [one["indexName"] for page in pages for one in page["indexes"]]
    assert ["two"] == [i["indexName"] for i in vectors.list_indexes(vectorBucketName=name, prefix="tw")["indexes"]]
    assert name in [one["vectorBucketName"] for one in vectors.list_vector_buckets(prefix=name)["vectorBuckets"]]
    assert "ConflictException" == _refused(vectors.delete_vector_bucket, vectorBucketName=name)[0]
    assert "ConflictException" == _refused(vectors.create_vector_bucket, vectorBucketName=name)[0]
    for index in ("one", "two", "three"):
        vectors.delete_index(vectorBucketName=name, indexName=index)
    vectors.delete_vector_bucket(vectorBucketName=name)
    assert "NotFoundException" == _refused(vectors.get_vector_bucket, vectorBucketName=name)[0]
    assert "NotFoundException" == _refused(vectors.get_index, vectorBucketName=name, indexName="one")[0]


def test_tags_are_changed_and_removed(vectors, index):
    """Of an index, by its ARN."""
    arn = vectors.get_index(**index)["index"]["indexArn"]
    vectors.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    vectors.tag_resource(resourceArn=arn, tags={"a": "3"})
    vectors.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert {"a": "3"} == vectors.list_tags_for_resource(resourceArn=arn)["tags"]


def test_vectors_are_put_replaced_got_listed_and_deleted(vectors, index):
    """Values come back as 32-bit numbers; a second put of a key replaces it; keys that nobody has are left out."""
    vectors.put_vectors(**index, vectors=[_vector(f"v{i}", i + 0.1, 1, 0, number=i) for i in range(7)])
    vectors.put_vectors(**index, vectors=[_vector("v3", 9, 9, 9)])
    got = vectors.get_vectors(**index, keys=["v3", "v1", "absent"], returnData=True, returnMetadata=True)["vectors"]
    told = {one["key"]: (one["data"]["float32"], one["metadata"]) for one in got}
    assert {"v3": ([9.0, 9.0, 9.0], {}), "v1": ([1.100000023841858, 1.0, 0.0], {"number": 1})} == told
    pages = vectors.get_paginator("list_vectors").paginate(**index, PaginationConfig={"PageSize": 3})
    listed = [page["vectors"] for page in pages]
    assert ([3, 3, 1], {f"v{i}" for i in range(7)}) == (
        [len(page) for page in listed],
        {one["key"] for page in listed for one in page},
    )
    parts = [vectors.list_vectors(**index, segmentCount=2, segmentIndex=i)["vectors"] for i in (0, 1)]
    assert sorted(one["key"] for part in parts for one in part) == [f"v{i}" for i in range(7)]
    vectors.delete_vectors(**index, keys=["v0", "absent"])
    assert [] == vectors.get_vectors(**index, keys=["v0"])["vectors"]


def test_a_query_finds_the_nearest_first(vectors, index):
    """By the cosine: 0 in the same direction, 1 at a right angle, 2 in the opposite one."""
    vectors.put_vectors(
        **index,
        vectors=[
            _vector("same", 2, 0, 0),
            _vector("right", 0, 5, 0),
            _vector("opposite", -1, 0, 0),
            _vector("near", 1, 1, 0),
        ],
    )
    answer = vectors.query_vectors(**index, topK=10, queryVector={"float32": [1, 0, 0]}, returnDistance=True)
    assert ["same", "near", "right", "opposite"] == [one["key"] for one in answer["vectors"]]
    assert [0, 1 - math.sqrt(0.5), 1, 2] == pytest.approx([one["distance"] for one in answer["vectors"]], abs=1e-7)
    assert "cosine" == answer["distanceMetric"]
    two = vectors.query_vectors(**index, topK=2, queryVector={"float32": [1, 0, 0]})["vectors"]
    assert [{"key": "same"}, {"key": "near"}] == two


def test_euclids_distance(vectors, name):
    """Is that of a ruler."""
    vectors.create_vector_bucket(vectorBucketName=name)
    index = {"vectorBucketName": name, "indexName": "flat"}
    vectors.create_index(**index, dataType="float32", dimension=2, distanceMetric="euclidean")
    vectors.put_vectors(**index, vectors=[_vector("origin", 0, 0), _vector("far", 3, 4)])
    answer = vectors.query_vectors(**index, topK=2, queryVector={"float32": [0, 0]}, returnDistance=True)
    assert [("origin", 0.0), ("far", 5.0)] == [(one["key"], one["distance"]) for one in answer["vectors"]]


def test_a_filter_holds_before_the_nearest_are_taken(vectors, index):
    """So that the wanted number comes back, with its metadata, the not filterable too."""
    vectors.put_vectors(
        **index,
        vectors=[
            _vector(f"v{i}", 1, i, 0, species="cat" if i % 2 else "dog", age=i, note="x" * 5000) for i in range(20)
        ],
    )
    where = {"$and": [{"species": "cat"}, {"age": {"$gte": 5}}]}
    asked = {"topK": 3, "queryVector": {"float32": [1, 0, 0]}, "returnMetadata": True}
    found = vectors.query_vectors(**index, **asked, filter=where)["vectors"]
    assert [("v5", "cat", 5000), ("v7", "cat", 5000), ("v9", "cat", 5000)] == [
        (one["key"], one["metadata"]["species"], len(one["metadata"]["note"])) for one in found
    ]
    code, message = _refused(vectors.query_vectors, **index, **asked, filter={"note": "x"})
    assert ("ValidationException", True) == (code, "not filterable" in message)


DEEP: Any = {"age": 1}
for _ in range(60):
    DEEP = {"$and": [DEEP]}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"topK": 0}, "greater than or equal to 1"),
        ({"topK": 101}, "at most 100"),
        ({"topK": 10**400}, "32 bits"),
        ({"topK": True}, "must be an integer"),
        ({"topK": None}, "must not be null"),
        ({"unknown": 1}, "Unknown parameter"),
        ({"queryVector": {"float32": [1, 2]}}, "must have length 3"),
        ({"queryVector": {"float32": [0, 0, 0]}}, "zeros"),
        ({"queryVector": {"float32": [1, 2, 1e39]}}, "32-bit"),
        ({"queryVector": {"float32": [1, 2, 10**400]}}, "finite"),
        ({"queryVector": {"float32": ["1", 2, 3]}}, "finite number"),
        ({"queryVector": {}}, "Exactly one member"),
        ({"filter": {}}, "at least one condition"),
        ({"filter": {"$or": []}}, "at least one filter"),
        ({"filter": {"$where": "1"}}, "unknown operator"),
        ({"filter": {"age": {"$regex": "x"}}}, "unknown operator"),
        ({"filter": {"age": {"$gt": "x"}}}, "must have a number"),
        ({"filter": {"age": {"$in": []}}}, "not empty"),
        ({"filter": {"age": {"$exists": 1}}}, "true or false"),
        ({"filter": DEEP}, "nested deeper"),
        ({"indexName": "../../etc"}, "Invalid index name"),
        ({"vectorBucketName": "UPPER"}, "Invalid vector bucket name"),
        ({"indexArn": f"{ARN}b-1/index/pets"}, "Must specify either"),
        ({"nextToken": "x"}, "Invalid next token"),
    ],
)
def test_a_query_that_breaks_a_rule_is_refused(cloud, index, changes, told):
    """By the service's ValidationException, which says what is wrong."""
    asked = {**index, "topK": 1, "queryVector": {"float32": [1, 0, 0]}, **changes}
    code, message = ask(cloud, "s3vectors", "/QueryVectors", asked)
    assert ("ValidationException", True) == (code, told in message), message


@pytest.mark.parametrize(
    ("vector", "told"),
    [
        (_vector("k", 1, 2, math.nan), "no JSON"),
        (_vector("k", 1, 2, math.inf), "no JSON"),
        (_vector("k", 0, 0, 0), "zeros"),
        (_vector("k", 1e-60, 0, 0), "zeros"),
        (_vector("k", 1, 2), "must have length 3"),
        (_vector("", 1, 2, 3), "length greater than or equal to 1"),
        (_vector("k" * 1025, 1, 2, 3), "length less than or equal to 1024"),
        (_vector("\ud800", 1, 2, 3), "half a character"),
        (_vector("k", 1, 2, 3, text="x" * 2048), "filterable metadata must have at most 2048 bytes"),
        (_vector("k", 1, 2, 3, note="x" * 41_000), "at most 40960 bytes"),
        (_vector("k", 1, 2, 3, **{f"k{i}": i for i in range(51)}), "at most 50 keys"),
        (_vector("k", 1, 2, 3, nested={"a": 1}), "must be a string"),
        (_vector("k", 1, 2, 3, nothing=None), "must be a string"),
        (_vector("k", 1, 2, 3, huge=10**400), "must be a string"),
    ],
)
def test_a_vector_that_breaks_a_rule_is_refused_and_none_of_its_call_is_kept(cloud, index, vector, told):
    """The good ones of the same call neither."""
    code, message = ask(cloud, "s3vectors", "/PutVectors", {**index, "vectors": [_vector("good", 1, 1, 1), vector]})
    assert (True, True) == (code in ("ValidationException", "SerializationException"), told in message), message
    assert [] == cloud.client("s3vectors").get_vectors(**index, keys=["good"])["vectors"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"[" * 100_000, b'{"topK": ' + b"9" * 5000 + b"}", b"\xff", b'{"topK": 1e999}', b"null"]
)
def test_what_is_no_request_is_refused(cloud, body):
    """Neither an internal error nor a success."""
    code, _ = ask(cloud, "s3vectors", "/QueryVectors", body)
    assert code in ("ValidationException", "SerializationException")


def test_the_documented_limits_of_calls(vectors, index):
    """500 vectors are taken and 501 are not; 100 keys are got and 101 are not."""
    many = [_vector(f"v{i}", 1, i, 0) for i in range(501)]
    vectors.put_vectors(**index, vectors=many[:500])
    assert "ValidationException" == _refused(vectors.put_vectors, **index, vectors=many)[0]
    keys = [one["key"] for one in many]
    assert 100 == len(vectors.get_vectors(**index, keys=keys[:100])["vectors"])
    assert "ValidationException" == _refused(vectors.get_vectors, **index, keys=keys[:101])[0]
    vectors.delete_vectors(**index, keys=keys[:500])
    assert "ValidationException" == _refused(vectors.delete_vectors, **index, keys=keys)[0]


def test_what_is_not_there_says_so(cloud, index):
    """An operation that the local cloud lacks is no success."""
    code, message = _refused(
        cloud.client("s3vectors").get_vector_bucket_policy, vectorBucketName=index["vectorBucketName"]
    )
    assert ("NotImplemented", True) == (code, "GetVectorBucketPolicy" in message)


def _resources(name: str, *, dimension: int = 3, **tags: str) -> dict[str, Any]:
    listed = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}
    index = {
        "VectorBucketArn": {"Ref": "Bucket"},
        "IndexName": "pets",
        "DataType": "float32",
        "Dimension": str(dimension),
        "DistanceMetric": "cosine",
        "MetadataConfiguration": {"NonFilterableMetadataKeys": ["facts"]},
    }
    return {
        "Bucket": {"Type": "AWS::S3Vectors::VectorBucket", "Properties": {"VectorBucketName": name, **listed}},
        "Index": {"Type": "AWS::S3Vectors::Index", "Properties": index},
    }


def test_a_stack_makes_tags_and_deletes_them(cloud, vectors, name):
    """Outputs are ARNs; a changed tag keeps the vectors."""
    outputs = {
        "Bucket": {"Value": {"Fn::GetAtt": ["Bucket", "VectorBucketArn"]}},
        "Index": {"Value": {"Fn::GetAtt": ["Index", "IndexArn"]}},
        "Ref": {"Value": {"Ref": "Index"}},
    }
    made = deploy(cloud, name, _resources(name, environment="local"), outputs=outputs)
    arn = f"{ARN}{name}/index/pets"
    assert {"Bucket": ARN + name, "Index": arn, "Ref": arn} == made
    described = vectors.get_index(indexArn=arn)["index"]
    assert (3, {"nonFilterableMetadataKeys": ["facts"]}) == (described["dimension"], described["metadataConfiguration"])
    vectors.put_vectors(indexArn=arn, vectors=[_vector("k", 1, 0, 0)])
    deploy(cloud, name, _resources(name, environment="dev"), outputs=outputs)
    assert {"environment": "dev"} == vectors.list_tags_for_resource(resourceArn=ARN + name)["tags"]
    assert 1 == len(vectors.list_vectors(indexArn=arn)["vectors"])
    delete(cloud, name)
    assert "NotFoundException" == _refused(vectors.get_vector_bucket, vectorBucketName=name)[0]


def test_another_dimension_under_the_same_name_fails_and_all_stays(cloud, vectors, name):
    """Dimensions cannot be changed: the replacement has the name of the old index."""
    deploy(cloud, name, _resources(name))
    with pytest.raises(AssertionError, match="already exists"):
        deploy(cloud, name, _resources(name, dimension=4))
    assert 3 == vectors.get_index(vectorBucketName=name, indexName="pets")["index"]["dimension"]
    delete(cloud, name)


def test_wrong_properties_fail_the_stack(cloud, name):
    """By the registry's schema before anything is made; by the service where the schema does not say it."""
    wrong = _resources(name, dimension=5000)
    with pytest.raises(AssertionError):
        deploy(cloud, name, wrong)
    assert any("#/Dimension: failed validation constraint" in reason for reason in failures(cloud, name))
    delete(cloud, name)
    with pytest.raises(AssertionError, match="Invalid vector bucket name"):
        deploy(cloud, f"{name}-second", _resources("UPPER"))
    assert "ROLLBACK_COMPLETE" == stack_status(cloud, f"{name}-second")
    delete(cloud, f"{name}-second")


def test_vectors_outlive_a_stop_and_are_for_their_owner_alone(tmp_path):
    """At the next start all is there."""
    with LocalCloud(state=tmp_path, services=("emulator", "personalize")) as cloud:
        vectors = cloud.client("s3vectors")
        vectors.create_vector_bucket(vectorBucketName="pets")
        index = {"vectorBucketName": "pets", "indexName": "pets"}
        vectors.create_index(**index, dataType="float32", dimension=2, distanceMetric="cosine")
        vectors.put_vectors(**index, vectors=[_vector("k", 1, 2, species="cat")])
    files = [file for file in (tmp_path / "services").rglob("*") if file.is_file()]
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}
    with LocalCloud(state=tmp_path, services=("emulator", "personalize")) as cloud:
        got = cloud.client("s3vectors").get_vectors(**index, keys=["k"], returnData=True, returnMetadata=True)
    assert [{"key": "k", "data": {"float32": [1.0, 2.0]}, "metadata": {"species": "cat"}}] == got["vectors"]
