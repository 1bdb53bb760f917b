"""The table of recipes, and what their settings allow."""

import pytest

from local.engine.registry import MODELS
from local.personalize.errors import ServiceError
from local.personalize.recipes import RECIPES, check_hyperparameters, recipe_of


def test_models_are_the_engines() -> None:
    """Each recipe with a model names one that the engine has."""
    assert set() == {recipe.model for recipe in RECIPES.values() if recipe.model} - set(MODELS)


def test_recipes_are_found_by_arn() -> None:
    """By the ARN without region and account, and by no other."""
    assert RECIPES["aws-sims"] == recipe_of("arn:aws:personalize:::recipe/aws-sims")
    for arn in ("arn:aws:personalize:us-east-1:000000000000:recipe/aws-sims", "arn:aws:personalize:::recipe/none", "x"):
        assert recipe_of(arn) is None


@pytest.mark.parametrize(
    "given", [{"hidden_dimension": "32"}, {"bptt": "2"}, {"recency_mask": "True"}, {"recency_mask": "false"}]
)
def test_settings_within_their_range_are_taken(given: dict[str, str]) -> None:
    """Bounds belong to the range, and words come in any case."""
    check_hyperparameters(RECIPES["aws-user-personalization"], given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"hidden_dimension": "31"}, r"\[32, 256\], not 31"),
        ({"hidden_dimension": "40.5"}, "must be an integer"),
        ({"recency_mask": "1"}, "one of true, false"),
        ({"apply_recency_bias": "true"}, "it has hidden_dimension, bptt, recency_mask"),
    ],
)
def test_other_settings_are_refused(given: dict[str, str], problem: str) -> None:
    """The message names the setting and what is allowed."""
    with pytest.raises(ServiceError, match=problem):
        check_hyperparameters(RECIPES["aws-user-personalization"], given)


def test_featurization_is_apart() -> None:
    """Feature transformation parameters are another list than hyperparameters."""
    recipe = RECIPES["aws-personalized-ranking"]
    check_hyperparameters(recipe, {"min_user_history_length_percentile": "0.5"}, featurization=True)
    with pytest.raises(ServiceError, match="must be a number"):
        check_hyperparameters(recipe, {"min_user_history_length_percentile": "half"}, featurization=True)
    with pytest.raises(ServiceError, match="no feature transformation parameter bptt"):
        check_hyperparameters(recipe, {"bptt": "3"}, featurization=True)
