"""What every account sees: recipes by name and page, those of the domains among them; and lists of what is not here."""

from typing import Any

import pytest

from personalize_local.model.domains import DOMAINS
from personalize_local.model.recipes import RECIPES
from tests.personalize_world import RECIPE, World

SHOP, VIDEO = "ECOMMERCE", "VIDEO_ON_DEMAND"


def _listed(world: World, **request: Any) -> list[dict[str, Any]]:
    pages = world.control.get_paginator("list_recipes").paginate(**request)
    return [recipe for page in pages for recipe in page["recipes"]]


def test_recipes_come_by_name_with_those_of_the_domains(world: World) -> None:
    """Each once, in the order of their names; what a domain's recommenders are made of has `domain`, the rest has none."""
    listed = _listed(world)
    names = [recipe["name"] for recipe in listed]
    assert sorted({*RECIPES, *DOMAINS}) == names
    assert DOMAINS == {recipe["name"]: recipe["domain"] for recipe in listed if "domain" in recipe}
    assert {SHOP, VIDEO} == set(DOMAINS.values())


def test_the_first_page_of_recipes_is_not_the_last(world: World) -> None:
    """Published notebooks ask for the second page without a look whether there is one, and for no third."""
    first = world.control.list_recipes()
    second = world.control.list_recipes(nextToken=first["nextToken"])
    assert "nextToken" not in second
    assert sorted({*RECIPES, *DOMAINS}) == [one["name"] for page in (first, second) for one in page["recipes"]]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_request_can_say_how_long_a_page_of_recipes_is(world: World, size: int) -> None:
    """Every recipe comes once, whatever the size; a page of 100 holds all."""
    pages = list(world.control.get_paginator("list_recipes").paginate(PaginationConfig={"PageSize": size}))
    counts = [len(page["recipes"]) for page in pages]
    assert len(RECIPES) + len(DOMAINS) == sum(counts)
    assert {size} >= set(counts[:-1])


@pytest.mark.parametrize("domain", [SHOP, VIDEO])
def test_recipes_of_a_domain_are_listed_alone(world: World, domain: str) -> None:
    """`domain` narrows the list; `recipeProvider` can be SERVICE only and leaves out nothing."""
    expected = sorted(name for name, of in DOMAINS.items() if of == domain)
    assert expected == [recipe["name"] for recipe in _listed(world, domain=domain)]
    assert expected == [recipe["name"] for recipe in _listed(world, domain=domain, recipeProvider="SERVICE")]
    assert len(RECIPES) + len(DOMAINS) == len(_listed(world, recipeProvider="SERVICE"))


def test_every_listed_recipe_is_described(world: World) -> None:
    """With the algorithm and the transformation that can be described in turn; a recipe of no such name is refused."""
    control = world.control
    for listed in _listed(world):
        recipe = control.describe_recipe(recipeArn=listed["recipeArn"])["recipe"]
        assert (listed["name"], "ACTIVE") == (recipe["name"], recipe["status"])
        algorithm = control.describe_algorithm(algorithmArn=recipe["algorithmArn"])["algorithm"]
        assert recipe["algorithmArn"] == algorithm["algorithmArn"]
    with pytest.raises(control.exceptions.ResourceNotFoundException, match="The given recipe does not exist: "):
        control.describe_recipe(recipeArn=RECIPE + "none")


def test_a_solution_is_not_made_of_a_domains_recipe(world: World) -> None:
    """The refusal says what the recipe is for and what a solution needs."""
    refused = world.control.exceptions.InvalidInputException
    with pytest.raises(refused, match=r"recipe/aws-vod-top-picks is a domain's, for recommenders.*custom recipe"):
        world.control.create_solution(
            name="s", datasetGroupArn=world.arn("dataset-group/g"), recipeArn=RECIPE + "aws-vod-top-picks"
        )


def test_there_are_no_recommenders(world: World) -> None:
    """Clean-up scripts list them first: an empty page, whatever it is narrowed to; to make one is refused."""
    control, group = world.control, world.group()
    for request in ({}, {"datasetGroupArn": group}, {"maxResults": 100}):
        answer = control.list_recommenders(**request)
        assert ([], False) == (answer["recommenders"], "nextToken" in answer)
    assert [[]] == [page["recommenders"] for page in control.get_paginator("list_recommenders").paginate()]
    with pytest.raises(control.exceptions.InvalidNextTokenException):
        control.list_recommenders(nextToken="guess")
    with pytest.raises(control.exceptions.InvalidInputException, match="CreateRecommender is not supported"):
        control.create_recommender(name="r", datasetGroupArn=group, recipeArn=RECIPE + "aws-vod-top-picks")


@pytest.mark.parametrize(
    ("operation", "member", "resource"),
    [
        ("list_recommenders", "datasetGroupArn", "dataset-group/none"),
        ("list_solutions", "datasetGroupArn", "dataset-group/none"),
        ("list_event_trackers", "datasetGroupArn", "dataset-group/none"),
        ("list_filters", "datasetGroupArn", "dataset-group/none"),
        ("list_datasets", "datasetGroupArn", "dataset-group/none"),
        ("list_metric_attributions", "datasetGroupArn", "dataset-group/none"),
        ("list_data_deletion_jobs", "datasetGroupArn", "dataset-group/none"),
        ("list_campaigns", "solutionArn", "solution/none"),
        ("list_dataset_import_jobs", "datasetArn", "dataset/none/ITEMS"),
        ("list_dataset_export_jobs", "datasetArn", "dataset/none/ITEMS"),
        ("list_batch_inference_jobs", "solutionVersionArn", "solution/none/12345678"),
        ("list_batch_segment_jobs", "solutionVersionArn", "solution/none/12345678"),
    ],
)
def test_what_belongs_to_nothing_is_an_empty_list(world: World, operation: str, member: str, resource: str) -> None:
    """Recorded clean-ups go through the lists of a group that is gone, and meet an error in its deletion alone."""
    answer = getattr(world.control, operation)(**{member: world.arn(resource)})
    assert [[]] == [value for name, value in answer.items() if name != "ResponseMetadata"]
