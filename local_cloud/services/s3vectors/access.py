"""What a request of S3 Vectors is judged by: the ARN of the resource that it names.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3vectors.html
"""

from collections.abc import Mapping
from typing import Any

from local_cloud.services.s3vectors.resources import bucket_arn, index_arn

_OF_BUCKETS = frozenset(
    ("CreateVectorBucket", "GetVectorBucket", "DeleteVectorBucket", "ListIndexes", "PutVectorBucketPolicy",
     "GetVectorBucketPolicy", "DeleteVectorBucketPolicy", "PutVectorBucketDefaultIndexMode")
)  # fmt: skip


def resource(operation: str, given: Mapping[str, Any]) -> str:
    """The ARN that an operation is allowed on, by its parameters as they came; `*` where they name nothing."""
    bucket, index = given.get("vectorBucketName"), given.get("indexName")
    arns = [given[name] for name in ("resourceArn", "indexArn", "vectorBucketArn") if isinstance(given.get(name), str)]
    if operation == "CreateIndex" and isinstance(index, str):
        base = arns[0] if arns else bucket_arn(str(bucket))
        return f"{base}/index/{index}"
    if arns:
        return str(arns[0])
    if not isinstance(bucket, str) or operation == "ListVectorBuckets":
        return "*"
    return bucket_arn(bucket) if operation in _OF_BUCKETS or not isinstance(index, str) else index_arn(bucket, index)
