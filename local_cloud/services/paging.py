"""Tokens of list operations: where the next page begins, and of which list."""

import base64
import json
from typing import Any


def token_for(scope: str, after: Any) -> str:
    """A token that says that the next page of this list begins after this place."""
    return base64.urlsafe_b64encode(json.dumps([scope, after]).encode()).decode()


def place_in(token: str, scope: str) -> Any:
    """The place that a token of this list says. Raises ValueError for every other text."""
    try:
        found = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except RecursionError as error:
        raise ValueError("no token of this list") from error
    if not isinstance(found, list) or len(found) != 2 or found[0] != scope or not isinstance(found[1], str | int):
        raise ValueError("no token of this list")
    return found[1]
