"""The popular list: what the handlers answer with when Amazon Personalize does not."""

from collections.abc import Mapping
from typing import Any

from lambdas.evaluate_version.limits import POPULAR_ITEMS, Limits


def popular_list(event: Mapping[str, Any], _limits: Limits) -> dict[str, Any]:
    """`{"solutionVersionArn", "promotedAt", "itemList": [{"itemId"}]}` from an unknown visitor's answer, best first.

    `event`: `version`, `now` and `items`, the ids of the answer.
    """
    items = [item for item in event["items"] if isinstance(item, str)]
    return {
        "solutionVersionArn": event["version"],
        "promotedAt": event["now"],
        "itemList": [{"itemId": item} for item in items[:POPULAR_ITEMS]],
    }
