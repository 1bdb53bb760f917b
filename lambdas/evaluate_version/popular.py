"""The popular list: what the handlers answer with when Amazon Personalize does not."""

from collections.abc import Mapping
from typing import Any

from lambdas.evaluate_version.limits import Limits


def popular_list(event: Mapping[str, Any], _limits: Limits) -> dict[str, Any]:
    """`{"solutionVersionArn", "promotedAt", "itemList": [{"itemId", "score"?}]}` from an unknown visitor's answer.

    `event`: `version`, `now` and `items`, the ItemList of GetRecommendations as state machines spell it.
    """
    return {
        "solutionVersionArn": event["version"],
        "promotedAt": event["now"],
        "itemList": [_item(item) for item in event["items"]],
    }


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    # Personalize gives popular placeholders no score.
    return {"itemId": item["ItemId"]} | ({"score": item["Score"]} if "Score" in item else {})
