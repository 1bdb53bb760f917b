"""The walk of one request through the files, from the protocol to the engine and back."""

import asyncio
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from personalize_local.api.protocol import Protocol
from personalize_local.api.service import Personalize
from personalize_local.settings.options import Options
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import World

ROOT = Path(__file__).parents[3]
PACKAGE = f"{ROOT / 'personalize_local'}{os.sep}"
ENGINE = "engine"
MOST_FILES = 12
MOST_VISITS = 2


@dataclass
class Call:
    """A call of a function of the package, and those that it made."""

    file: str
    calls: "list[Call]" = field(default_factory=list)

    @property
    def place(self) -> str:
        """The file; all of the engine is one place, which is described on its own (docs/models)."""
        return ENGINE if self.file.startswith(f"{ENGINE}/") else self.file

    @property
    def leads_on(self) -> bool:
        """Whether the call goes further than into its own file."""
        return any(call.file != self.file or call.leads_on for call in self.calls)


def visits(call: Call) -> list[str]:
    """The places that a reader of the call passes, in order, there and back; the same one twice in a row is one visit.

    A call into another file that goes no further is read where it stands, by its name (`clock.now()`, `store.get(arn)`)
    and is no visit. Whoever calls on, or back into a file that is open already, takes the reader along, and the return
    is a visit again.
    """
    passed = [call.place]
    for inner in call.calls:
        if inner.file == call.file or inner.leads_on:
            passed += [*visits(inner), call.place]
    return [place for number, place in enumerate(passed) if number == 0 or passed[number - 1] != place]


class Tracer:
    """Records calls of functions of the package in the thread that it is switched on in."""

    def __init__(self) -> None:
        self.roots: list[Call] = []
        self._open: list[Call | None] = []

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            name = frame.f_code.co_filename
            call = Call(name.removeprefix(PACKAGE)) if name.startswith(PACKAGE) else None
            if call is not None:
                above = next((one for one in reversed(self._open) if one is not None), None)
                (self.roots if above is None else above.calls).append(call)
            self._open.append(call)
        elif event == "return" and self._open:
            self._open.pop()


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protocol]:
    """A service with a campaign for recommendations and one for rankings."""
    folder = tmp_path_factory.mktemp("walk")
    with LocalPersonalize(folder) as server:
        world = World(server)
        group = world.seeded()
        for recipe in ("aws-user-personalization-v2", "aws-personalized-ranking-v2"):
            version = world.train(world.solution(group, recipe, recipe))["solutionVersionArn"]
            world.campaign(version, recipe)
    service = Personalize(Options(folder=folder / "data"))
    service.start()
    yield Protocol(service)
    service.close()


def _documented() -> list[str]:
    """The files on the way to the engine as the architecture's page lists them."""
    text = (ROOT / "docs" / "start" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("### The walk of one GetRecommendations\n")[1].split("\n#")[0]
    return re.findall(r"^\| \d+ \| `([^`]+)`", section, re.MULTILINE)


def _walk(protocol: Protocol, path: str, recipe: str, **request: Any) -> list[str]:
    """The walk of a request for a user whose scores nobody has asked for yet, by a campaign that has answered before."""
    arn = f"arn:aws:personalize:us-east-1:000000000000:campaign/{recipe}"

    async def answer(user: str, tracer: Tracer | None) -> int:
        body = json.dumps({"campaignArn": arn, "userId": user, **request}).encode()
        sys.setprofile(tracer)
        try:
            return (await protocol.answer("POST", path, {}, body)).status
        finally:
            sys.setprofile(None)

    tracer = Tracer()
    assert 200 == asyncio.run(answer("u1", None))
    assert 200 == asyncio.run(answer("u2", tracer))
    (root,) = tracer.roots
    return visits(root)


@pytest.mark.parametrize(
    ("path", "recipe", "request_", "answers"),
    [
        ("/recommendations", "aws-user-personalization-v2", {}, "serving/recommendations.py"),
        ("/personalize-ranking", "aws-personalized-ranking-v2", {"inputList": ["cat1", "dog1"]}, "serving/rankings.py"),
    ],
)
def test_one_walk_there_and_back(
    protocol: Protocol, path: str, recipe: str, request_: dict[str, Any], answers: str
) -> None:
    """At most 12 files, each visited at most twice: on the way to the engine, and on the way back.

    `visits` says what counts as a visit. The request has neither filter nor promotions, and the user no event that has
    come within the last second and is not stored yet; each of those is one more visit of the file that it is named for.
    """
    walk = _walk(protocol, path, recipe, **request_)
    there = [answers if file == "serving/recommendations.py" else file for file in _documented()]
    assert len(set(walk)) <= MOST_FILES
    assert max(Counter(walk).values()) <= MOST_VISITS
    assert [*there, *reversed(there[:-1])] == walk


def test_a_look_up_is_no_visit() -> None:
    """What returns at once is read in passing, even when it uses several functions of its file."""
    assert ["a"] == visits(Call("a", [Call("b"), Call("b", [Call("b")]), Call("a", [Call("c")])]))


def test_going_on_and_coming_back_are_visits() -> None:
    """Two ways out of a file are three visits of it, and so is a function that is handed down and called back."""
    assert ["a", "b", "a", "b", "a"] == visits(Call("a", [Call("b", [Call("c")]), Call("b", [Call("c")])]))
    assert ["a", "b", "a", "b", "a"] == visits(Call("a", [Call("b", [Call("a", [Call("c")])])]))
