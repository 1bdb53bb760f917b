"""Metadata of vectors: what it may hold and how much.

At most 50 keys, 40 KB in all and 2 KB of what filters can see:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
Texts, numbers, booleans and lists of them: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-vectors.html
How a size is counted is not documented; here it is that of the compact JSON in UTF-8.
"""

import json
import math
from collections.abc import Collection
from typing import Any

LARGEST_TOTAL, LARGEST_FILTERABLE = 40 * 1024, 2 * 1024
MOST_KEYS = 50


class MetadataError(ValueError):
    """Metadata that a vector may not have."""


def checked(metadata: Any, non_filterable: Collection[str]) -> dict[str, Any]:
    """The metadata, when it is within what the service takes. Raises MetadataError."""
    if not isinstance(metadata, dict):
        raise MetadataError("metadata must be an object")
    if len(metadata) > MOST_KEYS:
        raise MetadataError(f"metadata must have at most {MOST_KEYS} keys, and has {len(metadata)}")
    for key, value in metadata.items():
        if not (is_scalar(value) or (isinstance(value, list) and all(map(is_scalar, value)))):
            raise MetadataError(
                f"the metadata of {key[:63]!r} must be a string, a number, a boolean or a list of these"
            )
    total = _size(metadata)
    if total > LARGEST_TOTAL:
        raise MetadataError(f"metadata must have at most {LARGEST_TOTAL} bytes, and has {total}")
    filterable = _size({key: value for key, value in metadata.items() if key not in non_filterable})
    if filterable > LARGEST_FILTERABLE:
        raise MetadataError(f"filterable metadata must have at most {LARGEST_FILTERABLE} bytes, and has {filterable}")
    return metadata


def is_scalar(value: Any) -> bool:
    """Whether a value is a text, a boolean or a number that a double holds."""
    return isinstance(value, str | bool) or is_number(value)


def is_number(value: Any) -> bool:
    """Whether a value is a number that a double holds; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _size(metadata: dict[str, Any]) -> int:
    return len(json.dumps(metadata, separators=(",", ":"), ensure_ascii=False).encode()) if metadata else 0
