"""GetRecommendations and GetPersonalizedRanking."""

from local.personalize.core import Core
from local.personalize.validation import Json


def get_recommendations(core: Core, request: Json) -> Json:
    """GetRecommendations."""
    return core.serving.recommend(request)


def get_personalized_ranking(core: Core, request: Json) -> Json:
    """GetPersonalizedRanking."""
    return core.serving.rank(request)
