"""The recipes of the service in one table: what they are called, what they allow, which engine model stands for them.

Source: developer guide, "Choosing a recipe" and the page of each recipe (hyperparameters, their ranges and defaults),
"Quotas" (training data), "Evaluating a solution version with metrics". A recipe without a model is described and
listed, and refused by CreateSolution.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from personalize_local.model.errors import invalid_input

_CUTOFFS = (5, 10, 25)
RANKING_METRICS = (
    "coverage",
    "mean_reciprocal_rank_at_25",
    *(f"normalized_discounted_cumulative_gain_at_{k}" for k in _CUTOFFS),
    *(f"precision_at_{k}" for k in _CUTOFFS),
)
SEGMENT_METRICS = ("coverage", "hits_at_1_percent", "recall_at_1_percent")
_MOST_TRAINING_JOBS, _MOST_PARALLEL_JOBS = 40, 10


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One setting of a recipe, passed as a string: a number in a range, or one of a few words."""

    default: str
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    words: tuple[str, ...] = ()
    tunable: bool = False
    """`hpoConfig` may give a range for it."""
    engine: str | None = None
    """The engine model's name for it; None: recorded, without an effect here."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """What the words mean to the engine, where they are not true and false."""

    def check(self, name: str, value: str) -> None:
        """InvalidInputException unless `value` is allowed."""
        if self.words:
            if value.lower() not in self.words:
                raise invalid_input(f"Hyperparameter {name} must be one of {', '.join(self.words)}, not {value!r}.")
            return
        try:
            number = int(value) if self.whole else float(value)
        except ValueError:
            expected = "an integer" if self.whole else "a number"
            raise invalid_input(f"Hyperparameter {name} must be {expected}, not {value!r}.") from None
        if not self.low <= number <= self.high:
            raise invalid_input(f"Hyperparameter {name} must be in [{self.low:g}, {self.high:g}], not {value}.")

    def number(self, value: str) -> float:
        """The value as the engine takes it."""
        if self.words:
            word = value.lower()
            return self.seconds[word] if self.seconds else float(word == "true")
        return float(value)


@dataclass(frozen=True, slots=True)
class DataRules:
    """What a dataset group must hold for a training (developer guide, "Quotas"); else the version fails."""

    interactions: int = 1000
    """Different interactions, after event filtering."""
    users: int = 25
    """Users with two interactions."""
    share: float = 0.01
    """Share of the users with two interactions."""
    item_attributes: bool = False
    """An Items dataset with a categorical column."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe."""

    name: str
    type: str
    description: str
    model: str | None = None
    """Name in the engine's registry."""
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    featurization: Mapping[str, Hyperparameter] = field(default_factory=dict)
    rules: DataRules = DataRules()
    metrics: tuple[str, ...] = RANKING_METRICS
    """The keys of GetSolutionMetrics."""
    algorithm: str = ""
    """Name of the algorithm; the recipe's when not given."""
    real_time: bool = False
    """New events of the user change the answer at once."""
    scores: bool = True
    event_weights: bool = False
    """Solutions take `eventsConfig`."""
    reasons: bool = False
    """Items carry `reason`, and places that stay free are filled with popular items."""
    scored_items: int | None = None
    """The v2 recipes score a subset of the catalogue: this many of the best. None: every item has a score."""
    explores: bool = False
    """Campaigns take `itemExplorationConfig`."""
    objective: bool = False
    """Solutions take `optimizationObjective`."""
    contextual: bool = False
    """Contextual metadata trains it, and requests can name a `context`."""
    metadata: bool = False
    """Metadata can be asked for without `enableMetadataWithRecommendations`."""
    update_mode: bool = False
    """CreateSolutionVersion takes trainingMode UPDATE."""
    campaigns: bool = True
    """Versions can be deployed; those of user segmentation are for batch segment jobs alone."""
    differences: str = ""
    """How the model here is known to differ from the service's documentation."""

    def __post_init__(self) -> None:
        if not self.algorithm:
            object.__setattr__(self, "algorithm", self.name)

    @property
    def feature_transformation(self) -> str:
        return "JSON-percentile-filtering"

    @property
    def by_item(self) -> bool:
        """GetRecommendations is asked for an item, not for a user."""
        return self.type == "RELATED_ITEMS"

    def settings(self, config: Mapping[str, Any]) -> dict[str, float]:
        """The engine model's hyperparameters for a solution's `solutionConfig`, defaults included."""
        given = {**config.get("algorithmHyperParameters", {}), **config.get("featureTransformationParameters", {})}
        return {
            one.engine: one.number(given.get(name, one.default))
            for name, one in {**self.hyperparameters, **self.featurization}.items()
            if one.engine is not None
        }


def _percentile(default: str, name: str) -> Hyperparameter:
    return Hyperparameter(default, 0, 1, engine=name)


_TRUTH = ("true", "false")
_V2 = {"apply_recency_bias": Hyperparameter("true", words=_TRUTH, engine="recency")}
_V1 = {
    # The dimension that the model's weights are squeezed through, and how far it looks back.
    "hidden_dimension": Hyperparameter("149", 32, 256, whole=True, tunable=True, engine="rank"),
    "bptt": Hyperparameter("32", 2, 32, whole=True, tunable=True, engine="reach"),
    "recency_mask": Hyperparameter("true", words=_TRUTH, tunable=True, engine="recency"),
}
_V1_FEATURES = {
    "min_user_history_length_percentile": _percentile("0.0", "min_user_history_length_percentile"),
    "max_user_history_length_percentile": _percentile("0.99", "max_user_history_length_percentile"),
}
_AFFINITY = {"hidden_dimension": Hyperparameter("149", 32, 256, whole=True, engine="hidden_dimension")}
_MINUTE = 60.0
_FREQUENCIES = {
    "30 minutes": 30 * _MINUTE,
    "1 hour": 60 * _MINUTE,
    "2 hours": 120 * _MINUTE,
    "3 hours": 180 * _MINUTE,
    "1 day": 1440 * _MINUTE,
}

_TABLE = (
    Recipe(
        "aws-user-personalization-v2",
        "USER_PERSONALIZATION",
        "Recommends items to a user, by the order of what the user did.",
        model="sequence",
        hyperparameters=_V2,
        real_time=True,
        contextual=True,
        event_weights=True,
        reasons=True,
        scored_items=500,
        metadata=True,
        differences=(
            "A closed-form model of sequences stands for the transformer; the best 500 items have scores. No tuning "
            "every 90 days."
        ),
    ),
    Recipe(
        "aws-user-personalization",
        "USER_PERSONALIZATION",
        "Recommends items to a user and explores new ones.",
        model="sequence",
        hyperparameters=_V1,
        featurization=_V1_FEATURES,
        objective=True,
        real_time=True,
        contextual=True,
        explores=True,
        update_mode=True,
        differences=(
            "The same model stands for the recurrent network: `bptt` is how far it looks back, `hidden_dimension` the"
            " rank of its weights."
        ),
    ),
    Recipe(
        "aws-personalized-ranking-v2",
        "PERSONALIZED_RANKING",
        "Puts a list of items in a user's order, by the order of what the user did.",
        model="sequence",
        hyperparameters=_V2,
        real_time=True,
        contextual=True,
        event_weights=True,
        metadata=True,
        differences="As aws-user-personalization-v2.",
    ),
    Recipe(
        "aws-personalized-ranking",
        "PERSONALIZED_RANKING",
        "Puts a list of items in a user's order.",
        model="sequence",
        hyperparameters=_V1,
        featurization=_V1_FEATURES,
        objective=True,
        real_time=True,
        contextual=True,
        differences="As aws-user-personalization.",
    ),
    Recipe(
        "aws-popularity-count",
        "POPULAR_ITEMS",
        "Recommends what most users interacted with; the same for everyone.",
        model="popularity",
        scores=False,
    ),
    Recipe(
        "aws-trending-now",
        "POPULAR_ITEMS",
        "Recommends what gains interactions fastest.",
        model="trending-now",
        featurization={
            "trend_discovery_frequency": Hyperparameter(
                "2 hours", words=tuple(_FREQUENCIES), engine="interval", seconds=_FREQUENCIES
            )
        },
        metrics=(*RANKING_METRICS, "trending_prediction_accuracy"),
        algorithm="aws-trending-now-custom",
        scores=False,
    ),
    Recipe(
        "aws-similar-items",
        "RELATED_ITEMS",
        "Recommends items like an item, by behaviour and metadata.",
        model="similar-items",
        hyperparameters={
            "popularity_discount_factor": Hyperparameter("0.0", 0, 1, engine="popularity_discount_factor"),
            "item_id_hidden_dim": Hyperparameter("100", 30, 200, whole=True, tunable=True),
            "item_metadata_hidden_dim": Hyperparameter("100", 30, 200, whole=True, tunable=True),
        },
        scores=False,
        differences=(
            "Counts and categorical columns, no text; `item_id_hidden_dim` and `item_metadata_hidden_dim` are "
            "recorded only. No themes."
        ),
    ),
    Recipe(
        "aws-sims",
        "RELATED_ITEMS",
        "Recommends items that the same users interacted with.",
        model="sims",
        hyperparameters={
            "popularity_discount_factor": Hyperparameter(
                "0.5", 0, 1, tunable=True, engine="popularity_discount_factor"
            ),
            "min_cointeraction_count": Hyperparameter(
                "3", 0, 10, whole=True, tunable=True, engine="min_cointeraction_count"
            ),
        },
        featurization={
            name: _percentile(default, name)
            for name, default in (
                ("min_user_history_length_percentile", "0.005"),
                ("max_user_history_length_percentile", "0.995"),
                ("min_item_interaction_count_percentile", "0.01"),
                ("max_item_interaction_count_percentile", "0.9"),
            )
        },
        scores=False,
    ),
    Recipe("aws-semantic-similarity", "RELATED_ITEMS", "Recommends items whose text is close to an item's."),
    Recipe("aws-next-best-action", "PERSONALIZED_ACTIONS", "Recommends actions that a user is likely to take."),
    Recipe(
        "aws-item-affinity",
        "USER_SEGMENTATION",
        "Finds users with an affinity for an item.",
        model="item-affinity",
        hyperparameters=_AFFINITY,
        metrics=SEGMENT_METRICS,
        campaigns=False,
        differences="A truncated decomposition of the interactions; items and users have no metadata for it.",
    ),
    Recipe(
        "aws-item-attribute-affinity",
        "USER_SEGMENTATION",
        "Finds users with an affinity for an attribute.",
        model="item-attribute-affinity",
        hyperparameters=_AFFINITY,
        rules=DataRules(item_attributes=True),
        metrics=SEGMENT_METRICS,
        campaigns=False,
        differences=(
            "A truncated decomposition of what users hold of each categorical column; numbers and users' metadata do "
            "not train."
        ),
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _TABLE}


def recipe_of(arn: str) -> Recipe | None:
    """The recipe with this ARN (`arn:aws:personalize:::recipe/NAME`)."""
    head, _, name = arn.rpartition("/")
    return RECIPES.get(name) if head.endswith(":personalize:::recipe") else None


def _unknown(recipe: Recipe) -> str:
    """The service's own words: https://github.com/aws-samples/amazon-personalize-samples/issues/107."""
    return (
        f"Provide a hyperparameter that is used in the algorithm: arn:aws:personalize:::algorithm/{recipe.algorithm}."
    )


def check_hyperparameters(recipe: Recipe, given: Mapping[str, str], *, featurization: bool = False) -> None:
    """InvalidInputException unless the recipe has each setting and allows its value."""
    allowed = recipe.featurization if featurization else recipe.hyperparameters
    kind = "feature transformation parameter" if featurization else "hyperparameter"
    for name, value in given.items():
        if name not in allowed:
            raise invalid_input(
                f"{_unknown(recipe)} Recipe {recipe.name} has no {kind} {name}; it has {', '.join(allowed) or 'none'}."
            )
        allowed[name].check(name, value)
    for name in given:
        other = name.replace("min_", "max_", 1)
        if name.startswith("min_") and other in allowed:
            low, high = (float(given.get(one, allowed[one].default)) for one in (name, other))
            if low > high:
                raise invalid_input(f"{name} is {low:g}, which is more than {other} ({high:g}).")


def check_tuning(recipe: Recipe, config: Mapping[str, Any]) -> None:
    """InvalidInputException unless `hpoConfig` gives ranges of what the recipe lets a client tune, within its bounds.

    All three lists of ranges must be there, empty or not; at most 40 training jobs, 10 of them at once (service model,
    `HPOResourceConfig`; developer guide, "Hyperparameters and HPO").
    """
    resources = config.get("hpoResourceConfig", {})
    for name, most in (
        ("maxNumberOfTrainingJobs", _MOST_TRAINING_JOBS),
        ("maxParallelTrainingJobs", _MOST_PARALLEL_JOBS),
    ):
        if name in resources:
            Hyperparameter("1", 1, most, whole=True).check(name, resources[name])
    ranges = config.get("algorithmHyperParameterRanges")
    if ranges is None:
        return
    for kind in ("integer", "continuous", "categorical"):
        if f"{kind}HyperParameterRanges" not in ranges:
            raise invalid_input(
                f"algorithmHyperParameterRanges needs {kind}HyperParameterRanges, if only an empty list."
            )
        for one in ranges[f"{kind}HyperParameterRanges"]:
            _check_range(recipe, kind, one)


def _check_range(recipe: Recipe, kind: str, given: Mapping[str, Any]) -> None:
    tunable = {name: one for name, one in recipe.hyperparameters.items() if one.tunable}
    name = given.get("name", "")
    if name not in tunable:
        raise invalid_input(
            f"{_unknown(recipe)} Recipe {recipe.name} cannot tune {name!r};"
            f" it can tune {', '.join(tunable) or 'nothing'}."
        )
    parameter = tunable[name]
    found = "categorical" if parameter.words else "integer" if parameter.whole else "continuous"
    if kind != found:
        raise invalid_input(f"The range of {name} belongs to {found}HyperParameterRanges.")
    values: list[Any] = given.get("values", [])
    if not parameter.words:
        values = [given[end] for end in ("minValue", "maxValue") if end in given]
    if not values or (len(values) < 2 and not parameter.words):
        raise invalid_input(f"The range of {name} is not complete.")
    for value in values:
        parameter.check(name, str(value))
    if not parameter.words and values[0] > values[1]:
        raise invalid_input(f"The range of {name} goes from {values[0]} down to {values[1]}.")
