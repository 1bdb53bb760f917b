"""The recipes of the service in one table: what they are called, what they allow, which engine model stands for them.

Source: developer guide, "Choosing a recipe" and the page of each recipe. A recipe without a model is described and
listed, and refused by CreateSolution.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.personalize.errors import invalid_input


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One setting of a recipe, passed as a string: a number in a range, or one of a few words."""

    default: str
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    words: tuple[str, ...] = ()

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
    real_time: bool = False
    """New events of the visitor change the answer at once."""
    scores: bool = True
    event_weights: bool = False
    reasons: bool = False
    """Items carry `reason`, and places that stay free are filled with popular items."""
    scored_items: int | None = None
    """The v2 recipes score a subset of the catalogue: this many of the best. None: every item has a score."""
    explores: bool = False
    """Campaigns take `itemExplorationConfig`."""
    metadata: bool = False
    """Metadata can be asked for without `enableMetadataWithRecommendations`."""
    update_mode: bool = False
    """CreateSolutionVersion takes trainingMode UPDATE."""

    @property
    def algorithm(self) -> str:
        return self.name

    @property
    def feature_transformation(self) -> str:
        return "JSON-percentile-filtering"


_V2 = {"apply_recency_bias": Hyperparameter("true", words=("true", "false"))}
_V1 = {
    "hidden_dimension": Hyperparameter("149", 32, 256, whole=True),
    "bptt": Hyperparameter("32", 2, 32, whole=True),
    "recency_mask": Hyperparameter("true", words=("true", "false")),
}
_V1_FEATURES = {
    "min_user_history_length_percentile": Hyperparameter("0.0", 0, 1),
    "max_user_history_length_percentile": Hyperparameter("0.99", 0, 1),
}

_TABLE = (
    Recipe(
        "aws-user-personalization-v2",
        "USER_PERSONALIZATION",
        "Recommends items to a user, by the order of what the user did.",
        model="sequence",
        hyperparameters=_V2,
        real_time=True,
        event_weights=True,
        reasons=True,
        scored_items=500,
        metadata=True,
    ),
    Recipe(
        "aws-user-personalization",
        "USER_PERSONALIZATION",
        "Recommends items to a user and explores new ones.",
        model="sequence",
        hyperparameters=_V1,
        featurization=_V1_FEATURES,
        real_time=True,
        explores=True,
        update_mode=True,
    ),
    Recipe(
        "aws-personalized-ranking-v2",
        "PERSONALIZED_RANKING",
        "Puts a list of items in a user's order, by the order of what the user did.",
        model="sequence",
        hyperparameters=_V2,
        real_time=True,
        event_weights=True,
        metadata=True,
    ),
    Recipe(
        "aws-personalized-ranking",
        "PERSONALIZED_RANKING",
        "Puts a list of items in a user's order.",
        model="sequence",
        hyperparameters=_V1,
        featurization=_V1_FEATURES,
        real_time=True,
        update_mode=True,
    ),
    Recipe(
        "aws-popularity-count",
        "POPULAR_ITEMS",
        "Recommends what most users interacted with; the same for everyone.",
        model="popularity",
        scores=False,
    ),
    Recipe("aws-trending-now", "POPULAR_ITEMS", "Recommends what gains popularity fastest."),
    Recipe("aws-similar-items", "RELATED_ITEMS", "Recommends items like an item, by behaviour and metadata."),
    Recipe("aws-sims", "RELATED_ITEMS", "Recommends items that the same users interacted with."),
    Recipe("aws-semantic-similarity", "RELATED_ITEMS", "Recommends items whose text is close to an item's."),
    Recipe("aws-next-best-action", "PERSONALIZED_ACTIONS", "Recommends actions that a user is likely to take."),
    Recipe("aws-item-affinity", "USER_SEGMENTATION", "Finds users with an affinity for an item."),
    Recipe("aws-item-attribute-affinity", "USER_SEGMENTATION", "Finds users with an affinity for an attribute."),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _TABLE}


def recipe_of(arn: str) -> Recipe | None:
    """The recipe with this ARN (`arn:aws:personalize:::recipe/NAME`)."""
    head, _, name = arn.rpartition("/")
    return RECIPES.get(name) if head.endswith(":personalize:::recipe") else None


def check_hyperparameters(recipe: Recipe, given: Mapping[str, str], *, featurization: bool = False) -> None:
    """InvalidInputException unless the recipe has each setting and allows its value."""
    allowed = recipe.featurization if featurization else recipe.hyperparameters
    kind = "feature transformation parameter" if featurization else "hyperparameter"
    for name, value in given.items():
        if name not in allowed:
            raise invalid_input(f"Recipe {recipe.name} has no {kind} {name}; it has {', '.join(allowed) or 'none'}.")
        allowed[name].check(name, value)
