"""Operations of S3 Vectors on vectors: put, get, list, delete and query.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_S3_Vectors.html
"""

import heapq
import json
from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.services.database import Database
from local_cloud.services.paging import place_in, token_for
from local_cloud.services.s3vectors.filters import FilterError, predicate
from local_cloud.services.s3vectors.metadata import MetadataError, checked
from local_cloud.services.s3vectors.resources import invalid, named_index
from local_cloud.services.s3vectors.store import Index, index_named
from local_cloud.services.s3vectors.vectors import VectorError, distance_to, packed, unpacked
from local_cloud.services.service import Caller, Operation, Parameters

MOST_NEIGHBOURS = 100
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html (Top-K results)"""
_LIST_PAGE, _LIST_BYTES = 500, 1024 * 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_ListVectors.html (maxResults)"""


class Data:
    """The vectors of all indexes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def operations(self) -> Mapping[str, Operation]:
        return {
            "PutVectors": self._put,
            "GetVectors": self._get,
            "ListVectors": self._list,
            "DeleteVectors": self._delete,
            "QueryVectors": self._query,
        }

    def _put(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        keys = [vector["key"] for vector in given["vectors"]]
        if len(set(keys)) < len(keys):
            raise invalid("The keys of one request must differ from each other", "/vectors")
        with self._database.transaction() as connection:
            index = index_named(connection, named_index(given))
            rows = [_row(index, place, vector) for place, vector in enumerate(given["vectors"])]
            connection.executemany(
                "INSERT INTO vectors (index_id, key, data, metadata) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (index_id, key) DO UPDATE SET data = excluded.data, metadata = excluded.metadata",
                rows,
            )
        return {}

    def _get(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            index = index_named(connection, named_index(given))
            found = []
            for key in dict.fromkeys(given["keys"]):
                wanted = (index.id, key)
                found += connection.execute("SELECT * FROM vectors WHERE index_id = ? AND key = ?", wanted).fetchall()
        return {"vectors": [_told(row, given) for row in found]}

    def _list(self, given: Parameters, caller: Caller) -> dict[str, Any]:
        named = named_index(given)
        if given.get("returnData") or given.get("returnMetadata"):
            caller.need("s3vectors:GetVectors", named.arn)
        segments, segment = _segment(given)
        with self._database.transaction() as connection:
            index = index_named(connection, named)
            scope = f"{index.id} {segment}/{segments}"
            rows = connection.execute(
                "SELECT * FROM vectors WHERE index_id = ? AND id > ? AND id % ? = ? ORDER BY id LIMIT ?",
                (index.id, _after(given, scope), segments, segment, given.get("maxResults", _LIST_PAGE) + 1),
            ).fetchall()
        page = list(_up_to(rows[: given.get("maxResults", _LIST_PAGE)]))
        token = {"nextToken": token_for(scope, page[-1]["id"])} if len(page) < len(rows) else {}
        return {"vectors": [_told(row, given) for row in page], **token}

    def _delete(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            index = index_named(connection, named_index(given))
            gone = [(index.id, key) for key in given["keys"]]
            connection.executemany("DELETE FROM vectors WHERE index_id = ? AND key = ?", gone)
        return {}

    def _query(self, given: Parameters, caller: Caller) -> dict[str, Any]:
        named = named_index(given)
        if "filter" in given or given.get("returnMetadata"):
            caller.need("s3vectors:GetVectors", named.arn)
        if given["topK"] > MOST_NEIGHBOURS:
            raise invalid(f"topK must be at most {MOST_NEIGHBOURS}", "/topK")
        if "nextToken" in given:  # every answer is whole, so that there is never a next page
            raise invalid("Invalid next token", "/nextToken")
        with self._database.transaction() as connection:
            index = index_named(connection, named)
            try:
                fits = predicate(given["filter"], index.non_filterable) if "filter" in given else None
                wanted = unpacked(packed(given["queryVector"]["float32"], index.dimension, index.metric))
            except (FilterError, VectorError) as error:
                path = "/filter" if isinstance(error, FilterError) else "/queryVector"
                raise invalid(f"Invalid query: {error}", path) from error
            rows = connection.execute("SELECT key, data, metadata FROM vectors WHERE index_id = ?", (index.id,))
            distance = distance_to(wanted, index.metric)
            measured = (
                (distance(unpacked(row["data"])), row["key"], row["metadata"])
                for row in rows
                if fits is None or fits(json.loads(row["metadata"]))
            )
            nearest = heapq.nsmallest(given["topK"], measured)
        found = []
        for far, key, metadata in nearest:
            one: dict[str, Any] = {"key": key}
            if given.get("returnDistance"):
                one["distance"] = far
            if given.get("returnMetadata"):
                one["metadata"] = json.loads(metadata)
            found.append(one)
        return {"vectors": found, "distanceMetric": index.metric}


def _row(index: Index, place: int, vector: Mapping[str, Any]) -> tuple[int, str, bytes, str]:
    try:
        data = packed(vector["data"]["float32"], index.dimension, index.metric)
        metadata = checked(vector.get("metadata") or {}, index.non_filterable)
    except (VectorError, MetadataError) as error:
        key = vector["key"][:100]
        raise invalid(f"Invalid record for key {key!r}: {error}", f"/vectors/{place}") from error
    return index.id, vector["key"], data, json.dumps(metadata)


def _told(row: Any, given: Parameters) -> dict[str, Any]:
    told: dict[str, Any] = {"key": row["key"]}
    if given.get("returnData"):
        told["data"] = {"float32": list(unpacked(row["data"]))}
    if given.get("returnMetadata"):
        told["metadata"] = json.loads(row["metadata"])
    return told


def _segment(given: Parameters) -> tuple[int, int]:
    """How many segments a list is divided into, and which one is asked for."""
    if ("segmentCount" in given) != ("segmentIndex" in given):
        raise invalid("segmentCount and segmentIndex are given together", "/segmentIndex")
    count, index = given.get("segmentCount", 1), given.get("segmentIndex", 0)
    if index >= count:
        raise invalid("segmentIndex must be less than segmentCount", "/segmentIndex")
    return count, index


def _after(given: Parameters, scope: str) -> int:
    if "nextToken" not in given:
        return 0
    try:
        return min(int(place_in(given["nextToken"], scope)), 2**63 - 1)
    except ValueError as error:
        raise invalid("Invalid next token", "/nextToken") from error


def _up_to(rows: list[Any]) -> Iterator[Any]:
    """The rows of a page that ends once it holds a megabyte."""
    held = 0
    for row in rows:
        yield row
        held += len(row["key"]) + len(row["data"]) + len(row["metadata"])
        if held >= _LIST_BYTES:
            return
