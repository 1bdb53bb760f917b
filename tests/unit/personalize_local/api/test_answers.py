"""Answers as JSON: what the slow and the quick way write is the same, and nothing that a shape forbids is written."""

import json
from typing import Any

import pytest
from botocore.model import ServiceModel

from personalize_local.api.answers import Write, compile_writer
from personalize_local.api.services import routes
from personalize_local.model.validation import AnswerError

SHAPES: dict[str, Any] = {
    "Answer": {
        "type": "structure",
        "members": {"items": {"shape": "Items"}, "id": {"shape": "Text"}, "rows": {"shape": "Rows"}},
    },
    "Items": {"type": "list", "member": {"shape": "Item"}},
    "Item": {
        "type": "structure",
        "members": {"name": {"shape": "Text"}, "score": {"shape": "Score"}, "reason": {"shape": "Texts"}},
    },
    "Rows": {"type": "list", "member": {"shape": "Text"}},
    "Texts": {"type": "list", "member": {"shape": "Text"}},
    "Text": {"type": "string"},
    "Score": {"type": "double"},
}
MODEL = ServiceModel({"metadata": {}, "operations": {}, "shapes": SHAPES}, "test")


def _writer() -> Write:
    return compile_writer(MODEL.shape_for("Answer"))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": "a", "items": []},
        {"items": [{"name": "a", "score": 0.25}, {"name": 'quote " % \n ü \U0001f600', "score": 1e-7}]},
        {"items": [{"name": "a", "score": 1}]},
        {"items": [{"name": "a", "score": 0.5}, {"name": "b"}]},
        {"items": [{"name": "a", "reason": ["new"]}, {"name": "b", "score": 0.5}]},
        {"items": [{}, {}], "rows": ["x", "y"]},
    ],
)
def test_what_is_written_is_the_answer(answer: dict[str, Any]) -> None:
    """Whichever way the list takes, the JSON says what the answer says."""
    assert answer == json.loads(_writer()(answer))


def test_null_members_are_left_out() -> None:
    """A member that is None is absent from the JSON, in lists too."""
    answer = {"id": None, "items": [{"name": "a", "score": None}, {"name": "b", "score": None}]}
    assert b'{"items":[{"name":"a"},{"name":"b"}]}' == _writer()(answer)


@pytest.mark.parametrize(
    "answer",
    [
        {"unknown": 1},
        {"id": 7},
        {"items": [{"name": 7, "score": 0.5}]},
        {"items": [{"name": "a", "score": "0.5"}]},
        {"items": [{"name": "a", "score": True}]},
        {"items": [{"name": "a", "score": float("nan")}]},
        {"items": [{"name": "a", "score": float("inf"), "reason": ["new"]}]},
        {"items": [{"name": "a", "other": "b"}]},
        {"rows": [1]},
    ],
)
def test_what_the_shape_forbids_is_not_written(answer: dict[str, Any]) -> None:
    """Unknown members and other types are defects, found before anything is sent."""
    with pytest.raises(AnswerError):
        _writer()(answer)


def test_every_operation_has_a_writer() -> None:
    """Each operation with an output is written; an empty answer is an empty object."""
    written = {name: operation.write({}) for name, operation in routes().operations.items() if operation.write}
    assert {b"{}"} == set(written.values())
    assert {"PutEvents", "GetRecommendations"} & written.keys() == {"GetRecommendations"}
