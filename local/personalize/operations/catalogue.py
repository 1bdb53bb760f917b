"""What every account sees: recipes."""

from typing import TYPE_CHECKING

from local.personalize.errors import not_found
from local.personalize.recipes import RECIPES, Recipe, recipe_of
from local.personalize.validation import Json
from local.personalize.views import page

if TYPE_CHECKING:
    from local.personalize.service import Personalize

_MADE = 1_541_030_400.0  # 1 November 2018; a fixed time, so that answers do not change


def describe_recipe(service: "Personalize", request: Json) -> Json:
    """DescribeRecipe."""
    recipe = recipe_of(request["recipeArn"])
    if recipe is None:
        raise not_found(request["recipeArn"])
    return {
        "recipe": {
            **_summary(service, recipe),
            "algorithmArn": service.account.public_arn(f"algorithm/{recipe.algorithm}"),
            "featureTransformationArn": service.account.public_arn(
                f"feature-transformation/{recipe.feature_transformation}"
            ),
            "description": recipe.description,
            "recipeType": recipe.type,
        }
    }


def _summary(service: "Personalize", recipe: Recipe) -> Json:
    return {
        "name": recipe.name,
        "recipeArn": service.account.public_arn(f"recipe/{recipe.name}"),
        "status": "ACTIVE",
        "creationDateTime": _MADE,
        "lastUpdatedDateTime": _MADE,
    }


def list_recipes(service: "Personalize", request: Json) -> Json:
    """ListRecipes: the custom recipes; there are none of the domains."""
    shown = [] if "domain" in request else [_summary(service, recipe) for recipe in RECIPES.values()]
    return page("recipes", list(enumerate(shown, 1)), request)
