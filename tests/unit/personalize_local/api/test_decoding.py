"""The quick decoder: what it takes, the slow one takes too and reads the same; what it refuses, the slow one judges."""

import json
from functools import cache
from typing import Any, ClassVar

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize_local.api.decoding import Decode, compile_decoder
from personalize_local.api.services import routes
from personalize_local.model.errors import ServiceError

SHAPES: dict[str, Any] = {
    name: model.operation_model(name).input_shape
    for api in ("personalize-events", "personalize-runtime")
    for model in [ServiceModel(Loader().load_service_model(api, "service-2"), api)]
    for name in model.operation_names
}
_ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/a"
_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**33), 2**33),
    st.sampled_from([1.0, -0.0, 1e300, 10**30, 253_402_300_800, 253_402_300_799.5, float("nan"), float("inf")]),
    st.sampled_from(["", "a\n", "\ud800", "\U0001f600", "\x00", _ARN + "\n", "x" * 2_000, "٣", "a_1"]),
    st.builds(list),
    st.builds(dict),
)
"""What may stand where it should not."""


def _values(shape: Any) -> st.SearchStrategy[Any]:
    """Values at, just inside and just outside the bounds of a shape, with odd ones among them."""
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    likely: st.SearchStrategy[Any]
    match shape.type_name:
        case "structure":
            members = {name: _values(member) for name, member in shape.members.items()}
            needed = {name: members.pop(name) for name in shape.required_members}
            likely = st.fixed_dictionaries(needed, optional={**members, "unknown": _ODD})
        case "list":
            likely = st.lists(_values(shape.member), min_size=max(least - 1, 0), max_size=min(least + 2, most or 3))
        case "map":
            likely = st.dictionaries(
                st.one_of(st.sampled_from(["A", "B_1", "a b", ""]), st.text()), _values(shape.value)
            )
        case "string":
            sizes = [size for size in (least - 1, least, most, (most or 0) + 1) if size is not None and size >= 0]
            likely = st.one_of(st.just(_ARN), st.sampled_from(sizes).map(lambda size: "é" * size), st.text(max_size=9))
        case "timestamp":
            likely = st.one_of(st.floats(0, 2e9), st.integers(0, 2**31))
        case "integer":
            likely = st.integers(least - 1, (most or 2**31) + 1)
        case _:
            likely = st.one_of(st.floats(), st.integers())
    return st.one_of(likely, likely, likely, likely, likely, likely, likely, _ODD)


@cache
def _decoder(name: str, quick: bool) -> Decode:
    return compile_decoder(SHAPES[name], quick=quick)


def _told(decode: Any, body: bytes) -> tuple[str, Any]:
    try:
        return "taken", decode(body)
    except ServiceError as error:
        return error.code, error.message


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_both_ways_agree(name: str, data: st.DataObject) -> None:
    """The same members, of the same types, or the same error."""
    body = json.dumps(data.draw(_values(SHAPES[name])), ensure_ascii=data.draw(st.booleans())).encode(
        errors="surrogatepass"
    )
    quick, slow = (_told(_decoder(name, quick), body) for quick in (True, False))
    assert (quick, repr(quick)) == (slow, repr(slow))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b"{", b'{"a":1}x', b"\xff", b"[" * 100_000, b" \n{} "])
def test_bodies_that_are_no_request(body: bytes) -> None:
    """Both ways say the same of what is no JSON object at all."""
    quick, slow = (_told(_decoder("PutEvents", quick), body) for quick in (True, False))
    assert quick == slow
    assert quick[0] in ("SerializationException", "InvalidInputException")


def test_good_requests_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the usual requests nothing but msgspec is asked."""
    monkeypatch.setattr("personalize_local.api.decoding.decoded", pytest.fail)
    event = {"eventType": "v", "itemId": "i", "sentAt": 1.5, "eventId": "e", "properties": "{}", "eventValue": 2}
    requests = {
        "PutEvents": {"trackingId": "t", "userId": "u", "sessionId": "s", "eventList": [event] * 10},
        "GetRecommendations": {"campaignArn": _ARN, "userId": "u", "numResults": 5, "filterValues": {"A": '"b"'}},
        "GetPersonalizedRanking": {"campaignArn": _ARN, "userId": "u", "inputList": ["a", "b"], "context": {"A": "b"}},
    }
    for name, request in requests.items():
        assert request == routes().operations[name].decode(json.dumps(request).encode())


def test_unknown_types_are_told_of() -> None:
    """A shape of a type that no service model used so far is a mistake at start, not at a request."""

    class Blob:
        name, type_name = "Blob", "blob"
        metadata: ClassVar[dict[str, Any]] = {}

    with pytest.raises(TypeError, match="blob"):
        compile_decoder(Blob, quick=True)
