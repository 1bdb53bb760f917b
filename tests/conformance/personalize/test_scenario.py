"""The life of a recommender, from the first schema to the last deletion, with boto3 over HTTP."""

import pytest

from tests.personalize_world import World, gone, settled, share_of


def test_from_schema_to_recommendations_to_nothing(world: World) -> None:
    """Everything is made, answers, and is taken away in the documented order, until nothing is listed any more."""
    group = world.seeded()
    control = world.control
    solution = world.solution(group, "aws-user-personalization-v2")
    first = world.train(solution, name="first")
    assert first["status"] == "ACTIVE"
    metrics = control.get_solution_metrics(solutionVersionArn=first["solutionVersionArn"])["metrics"]
    assert metrics["normalized_discounted_cumulative_gain_at_10"] > 0.1
    campaign = world.campaign(first["solutionVersionArn"])
    assert share_of("cat", world.recommended(campaign, "u1")) == 1.0
    assert share_of("dog", world.recommended(campaign, "u2")) == 1.0

    second = world.train(solution, name="second")["solutionVersionArn"]
    control.update_campaign(campaignArn=campaign, solutionVersionArn=second)
    update = settled(lambda: control.describe_campaign(campaignArn=campaign)["campaign"]["latestCampaignUpdate"])
    assert update["solutionVersionArn"] == second
    assert control.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"] == second

    in_use = control.exceptions.ResourceInUseException
    missing = control.exceptions.ResourceNotFoundException
    with pytest.raises(in_use, match="campaign"):
        control.delete_solution(solutionArn=solution)
    control.delete_campaign(campaignArn=campaign)
    gone(lambda: control.describe_campaign(campaignArn=campaign), missing)
    with pytest.raises(in_use, match=r"event-tracker|solution|dataset"):
        control.delete_dataset_group(datasetGroupArn=group)
    control.delete_solution(solutionArn=solution)
    gone(lambda: control.describe_solution(solutionArn=solution), missing)
    with pytest.raises(missing):
        control.describe_solution_version(solutionVersionArn=second)
    datasets = [one["datasetArn"] for one in control.list_datasets(datasetGroupArn=group)["datasets"]]
    with pytest.raises(in_use, match="event tracker"):
        control.delete_dataset(datasetArn=next(arn for arn in datasets if arn.endswith("INTERACTIONS")))
    tracker = control.list_event_trackers(datasetGroupArn=group)["eventTrackers"][0]["eventTrackerArn"]
    control.delete_event_tracker(eventTrackerArn=tracker)
    gone(lambda: control.describe_event_tracker(eventTrackerArn=tracker), missing)
    schemas = [one["schemaArn"] for one in control.list_schemas()["schemas"]]
    with pytest.raises(in_use, match="dataset"):
        control.delete_schema(schemaArn=schemas[0])
    for arn in datasets:
        control.delete_dataset(datasetArn=arn)
    for arn in datasets:
        gone(lambda arn=arn: control.describe_dataset(datasetArn=arn), missing)  # type: ignore[misc]
    for arn in schemas:
        control.delete_schema(schemaArn=arn)
    control.delete_dataset_group(datasetGroupArn=group)
    gone(lambda: control.describe_dataset_group(datasetGroupArn=group), missing)

    listed = {
        "dataset_groups": "datasetGroups",
        "datasets": "datasets",
        "dataset_import_jobs": "datasetImportJobs",
        "dataset_export_jobs": "datasetExportJobs",
        "schemas": "schemas",
        "event_trackers": "eventTrackers",
        "solutions": "solutions",
        "solution_versions": "solutionVersions",
        "campaigns": "campaigns",
        "filters": "Filters",
    }
    assert {kind: [] for kind in listed} == {
        kind: getattr(control, f"list_{kind}")()[member] for kind, member in listed.items()
    }


def test_arns_have_the_documented_forms(world: World) -> None:
    """Datasets carry the group's name and their type, versions and trackers eight hexadecimal digits."""
    group = world.seeded("shelter")
    tracker = world.control.list_event_trackers(datasetGroupArn=group)["eventTrackers"][0]["eventTrackerArn"]
    solution = world.solution(group, "aws-popularity-count", "popular")
    version = world.train(solution)["solutionVersionArn"]
    assert group == "arn:aws:personalize:us-east-1:000000000000:dataset-group/shelter"
    assert sorted(one["datasetArn"] for one in world.control.list_datasets()["datasets"]) == [
        "arn:aws:personalize:us-east-1:000000000000:dataset/shelter/INTERACTIONS",
        "arn:aws:personalize:us-east-1:000000000000:dataset/shelter/ITEMS",
    ]
    prefix, _, digits = tracker.rpartition("/")
    assert (prefix, len(digits), int(digits, 16) >= 0) == (world.arn("event-tracker"), 8, True)
    prefix, _, digits = version.rpartition("/")
    assert (prefix, len(digits), int(digits, 16) >= 0) == (solution, 8, True)
