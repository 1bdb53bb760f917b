"""Operations of S3 Vectors on buckets, indexes and tags.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_S3_Vectors.html
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from local_cloud.services.database import Database
from local_cloud.services.errors import ServiceError
from local_cloud.services.paging import place_in, token_for
from local_cloud.services.s3vectors.resources import (
    bucket_arn,
    check_bucket_name,
    check_encryption,
    check_index_name,
    index_arn,
    invalid,
    named_bucket,
    named_index,
    not_found,
    resource_of,
)
from local_cloud.services.s3vectors.store import bucket_row, index_named, now
from local_cloud.services.service import Caller, Operation, Parameters

_PAGE = 500
MOST_TAGS = 50


class Control:
    """Buckets and indexes: made, described, listed, tagged and deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def operations(self) -> Mapping[str, Operation]:
        return {
            "CreateVectorBucket": self._create_bucket,
            "GetVectorBucket": self._get_bucket,
            "ListVectorBuckets": self._list_buckets,
            "DeleteVectorBucket": self._delete_bucket,
            "CreateIndex": self._create_index,
            "GetIndex": self._get_index,
            "ListIndexes": self._list_indexes,
            "DeleteIndex": self._delete_index,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    # --- buckets

    def _create_bucket(self, given: Parameters, caller: Caller) -> dict[str, Any]:
        name = check_bucket_name(given["vectorBucketName"])
        tags = _tags(given, caller, bucket_arn(name))
        row = (name, now(), json.dumps(check_encryption(given.get("encryptionConfiguration"))), json.dumps(tags))
        with self._database.transaction() as connection:
            made = connection.execute("INSERT INTO buckets VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount
        if not made:
            raise ServiceError("ConflictException", "A vector bucket with the specified name already exists", 409)
        return {"vectorBucketArn": bucket_arn(name)}

    def _get_bucket(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            row = bucket_row(connection, named_bucket(given))
        return {"vectorBucket": {**_bucket(row), "encryptionConfiguration": json.loads(row["encryption"])}}

    def _list_buckets(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            found = connection.execute("SELECT name, created FROM buckets ORDER BY name").fetchall()
        rows, token = _page([dict(row) for row in found], given, "buckets")
        return {"vectorBuckets": [_bucket(row) for row in rows], **token}

    def _delete_bucket(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        name = named_bucket(given)
        with self._database.transaction() as connection:
            bucket_row(connection, name)
            if connection.execute("SELECT 1 FROM indexes WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise ServiceError("ConflictException", "The specified vector bucket is not empty", 409)
            connection.execute("DELETE FROM buckets WHERE name = ?", (name,))
        return {}

    # --- indexes

    def _create_index(self, given: Parameters, caller: Caller) -> dict[str, Any]:
        bucket, name = named_bucket(given), check_index_name(given["indexName"])
        tags = _tags(given, caller, index_arn(bucket, name))
        kept = ("dataType", "dimension", "distanceMetric", "metadataConfiguration")
        settings = {key: given[key] for key in kept if key in given}
        keys = settings.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys", [])
        if len(set(keys)) < len(keys):
            raise invalid("nonFilterableMetadataKeys must differ from each other", "/metadataConfiguration")
        with self._database.transaction() as connection:
            of_bucket = json.loads(bucket_row(connection, bucket)["encryption"])
            encryption = given.get("encryptionConfiguration")
            settings["encryptionConfiguration"] = of_bucket if encryption is None else check_encryption(encryption)
            made = connection.execute(
                "INSERT INTO indexes (bucket, name, created, settings, tags) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (bucket, name, now(), json.dumps(settings), json.dumps(tags)),
            ).rowcount
        if not made:
            raise ServiceError("ConflictException", "An index with the specified name already exists", 409)
        return {"indexArn": index_arn(bucket, name)}

    def _get_index(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            index = index_named(connection, named_index(given))
        row = {"bucket": index.named.bucket, "name": index.named.name, "created": index.created}
        return {"index": {**_index(row), **index.settings}}

    def _list_indexes(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        bucket = named_bucket(given)
        with self._database.transaction() as connection:
            bucket_row(connection, bucket)
            listed = "SELECT bucket, name, created FROM indexes WHERE bucket = ? ORDER BY name"
            found = connection.execute(listed, (bucket,)).fetchall()
        rows, token = _page([dict(row) for row in found], given, f"indexes of {bucket}")
        return {"indexes": [_index(row) for row in rows], **token}

    def _delete_index(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            index = index_named(connection, named_index(given))
            connection.execute("DELETE FROM vectors WHERE index_id = ?", (index.id,))
            connection.execute("DELETE FROM indexes WHERE id = ?", (index.id,))
        return {}

    # --- tags

    def _tag(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            tags = {**_tags_of(connection, given["resourceArn"]), **given["tags"]}
            _check_number(tags)
            _keep_tags(connection, given["resourceArn"], tags)
        return {}

    def _untag(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            tags = _tags_of(connection, given["resourceArn"])
            kept = {key: value for key, value in tags.items() if key not in given["tagKeys"]}
            _keep_tags(connection, given["resourceArn"], kept)
        return {}

    def _list_tags(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            return {"tags": _tags_of(connection, given["resourceArn"])}


def _tags_of(connection: sqlite3.Connection, resource: str) -> dict[str, str]:
    bucket, index = resource_of(resource)
    found = (
        connection.execute("SELECT tags FROM buckets WHERE name = ?", (bucket,))
        if index is None
        else connection.execute("SELECT tags FROM indexes WHERE bucket = ? AND name = ?", (bucket, index))
    ).fetchone()
    if found is None:
        raise not_found("resource")
    tags: dict[str, str] = json.loads(found["tags"])
    return tags


def _keep_tags(connection: sqlite3.Connection, resource: str, tags: Mapping[str, str]) -> None:
    bucket, index = resource_of(resource)
    if index is None:
        connection.execute("UPDATE buckets SET tags = ? WHERE name = ?", (json.dumps(tags), bucket))
    else:
        changed = (json.dumps(tags), bucket, index)
        connection.execute("UPDATE indexes SET tags = ? WHERE bucket = ? AND name = ?", changed)


def _tags(given: Parameters, caller: Caller, resource: str) -> dict[str, str]:
    """The tags of what is made, which the caller must have the right to give."""
    tags = dict(given.get("tags", {}))
    if tags:
        caller.need("s3vectors:TagResource", resource)
    _check_number(tags)
    return tags


def _check_number(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise invalid(f"A resource has at most {MOST_TAGS} tags", "/tags")


def _page(rows: list[dict[str, Any]], given: Parameters, scope: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of one page in the order of their names, and the token of the next one where there is one."""
    after = ""
    if "nextToken" in given:
        try:
            after = str(place_in(given["nextToken"], scope))
        except ValueError as error:
            raise invalid("Invalid next token", "/nextToken") from error
    wanted = [row for row in rows if row["name"] > after and row["name"].startswith(given.get("prefix", ""))]
    size = given.get("maxResults", _PAGE)
    page = wanted[:size]
    return page, {"nextToken": token_for(scope, page[-1]["name"])} if len(wanted) > size else {}


def _bucket(row: Any) -> dict[str, Any]:
    name = row["name"]
    return {"vectorBucketName": name, "vectorBucketArn": bucket_arn(name), "creationTime": row["created"]}


def _index(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "vectorBucketName": row["bucket"],
        "indexName": row["name"],
        "indexArn": index_arn(row["bucket"], row["name"]),
        "creationTime": row["created"],
    }
