"""GetRecommendations and GetPersonalizedRanking."""

from local.personalize.core import Core
from local.personalize.validation import Json


def get_recommendations(core: Core, request: Json) -> Json:
    """GetRecommendations; the answer is remembered by its id."""
    answer = core.serving.recommend(request)
    core.recommended.remember(answer["recommendationId"], request["campaignArn"], answer["itemList"])
    return answer


def get_personalized_ranking(core: Core, request: Json) -> Json:
    """GetPersonalizedRanking; the answer is remembered by its id."""
    answer = core.serving.rank(request)
    core.recommended.remember(answer["recommendationId"], request["campaignArn"], answer["personalizedRanking"])
    return answer
