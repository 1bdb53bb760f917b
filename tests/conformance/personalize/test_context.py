"""Contextual metadata from the schema to the answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personalize_local.engine.recommenders.sequence import SequenceModel
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import START, World, schema

DEVICES = schema(
    "Interactions",
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": "string"},
    {"name": "DEVICE", "type": ["null", "string"], "categorical": True},
)


def _rows() -> str:
    """On a phone everybody looks at cats (odd numbers), at a desk at dogs (even ones)."""
    lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE"]
    for visitor in range(100):
        for event in range(12):
            kind, device = ("cat", "phone") if (visitor + event) % 2 else ("dog", "desk")
            animal = (7 * visitor + event) % 20
            lines.append(f"u{visitor},{kind}{animal},{START + 100 * event + visitor},View,{device}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("recipe", ["aws-user-personalization-v2", "aws-personalized-ranking"])
def test_the_context_of_a_request_shapes_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    """On a phone cats, at a desk dogs; scores of late are kept apart, and unknown values and names tell nothing."""
    asked: list[Any] = []
    score = SequenceModel.score

    def spy(self: SequenceModel, *given: Any, context: Any = None, **more: Any) -> Any:
        asked.append(None if context is None else context.tolist())
        return score(self, *given, context=context, **more)

    with LocalPersonalize(tmp_path) as server:
        world = World(server)
        group = world.group()
        world.load(world.dataset(group, "Interactions", DEVICES), _rows(), "rows")
        world.tracker(group)
        world.events.put_events(
            trackingId=world.tracking_id,
            sessionId="s",
            userId="u1",
            eventList=[
                {
                    "eventType": "View",
                    "itemId": "cat1",
                    "sentAt": START,
                    "properties": json.dumps({"device": "watch"}),
                }
            ],
        )
        campaign = world.campaign(world.train(world.solution(group, recipe))["solutionVersionArn"])
        monkeypatch.setattr(SequenceModel, "score", spy)

        def ask(**context: str) -> float:
            """What the scores of the cats come to."""
            request = {"campaignArn": campaign, "userId": "u1", "context": context}
            if recipe == "aws-personalized-ranking":
                animals = ["cat1", "dog2", "cat3", "dog4"]
                answer = world.runtime.get_personalized_ranking(inputList=animals, **request)["personalizedRanking"]
            else:
                answer = world.runtime.get_recommendations(numResults=40, **request)["itemList"]
            return sum(float(entry["score"]) for entry in answer if entry["itemId"].startswith("cat"))

        cats = {device: ask(DEVICE=device) for device in ("phone", "desk", "watch", "fridge")}
        ask(DEVICE="phone")
        assert ask(WEATHER="rain") == cats["fridge"]
    assert cats["desk"] < cats["fridge"] < cats["phone"]
    assert [[0], [1], [2], None] == asked or [[1], [0], [2], None] == asked
    assert 4 == len(np.unique([str(one) for one in asked]))
