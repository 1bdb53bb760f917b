"""Entries of answers: what is written of them is what the service model says of a predicted item."""

import json
import math

import msgspec
import numpy as np
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from personalize_local.api.services import routes
from personalize_local.engine.base.scores import softmax
from personalize_local.model.entries import Entry, scored
from personalize_local.model.validation import AnswerError, compile_output
from personalize_local.serving.item_scores import rounded

ITEM = ServiceModel(Loader().load_service_model("personalize-runtime", "service-2")).shape_for("PredictedItem")
FULL = Entry('quote " % \n \u00fc', 1e-7, ["Promoted item"], "spring", {"COLOUR": "red"})


def test_an_entry_has_the_members_of_the_model() -> None:
    """The names on the wire are those of the service model, and values of the annotated types pass its check."""
    assert set(ITEM.members) == {field.encode_name for field in msgspec.structs.fields(Entry)}
    written = json.loads(msgspec.json.encode(FULL))
    assert set(ITEM.members) == set(written)
    assert written == compile_output(ITEM)(written, "")
    assert FULL == msgspec.json.decode(msgspec.json.encode(FULL), type=Entry)


@pytest.mark.parametrize(
    ("operation", "member"), [("GetRecommendations", "itemList"), ("GetPersonalizedRanking", "personalizedRanking")]
)
def test_answers_hold_entries(operation: str, member: str) -> None:
    """Entries are written without the members that they do not have, and as what the same structures are written as."""
    write = routes().operations[operation].write
    assert write is not None
    entries = [FULL, Entry("b", 0.5), Entry("c"), Entry("d", reason=["Popular item"])]
    written = write({member: entries, "recommendationId": "RID-1"})
    assert written == write({member: json.loads(msgspec.json.encode(entries)), "recommendationId": "RID-1"})
    assert {"itemId": "b", "score": 0.5} == json.loads(written)[member][1]
    assert {"itemId": "c"} == json.loads(written)[member][2]
    assert b'{"%b":[]}' % member.encode() == write({member: []})


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_model_that_scores_with_no_number_is_a_defect(bad: float, place: int) -> None:
    """Wherever such a score is, the answer is not written."""
    raw = np.array([0.5, 1.0, 2.0], np.float32)
    raw[place] = bad
    with np.errstate(invalid="ignore"):
        shares = softmax(raw)
    order = (-shares).argsort(kind="stable")
    with pytest.raises(AnswerError, match="score must be a finite number"):
        scored("abc", rounded(shares[order]).tolist())


def test_an_item_that_can_never_be_chosen() -> None:
    """A score of minus infinity is a share of zero, and the others have all of it."""
    shares = softmax(np.array([0.0, -np.inf, 0.0], np.float32))
    assert [Entry("a", 0.5), Entry("b", 0.0), Entry("c", 0.5)] == scored("abc", rounded(shares).tolist())


def test_no_item_no_entry() -> None:
    """A list of nothing is empty."""
    assert [] == scored([], [])
