"""The answers of contestants: ranked lists, frozen before the test items are opened."""

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
"""Which items of a history are excluded from the ranking: all of them, or, as in LlamaRec's original, the last 200."""
WHOLE = next(iter(RULES))
CUT_LENGTHS = (1, 2, 5, 10, 20, 50)
"""Numbers of newest events to which histories are cut, to measure the gain by longer histories."""
UNCUT = 0
"""The number that stands for a history that is not cut."""
MAX_CUT_USERS = 4000
"""The most users whose histories are cut."""
MAX_TIMED_USERS = 500
"""The most users who are scored one after the other, to measure the time of one scoring."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answers of one contestant in one run: for each rule the first items of each of q users, and the costs."""

    lists: Mapping[str, Int32]
    """By rule, shape [q, CUTOFF]: the ranked items; -1 after the end of the catalogue."""
    costs: Mapping[str, float]


class ChangedAnswerError(RuntimeError):
    """An answer is different from the one that was frozen."""


class FrozenAnswers:
    """The chosen settings and all answers of a run, read-only from now on."""

    def __init__(self, choices: Mapping[str, Any], answers: Mapping[str, Answer]) -> None:
        """choices: the chosen settings, as JSON allows. The arrays of the answers become read-only."""
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
