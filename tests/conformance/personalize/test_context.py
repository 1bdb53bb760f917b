"""Contextual metadata from the schema to the answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local.engine.sequence import SequenceModel
from local.personalize.testing import LocalPersonalize
from tests.conformance.personalize.world import START, World, schema

DEVICES = schema(
    "Interactions",
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": "string"},
    {"name": "DEVICE", "type": ["null", "string"], "categorical": True},
)


def _rows() -> str:
    """On a phone everybody looks at cats, at a desk at dogs."""
    lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE"]
    for visitor in range(100):
        for event in range(12):
            kind, device = ("cat", "phone") if (visitor + event) % 2 else ("dog", "desk")
            animal = (7 * visitor + event) % 20
            lines.append(f"u{visitor},{kind}{animal},{START + 100 * event + visitor},View,{device}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("recipe", ["aws-user-personalization-v2", "aws-personalized-ranking"])
def test_the_context_of_a_request_reaches_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    """In the numbers of the training, kept apart among the scores of late; unknown values and names are none."""
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

        def ask(**context: str) -> None:
            request = {"campaignArn": campaign, "userId": "u1", "context": context}
            if recipe == "aws-personalized-ranking":
                world.runtime.get_personalized_ranking(inputList=["cat1", "dog1"], **request)
            else:
                world.runtime.get_recommendations(**request)

        for device in ("phone", "desk", "watch", "phone", "fridge"):
            ask(DEVICE=device)
        ask(WEATHER="rain")
    assert [[0], [1], [2], None] == asked or [[1], [0], [2], None] == asked
    assert 4 == len(np.unique([str(one) for one in asked]))
