"""What a removal does by itself, beside CloudFormation."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.naming import STACKS
from tools.deploy import removal
from tools.deploy.base.errors import DeployError
from tools.environment.connection import Connection


@pytest.fixture
def bucket(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> str:
    """A versioned bucket with three versions of one object, a deleted one, and more objects than a page holds."""
    s3 = connection.client("s3")
    s3.create_bucket(Bucket="full")
    s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2", b"3"):
        s3.put_object(Bucket="full", Key="again", Body=body)
    s3.put_object(Bucket="full", Key="gone", Body=b"")
    s3.delete_object(Bucket="full", Key="gone")
    monkeypatch.setattr(removal, "_PAGE", 10)
    for number in range(21):
        s3.put_object(Bucket="full", Key=f"many/{number}", Body=b"")
    return "full"


def test_d21_every_version_goes(connection: Connection, bucket: str) -> None:
    """Versions and delete markers too: what is left would keep the bucket, and be billed."""
    s3 = connection.client("s3")
    assert removal.empty_bucket(s3, bucket) == 3 + 2 + 21
    s3.delete_bucket(Bucket=bucket)


def test_a_bucket_that_is_not_there_is_empty(connection: Connection) -> None:
    """An interrupted removal is started again."""
    assert removal.empty_bucket(connection.client("s3"), "nowhere") == 0


def test_an_object_that_cannot_be_deleted_is_named(connection: Connection, bucket: str) -> None:
    """DeleteObjects answers 200 with the errors inside."""
    s3 = connection.client("s3")
    s3.delete_objects = lambda **_: {"Errors": [{"Key": "again", "Message": "Access Denied"}]}
    with pytest.raises(DeployError, match="full/again cannot be deleted: Access Denied"):
        removal.empty_bucket(s3, bucket)


class Stacks:
    """CloudFormation whose stacks are gone, or fail to go, once they are told to."""

    def __init__(
        self,
        *names: str,
        protected: bool = False,
        fails: bool = False,
        deleted: Callable[[str], None] = lambda _: None,
    ) -> None:
        stack: dict[str, Any] = {"StackStatus": "CREATE_COMPLETE", "EnableTerminationProtection": protected}
        self.stacks = {name: dict(stack) for name in names or ("dev-pets-data",)}
        self.fails = fails
        self.deleted = deleted

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self.stacks:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "x")
        return {"Stacks": [self.stacks[StackName]]}

    def update_termination_protection(self, *, StackName: str, **_: bool) -> None:  # noqa: N803
        self.stacks[StackName]["EnableTerminationProtection"] = False

    def delete_stack(self, *, StackName: str) -> None:  # noqa: N803
        assert not self.stacks[StackName]["EnableTerminationProtection"]
        if self.fails:
            self.stacks[StackName]["StackStatus"] = "DELETE_FAILED"
        else:
            del self.stacks[StackName]
            self.deleted(StackName)

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        return {
            "StackEvents": [
                {"LogicalResourceId": "Bucket", "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "not empty"}
            ]
        }


def delete(connection: Connection, stacks: Stacks) -> None:
    connection._clients["cloudformation"] = stacks
    removal._delete_stacks(connection, ["dev-pets-data", "dev-pets-serving"], lambda _: None)


def test_stacks_that_stand_are_deleted(connection: Connection) -> None:
    """Those that do not are passed over."""
    stacks = Stacks()
    delete(connection, stacks)
    assert {} == stacks.stacks


def test_termination_protection_is_lifted_first(connection: Connection) -> None:
    """The person has typed the environment's name by then."""
    stacks = Stacks(protected=True)
    delete(connection, stacks)
    assert {} == stacks.stacks


def test_a_deletion_that_fails_tells_why(connection: Connection) -> None:
    """With CloudFormation's own reason."""
    with pytest.raises(DeployError, match="could not delete dev-pets-data:\n  dev-pets-data: Bucket: not empty"):
        delete(connection, Stacks(fails=True))


def test_the_protection_of_the_locks_table_is_lifted(connection: Connection) -> None:
    """CloudFormation could not delete it otherwise; one that is gone is no error."""
    dynamodb, table = connection.client("dynamodb"), connection.settings.names.lock_table
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
    removal._unprotect(dynamodb, table)
    dynamodb.delete_table(TableName=table)
    removal._unprotect(dynamodb, table)
    assert [] == dynamodb.list_tables()["TableNames"]


def test_the_lock_is_held_until_only_its_own_stack_is_left(connection: Connection) -> None:
    """The table goes with the data stack, last; a removal that is started again finds no table and goes on."""
    dynamodb, names = connection.client("dynamodb"), connection.settings.names
    order: list[tuple[str, bool]] = []

    def deleted(stack: str) -> None:
        order.append((stack, bool(dynamodb.scan(TableName=names.lock_table)["Items"])))
        if stack == names.stack("data"):
            dynamodb.delete_table(TableName=names.lock_table)

    connection._clients["cloudformation"] = Stacks(*map(names.stack, STACKS), deleted=deleted)
    for _ in range(2):
        removal.remove_stacks(connection, keep_archive=False, progress=lambda _: None)
    stacks, held = zip(*order, strict=True)
    assert sorted(map(names.stack, STACKS)) == sorted(stacks)
    assert (names.stack("campaigns"), names.stack("personalize"), names.stack("data")) == (stacks[0], *stacks[-2:])
    assert held == (True,) * (len(STACKS) - 1) + (False,)


def test_retained_keys_are_deleted_once(connection: Connection) -> None:
    """Also one of an earlier life of the environment; keys of others stay, and doing it again is no error."""
    kms, description = connection.client("kms"), connection.settings.names.key_description
    ours = [kms.create_key(Description=description)["KeyMetadata"]["KeyId"] for _ in range(2)]
    other = kms.create_key(Description="All data of the prod animal recommender")["KeyMetadata"]["KeyId"]
    assert removal.delete_keys(connection) == 2
    assert removal.delete_keys(connection) == 0
    states = [kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in (*ours, other)]
    assert ["PendingDeletion", "PendingDeletion", "Enabled"] == states
