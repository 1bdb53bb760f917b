"""The tables of Feature Store, and feature groups as they are kept there.

A group is made, changed and deleted in steps that take a moment, as on AWS (there, minutes): its row says until when,
and what is read after that is settled first. So a stop in between leaves nothing half done.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.services.feature_store.definition import Feature, features_of, group_arn, name_of
from local_cloud.services.feature_store.errors import no_group
from local_cloud.services.feature_store.event_time import MICROSECONDS

SCHEMA = """
CREATE TABLE IF NOT EXISTS groups (
    name TEXT PRIMARY KEY, created INTEGER NOT NULL, modified INTEGER NOT NULL, settings TEXT NOT NULL,
    status TEXT NOT NULL, until INTEGER NOT NULL, updated TEXT NOT NULL, blocked TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS records (
    group_name TEXT NOT NULL, identifier TEXT NOT NULL, event_time INTEGER NOT NULL, values_json TEXT NOT NULL,
    expires INTEGER, deleted INTEGER NOT NULL, PRIMARY KEY (group_name, identifier)
);
CREATE TABLE IF NOT EXISTS pending (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_name TEXT NOT NULL, role TEXT NOT NULL, location TEXT NOT NULL,
    event_time INTEGER NOT NULL, row_json TEXT NOT NULL, object_key TEXT, write_time INTEGER
);
"""

STEP_SECONDS = 0.25
"""How long a group is Creating, Deleting or being changed."""

Clock = Callable[[], int]


def now() -> int:
    """The time in microseconds."""
    return time.time_ns() // 1000


def step() -> int:
    """How many microseconds a step takes."""
    return int(STEP_SECONDS * MICROSECONDS)


@dataclass(frozen=True, slots=True)
class Group:
    """A feature group."""

    name: str
    created: int
    modified: int
    settings: Mapping[str, Any]
    """The members of CreateFeatureGroup, features that came later among them; no tags."""
    status: str
    update: str
    """LastUpdateStatus; empty before the first one."""
    blocked: str
    """Why nothing can be written to the offline store; empty while it can."""

    @property
    def arn(self) -> str:
        return group_arn(self.name)

    @property
    def features(self) -> dict[str, Feature]:
        return features_of(self.settings["FeatureDefinitions"])

    @property
    def identifier(self) -> str:
        return str(self.settings["RecordIdentifierFeatureName"])

    @property
    def event_time(self) -> str:
        return str(self.settings["EventTimeFeatureName"])

    @property
    def online(self) -> Mapping[str, Any] | None:
        """The online store's settings, where there is one."""
        found: Mapping[str, Any] = self.settings.get("OnlineStoreConfig", {})
        return found if found.get("EnableOnlineStore") else None

    @property
    def offline(self) -> Mapping[str, Any] | None:
        """The offline store's settings, where there is one."""
        found: Mapping[str, Any] | None = self.settings.get("OfflineStoreConfig")
        return found

    @property
    def stores(self) -> frozenset[str]:
        """Which stores records go to."""
        both = {"OnlineStore": self.online, "OfflineStore": self.offline}
        return frozenset(name for name, settings in both.items() if settings is not None)


def settle(connection: sqlite3.Connection, at: int) -> None:
    """Finishes each step whose time is over."""
    over = (at,)
    connection.execute("DELETE FROM groups WHERE status = 'Deleting' AND until <= ?", over)
    connection.execute("UPDATE groups SET status = 'Created' WHERE status = 'Creating' AND until <= ?", over)
    connection.execute("UPDATE groups SET updated = 'Successful' WHERE updated = 'InProgress' AND until <= ?", over)


def group_named(connection: sqlite3.Connection, name_or_arn: str, at: int) -> Group:
    """The group. Raises ServiceError when there is none."""
    settle(connection, at)
    name = name_of(name_or_arn)
    row = connection.execute("SELECT * FROM groups WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise no_group(name)
    return group_of(row)


def group_of(row: sqlite3.Row) -> Group:
    """A row as a group."""
    return Group(
        row["name"],
        row["created"],
        row["modified"],
        json.loads(row["settings"]),
        row["status"],
        row["updated"],
        row["blocked"],
    )
