"""The AWS::Personalize::* types, made through the API of a real embedded Personalize."""

import itertools
import json
from typing import Any

import boto3
import httpx
import pytest

from local_cloud.emulator.cloudformation.resources import RESOURCE_TYPES, Provisioner, ResourceError, tags_of, to_api
from personalize_local.api.guard import LOCAL_REQUEST
from personalize_local.testing import LocalPersonalize
from tests.deadline import eventually

ARN = "arn:aws:personalize:us-east-1:000000000000:"
ROLE = "arn:aws:iam::000000000000:role/any"
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
ROWS = [f"u{u},i{(u * 7 + k) % 40},{1_700_000_000 + 60 * k + u},View" for u in range(40) for k in range(30)]


@pytest.fixture
def personalize(tmp_path):
    with LocalPersonalize(tmp_path) as server:
        folder = server.s3_root / "seed" / "data"
        folder.mkdir(parents=True)
        (folder / "part.csv").write_text("\n".join(["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE", *ROWS]) + "\n")
        yield server


@pytest.fixture
def provisioner(personalize):
    client = personalize.client("personalize")
    return lambda kind, **options: Provisioner(RESOURCE_TYPES[f"AWS::Personalize::{kind}"], lambda: client, **options)


@pytest.fixture
def fault(personalize):
    """Makes the server misbehave; what was asked for is forgotten after the test."""

    def call(method: str, body: Any = None) -> None:
        url = f"{personalize.endpoint}/_local/faults"
        httpx.request(method, url, json=body, headers=LOCAL_REQUEST).raise_for_status()

    yield lambda body: call("POST", body)
    call("DELETE")


_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    return f"n{next(_numbers)}"


def _dataset(provisioner, name: str, location: str = "s3://seed/data/") -> tuple[str, dict[str, Any]]:
    """A group and a schema; the properties of a dataset of theirs."""
    group, _ = provisioner("DatasetGroup").create("Group", {"Name": name}, "stack")
    schema, _ = provisioner("Schema").create("Schema", {"Name": name, "Schema": json.dumps(SCHEMA)}, "stack")
    job = {"JobName": name, "DataSource": {"DataLocation": location}, "RoleArn": ROLE}
    return group, {
        "Name": name,
        "DatasetGroupArn": group,
        "DatasetType": "Interactions",
        "SchemaArn": schema,
        "DatasetImportJob": job,
    }


def test_a_created_resource_is_active_and_has_its_attributes(personalize, provisioner, name):
    """Name, ARN and tags as the template says; GetAtt's attributes by their CloudFormation names."""
    properties = {"Name": name, "Tags": [{"Key": "environment", "Value": "local"}]}
    arn, attributes = provisioner("DatasetGroup").create("Group", properties, "stack")
    assert (f"{ARN}dataset-group/{name}", {"DatasetGroupArn": arn}) == (arn, attributes)
    client = personalize.client("personalize")
    assert "ACTIVE" == client.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]["status"]
    assert [{"tagKey": "environment", "tagValue": "local"}] == client.list_tags_for_resource(resourceArn=arn)["tags"]


def test_a_resource_without_a_name_is_named_after_its_place(provisioner, name):
    """Stack and logical id, as CloudFormation names what the template does not."""
    arn, _ = provisioner("DatasetGroup").create("Group", {}, name)
    assert f"{ARN}dataset-group/{name}-Group" == arn


def test_tags_of_a_type_whose_creation_takes_none_are_set_afterwards(personalize, provisioner, name):
    """CreateSchema has no tags; the resource has them all the same."""
    properties = {"Name": name, "Schema": json.dumps(SCHEMA), "Tags": [{"Key": "a", "Value": "b"}]}
    arn, attributes = provisioner("Schema").create("Schema", properties, "stack")
    assert {"SchemaArn": arn} == attributes
    tags = personalize.client("personalize").list_tags_for_resource(resourceArn=arn)["tags"]
    assert [{"tagKey": "a", "tagValue": "b"}] == tags


def test_a_dataset_is_ready_when_its_data_is_imported(personalize, provisioner, name):
    """The import job of the template has run; a tracker, a filter and a solution can follow; all can be deleted."""
    group, properties = _dataset(provisioner, name)
    dataset, attributes = provisioner("Dataset").create("Dataset", properties, "stack")
    assert {"DatasetArn": dataset} == attributes
    client = personalize.client("personalize")
    (job,) = client.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"]
    assert (name, "ACTIVE") == (job["jobName"], job["status"])

    inside = {"Name": name, "DatasetGroupArn": group}
    tracker, got = provisioner("EventTracker").create("Tracker", inside, "stack")
    assert {"EventTrackerArn", "TrackingId"} == set(got)
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
    filter_, got = provisioner("Filter").create("Filter", {**inside, "FilterExpression": expression}, "stack")
    assert ("ACTIVE", filter_) == (got["Status"], got["FilterArn"])
    recipe = {"RecipeArn": "arn:aws:personalize:::recipe/aws-user-personalization-v2"}
    solution, _ = provisioner("Solution").create("Solution", {**inside, **recipe}, "stack")

    made = [("Solution", solution), ("Filter", filter_), ("EventTracker", tracker), ("Dataset", dataset)]
    for kind, arn in [*made, ("Schema", str(properties["SchemaArn"])), ("DatasetGroup", group)]:
        provisioner(kind).delete(arn, {})
    assert [] == [g for g in client.list_dataset_groups()["datasetGroups"] if g["name"] == name]
    provisioner("Solution").delete(solution, {})


def test_a_failed_import_names_its_reason_and_leaves_no_dataset(personalize, provisioner, name):
    """The failure is the stack's; CloudFormation could not delete what it was never told of."""
    group, properties = _dataset(provisioner, name, location="s3://seed/absent/")
    with pytest.raises(ResourceError, match=r"CREATE FAILED: .*NotStabilized"):
        provisioner("Dataset").create("Dataset", properties, "stack")
    assert [] == personalize.client("personalize").list_datasets(datasetGroupArn=group)["datasets"]


def test_new_data_of_a_dataset_is_imported_and_other_changes_import_nothing(personalize, provisioner, name):
    """A changed import job runs; unchanged it does not."""
    _, properties = _dataset(provisioner, name)
    dataset, _ = provisioner("Dataset").create("Dataset", properties, "stack")
    changed = {**properties, "DatasetImportJob": {**properties["DatasetImportJob"], "JobName": f"{name}-2"}}
    for new in (changed, {**changed, "Tags": [{"Key": "a", "Value": "b"}]}):
        assert dataset == provisioner("Dataset").update(dataset, properties, new, "stack")[0]
        properties = new
    jobs = personalize.client("personalize").list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"]
    assert {name, f"{name}-2"} == {job["jobName"] for job in jobs}
    assert 2 == len(jobs)


def test_a_taken_name_is_refused_with_cloudformations_code(provisioner, name):
    """`AlreadyExists` and the service's message; the first one stays."""
    arn, _ = provisioner("DatasetGroup").create("Group", {"Name": name}, "stack")
    with pytest.raises(ResourceError, match=rf"{arn} already exists.*HandlerErrorCode: AlreadyExists") as refused:
        provisioner("DatasetGroup").create("Group", {"Name": name}, "stack")
    assert "AlreadyExists" == refused.value.code


def test_what_does_not_come_to_an_end_in_time_is_given_up(provisioner, name, caplog):
    """By the clock that the caller gives; the message says in which state it stayed."""
    hours = itertools.count(step=3600.0)
    stuck = _Stuck(provisioner("DatasetGroup").client().meta)
    group = Provisioner(
        RESOURCE_TYPES["AWS::Personalize::DatasetGroup"], lambda: stuck, lambda: next(hours), lambda _: None
    )
    with caplog.at_level("WARNING"), pytest.raises(ResourceError, match=r"is still CREATE IN_PROGRESS.*NotStabilized"):
        group.create("Group", {"Name": name}, "stack")
    assert "is left behind" in caplog.text
    with pytest.raises(ResourceError, match="was not deleted in time"):
        group.delete(f"{ARN}dataset-group/{name}", {})


class _Stuck:
    """A client of a service where nothing ever comes to an end."""

    def __init__(self, meta) -> None:
        self.meta = meta

    def create_dataset_group(self, *, name: str):
        return {"datasetGroupArn": f"{ARN}dataset-group/{name}"}

    def describe_dataset_group(self, **_):
        return {"datasetGroup": {"status": "CREATE IN_PROGRESS"}}

    def delete_dataset_group(self, **_):
        return {}


def test_a_campaign_follows_its_version_and_a_failed_update_is_said(personalize, provisioner, fault, name):
    """Update waits for the update, not for the campaign, which is ACTIVE all the time."""
    group, properties = _dataset(provisioner, name)
    provisioner("Dataset").create("Dataset", properties, "stack")
    recipe = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
    inside = {"Name": name, "DatasetGroupArn": group, "RecipeArn": recipe}
    solution, _ = provisioner("Solution").create("Solution", inside, "stack")
    client = personalize.client("personalize")
    versions = [client.create_solution_version(solutionArn=solution)["solutionVersionArn"] for _ in range(2)]
    eventually(lambda: {v["status"] for v in _versions(client, solution)} == {"ACTIVE"})
    old, new = ({"Name": name, "SolutionVersionArn": version, "MinProvisionedTPS": "1"} for version in versions)
    campaign, attributes = provisioner("Campaign").create("Campaign", old, "stack")
    assert "ACTIVE" == attributes["Status"]
    assert attributes["CreationDateTime"].startswith("20")
    provisioner("Campaign").update(campaign, old, new, "stack")
    assert versions[1] == client.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    fault(
        {
            "operation": "UpdateCampaign",
            "times": 1,
            "outcome": {"status": "CREATE FAILED", "failureReason": "no capacity"},
        }
    )
    with pytest.raises(ResourceError, match="CREATE FAILED: no capacity"):
        provisioner("Campaign").update(campaign, new, old, "stack")


def _versions(client, solution: str):
    return client.list_solution_versions(solutionArn=solution)["solutionVersions"]


def test_tags_are_changed_in_place(personalize, provisioner, name):
    """Dropped keys go, changed and new ones are set."""
    group, properties = _dataset(provisioner, name)
    provisioner("Dataset").create("Dataset", properties, "stack")
    old = {"Name": name, "DatasetGroupArn": group, "Tags": [{"Key": k, "Value": "1"} for k in "ab"]}
    new = {**old, "Tags": [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}]}
    tracker, _ = provisioner("EventTracker").create("Tracker", old, "stack")
    provisioner("EventTracker").update(tracker, old, new, "stack")
    tags = personalize.client("personalize").list_tags_for_resource(resourceArn=tracker)["tags"]
    assert {"b": "2", "c": "3"} == {tag["tagKey"]: tag["tagValue"] for tag in tags}


def test_a_deletion_that_is_refused_is_said(provisioner, name):
    """A group that still has a dataset stays, and the stack hears why."""
    group, properties = _dataset(provisioner, name)
    provisioner("Dataset").create("Dataset", properties, "stack")
    with pytest.raises(ResourceError, match="HandlerErrorCode: ResourceConflict"):
        provisioner("DatasetGroup").delete(group, {})


def test_a_server_that_is_away_is_an_internal_error():
    """No answer at all is not a fault of the template."""
    away = boto3.client(
        "personalize",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="t",
        aws_secret_access_key="t",
        config=boto3.session.Config(retries={"total_max_attempts": 1}),
    )
    gone = Provisioner(RESOURCE_TYPES["AWS::Personalize::Schema"], lambda: away)
    with pytest.raises(ResourceError, match="ServiceInternalError"):
        gone.create("Schema", {"Schema": "{}"}, "stack")


@pytest.mark.parametrize(
    ("properties", "sent"),
    [
        ({"MinProvisionedTPS": "3"}, {"minProvisionedTPS": 3}),
        (
            {"CampaignConfig": {"EnableMetadataWithRecommendations": "true"}},
            {"campaignConfig": {"enableMetadataWithRecommendations": True}},
        ),
        (
            {"CampaignConfig": {"ItemExplorationConfig": {"explorationWeight": 0.3}}},
            {"campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0.3"}}},
        ),
        ({"Name": True, "Unknown": 1}, {"name": "true", "Unknown": 1}),
    ],
)
def test_properties_are_spelled_and_typed_as_the_api_has_them(provisioner, properties, sent):
    """Member names by the model; CloudFormation's texts and numbers become what the member is; map keys stay."""
    model = provisioner("Campaign").client().meta.service_model
    assert sent == to_api(properties, model.operation_model("CreateCampaign").input_shape)


def test_nested_lists_and_floats_are_converted_too(provisioner):
    """HPO ranges have lists of structures with doubles."""
    shape = provisioner("Solution").client().meta.service_model.operation_model("CreateSolution").input_shape
    ranges = {"ContinuousHyperParameterRanges": [{"Name": "x", "MinValue": "0.1", "MaxValue": 1}]}
    sent = to_api({"SolutionConfig": {"HpoConfig": {"AlgorithmHyperParameterRanges": ranges}}}, shape)
    (range_,) = sent["solutionConfig"]["hpoConfig"]["algorithmHyperParameterRanges"]["continuousHyperParameterRanges"]
    assert {"name": "x", "minValue": 0.1, "maxValue": 1} == range_


def test_tags_in_either_spelling_and_without_the_engines_own():
    """`Key` or `TagKey`; `aws:` keys belong to CloudFormation."""
    tags = [{"Key": "a", "Value": 1}, {"TagKey": "b", "TagValue": "2"}, {"Key": "aws:cloudformation:x", "Value": "y"}]
    assert {"a": "1", "b": "2"} == tags_of({"Tags": tags})
    assert {} == tags_of({})
