"""What a contestant answered: ranked lists, frozen before anybody looks at the test items."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalize_local.engine.base.data import Int32

CUTOFF = 10
"""Length of the lists: the largest K of the table."""
RULES = {"whole": None, "last 200": 200}
"""How many of the newest items of a history are not ranked: all of them, or as in LlamaRec's original the last 200."""
WHOLE = next(iter(RULES))
SHORTER = (1, 2, 5, 10, 20, 50)
"""Newest events to which histories are cut, to see what a longer one brings."""
EVERY = 0
"""Stands for a history that is not cut."""
SHORTER_ASKED = 4000
"""Visitors whose histories are cut, at most."""
TIMED = 500
"""Visitors who are scored one after the other, to say what one scoring takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one contestant said in one run: for each rule the first items of each visitor, and what it cost."""

    lists: Mapping[str, Int32]
    """By rule, shape [q, CUTOFF]; -1 where the catalogue ended."""
    costs: Mapping[str, float]


class ChangedAnswerError(RuntimeError):
    """An answer is not the one that was frozen."""


class FrozenAnswers:
    """All choices of a run and all answers of the chosen, from now on read-only."""

    def __init__(self, choices: Mapping[str, Any], answers: Mapping[str, Answer]) -> None:
        """choices: what JSON can hold. The answers' arrays become read-only."""
        self.choices = json.loads(json.dumps(choices))
        self.answers = dict(answers)
        for answer in self.answers.values():
            for ranked in answer.lists.values():
                ranked.flags.writeable = False
        self._digest = self.digest()

    def digest(self) -> str:
        """The SHA-256 of choices and answers."""
        found = hashlib.sha256(json.dumps(self.choices, sort_keys=True).encode())
        for name, answer in sorted(self.answers.items()):
            for rule, ranked in sorted(answer.lists.items()):
                found.update(f"{name} {rule} {ranked.shape}".encode())
                found.update(np.ascontiguousarray(ranked, np.int32).tobytes())
        return found.hexdigest()

    def verify(self) -> None:
        """ChangedAnswerError when anything differs from what was frozen."""
        if self.digest() != self._digest:
            raise ChangedAnswerError("a choice or an answer changed after it was frozen")
