"""The training definitions of before it was written in YAML: executions of theirs go on through a deploy.

Such an execution, and one that is redriven later, keeps its own definition and asks the gate through its alias, which is
the new one after the deploy. `tests/statemachines/fixtures/train-before-yaml.asl.json` is the last of them.
"""

import copy
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from local_cloud.emulator.states.definition import states
from tests.statemachines.fake_services import filled
from tests.statemachines.world import ROOT

FIXTURE = ROOT / "tests" / "statemachines" / "fixtures" / "train-before-yaml.asl.json"
RENAMED = {
    "CreateVersion": "StartTraining",
    "TakeOver": "TakeOverLock",
    "PutBack": "RollBackCampaign",
    "Notify": "SendNotification",
    "CountLostNotification": "CountFailedNotification",
}
"""States that scenarios name have today's names; what an execution does is the same under any."""


@cache
def last() -> Mapping[str, Any]:
    """The last definition of before, with the names of the fake services' world."""
    return filled(_renamed(FIXTURE.read_text(encoding="utf-8")))


@cache
def release_0_1_0() -> Mapping[str, Any]:
    """That of release 0.1.0, in all that it asks the gate: no date of the last judgement, no promotion noted, its input raw."""
    found = copy.deepcopy(dict(last()))
    del found["States"]["SetOut"]["Parameters"]["request"]["trigger.$"]
    found["States"]["Report"]["Parameters"]["Payload"]["input.$"] = "$$.Execution.Input"
    promotion = found["States"]["Promote"]
    promotion["ItemSelector"]["judged"] = {"version": []}
    inner = dict(states(promotion["ItemProcessor"]))
    del inner["ReadJudged"]["ResultSelector"]["since.$"]
    inner["WriteLedger"]["Next"] = inner["SettleLedger"]["Next"] = "ConcludePromotion"
    del promotion["ItemProcessor"]["States"]["WasItJudged"]
    rejected = {"Variable": "$.judgement.step", "StringEquals": "reject", "Next": "ConcludePromotion"}
    inner["CanBePutBack"]["Choices"][0] = rejected
    return found


def _renamed(text: str) -> str:
    for old, new in RENAMED.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    assert json.loads(text)
    return text
