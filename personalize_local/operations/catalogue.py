"""What every account sees: recipes, their algorithms and feature transformations."""

from personalize_local.control.service_context import ServiceContext
from personalize_local.control.views import page
from personalize_local.model.domains import DOMAIN_RECIPES, DOMAINS, domain_recipe_of
from personalize_local.model.errors import not_found
from personalize_local.model.recipes import RECIPES, Recipe, recipe_of
from personalize_local.model.validation import Json

_EVERY = {**RECIPES, **DOMAIN_RECIPES}
_RECIPES_A_PAGE = 20
_MADE = 1_541_030_400.0  # 1 November 2018; a fixed time, so that answers do not change


def describe_recipe(core: ServiceContext, request: Json) -> Json:
    """DescribeRecipe, of a domain too."""
    recipe = recipe_of(request["recipeArn"]) or domain_recipe_of(request["recipeArn"])
    if recipe is None:
        raise not_found("recipe", request["recipeArn"])
    return {
        "recipe": {
            **_summary(core, recipe),
            "algorithmArn": core.account.public_arn(f"algorithm/{recipe.algorithm}"),
            "featureTransformationArn": core.account.public_arn(
                f"feature-transformation/{recipe.feature_transformation}"
            ),
            "description": recipe.description,
            "recipeType": recipe.type,
        }
    }


def _summary(core: ServiceContext, recipe: Recipe) -> Json:
    return {
        "name": recipe.name,
        "recipeArn": core.account.public_arn(f"recipe/{recipe.name}"),
        "status": "ACTIVE",
        "creationDateTime": _MADE,
        "lastUpdatedDateTime": _MADE,
    }


def describe_algorithm(core: ServiceContext, request: Json) -> Json:
    """DescribeAlgorithm: the hyperparameters of the recipe behind it. There is no image and no role here."""
    arn = request["algorithmArn"]
    recipe = _named(core, arn, "algorithm")
    ranges = {"integer": [], "continuous": [], "categorical": []}  # type: dict[str, list[Json]]
    for name, parameter in recipe.hyperparameters.items():
        bounds = {"name": name, "isTunable": parameter.tunable}
        if parameter.words:
            ranges["categorical"].append({**bounds, "values": list(parameter.words)})
        elif parameter.whole:
            ranges["integer"].append({**bounds, "minValue": int(parameter.low), "maxValue": int(parameter.high)})
        else:
            ranges["continuous"].append({**bounds, "minValue": parameter.low, "maxValue": parameter.high})
    return {
        "algorithm": {
            "name": recipe.algorithm,
            "algorithmArn": arn,
            "defaultHyperParameters": {name: one.default for name, one in recipe.hyperparameters.items()},
            "defaultHyperParameterRanges": {f"{kind}HyperParameterRanges": listed for kind, listed in ranges.items()},
            "trainingInputMode": "File",
            "creationDateTime": _MADE,
            "lastUpdatedDateTime": _MADE,
        }
    }


def describe_feature_transformation(core: ServiceContext, request: Json) -> Json:
    """DescribeFeatureTransformation."""
    arn = request["featureTransformationArn"]
    recipe = _named(core, arn, "feature-transformation")
    return {
        "featureTransformation": {
            "name": recipe.feature_transformation,
            "featureTransformationArn": arn,
            "defaultParameters": {
                name: one.default
                for other in RECIPES.values()
                if other.feature_transformation == recipe.feature_transformation
                for name, one in other.featurization.items()
            },
            "status": "ACTIVE",
            "creationDateTime": _MADE,
            "lastUpdatedDateTime": _MADE,
        }
    }


def _named(core: ServiceContext, arn: str, kind: str) -> Recipe:
    """The first recipe with the algorithm or feature transformation of this ARN."""
    for recipe in _EVERY.values():
        name = recipe.algorithm if kind == "algorithm" else recipe.feature_transformation
        if arn == core.account.public_arn(f"{kind}/{name}"):
            return recipe
    raise not_found(kind, arn)


def list_recipes(core: ServiceContext, request: Json) -> Json:
    """ListRecipes: by name, those of the domains among them unless the request asks for one domain.

    A page of a request that names no size ends before the list does, as in recorded answers: clients ask for the second
    page without a look whether there is one, and look no further.
    """
    wanted = request.get("domain")
    shown = [
        {**_summary(core, recipe), **({"domain": DOMAINS[name]} if name in DOMAINS else {})}
        for name, recipe in sorted(_EVERY.items())
        if wanted in (None, DOMAINS.get(name))
    ]
    return page("recipes", list(enumerate(shown, 1)), request, size=_RECIPES_A_PAGE)
