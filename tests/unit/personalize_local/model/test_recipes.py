"""The table of recipes, and what their settings allow."""

from typing import Any

import pytest

from personalize_local.engine.recommenders.registry import MODELS, SEGMENTS
from personalize_local.model.errors import ServiceError
from personalize_local.model.recipes import RECIPES, Recipe, check_hyperparameters, check_tuning, recipe_of
from tests.refusal import refusal
from tests.unit.personalize_local.engine.worlds import lovers


def test_models_are_the_engines() -> None:
    """Each recipe with a model names one that the engine has, and each model stands for a recipe."""
    named = {recipe.model for recipe in RECIPES.values() if recipe.model}
    assert named == set(MODELS) | set(SEGMENTS)


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
    assert "" == refusal(ServiceError, check_hyperparameters, RECIPES["aws-user-personalization"], given)


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


TRAINED = [recipe for recipe in RECIPES.values() if recipe.model]


@pytest.mark.parametrize("recipe", TRAINED, ids=lambda recipe: recipe.name)
def test_defaults_are_allowed_and_the_engine_takes_them(recipe: Recipe) -> None:
    """Each default lies in its own range, and the engine's model knows every setting that it is given."""
    for listed, featurization in ((recipe.hyperparameters, False), (recipe.featurization, True)):
        defaults = {name: one.default for name, one in listed.items()}
        assert "" == refusal(ServiceError, check_hyperparameters, recipe, defaults, featurization=featurization)
    events, catalogue = lovers().events, lovers().catalogue
    model = {**MODELS, **SEGMENTS}[str(recipe.model)]
    model.fit(events, catalogue, **recipe.settings({}))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "config", "settings"),
    [
        ("aws-user-personalization-v2", {}, {"recency": 1.0}),
        (
            "aws-user-personalization-v2",
            {"algorithmHyperParameters": {"apply_recency_bias": "False"}},
            {"recency": 0.0},
        ),
        (
            "aws-personalized-ranking",
            {"algorithmHyperParameters": {"bptt": "8"}, "featureTransformationParameters": {}},
            {
                "rank": 149.0,
                "reach": 8.0,
                "recency": 1.0,
                "min_user_history_length_percentile": 0.0,
                "max_user_history_length_percentile": 0.99,
            },
        ),
        ("aws-trending-now", {}, {"interval": 7200.0}),
        (
            "aws-trending-now",
            {"featureTransformationParameters": {"trend_discovery_frequency": "30 Minutes"}},
            {"interval": 1800.0},
        ),
        (
            "aws-similar-items",
            {"algorithmHyperParameters": {"item_id_hidden_dim": "50"}},
            {"popularity_discount_factor": 0.0},
        ),
        ("aws-popularity-count", {}, {}),
        ("aws-item-affinity", {}, {"hidden_dimension": 149.0}),
    ],
)
def test_settings_are_the_engines(name: str, config: dict[str, Any], settings: dict[str, float]) -> None:
    """What a solution says, with the recipe's defaults for the rest, as numbers under the engine's names."""
    assert settings == RECIPES[name].settings(config)


@pytest.mark.parametrize(
    ("name", "given", "featurization", "problem"),
    [
        ("aws-sims", {"min_cointeraction_count": "11"}, False, r"\[0, 10\], not 11"),
        ("aws-sims", {"max_item_interaction_count_percentile": "1.1"}, True, r"\[0, 1\]"),
        ("aws-sims", {"min_item_interaction_count_percentile": "0.95"}, True, "more than max_item_interaction"),
        ("aws-similar-items", {"item_id_hidden_dim": "201"}, False, r"\[30, 200\]"),
        (
            "aws-trending-now",
            {"trend_discovery_frequency": "4 hours"},
            True,
            "30 minutes, 1 hour, 2 hours, 3 hours, 1 day",
        ),
        ("aws-popularity-count", {"popularity_discount_factor": "0"}, False, "it has none"),
        ("aws-item-affinity", {"hidden_dimension": "257"}, False, r"\[32, 256\]"),
        ("aws-user-personalization-v2", {"bptt": "8"}, False, "it has apply_recency_bias"),
    ],
)
def test_each_recipe_has_its_own_ranges(name: str, given: dict[str, str], featurization: bool, problem: str) -> None:
    """The ranges of the guide's tables, a recipe at a time."""
    with pytest.raises(ServiceError, match=problem):
        check_hyperparameters(RECIPES[name], given, featurization=featurization)


def _ranges(**given: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = ("integer", "continuous", "categorical")
    return {"algorithmHyperParameterRanges": {f"{one}HyperParameterRanges": given.get(one, []) for one in kinds}}


def test_what_can_be_tuned_is_tuned() -> None:
    """Ranges within the bounds, of any kind, and no ranges at all."""
    discount = {"name": "popularity_discount_factor", "minValue": 0.1, "maxValue": 0.5}
    several = _ranges(
        integer=[{"name": "bptt", "minValue": 2, "maxValue": 32}],
        categorical=[{"name": "recency_mask", "values": ["true", "false"]}],
    )
    for name, given in (
        ("aws-sims", {}),
        ("aws-sims", {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "40"}, **_ranges()}),
        ("aws-user-personalization", several),
        ("aws-sims", _ranges(continuous=[discount])),
    ):
        assert "" == refusal(ServiceError, check_tuning, RECIPES[name], given)


@pytest.mark.parametrize(
    ("name", "config", "problem"),
    [
        ("aws-sims", {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "41"}}, r"\[1, 40\], not 41"),
        ("aws-sims", {"hpoResourceConfig": {"maxParallelTrainingJobs": "11"}}, r"\[1, 10\], not 11"),
        ("aws-sims", {"algorithmHyperParameterRanges": {"integerHyperParameterRanges": []}}, "needs continuous"),
        ("aws-similar-items", _ranges(continuous=[{"name": "popularity_discount_factor"}]), "cannot tune"),
        ("aws-item-affinity", _ranges(integer=[{"name": "hidden_dimension"}]), "it can tune nothing"),
        ("aws-sims", _ranges(integer=[{"name": "popularity_discount_factor"}]), "belongs to continuous"),
        ("aws-sims", _ranges(integer=[{"name": "min_cointeraction_count", "minValue": 1}]), "not complete"),
        ("aws-user-personalization", _ranges(categorical=[{"name": "recency_mask"}]), "not complete"),
        (
            "aws-sims",
            _ranges(integer=[{"name": "min_cointeraction_count", "minValue": 1, "maxValue": 11}]),
            r"\[0, 10\], not 11",
        ),
        (
            "aws-sims",
            _ranges(integer=[{"name": "min_cointeraction_count", "minValue": 5, "maxValue": 4}]),
            "from 5 down",
        ),
    ],
)
def test_what_cannot_be_tuned_is_refused(name: str, config: dict[str, Any], problem: str) -> None:
    """Too many jobs, ranges of what is not tunable, of another kind, not complete, out of bounds or upside down."""
    with pytest.raises(ServiceError, match=problem):
        check_tuning(RECIPES[name], config)


def test_unknown_hyperparameters_have_the_words_of_the_service() -> None:
    """Given or to be tuned, algorithm's or featurization's: the text names the algorithm."""
    recipe = RECIPES["aws-trending-now"]
    said = "^.*Provide a hyperparameter that is used in the algorithm: arn:aws:personalize:::algorithm/aws-trending-now-custom"
    with pytest.raises(ServiceError, match=said):
        check_hyperparameters(recipe, {"hidden_dimension": "40"})
    with pytest.raises(ServiceError, match=said):
        check_hyperparameters(recipe, {"hidden_dimension": "40"}, featurization=True)
    with pytest.raises(ServiceError, match=said):
        check_tuning(recipe, _ranges(integer=[{"name": "model.id_embedding_dim", "minValue": 30, "maxValue": 200}]))
