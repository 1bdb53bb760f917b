"""Vector buckets and indexes: their names, their ARNs, and how requests say which one they mean.

Names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-buckets.html (letters, digits and hyphens) and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-indexes.html (dots too).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.services.errors import FieldProblem, ServiceError
from local_cloud.services.places import arn

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_INDEX_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ARN = re.compile(
    re.escape(arn("s3vectors", "bucket/")) + r"([a-z0-9][a-z0-9-]{1,61}[a-z0-9])(?:/index/([a-z0-9.-]+))?"
)


@dataclass(frozen=True, slots=True)
class IndexId:
    """One index, by the names of its bucket and its own."""

    bucket: str
    name: str

    @property
    def arn(self) -> str:
        return index_arn(self.bucket, self.name)


def bucket_arn(name: str) -> str:
    """The ARN of a vector bucket."""
    return arn("s3vectors", f"bucket/{name}")


def index_arn(bucket: str, name: str) -> str:
    """The ARN of a vector index."""
    return arn("s3vectors", f"bucket/{bucket}/index/{name}")


def invalid(message: str, path: str = "/") -> ServiceError:
    """A refusal of what a request says."""
    return ServiceError("ValidationException", message, fields=(FieldProblem(path, message),))


def not_found(what: str) -> ServiceError:
    """A refusal of a name that nothing has."""
    return ServiceError("NotFoundException", f"The specified {what} could not be found", 404)


def named_bucket(given: Mapping[str, Any]) -> str:
    """The name of the bucket that a request means by its name or its ARN. Raises ServiceError."""
    if ("vectorBucketName" in given) == ("vectorBucketArn" in given):
        raise invalid("Must specify either vectorBucketName or vectorBucketArn but not both")
    if "vectorBucketName" in given:
        return check_bucket_name(given["vectorBucketName"])
    bucket, index = resource_of(given["vectorBucketArn"])
    if index is not None:
        raise invalid("vectorBucketArn is not the ARN of a vector bucket", "/vectorBucketArn")
    return bucket


def named_index(given: Mapping[str, Any]) -> IndexId:
    """The index that a request means by the two names or by its ARN. Raises ServiceError."""
    names = [name for name in ("vectorBucketName", "indexName") if name in given]
    if "indexArn" in given and not names:
        bucket, index = resource_of(given["indexArn"])
        if index is None:
            raise invalid("indexArn is not the ARN of a vector index", "/indexArn")
        return IndexId(bucket, index)
    if "indexArn" in given or len(names) != 2:
        raise invalid("Must specify either indexArn or both vectorBucketName and indexName")
    return IndexId(check_bucket_name(given["vectorBucketName"]), check_index_name(given["indexName"]))


def resource_of(given: str) -> tuple[str, str | None]:
    """Bucket and index (None for a bucket) of an ARN. Raises ServiceError for what is not of this account."""
    found = _ARN.fullmatch(given)
    if found is None:
        raise not_found("resource")
    return found[1], found[2]


def check_bucket_name(name: str) -> str:
    """The name, when a vector bucket may have it. Raises ServiceError."""
    if not _BUCKET_NAME.fullmatch(name):
        rule = "3 to 63 lowercase letters, digits and hyphens, a letter or digit at both ends"
        raise invalid(f"Invalid vector bucket name: {rule}", "/vectorBucketName")
    return name


def check_index_name(name: str) -> str:
    """The name, when an index may have it. Raises ServiceError."""
    if not _INDEX_NAME.fullmatch(name):
        rule = "3 to 63 lowercase letters, digits, hyphens and dots, a letter or digit at both ends"
        raise invalid(f"Invalid index name: {rule}", "/indexName")
    return name


def check_encryption(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is answered for an encryption; nothing is encrypted here."""
    settings = dict(given or {})
    kind = settings.get("sseType", "AES256")
    if (kind == "aws:kms") != ("kmsKeyArn" in settings):
        raise invalid("kmsKeyArn is given if and only if sseType is aws:kms", "/encryptionConfiguration")
    return {"sseType": kind, **settings}
