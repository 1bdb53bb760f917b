"""Operations of Feature Store on feature groups.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateFeatureGroup.html and its neighbours.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from local_cloud.services.database import Database
from local_cloud.services.errors import ServiceError
from local_cloud.services.feature_store.definition import check_features, check_group, group_arn, location
from local_cloud.services.feature_store.errors import invalid
from local_cloud.services.feature_store.event_time import MICROSECONDS
from local_cloud.services.feature_store.store import Clock, Group, group_named, group_of, now, settle, step
from local_cloud.services.paging import place_in, token_for
from local_cloud.services.service import Caller, Operation, Parameters

_PAGE = 100
_ADDED_AT_ONCE = "FeatureAdditions", "OnlineStoreConfig", "ThroughputConfig"
_SORTED_BY = {
    "Name": "name",
    "FeatureGroupStatus": "status",
    "OfflineStoreStatus": "blocked",
    "CreationTime": "created",
}


class Control:
    """Feature groups: made, described, listed, changed and deleted."""

    def __init__(self, database: Database, clock: Clock = now) -> None:
        self._database = database
        self._now = clock

    @property
    def operations(self) -> Mapping[str, Operation]:
        return {
            "CreateFeatureGroup": self._create,
            "DescribeFeatureGroup": self._describe,
            "ListFeatureGroups": self._list,
            "UpdateFeatureGroup": self._update,
            "DeleteFeatureGroup": self._delete,
        }

    def _create(self, given: Parameters, caller: Caller) -> dict[str, Any]:
        check_group(given)
        name, at = given["FeatureGroupName"], self._now()
        if given.get("Tags"):
            caller.need("sagemaker:AddTags", group_arn(name))
        settings = {key: value for key, value in given.items() if key != "FeatureGroupName"}
        row = (name, at, at, json.dumps(settings), "Creating", at + step(), "", "")
        with self._database.transaction() as connection:
            settle(connection, at)
            insert = "INSERT INTO groups VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            if not connection.execute(insert, row).rowcount:
                raise ServiceError("ResourceInUse", f"Resource Already Exists: FeatureGroup {group_arn(name)}")
        return {"FeatureGroupArn": group_arn(name)}

    def _describe(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            group = group_named(connection, given["FeatureGroupName"], self._now())
        if given.get("NextToken"):  # all features are in one answer
            raise invalid("NextToken is not of this service")
        return described(group)

    def _list(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        with self._database.transaction() as connection:
            settle(connection, self._now())
            groups = [group_of(row) for row in connection.execute("SELECT * FROM groups ORDER BY name")]
        by = _SORTED_BY[given.get("SortBy", "CreationTime")]
        groups.sort(key=lambda group: getattr(group, by), reverse=given.get("SortOrder") == "Descending")
        wanted = [group for group in groups if _is_wanted(group, given)]
        start, size = _start(given), given.get("MaxResults", _PAGE)
        page = wanted[start : start + size]
        token = {"NextToken": token_for("groups", start + size)} if start + size < len(wanted) else {}
        return {"FeatureGroupSummaries": [_summary(group) for group in page], **token}

    def _update(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        if len([name for name in _ADDED_AT_ONCE if name in given]) != 1:
            raise invalid(f"Exactly one of {', '.join(_ADDED_AT_ONCE)} must be given")
        at = self._now()
        with self._database.transaction() as connection:
            group = group_named(connection, given["FeatureGroupName"], at)
            if group.status != "Created" or group.update == "InProgress":
                raise invalid(
                    f"The feature group {group.name} is {group.status}, or is being updated; it cannot be updated"
                )
            changed = {**group.settings, **_changes(group, given)}
            row = (json.dumps(changed), at, at + step(), group.name)
            connection.execute(
                "UPDATE groups SET settings = ?, modified = ?, until = ?, updated = 'InProgress' WHERE name = ?", row
            )
        return {"FeatureGroupArn": group.arn}

    def _delete(self, given: Parameters, _caller: Caller) -> dict[str, Any]:
        at = self._now()
        with self._database.transaction() as connection:
            group = group_named(connection, given["FeatureGroupName"], at)
            if group.status == "Creating":
                raise invalid(f"The feature group {group.name} is Creating; it cannot be deleted")
            if group.status != "Deleting":
                _begin_to_delete(connection, group, at)
        return {}


def _begin_to_delete(connection: sqlite3.Connection, group: Group, at: int) -> None:
    """What is online cannot be read from now on; what is on its way to the offline store still gets there."""
    connection.execute("DELETE FROM records WHERE group_name = ?", (group.name,))
    connection.execute("UPDATE groups SET status = 'Deleting', until = ? WHERE name = ?", (at + step(), group.name))


def _changes(group: Group, given: Parameters) -> dict[str, Any]:
    if "FeatureAdditions" in given:
        definitions = [*group.settings["FeatureDefinitions"], *given["FeatureAdditions"]]
        check_features(definitions, in_memory=(group.online or {}).get("StorageType") == "InMemory")
        return {"FeatureDefinitions": definitions}
    if "ThroughputConfig" in given:
        return {"ThroughputConfig": {**group.settings.get("ThroughputConfig", {}), **given["ThroughputConfig"]}}
    if group.online is None:
        raise invalid(f"The feature group {group.name} has no online store")
    if "StorageType" in given["OnlineStoreConfig"]:
        raise invalid("The StorageType of an online store cannot be changed here")
    ttl = {key: value for key, value in given["OnlineStoreConfig"].get("TtlDuration", {}).items() if value is not None}
    if len(ttl) == 1:
        raise invalid("TtlDuration has a Unit and a Value, or neither to be removed")
    kept = {key: value for key, value in group.online.items() if key != "TtlDuration"}
    return {"OnlineStoreConfig": {**kept, **({"TtlDuration": ttl} if ttl else {})}}


def described(group: Group) -> dict[str, Any]:
    """The answer of DescribeFeatureGroup."""
    settings = {key: value for key, value in group.settings.items() if key != "Tags"}
    throughput = {"ThroughputMode": "OnDemand", **settings.pop("ThroughputConfig", {})}
    answer = {**settings, **_summary(group), "LastModifiedTime": _seconds(group.modified), "NextToken": ""}
    if group.online is not None:
        answer["ThroughputConfig"] = throughput
        answer["OnlineStoreConfig"] = {"StorageType": "Standard", **group.online}
    if group.offline is not None:
        uri = location(group.offline, group.name, group.created // MICROSECONDS)
        storage = {**group.offline["S3StorageConfig"], "ResolvedOutputS3Uri": uri}
        defaults = {"DisableGlueTableCreation": False, "TableFormat": "Glue"}
        answer["OfflineStoreConfig"] = {**defaults, **group.offline, "S3StorageConfig": storage}
    if group.update:
        answer["LastUpdateStatus"] = {"Status": group.update}
    return answer


def _summary(group: Group) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "FeatureGroupName": group.name,
        "FeatureGroupArn": group.arn,
        "CreationTime": _seconds(group.created),
        "FeatureGroupStatus": group.status,
    }
    if group.offline is not None:
        reason = {"BlockedReason": group.blocked[:1024]} if group.blocked else {}
        summary["OfflineStoreStatus"] = {"Status": "Blocked" if reason else "Active", **reason}
    return summary


def _is_wanted(group: Group, given: Parameters) -> bool:
    offline = "" if group.offline is None else "Blocked" if group.blocked else "Active"
    created = _seconds(group.created)
    return (
        given.get("NameContains", "") in group.name
        and given.get("FeatureGroupStatusEquals", group.status) == group.status
        and given.get("OfflineStoreStatusEquals", offline) == offline
        and given.get("CreationTimeAfter", created) <= created <= given.get("CreationTimeBefore", created)
    )


def _start(given: Parameters) -> int:
    if not given.get("NextToken"):
        return 0
    try:
        return max(0, int(place_in(given["NextToken"], "groups")))
    except ValueError as error:
        raise invalid("NextToken is not of this service") from error


def _seconds(at: int) -> float:
    return round(at / MICROSECONDS, 3)
