"""The entries of the lists that recommendations and rankings answer with."""

import math
from collections.abc import Iterable

import msgspec

from personalize_local.model.validation import AnswerError


class Entry(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """An item of an answer; members that are None are absent from its JSON.

    Source: service model, `PredictedItem`. Its type is fixed, so that an answer of hundreds of entries is written
    without a check of each, and the garbage collector need not walk them.
    """

    item_id: str
    score: float | None = None
    reason: list[str] | None = None
    promotion_name: str | None = None
    metadata: dict[str, str] | None = None


def scored(names: Iterable[str], scores: list[float]) -> list[Entry]:
    """The items with their scores, which are parts of one softmax.

    AnswerError when they are no numbers: a model has scored something with infinity, or not at all.
    """
    # A softmax of anything that is not finite has no finite share at all: the first speaks for all.
    if scores and not math.isfinite(scores[0]):
        raise AnswerError(f"score must be a finite number, not {scores[0]}")
    return list(map(Entry, names, scores))
