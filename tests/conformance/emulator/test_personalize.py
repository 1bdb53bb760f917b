"""Personalize through the emulator: requests of every client, state machines, and the CloudFormation types."""

import json
from typing import Any

import pytest

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.conftest import ROLE, delete, deploy, failures, stack_status
from tests.deadline import eventually
from tools.deploy.base.personalize import created

ARN = "arn:aws:personalize:us-east-1:000000000000:"
RECIPE = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
SCHEMA = {
    "type": "record",
    "name": "Interactions",
    "namespace": "com.amazonaws.personalize.schema",
    "fields": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_TYPE", "type": "string"},
    ],
    "version": "1.0",
}
INTERACTIONS = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n" + "".join(
    f"u{user},i{(user * 7 + step) % 40},{1_700_000_000 + 3600 * step + user},DetailView\n"
    for user in range(40)
    for step in range(30)
)


def _get(resource: str, attribute: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [resource, attribute]}


def _resources(name: str, *, schema: dict[str, Any] = SCHEMA, filters: dict[str, str] | None = None) -> dict[str, Any]:
    """A dataset group with data, tracker, solution and filters, as the personalize stack has it."""

    def resource(kind: str, properties: dict[str, Any], *depends_on: str) -> dict[str, Any]:
        depends = {"DependsOn": list(depends_on)} if depends_on else {}
        return {"Type": f"AWS::Personalize::{kind}", "Properties": properties, **depends}

    group = _get("Group", "DatasetGroupArn")
    job = {"JobName": f"{name}-job", "DataSource": {"DataLocation": f"s3://{name}/interactions/"}, "RoleArn": ROLE}
    return {
        "Group": resource("DatasetGroup", {"Name": name, "Tags": [{"Key": "environment", "Value": "local"}]}),
        "Schema": resource("Schema", {"Name": name, "Schema": json.dumps(schema)}),
        "Dataset": resource(
            "Dataset",
            {
                "Name": name,
                "DatasetGroupArn": group,
                "DatasetType": "Interactions",
                "SchemaArn": _get("Schema", "SchemaArn"),
                "DatasetImportJob": job,
            },
        ),
        "Tracker": resource("EventTracker", {"Name": name, "DatasetGroupArn": group}, "Dataset"),
        "Solution": resource("Solution", {"Name": name, "DatasetGroupArn": group, "RecipeArn": RECIPE}, "Dataset"),
        **{
            f"Filter{i}": resource(
                "Filter", {"Name": key, "DatasetGroupArn": group, "FilterExpression": expression}, "Dataset"
            )
            for i, (key, expression) in enumerate((filters or {}).items())
        },
    }


@pytest.fixture
def seed(cloud: LocalCloud, name: str) -> str:
    """A bucket with interactions; its name."""
    cloud.client("s3").create_bucket(Bucket=name)
    cloud.client("s3").put_object(Bucket=name, Key="interactions/part.csv", Body=INTERACTIONS.encode())
    return name


def _train(cloud: LocalCloud, name: str) -> str:
    personalize = cloud.client("personalize")
    return created(personalize, "solution_version", solutionArn=f"{ARN}solution/{name}")


def test_the_whole_life_of_a_stack(cloud, seed, name):
    """Created until ACTIVE with the data imported, trained, a campaign following the ledger, deleted without a rest."""
    personalize, ssm = cloud.client("personalize"), cloud.client("ssm")
    outputs = {
        "Group": {"Value": _get("Group", "DatasetGroupArn")},
        "Dataset": {"Value": _get("Dataset", "DatasetArn")},
        "Solution": {"Value": _get("Solution", "SolutionArn")},
        "Tracking": {"Value": _get("Tracker", "TrackingId")},
        "Filter": {"Value": _get("Filter0", "FilterArn")},
    }
    filters = {f"{name}-f": 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("DetailView")'}
    made = deploy(cloud, name, _resources(name, filters=filters), outputs=outputs)
    tracking = made.pop("Tracking")
    assert {
        "Group": f"{ARN}dataset-group/{name}",
        "Dataset": f"{ARN}dataset/{name}/INTERACTIONS",
        "Solution": f"{ARN}solution/{name}",
        "Filter": f"{ARN}filter/{name}-f",
    } == made
    (job,) = personalize.list_dataset_import_jobs(datasetArn=made["Dataset"])["datasetImportJobs"]
    assert ("ACTIVE", f"{name}-job") == (job["status"], job["jobName"])
    tags = personalize.list_tags_for_resource(resourceArn=made["Group"])["tags"]
    assert {"tagKey": "environment", "tagValue": "local"} in tags

    cloud.client("personalize-events").put_events(
        trackingId=tracking,
        userId="u1",
        sessionId="s1",
        eventList=[{"eventType": "DetailView", "itemId": "i1", "sentAt": 1_800_000_000}],
    )
    versions = [_train(cloud, name), _train(cloud, name)]
    campaign = f"{ARN}campaign/{name}"
    sections = {"Parameters": {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"/{name}"}}}
    properties = {"Name": name, "SolutionVersionArn": {"Ref": "Version"}, "MinProvisionedTPS": "1"}
    resources = {"Campaign": {"Type": "AWS::Personalize::Campaign", "Properties": properties}}
    campaign_outputs = {key: {"Value": _get("Campaign", key)} for key in ("CampaignArn", "Status")}
    served = []
    for version in versions:
        ssm.put_parameter(Name=f"/{name}", Value=version, Type="String", Overwrite=True)
        got = deploy(cloud, f"{name}-campaigns", resources, outputs=campaign_outputs, sections=sections)
        assert {"CampaignArn": campaign, "Status": "ACTIVE"} == got
        served.append(personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"])
    assert versions == served

    runtime = cloud.client("personalize-runtime")
    assert 5 == len(runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=5)["itemList"])
    with pytest.raises(runtime.exceptions.ResourceNotFoundException):
        runtime.get_recommendations(campaignArn=f"{campaign}-absent", userId="u1")

    delete(cloud, f"{name}-campaigns")
    delete(cloud, name)
    for kind in ("campaigns", "solutions", "event_trackers", "datasets", "dataset_groups", "schemas"):
        answer = getattr(personalize, f"list_{kind}")()
        listed = next(value for key, value in answer.items() if isinstance(value, list))
        assert [] == [found["name"] for found in listed if found["name"].startswith(name)], kind


def test_an_import_that_fails_takes_its_dataset_back_and_says_why(cloud, name):
    """The stack rolls back with the service's own reason, and nothing of it is left."""
    cloud.client("s3").create_bucket(Bucket=name)
    with pytest.raises(AssertionError):
        deploy(cloud, name, _resources(name))
    assert "ROLLBACK_COMPLETE" == stack_status(cloud, name)
    assert any("CREATE FAILED" in reason and "NotStabilized" in reason for reason in failures(cloud, name))
    assert [] == [
        group for group in cloud.client("personalize").list_dataset_groups()["datasetGroups"] if group["name"] == name
    ]
    delete(cloud, name)


def test_a_refused_property_is_the_stacks_reason(cloud, name):
    """The service's validation message reaches the stack's events; the topic made before is gone again."""
    resources = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
        "Group": {"Type": "AWS::Personalize::DatasetGroup", "DependsOn": "Topic", "Properties": {"Name": "no spaces"}},
    }
    with pytest.raises(AssertionError):
        deploy(cloud, name, resources)
    assert "ROLLBACK_COMPLETE" == stack_status(cloud, name)
    assert any("(HandlerErrorCode: InvalidRequest)" in reason for reason in failures(cloud, name))
    topics = [topic["TopicArn"] for topic in cloud.client("sns").list_topics()["Topics"]]
    assert [] == [arn for arn in topics if arn.endswith(name)]
    delete(cloud, name)


def test_what_cannot_be_changed_is_replaced_or_refused(cloud, seed, name):
    """A new expression under a new name replaces the filter; under the old name it is refused and all stays."""
    views, favourites = (
        f'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("{kind}")' for kind in ("DetailView", "Favorite")
    )

    def existing() -> dict[str, str]:
        personalize = cloud.client("personalize")
        listed = personalize.list_filters(datasetGroupArn=f"{ARN}dataset-group/{name}")["Filters"]
        return {
            f["name"]: personalize.describe_filter(filterArn=f["filterArn"])["filter"]["filterExpression"]
            for f in listed
        }

    deploy(cloud, name, _resources(name, filters={f"{name}-1": views}))
    with pytest.raises(AssertionError, match="AlreadyExists"):
        deploy(cloud, name, _resources(name, filters={f"{name}-1": favourites}))
    assert ("UPDATE_ROLLBACK_COMPLETE", {f"{name}-1": views}) == (stack_status(cloud, name), existing())
    deploy(cloud, name, _resources(name, filters={f"{name}-2": favourites}))
    eventually(existing, lambda found: found == {f"{name}-2": favourites})
    delete(cloud, name)


def test_a_bucket_that_holds_objects_is_not_deleted(cloud, name):
    """As on AWS the stack ends DELETE_FAILED until the bucket, its versions included, is empty."""
    s3, client = cloud.client("s3"), cloud.client("cloudformation")
    versioned = {"BucketName": name, "VersioningConfiguration": {"Status": "Enabled"}}
    deploy(cloud, name, {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": versioned}})
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    s3.delete_object(Bucket=name, Key="k")
    client.delete_stack(StackName=name)
    eventually(lambda: stack_status(cloud, name), lambda status: status == "DELETE_FAILED")
    assert any("not empty" in reason for reason in failures(cloud, name))
    found = s3.list_object_versions(Bucket=name)
    for version in found.get("Versions", []) + found.get("DeleteMarkers", []):
        s3.delete_object(Bucket=name, Key="k", VersionId=version["VersionId"])
    delete(cloud, name)


def test_state_machines_speak_to_personalize_with_its_own_names(cloud, seed, name):
    """Both aws-sdk integrations: members by the model, keys of maps untouched, AWS's error names."""
    deploy(cloud, name, _resources(name))
    version = _train(cloud, name)
    campaign = f"{ARN}campaign/{name}"

    def task(service: str, action: str, parameters: dict[str, Any], then: str | None) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": f"arn:aws:states:::aws-sdk:{service}:{action}",
            "Parameters": parameters,
            "ResultPath": f"$.{action}",
            **({"Next": then} if then else {"End": True}),
        }

    describe = task("personalize", "describeCampaign", {"CampaignArn": campaign}, "Ready")
    states = {
        "Create": task(
            "personalize",
            "createCampaign",
            {"Name": name, "SolutionVersionArn": version},
            "Describe",
        ),
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Describe"},
        "Describe": describe,
        "Ready": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.describeCampaign.Campaign.Status", "StringEquals": "ACTIVE", "Next": "Recommend"}
            ],
            "Default": "Wait",
        },
        "Recommend": task(
            "personalizeruntime",
            "getRecommendations",
            {"CampaignArn": campaign, "UserId": "u1", "NumResults": 3, "Context": {"DEVICE": "phone"}},
            "Absent",
        ),
        "Absent": {
            **task("personalizeruntime", "getRecommendations", {"CampaignArn": f"{campaign}-no", "UserId": "u"}, None),
            "ResultPath": "$.absent",
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.absent", "Next": "Twice"}],
        },
        "Twice": {
            **task("personalize", "createSchema", {"Name": name, "Schema": json.dumps(SCHEMA)}, None),
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.twice", "Next": "Done"}],
        },
        "Done": {"Type": "Succeed"},
    }
    machine = cloud.client("stepfunctions").create_state_machine(
        name=name, roleArn=ROLE, definition=json.dumps({"StartAt": "Create", "States": states})
    )["stateMachineArn"]
    execution = cloud.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    ended = eventually(
        lambda: cloud.client("stepfunctions").describe_execution(executionArn=execution),
        lambda seen: seen["status"] != "RUNNING",
    )
    assert "SUCCEEDED" == ended["status"], ended
    output = json.loads(ended["output"])
    assert campaign == output["createCampaign"]["CampaignArn"]
    described = output["describeCampaign"]["Campaign"]
    assert version == described["SolutionVersionArn"]
    assert described["CreationDateTime"].endswith("Z")
    assert [["ItemId", "Score"]] * 3 == [sorted(item) for item in output["getRecommendations"]["ItemList"]]
    assert "PersonalizeRuntime.ResourceNotFoundException" == output["absent"]["Error"]
    assert "Personalize.ResourceAlreadyExistsException" == output["twice"]["Error"]
    cloud.client("personalize").delete_campaign(campaignArn=campaign)
    eventually(lambda: not cloud.client("personalize").list_campaigns(solutionArn=f"{ARN}solution/{name}")["campaigns"])
    delete(cloud, name)
