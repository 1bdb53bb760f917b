"""Who asks, and in which circumstances."""

import math

import pytest

from lambdas.shared.attempts import InvalidRequestError
from lambdas.shared.errors import PayloadError
from lambdas.shared.visitor import blame_caller, flag, request_context, visitor_id


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"userId": "u", "sessionId": "s"}, "u"),
        ({"userId": 12}, "12"),
        ({"sessionId": "s"}, "s"),
        ({"userId": None, "sessionId": "s"}, "s"),
    ],
)
def test_d26_the_user_or_the_session_asks(payload, expected):
    """A visitor without a user has the taste of the session."""
    assert expected == visitor_id(payload)


def test_d26_strangers_share_nothing():
    """Without user and session each request is a visitor of its own, never a common 'unknown'."""
    assert 50 == len({visitor_id({}) for _ in range(50)})


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"userId": ""}, "userId"),
        ({"userId": "x" * 257}, "userId"),
        ({"userId": {}}, "userId"),
        ({"userId": "u", "sessionId": []}, "sessionId"),
    ],
)
def test_wrong_ids_are_named(payload, field):
    """Both ids are checked, even when only one is used."""
    with pytest.raises(PayloadError) as refused:
        visitor_id(payload)

    assert field == refused.value.field


def test_context_is_a_map_of_texts():
    """Numbers become texts; nothing in it is no context."""
    assert {"DEVICE": "phone", "HOUR": "7"} == request_context({"context": {"DEVICE": "phone", "HOUR": 7}})
    assert (None, None) == (request_context({}), request_context({"context": {}}))


@pytest.mark.parametrize(
    "context",
    [
        [],
        "x",
        {"a b": "x"},
        {"": "x"},
        {"x" * 151: "x"},
        {"A": "x" * 1001},
        {"A": math.nan},
        {"A": None},
        {"A": True},
        {f"A{n}": "x" for n in range(151)},
    ],
)
def test_context_that_personalize_cannot_take_is_refused(context):
    """Names, values and their number have limits."""
    with pytest.raises(PayloadError, match="context"):
        request_context({"context": context})


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), (None, False)])
def test_flags(value, expected):
    """A flag that is absent or null is false."""
    assert expected is flag({"detail": value}, "detail")


@pytest.mark.parametrize("value", [1, "true", []])
def test_flags_are_truth_values(value):
    """Nothing else counts as true."""
    with pytest.raises(PayloadError, match="detail: must be true or false"):
        flag({"detail": value}, "detail")


def test_the_caller_is_blamed_only_for_what_it_sent():
    """A refusal is the caller's only when it sent what Personalize alone can judge."""
    error = InvalidRequestError("InvalidInputException", "no such parameter")

    blame_caller(error, {"userId": "u"}, "filters", "context")
    with pytest.raises(PayloadError, match="filters: refused by Amazon Personalize: no such parameter"):
        blame_caller(error, {"filters": "cats"}, "filters", "context")
