"""What the lock asks of DynamoDB, held to the documented behaviour of conditional writes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.conftest import ROLE
from tests.statemachines.world import ended, new_name
from tools.deploy.lock.item import Holder, Item

KEY = {"id": {"S": "campaigns"}}


@pytest.fixture
def table(cloud: LocalCloud, name: str) -> Iterator[str]:
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    dynamodb.delete_table(TableName=name)


def item(cloud: LocalCloud, table: str, me: str) -> Item:
    return Item(cloud.client("dynamodb"), table, me, "a test", 600.0)


def test_what_is_free_is_taken_once(cloud: LocalCloud, table: str) -> None:
    """The second taker is refused, the first may repeat itself, and a refused write changes nothing."""
    first, second = item(cloud, table, "deploy:a"), item(cloud, table, "deploy:b")
    assert (first.take(), second.take(), first.take()) == (True, False, True)
    found = first.read()
    assert found is not None
    assert found.name == "deploy:a"


def test_of_many_takers_at_once_one_succeeds(cloud: LocalCloud, table: str) -> None:
    """The condition and the write are one step."""
    items = [item(cloud, table, f"deploy:{number}") for number in range(8)]
    together, taken = threading.Barrier(len(items)), []

    def take(each: Item) -> None:
        together.wait()
        if each.take():
            taken.append(each.me)

    threads = [threading.Thread(target=take, args=(each,)) for each in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1
    found = items[0].read()
    assert found is not None
    assert [found.name] == taken


def test_renewing_and_releasing_are_the_holders_alone(cloud: LocalCloud, table: str) -> None:
    """Whoever is not the holder changes nothing; a repeated release is no error."""
    mine, other = item(cloud, table, "deploy:a"), item(cloud, table, "deploy:b")
    assert not mine.renew()
    assert mine.take()
    before = mine.read()
    assert mine.renew()
    assert before != mine.read()
    assert not other.renew()
    other.release()
    assert mine.renew()
    mine.release()
    mine.release()
    assert mine.read() is None


def test_a_take_over_needs_the_holder_and_the_heartbeat_that_were_seen(cloud: LocalCloud, table: str) -> None:
    """A holder that has given a sign meanwhile, or that is another, is left alone; a repeated take-over succeeds."""
    dead, heir = item(cloud, table, "deploy:dead"), item(cloud, table, "deploy:heir")
    assert dead.take()
    seen = dead.read()
    assert seen is not None
    assert dead.renew()
    assert not heir.take_over(seen)
    assert not heir.take_over(Holder("deploy:third", seen.heartbeat))
    found = heir.read()
    assert found is not None
    assert heir.take_over(found)
    assert heir.take_over(found)
    assert not dead.renew()


def test_step_functions_names_a_refused_condition_as_the_java_sdk_does(cloud: LocalCloud, table: str) -> None:
    """`DynamoDb.`, not `DynamoDB.`: the aws-sdk integration takes its names from the SDK for Java 2.

    https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
    """
    update = {
        "TableName": table,
        "Key": KEY,
        "UpdateExpression": "SET holder = :me, life = if_not_exists(life, :life) REMOVE who",
        "ConditionExpression": "attribute_not_exists(id) OR holder = :me",
        "ExpressionAttributeValues": {
            ":me": {"S.$": "$.me"},
            ":life": {"S.$": "States.Format('{}', $$.Execution.RedriveCount)"},
        },
        "ReturnValues": "ALL_NEW",
    }
    definition = {
        "StartAt": "Take",
        "States": {
            "Take": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem",
                "Parameters": update,
                "Catch": [
                    {"ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"], "ResultPath": None, "Next": "Read"}
                ],
                "End": True,
            },
            "Read": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
                "Parameters": {"TableName": table, "Key": KEY, "ConsistentRead": True},
                "End": True,
            },
        },
    }
    assert taken(cloud, definition, "a")["Attributes"] == {**KEY, "holder": {"S": "a"}, "life": {"S": "0"}}
    assert taken(cloud, definition, "b") == {"Item": {**KEY, "holder": {"S": "a"}, "life": {"S": "0"}}}
    assert taken(cloud, definition, "a")["Attributes"]["life"] == {"S": "0"}
    cloud.client("dynamodb").delete_item(TableName=table, Key=KEY)
    read = {**definition, "StartAt": "Read"}
    assert "Item" not in taken(cloud, read, "a")


def run(cloud: LocalCloud, definition: dict[str, Any], me: str) -> dict[str, Any]:
    client = cloud.client("stepfunctions")
    machine = client.create_state_machine(name=new_name(), definition=json.dumps(definition), roleArn=ROLE)
    started = client.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps({"me": me}))
    return ended(cloud, started["executionArn"])


def taken(cloud: LocalCloud, definition: dict[str, Any], me: str) -> Any:
    described = run(cloud, definition, me)
    assert described["status"] == "SUCCEEDED", described
    return json.loads(described["output"])


def test_a_call_in_another_life_than_its_check_fails(cloud: LocalCloud, table: str) -> None:
    """What keeps a redriven run from its call: an index that is not there is States.IntrinsicFailure.

    The emulator evaluates the parameters of a call before it looks for a catcher: the run ends there, as it would on AWS
    if AWS called it States.Runtime. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    guarded = (
        "States.ArrayGetItem(States.Array('none', $.me), States.ArrayLength(States.ArrayUnique("
        "States.Array($.me, States.Format('{}', $$.Execution.RedriveCount)))))"
    )
    definition = {
        "StartAt": "Call",
        "States": {
            "Call": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
                "Parameters": {"TableName": table, "Item": {**KEY, "holder": {"S.$": guarded}}},
                "End": True,
            }
        },
    }
    stopped = run(cloud, definition, "1")
    assert (stopped["status"], stopped["error"]) == ("FAILED", "States.IntrinsicFailure")
    assert item(cloud, table, "any").read() is None
    assert run(cloud, definition, "0")["status"] == "SUCCEEDED"
    found = item(cloud, table, "any").read()
    assert found is not None
    assert found.name == "0"
