"""Operations of Feature Store on records: one online record an identifier, and a history that keeps them all.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Feature_Store_Runtime.html
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.services.database import Database
from local_cloud.services.errors import ServiceError
from local_cloud.services.feature_store.definition import group_arn, location, name_of
from local_cloud.services.feature_store.errors import invalid_record
from local_cloud.services.feature_store.event_time import MICROSECONDS, iso
from local_cloud.services.feature_store.records import (
    Values,
    as_record,
    event_time,
    expiry,
    offline_row,
    ttl_of,
    values_of,
    whole,
)
from local_cloud.services.feature_store.store import Clock, Group, group_named, now
from local_cloud.services.paging import place_in, token_for
from local_cloud.services.service import Caller, Operation, Parameters

_PUT = """
INSERT INTO records VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET
    event_time = excluded.event_time, values_json = excluded.values_json, expires = excluded.expires, deleted = 0
    WHERE excluded.event_time > records.event_time
"""
"""Only what is newer than the online record replaces it: all else is history."""


_PAGE = 100


class Runtime:
    """The records of all feature groups. `wake` tells that rows wait for the offline store."""

    def __init__(self, database: Database, wake: Callable[[], None], clock: Clock = now) -> None:
        self._database = database
        self._wake = wake
        self._now = clock

    @property
    def operations(self) -> Mapping[str, Operation]:
        return {
            "PutRecord": self._put,
            "GetRecord": self._get,
            "BatchGetRecord": self._get_many,
            "DeleteRecord": self._delete,
            "BatchWriteRecord": self._put_many,
            "ListRecords": self._list,
        }

    def _put(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            _put_one(connection, given, self._now())
        self._wake()
        return {}

    def _put_many(self, given: Parameters, caller: Caller) -> dict[str, Any]:
        errors = []
        default = {"TtlDuration": given["TtlDuration"]} if "TtlDuration" in given else {}
        with self._database.transaction() as connection:
            for entry in given["Entries"]:
                caller.need("sagemaker:BatchWriteRecord", group_arn(name_of(entry["FeatureGroupName"])))
            for entry in given["Entries"]:
                try:
                    _put_one(connection, {**default, **entry}, self._now())
                except ServiceError as error:
                    errors.append({"Entry": entry, "ErrorCode": error.code, "ErrorMessage": error.message[:2048]})
        self._wake()
        return {"Errors": errors, "UnprocessedEntries": []}

    def _get(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        at = self._now()
        with self._database.transaction() as connection:
            group = group_named(connection, given["FeatureGroupName"], at)
            names = _wanted(group, given)
            found = _online(connection, group, given["RecordIdentifierValueAsString"], at)
        return {} if found is None else _told(found, names, given)

    def _get_many(self, given: Parameters, caller: Caller) -> dict[str, Any]:
        at = self._now()
        records, errors = [], []
        with self._database.transaction() as connection:
            for wanted in given["Identifiers"]:
                asked = {"FeatureGroupName": wanted["FeatureGroupName"]}
                identifiers = wanted["RecordIdentifiersValueAsString"]
                try:
                    group = group_named(connection, wanted["FeatureGroupName"], at)
                    caller.need("sagemaker:BatchGetRecord", group.arn)
                    names = _wanted(group, wanted)
                except ServiceError as error:
                    if error.status == 403:
                        raise
                    told = {"ErrorCode": error.code, "ErrorMessage": error.message}
                    errors += [{**asked, "RecordIdentifierValueAsString": one, **told} for one in identifiers]
                    continue
                for one in identifiers:
                    found = _online(connection, group, one, at)
                    if found is not None:
                        records.append({**asked, "RecordIdentifierValueAsString": one, **_told(found, names, given)})
        return {"Records": records, "Errors": errors, "UnprocessedIdentifiers": []}

    def _list(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        at, size = self._now(), given.get("MaxResults", _PAGE)
        with self._database.transaction() as connection:
            group = group_named(connection, given["FeatureGroupName"], at)
            _wanted(group, {})
            scope = f"records of {group.name} {group.created}"
            rows = connection.execute(
                "SELECT identifier, rowid FROM records WHERE group_name = ? AND rowid > ? AND (deleted = 0 OR ?) "
                "AND (expires IS NULL OR expires > ?) ORDER BY rowid LIMIT ?",
                (group.name, _after(given, scope), given.get("IncludeSoftDeletedRecords", False), at, size + 1),
            ).fetchall()
        page = rows[:size]
        token = {"NextToken": token_for(scope, page[-1]["rowid"])} if len(rows) > size else {}
        return {"RecordIdentifiers": [row["identifier"] for row in page], **token}

    def _delete(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        at = self._now()
        with self._database.transaction() as connection:
            group = _writable(connection, given["FeatureGroupName"], at)
            identifier, event = given["RecordIdentifierValueAsString"], event_time(group, given["EventTime"])
            marker = values_of(
                group,
                [
                    {"FeatureName": group.identifier, "ValueAsString": identifier},
                    {"FeatureName": group.event_time, "ValueAsString": given["EventTime"]},
                ],
            )
            whole(group, marker)
            stores = _stores(group, given)
            if "OnlineStore" in stores:
                _forget_expired(connection, group, at)
                _delete_online(connection, group, identifier, event, hard=given.get("DeletionMode") == "HardDelete")
            if "OfflineStore" in stores:
                _add_to_history(connection, group, marker, event, at, deleted=True)
        self._wake()
        return {}


def _put_one(connection: sqlite3.Connection, given: Parameters, at: int) -> None:
    """Writes a record where it belongs. Nothing is written before all of it is checked. Raises ServiceError."""
    group = _writable(connection, given["FeatureGroupName"], at)
    values = values_of(group, given["Record"])
    identifier, event = whole(group, values)
    stores = _stores(group, given)
    if "OnlineStore" in stores:
        duration = given.get("TtlDuration") or (group.online or {}).get("TtlDuration")
        expires = expiry(event, ttl_of(duration))
        _forget_expired(connection, group, at)
        connection.execute(_PUT, (group.name, identifier, event, json.dumps(values), expires))
    elif "TtlDuration" in given:
        raise invalid_record("TtlDuration is for the online store")
    if "OfflineStore" in stores:
        _add_to_history(connection, group, values, event, at, deleted=False)


def _delete_online(connection: sqlite3.Connection, group: Group, identifier: str, event: int, *, hard: bool) -> None:
    """Removes a record, or empties it so that older ones cannot come back. Raises ServiceError.

    A deletion that is not newer than the record does nothing when it is soft, and is refused when it is hard.
    """
    named = (group.name, identifier)
    row = connection.execute("SELECT * FROM records WHERE group_name = ? AND identifier = ?", named).fetchone()
    if row is not None and event <= row["event_time"]:
        if hard:
            raise invalid_record("EventTime: it must be later than that of the record in the online store")
        return
    if hard:
        connection.execute("DELETE FROM records WHERE group_name = ? AND identifier = ?", named)
    elif row is not None:
        connection.execute(
            "UPDATE records SET event_time = ?, values_json = '{}', expires = NULL, deleted = 1 "
            "WHERE group_name = ? AND identifier = ?",
            (event, *named),
        )


def _after(given: Parameters, scope: str) -> int:
    """After which row a page begins."""
    if "NextToken" not in given:
        return 0
    try:
        return min(int(place_in(given["NextToken"], scope)), 2**63 - 1)
    except ValueError as error:
        raise invalid_record("NextToken is not of this list") from error


def _writable(connection: sqlite3.Connection, name: str, at: int) -> Group:
    """The group, which takes records. The model of these operations has no ResourceNotFound."""
    try:
        group = group_named(connection, name, at)
    except ServiceError as error:
        raise invalid_record(error.message) from error
    if group.status != "Created":
        raise invalid_record(f"the feature group {group.name} is {group.status}")
    return group


def _stores(group: Group, given: Parameters) -> frozenset[str]:
    """The stores that a request means: those it names, which the group must have, or all of the group's."""
    named = frozenset(given.get("TargetStores", group.stores))
    if not named <= group.stores:
        raise invalid_record(f"the feature group {group.name} has no {', '.join(sorted(named - group.stores))}")
    return named


def _wanted(group: Group, given: Parameters) -> list[str]:
    """The names of the features that a request asks for."""
    if group.online is None:
        raise invalid_record(f"the feature group {group.name} has no OnlineStore")
    if group.status != "Created":
        raise invalid_record(f"the feature group {group.name} is {group.status}")
    unknown = [name for name in given.get("FeatureNames", ()) if name not in group.features]
    if unknown:
        raise invalid_record(f"the feature group {group.name} has no feature {unknown[0]}")
    return list(dict.fromkeys(given.get("FeatureNames") or group.features))


def _online(connection: sqlite3.Connection, group: Group, identifier: str, at: int) -> sqlite3.Row | None:
    """The record that can be read: there, not deleted, not expired."""
    found: sqlite3.Row | None = connection.execute(
        "SELECT * FROM records WHERE group_name = ? AND identifier = ? AND deleted = 0 "
        "AND (expires IS NULL OR expires > ?)",
        (group.name, identifier, at),
    ).fetchone()
    return found


def _told(row: sqlite3.Row, names: list[str], given: Parameters) -> dict[str, Any]:
    values: Values = json.loads(row["values_json"])
    answer: dict[str, Any] = {"Record": as_record(values, names)}
    if given.get("ExpirationTimeResponse") == "Enabled" and row["expires"] is not None:
        answer["ExpiresAt"] = iso(row["expires"])
    return answer


def _forget_expired(connection: sqlite3.Connection, group: Group, at: int) -> None:
    """What has expired is as if deleted hard: an older record may come after it."""
    connection.execute("DELETE FROM records WHERE group_name = ? AND expires <= ?", (group.name, at))


def _add_to_history(
    connection: sqlite3.Connection, group: Group, values: Values, event: int, at: int, *, deleted: bool
) -> None:
    """Hands a row over to the writer of the offline store."""
    offline = group.offline or {}
    where = location(offline, name_of(group.name), group.created // MICROSECONDS)
    row = json.dumps(offline_row(group, values, received=at, deleted=deleted))
    connection.execute(
        "INSERT INTO pending (group_name, role, location, event_time, row_json) VALUES (?, ?, ?, ?, ?)",
        (group.name, group.settings["RoleArn"], where, event, row),
    )
