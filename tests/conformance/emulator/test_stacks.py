"""CloudFormation in the emulator: the types and template features that our stacks use."""

import json
from typing import Any

import pytest

from tests.conformance.emulator.conftest import delete, deploy, make_function
from tests.deadline import eventually

BUCKET = "arn:aws:s3:::somewhere"


def test_a_mapping_is_a_file_with_the_resolved_properties(cloud, name):
    """Created, changed in place (same uuid) and removed with its stack; the emulator's own poller never sees it."""
    function = make_function(cloud, name, "def lambda_handler(event, context):\n    raise SystemExit\n")

    def resources(batch_size: int) -> dict[str, Any]:
        return {
            "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": name}},
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "FunctionName": function,
                    "EventSourceArn": {"Fn::GetAtt": ["Stream", "Arn"]},
                    "BatchSize": batch_size,
                    "StartingPosition": "TRIM_HORIZON",
                    "DestinationConfig": {"OnFailure": {"Destination": BUCKET}},
                },
            },
        }

    outputs = {"Id": {"Value": {"Ref": "Mapping"}}, "Got": {"Value": {"Fn::GetAtt": ["Mapping", "Id"]}}}
    first = deploy(cloud, name, resources(10), outputs=outputs)
    file = cloud.state.mappings / f"{first['Id']}.json"
    expected = {
        "FunctionName": function,
        "EventSourceArn": f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}",
        "BatchSize": 10,
        "StartingPosition": "TRIM_HORIZON",
        "DestinationConfig": {"OnFailure": {"Destination": BUCKET}},
    }
    assert {"uuid": first["Id"], "properties": expected} == json.loads(file.read_text())
    assert first == {"Id": first["Id"], "Got": first["Id"]} == deploy(cloud, name, resources(20), outputs=outputs)
    assert 20 == json.loads(file.read_text())["properties"]["BatchSize"]
    assert [] == cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    delete(cloud, name)
    assert not file.exists()


def test_a_mapping_that_starts_elsewhere_is_a_new_mapping(cloud, name):
    """StartingPosition is create-only: the update makes a new file and removes the old."""

    def resources(position: str) -> dict[str, Any]:
        properties = {"FunctionName": "f", "EventSourceArn": "arn:aws:kinesis:::stream/s", "StartingPosition": position}
        return {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}}

    outputs = {"Id": {"Value": {"Ref": "Mapping"}}}
    old = deploy(cloud, name, resources("LATEST"), outputs=outputs)["Id"]
    new = deploy(cloud, name, resources("TRIM_HORIZON"), outputs=outputs)["Id"]
    assert old != new
    eventually(lambda: not (cloud.state.mappings / f"{old}.json").exists())
    assert (cloud.state.mappings / f"{new}.json").exists()
    delete(cloud, name)


def test_a_delivery_stream_is_a_file_with_the_resolved_properties(cloud, name):
    """Named by the template, changed in place, gone with its stack; a second one of the name is refused."""

    def resources(compression: str) -> dict[str, Any]:
        destination = {"BucketARN": BUCKET, "CompressionFormat": compression}
        properties = {"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": destination}
        return {"Archive": {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": properties}}

    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Archive", "Arn"]}}}
    made = deploy(cloud, name, resources("GZIP"), outputs=outputs)
    assert {"Arn": f"arn:aws:firehose:us-east-1:000000000000:deliverystream/{name}"} == made
    file = cloud.state.delivery_streams / f"{name}.json"
    assert name == json.loads(file.read_text())["name"]
    with pytest.raises(AssertionError, match="AlreadyExists"):
        deploy(cloud, f"{name}-second", resources("GZIP"))
    deploy(cloud, name, resources("UNCOMPRESSED"))
    properties = json.loads(file.read_text())["properties"]
    assert "UNCOMPRESSED" == properties["ExtendedS3DestinationConfiguration"]["CompressionFormat"]
    delete(cloud, name)
    assert not file.exists()


def test_a_budget_lives_and_dies_with_its_stack(cloud, name):
    """AWS::Budgets::Budget, which MiniStack has no type for: created, raised, deleted."""

    def resources(amount: int) -> dict[str, Any]:
        budget = {
            "BudgetName": name,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": amount, "Unit": "USD"},
        }
        notification = {
            "Notification": {"NotificationType": "FORECASTED", "ComparisonOperator": "GREATER_THAN", "Threshold": 100},
            "Subscribers": [{"SubscriptionType": "SNS", "Address": "arn:aws:sns:us-east-1:000000000000:topic"}],
        }
        properties = {"Budget": budget, "NotificationsWithSubscribers": [notification]}
        return {"Budget": {"Type": "AWS::Budgets::Budget", "Properties": properties}}

    def limits() -> list[str]:
        budgets = cloud.client("budgets").describe_budgets(AccountId="000000000000").get("Budgets", [])
        return [budget["BudgetLimit"]["Amount"] for budget in budgets if budget["BudgetName"] == name]

    deploy(cloud, name, resources(500))
    assert ["500"] == limits()
    deploy(cloud, name, resources(700))
    assert ["700"] == limits()
    delete(cloud, name)
    assert [] == limits()


def test_an_alarm_with_metric_math_lives_and_dies_with_its_stack(cloud, name):
    """AWS::CloudWatch::Alarm with `Metrics`, which MiniStack's type refuses; tags and the ARN too."""

    def resources(threshold: float) -> dict[str, Any]:
        properties = {
            "AlarmName": name,
            "EvaluationPeriods": 1,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "Metrics": [{"Id": "e", "Expression": "SUM(METRICS())", "ReturnData": True}],
            "Tags": [{"Key": "environment", "Value": "local"}],
        }
        return {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}

    def alarms() -> list[dict[str, Any]]:
        return list(cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"])

    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Alarm", "Arn"]}}}
    arn = deploy(cloud, name, resources(0.5), outputs=outputs)["Arn"]
    tags = cloud.client("cloudwatch").list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert {"Key": "environment", "Value": "local"} in tags
    deploy(cloud, name, resources(0.75))
    assert [(0.75, arn, "SUM(METRICS())")] == [
        (alarm["Threshold"], alarm["AlarmArn"], alarm["Metrics"][0]["Expression"]) for alarm in alarms()
    ]
    delete(cloud, name)
    assert [] == alarms()


def test_a_parameter_from_ssm_is_read_at_every_deploy_and_conditions_follow(cloud, name):
    """The campaigns stack's ground: nothing while the ledger says none, the new value at the next deploy."""
    ssm = cloud.client("ssm")
    sections = {
        "Parameters": {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"/{name}/ledger"}},
        "Conditions": {"Promoted": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Version"}, "none"]}]}},
    }
    resources = {
        "Serves": {
            "Type": "AWS::SSM::Parameter",
            "Condition": "Promoted",
            "Properties": {"Name": f"/{name}/serves", "Type": "String", "Value": {"Ref": "Version"}},
        },
        "Always": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
    }

    def serves() -> str | None:
        try:
            return str(ssm.get_parameter(Name=f"/{name}/serves")["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            return None

    seen = []
    for value in ("none", "one", "two", "none"):
        ssm.put_parameter(Name=f"/{name}/ledger", Value=value, Type="String", Overwrite=True)
        deploy(cloud, name, resources, sections=sections)
        seen.append(serves())
    assert [None, "one", "two", None] == seen
    delete(cloud, name)
