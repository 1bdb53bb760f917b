"""Who asks, and in which circumstances: the fields that `recommend` and `rerank` share."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from lambdas.shared.attempts import InvalidRequestError
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import identifier, is_finite_scalar, members, text

MOST_CONTEXT_MEMBERS = 150
LONGEST_CONTEXT_NAME = 150
LONGEST_CONTEXT_VALUE = 1000
_CONTEXT_NAME = re.compile(r"[A-Za-z0-9_]+", re.ASCII)


def visitor_id(payload: dict[str, Any]) -> str:
    """The id to ask Personalize with: the user's, else the session's, else one that nobody ever had.

    Events without a user are stored under their session's id, so that asking with it gives the session's own taste.
    A new id for a visitor without either makes sure that strangers share no history.
    """
    user_id, session_id = payload.get("userId"), payload.get("sessionId")
    session = None if session_id is None else identifier(session_id, "sessionId")
    if user_id is not None:
        return identifier(user_id, "userId")
    return session or f"visitor-{uuid.uuid4()}"


def request_context(payload: dict[str, Any]) -> dict[str, str] | None:
    """The `context` of the request, by columns of the Interactions schema, e.g. `{"DEVICE": "phone"}`."""
    given = payload.get("context")
    if given is None:
        return None
    context = members(given, "context")
    if len(context) > MOST_CONTEXT_MEMBERS:
        raise PayloadError("context", given, f"must have at most {MOST_CONTEXT_MEMBERS} members, has {len(context)}")
    return {context_name(name): scalar_text(value, f"context.{name}") for name, value in context.items()} or None


def context_name(name: object) -> str:
    """A name of `context`: letters, digits and underscores."""
    if not isinstance(name, str) or len(name) > LONGEST_CONTEXT_NAME or not _CONTEXT_NAME.fullmatch(name):
        raise PayloadError("context", name, f"names are 1 to {LONGEST_CONTEXT_NAME} letters, digits and underscores")
    return name


def scalar_text(value: object, field: str, *, longest: int = LONGEST_CONTEXT_VALUE) -> str:
    """A text, or a number as text."""
    if isinstance(value, int | float) and not isinstance(value, bool) and is_finite_scalar(value):
        return str(value)
    return text(value, field, longest=longest)


def flag(payload: dict[str, Any], field: str) -> bool:
    """A truth value that is false when absent."""
    value = payload.get(field)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise PayloadError(field, value, "must be true or false")


def blame_caller(error: InvalidRequestError, payload: Mapping[str, Any], *fields: str) -> None:
    """Raise PayloadError when a request that Personalize refused holds a field that only Personalize can judge."""
    for field in fields:
        if payload.get(field) is not None:
            raise PayloadError(field, payload[field], f"refused by Amazon Personalize: {error.message}") from error
