"""Values cut to a size that a state can carry: 262,144 bytes of everything at once.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from typing import Any

RESULT_BYTES = 12_000
"""What came of one solution. The run carries three of them twice, and a report of the same size twice."""

_LONGEST_TEXT, _SHORTEST_TEXT = 4_000, 500
"""Bytes of a text. An ARN has 256 characters at most and is never cut."""
_MOST_ELEMENTS = 20
_CUT = "..."


def bounded(value: Any, most: int = RESULT_BYTES) -> Any:
    """The value, its longest texts cut until its JSON has `most` bytes, lists and objects cut to 20 elements."""
    longest = _LONGEST_TEXT
    while True:
        cut = _cut(value, longest)
        if size(cut) <= most or longest <= _SHORTEST_TEXT:
            return cut
        longest //= 2


def shortened(text: str, most: int) -> str:
    """The text, or its beginning where its JSON would have more than `most` bytes."""
    if size(text) - 2 <= most:
        return text
    # Bisection: a character has between one and twelve bytes.
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(text[:middle]) - 2 <= most - len(_CUT) else (low, middle - 1)
    return text[:low] + _CUT


def size(value: Any) -> int:
    """Bytes of the value's JSON in the longest of its spellings, where all but ASCII is escaped."""
    return len(json.dumps(value))


def _cut(value: Any, longest: int) -> Any:
    match value:
        case str():
            return shortened(value, longest)
        case list():
            return [_cut(item, longest) for item in value[:_MOST_ELEMENTS]]
        case dict():
            kept = list(value.items())[:_MOST_ELEMENTS]
            return {shortened(str(key), _SHORTEST_TEXT): _cut(item, longest) for key, item in kept}
    return value
