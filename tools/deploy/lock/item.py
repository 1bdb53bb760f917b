"""The lock as it lies in DynamoDB: one item, whose every write is conditional and names the holder.

A write whose answer was lost may be made again by botocore, and does no harm: taking, renewing and taking over find
themselves the holder; a deletion that is repeated finds nothing, or somebody else's item, which it leaves alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from infra.naming import LOCK_ID

_REFUSED = "ConditionalCheckFailedException"
_NO_TABLE = "ResourceNotFoundException"
_KEY = {"id": {"S": LOCK_ID}}
_UPDATE = "SET holder = :me, kind = :kind, heartbeat = :now, expires = :expires, who = :who REMOVE life, redrives"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock, as one look found it."""

    name: str
    """An execution's ARN, or `deploy:` and a random id."""
    heartbeat: str
    """Another one after every renewal. Compared with what was seen before, never with a clock."""
    who: str = ""
    """The computer and process, for people."""

    @property
    def is_deploy(self) -> bool:
        return self.name.startswith("deploy:")


@dataclass(frozen=True, slots=True)
class Item:
    """The item as one deploy writes it. Raises botocore's exceptions where DynamoDB does not answer."""

    dynamodb: Any
    table: str
    me: str
    who: str
    lives_seconds: float
    """After how long without a renewal the state machine may take this deploy for dead."""
    clock: Callable[[], float] = time.time

    def exists(self) -> bool:
        """Whether there is a table for it."""
        try:
            self.dynamodb.describe_table(TableName=self.table)
        except ClientError as error:
            if error.response["Error"]["Code"] == _NO_TABLE:
                return False
            raise
        return True

    def read(self) -> Holder | None:
        """The holder, or None where nobody has it."""
        found = self.dynamodb.get_item(TableName=self.table, Key=_KEY, ConsistentRead=True).get("Item")
        if not found:
            return None
        name, beat, who = (found.get(key, {}).get("S", "") for key in ("holder", "heartbeat", "who"))
        return Holder(name, beat, who)

    def take(self) -> bool:
        """Whether it was free, or ours already, and is ours now."""
        return self._write("attribute_not_exists(id) OR holder = :me")

    def renew(self) -> bool:
        """Whether it is still ours; another heartbeat says so to the others."""
        return self._write("holder = :me")

    def take_over(self, dead: Holder) -> bool:
        """Whether nobody had touched it since `dead` was found to be dead, and it is ours now."""
        return self._write(
            # An item without a heartbeat is nobody's of ours; its holder is dead all the same.
            "holder = :dead AND heartbeat = :seen OR holder = :dead AND attribute_not_exists(heartbeat)"
            " OR holder = :me",
            {":dead": {"S": dead.name}, ":seen": {"S": dead.heartbeat}},
        )

    def release(self) -> None:
        """Deletes it where it is still ours."""
        try:
            self.dynamodb.delete_item(
                TableName=self.table,
                Key=_KEY,
                ConditionExpression="holder = :me",
                ExpressionAttributeValues={":me": {"S": self.me}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise

    def _write(self, condition: str, values: dict[str, Any] | None = None) -> bool:
        now = datetime.fromtimestamp(self.clock(), UTC)
        given = {
            ":me": self.me,
            ":kind": "deploy",
            ":now": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            ":expires": _iso(now + timedelta(seconds=self.lives_seconds)),
            ":who": self.who,
        }
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key=_KEY,
                UpdateExpression=_UPDATE,
                ConditionExpression=condition,
                ExpressionAttributeValues={key: {"S": value} for key, value in given.items()} | (values or {}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == _REFUSED:
                return False
            raise
        return True


def _iso(moment: datetime) -> str:
    """As Step Functions compares timestamps: with `T` and `Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
