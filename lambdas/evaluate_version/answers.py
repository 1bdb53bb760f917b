"""Answers of services as the definition hands them on: each member as a list, empty where the service left it out."""

from typing import Any


def first(found: Any) -> Any:
    """The only element of the list; None where there is none, or it is null."""
    return found[0] if isinstance(found, list) and found else None


def text(found: Any) -> str | None:
    """The only element as text; None where it is missing or no text."""
    value = first(found)
    return value if isinstance(value, str) else None
