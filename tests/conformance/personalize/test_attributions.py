"""Metric attributions, algorithms, feature transformations and AutoML."""

import csv
import io
from typing import Any

import pytest

from tests.personalize_world import (
    ANIMALS,
    INTERACTIONS,
    ITEMS,
    ROLE,
    VISITORS,
    World,
    gone,
    interactions_csv,
    items_csv,
    settled,
)

VIEWS = {"eventType": "DetailView", "metricName": "views", "expression": "SAMPLECOUNT()"}
WORTH = {"eventType": "AIF", "metricName": "worth", "expression": "SUM(Items.ITEM_VALUE)"}
OUTPUT = {"s3DataDestination": {"path": "s3://reports/"}, "roleArn": ROLE}


@pytest.fixture
def group(world: World) -> str:
    group = world.group()
    world.dataset(group, "Interactions", INTERACTIONS)
    world.dataset(group, "Items", ITEMS)
    return group


def _made(world: World, group: str, *metrics: dict[str, str], name: str = "impact") -> str:
    arn = world.control.create_metric_attribution(
        name=name, datasetGroupArn=group, metrics=list(metrics), metricsOutputConfig=OUTPUT
    )["metricAttributionArn"]
    settled(lambda: _described(world, arn))
    return str(arn)


def _described(world: World, arn: str) -> Any:
    return world.control.describe_metric_attribution(metricAttributionArn=arn)["metricAttribution"]


def _metrics(world: World, arn: str, **more: Any) -> Any:
    return world.control.list_metric_attribution_metrics(metricAttributionArn=arn, **more)


def test_an_attribution_lives_and_changes(world: World, group: str) -> None:
    """Made, listed with its metrics by page, changed, and deleted before its group."""
    control = world.control
    arn = _made(world, group, VIEWS, WORTH)
    assert world.arn("metric-attribution/impact") == arn
    shown = _described(world, arn)
    assert ("ACTIVE", group, OUTPUT) == (shown["status"], shown["datasetGroupArn"], shown["metricsOutputConfig"])
    first = _metrics(world, arn, maxResults=1)
    assert [VIEWS] == first["metrics"]
    assert [WORTH] == _metrics(world, arn, nextToken=first["nextToken"])["metrics"]
    other = {**VIEWS, "metricName": "likes", "eventType": "Favorite"}
    control.update_metric_attribution(metricAttributionArn=arn, addMetrics=[other], removeMetrics=["views"])
    assert [WORTH, other] == _metrics(world, arn)["metrics"]
    listed = control.list_metric_attributions(datasetGroupArn=group)["metricAttributions"]
    assert [arn] == [one["metricAttributionArn"] for one in listed]
    with pytest.raises(control.exceptions.ResourceInUseException, match="metric-attribution"):
        control.delete_dataset_group(datasetGroupArn=group)
    control.delete_metric_attribution(metricAttributionArn=arn)
    gone(lambda: _described(world, arn), control.exceptions.ResourceNotFoundException)


@pytest.mark.parametrize(
    "expression", ["COUNT()", "SUM(Items.ANIMAL_TYPE)", "SUM(Items.NOTHING)", "SUM(Users.AGE)", "SUM(ITEM_VALUE)"]
)
def test_expressions_count_or_sum_numbers(world: World, group: str, expression: str) -> None:
    """Anything but SAMPLECOUNT() and a SUM over a column of numbers is refused."""
    with pytest.raises(world.control.exceptions.InvalidInputException, match=r"Expression|no column of numbers"):
        _made(world, group, {**VIEWS, "expression": expression})


def test_metrics_have_names_of_their_own(world: World, group: str) -> None:
    """A name twice, a name in use, a name that is not there, ten metrics at most."""
    control = world.control
    with pytest.raises(control.exceptions.InvalidInputException, match="twice"):
        _made(world, group, VIEWS, VIEWS)
    arn = _made(world, group, VIEWS)
    with pytest.raises(control.exceptions.ResourceAlreadyExistsException):
        _made(world, group, VIEWS)
    with pytest.raises(control.exceptions.ResourceAlreadyExistsException):
        control.update_metric_attribution(metricAttributionArn=arn, addMetrics=[VIEWS])
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.update_metric_attribution(metricAttributionArn=arn, removeMetrics=["worth"])
    many = [{**VIEWS, "metricName": f"m{number}"} for number in range(10)]
    with pytest.raises(control.exceptions.InvalidInputException, match="10 metrics"):
        control.update_metric_attribution(metricAttributionArn=arn, addMetrics=many)
    assert [VIEWS] == _metrics(world, arn)["metrics"]
    with pytest.raises(control.exceptions.InvalidInputException):
        _metrics(world, world.arn("metric-attribution/none"))


def test_imports_report_where_they_are_asked_to(world: World, group: str) -> None:
    """With publishAttributionMetricsToS3 and an active attribution a report lies in its folder; else none does."""
    reports = world.server.s3_root / "reports"
    interactions = world.arn("dataset/pets/INTERACTIONS")
    world.load(interactions, interactions_csv(), "before", publishAttributionMetricsToS3=True)
    world.load(world.arn("dataset/pets/ITEMS"), items_csv(), "items")
    _made(world, group, VIEWS, {**WORTH, "eventType": "Favorite"})
    world.load(interactions, interactions_csv(), "silent")
    assert not reports.exists()
    job = world.load(interactions, interactions_csv(), "loud", publishAttributionMetricsToS3=True)
    assert ("ACTIVE", True) == (job["status"], job["publishAttributionMetricsToS3"])
    (file,) = reports.iterdir()
    assert file.name.startswith("AggregatedAttributionMetrics - FULL - ")
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    totals = {
        name: sum(float(row["VALUE"]) for row in rows if row["METRIC_NAME"] == name) for name in ("views", "worth")
    }
    assert 15 * VISITORS == totals["views"]
    assert sum(number % ANIMALS / 10 for number in range(VISITORS)) == pytest.approx(totals["worth"], abs=1e-4)
    assert {"SOURCE_NAME_UNDEFINED"} == {row["EVENT_ATTRIBUTION_SOURCE"] for row in rows}


def test_algorithms_and_transformations_are_those_of_the_recipes(world: World) -> None:
    """What DescribeRecipe names can be described, with the recipe's settings; nothing else can."""
    control = world.control
    for summary in control.list_recipes()["recipes"]:
        recipe = control.describe_recipe(recipeArn=summary["recipeArn"])["recipe"]
        algorithm = control.describe_algorithm(algorithmArn=recipe["algorithmArn"])["algorithm"]
        assert recipe["algorithmArn"] == algorithm["algorithmArn"]
        ranges = [one["name"] for listed in algorithm["defaultHyperParameterRanges"].values() for one in listed]
        assert sorted(algorithm["defaultHyperParameters"]) == sorted(ranges)
        transformation = control.describe_feature_transformation(
            featureTransformationArn=recipe["featureTransformationArn"]
        )["featureTransformation"]
        assert "ACTIVE" == transformation["status"]
    for describe, request in (
        (control.describe_algorithm, {"algorithmArn": "arn:aws:personalize:::algorithm/none"}),
        (control.describe_feature_transformation, {"featureTransformationArn": world.arn("feature-transformation/x")}),
    ):
        with pytest.raises(control.exceptions.ResourceNotFoundException):
            describe(**request)


def test_auto_ml_chooses_a_recipe(world: World, group: str) -> None:
    """The first one that is listed, user-personalization without a list; the choice is shown."""
    listed = ["arn:aws:personalize:::recipe/aws-sims", "arn:aws:personalize:::recipe/aws-popularity-count"]
    for name, config, chosen in (
        ("listed", {"autoMLConfig": {"recipeList": listed}}, listed[0]),
        ("unlisted", {}, "arn:aws:personalize:::recipe/aws-user-personalization"),
    ):
        arn = world.control.create_solution(
            name=name, datasetGroupArn=group, performAutoML=True, solutionConfig=config
        )["solutionArn"]
        shown = world.control.describe_solution(solutionArn=arn)["solution"]
        assert (True, chosen, chosen) == (
            shown["performAutoML"],
            shown["recipeArn"],
            shown["autoMLResult"]["bestRecipeArn"],
        )
    with pytest.raises(world.control.exceptions.InvalidInputException, match="recipeArn is required"):
        world.control.create_solution(name="none", datasetGroupArn=group)
