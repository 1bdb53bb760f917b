"""The script of the storm: which faults, which acts, and when. A function of the number of events and of the seed."""

import random
from dataclasses import dataclass
from typing import Any, Literal

from tests.faults.site import UNLUCKY

Deed = Literal["kill forwarder", "kill delivery", "kill Personalize", "stall Personalize", "split shard"]

THROTTLES, SERVER_ERRORS, TIME_OUTS, RESETS = 0.20, 0.05, 0.02, 0.01
"""Shares of the PutEvents calls."""

TIME_OUT_SECONDS = 4.5
"""More than the forwarder waits for an answer (`lambdas/shared/clients.py`); the call is carried out all the same."""

STALL_SECONDS = 60.0
WHOLE = 100_000
"""Runs of fewer events are stalled for a shorter time, at least so long that every call under way times out."""

SHORTEST_STALL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Act:
    """What is done once so many events are stored."""

    after: int
    deed: Deed
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Storm:
    """The probabilistic faults that last the whole run, and the acts in their order."""

    probabilistic_faults: tuple[dict[str, Any], ...]
    acts: tuple[Act, ...]


def storm(events: int, seed: int) -> Storm:
    """The storm over a run of so many events."""
    return Storm(tuple(_probabilistic_faults(seed)), tuple(_acts(events, random.Random(seed))))


def _probabilistic_faults(seed: int) -> list[dict[str, Any]]:
    def fault(share: float, number: int, outcome: dict[str, Any], match: str = "") -> dict[str, Any]:
        return {
            "operation": "PutEvents",
            "match": match,
            "share": share,
            "seed": 10 * seed + number,
            "outcome": outcome,
        }

    def error(code: str, status: int) -> dict[str, Any]:
        return {"error": {"code": code, "message": "A storm.", "status": status}}

    return [
        fault(THROTTLES, 0, error("ThrottlingException", 429)),
        fault(SERVER_ERRORS, 1, error("InternalServerException", 500)),
        fault(TIME_OUTS, 2, {"delaySeconds": TIME_OUT_SECONDS}),
        fault(RESETS, 3, {"drop": True}),
        fault(1.0, 4, error("ServiceUnavailableException", 503), UNLUCKY),
    ]


def _acts(events: int, chosen: random.Random) -> list[Act]:
    """Kills by the hundred thousand, at least one of each; one stall and one split. Each at a place of its own."""
    times = max(1, round(events / WHOLE))
    stall = max(SHORTEST_STALL_SECONDS, min(1.0, events / WHOLE) * STALL_SECONDS)
    deeds: list[tuple[Deed, float]] = [("stall Personalize", stall), ("split shard", 0.0)]
    deeds += [("kill forwarder", 0.0), ("kill delivery", 0.0), ("kill Personalize", 0.0)] * times
    chosen.shuffle(deeds)
    # Between a twentieth and nine tenths: something is under way at each of them.
    places = sorted(chosen.uniform(0.05, 0.9) for _ in deeds)
    return [Act(round(place * events), deed, seconds) for place, (deed, seconds) in zip(places, deeds, strict=True)]
