"""Requests against shapes: every bound of every operation, types, paths, and what is left out."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import DenormalizedStructureBuilder, ServiceModel

from personalize_local.model.errors import ServiceError
from personalize_local.model.validation import AnswerError, compile_input, compile_output

MODELS = {
    api: ServiceModel(Loader().load_service_model(api, "service-2"), api)
    for api in ("personalize", "personalize-events", "personalize-runtime")
}
SHAPES = {
    name: model.operation_model(name).input_shape for model in MODELS.values() for name in sorted(model.operation_names)
}


def _too_much(shape: Any) -> Iterator[Any]:
    """Values that are just above one maximum of the shape, and else as small as they can be."""
    most = shape.metadata.get("max")
    match shape.type_name:
        case "structure":
            least = {name: _least(shape.members[name]) for name in shape.required_members}
            for name, member in shape.members.items():
                for value in _too_much(member):
                    yield {**least, name: value}
        case "list":
            if most is not None:
                yield [_least(shape.member)] * (most + 1)
            for value in _too_much(shape.member):
                yield [value]
        case "map":
            for value in _too_much(shape.value):
                yield {_least(shape.key): value}
        case "string" if most is not None:
            yield _least(shape) + "1" * (most + 1)
        case "integer" | "float" | "double" if most is not None and most < math.inf:
            yield int(most) + 1


_TEXTS = {
    "Arn": "arn:aws:personalize:::a",
    "RoleArn": "arn:aws:iam::000000000000:role/a",
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/",
    "S3Location": "s3://a",
    "SchedulingExpression": "rate(1 day)",
}


def _least(shape: Any) -> Any:
    match shape.type_name:
        case "structure":
            return {name: _least(shape.members[name]) for name in shape.required_members}
        case "list":
            return [_least(shape.member)] * shape.metadata.get("min", 0)
        case "map":
            return {}
        case "string":
            return _TEXTS.get(shape.name, shape.enum[0] if shape.enum else "a")
        case "boolean":
            return False
        case _:
            return 1


@pytest.mark.parametrize("name", SHAPES)
def test_the_least_request_is_taken_and_every_maximum_held(name: str) -> None:
    """For each operation: a minimal request passes, and with one member just above its maximum it does not."""
    parse = compile_input(SHAPES[name])
    least = _least(SHAPES[name])
    assert least == parse(least, "")
    for request in _too_much(SHAPES[name]):
        with pytest.raises(ServiceError, match=r"less than or equal to|regular expression|enum value set"):
            parse(request, "")


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.required_members])
def test_every_required_member_is_asked_for(name: str) -> None:
    """Without one of its required members, or with null for it, a request is refused by that member's name."""
    parse, least = compile_input(SHAPES[name]), _least(SHAPES[name])
    for member in SHAPES[name].required_members:
        for request in ({key: value for key, value in least.items() if key != member}, {**least, member: None}):
            with pytest.raises(ServiceError, match=f"'{member}' failed to satisfy constraint: Member must not be null"):
                parse(request, "")


def _parse(operation: str, /, **request: Any) -> Any:
    return compile_input(SHAPES[operation])(request, "")


def test_unknown_and_null_members_are_left_out() -> None:
    """As the service does, members that the model does not know, and null, count as absent."""
    assert {"name": "a"} == _parse("CreateDatasetGroup", name="a", colour="red", domain=None)


@pytest.mark.parametrize(
    ("operation", "request_", "problem"),
    [
        ("CreateDatasetGroup", {"name": 7}, "name must be a string"),
        ("CreateDatasetGroup", {"name": "a", "tags": {}}, "tags must be a list"),
        ("CreateDatasetGroup", {"name": "a", "tags": ["x"]}, "tags.1.member must be an object"),
        ("ListSchemas", {"maxResults": 1.0}, "maxResults must be an integer"),
        ("ListSchemas", {"maxResults": True}, "maxResults must be an integer"),
        ("ListSchemas", {"maxResults": 2**40}, "32 bits"),
        ("GetRecommendations", {"context": []}, "context must be an object"),
    ],
)
def test_wrong_types_are_serialization_errors(operation: str, request_: Any, problem: str) -> None:
    """A value of another type is named by its path and what was expected."""
    with pytest.raises(ServiceError, match=problem) as caught:
        _parse(operation, **request_)
    assert "SerializationException" == caught.value.code


@pytest.mark.parametrize("sent_at", ["now", -1, 1e300, 253_402_300_800, float("inf"), True, None, {}])
def test_times_are_seconds_of_our_era(sent_at: Any) -> None:
    """`sentAt` is a number of seconds between 1970 and 9999."""
    event = {"eventType": "v", "sentAt": sent_at}
    with pytest.raises(ServiceError):
        _parse("PutEvents", trackingId="t", sessionId="s", eventList=[event])


def test_times_may_have_fractions() -> None:
    """Half a second is kept."""
    event = {"eventType": "v", "sentAt": 1_719_511_760.5}
    assert [event] == _parse("PutEvents", trackingId="t", sessionId="s", eventList=[event])["eventList"]


def test_numbers_are_finite() -> None:
    """Neither infinity nor a number that no double can hold is an event value."""
    for value in (float("inf"), 10**400):
        event = {"eventType": "v", "sentAt": 1, "eventValue": value}
        with pytest.raises(ServiceError, match="finite"):
            _parse("PutEvents", trackingId="t", sessionId="s", eventList=[event])


def test_patterns_hold_for_the_whole_value() -> None:
    """A pattern without an anchor at its end does not allow anything after it."""
    assert _parse("CreateDatasetGroup", name="a-b_c")
    for name in ("a b", "a\n", "a/../b"):
        with pytest.raises(ServiceError, match="regular expression"):
            _parse("CreateDatasetGroup", name=name)


def test_long_values_are_shown_in_part() -> None:
    """A message quotes the beginning of a long value, not all of it."""
    with pytest.raises(ServiceError) as caught:
        _parse("CreateDatasetGroup", name="x" * 5000)
    assert len(caught.value.message) < 400


def test_lists_hold_no_null() -> None:
    """A null in a list is no member."""
    with pytest.raises(ServiceError, match="must not hold null"):
        _parse("GetPersonalizedRanking", campaignArn="arn:aws:personalize:::a", userId="u", inputList=["a", None])


def test_half_surrogates_are_refused() -> None:
    """Text that no UTF-8 can hold is refused where no pattern refuses it."""
    with pytest.raises(ServiceError, match="surrogate"):
        _parse("GetPersonalizedRanking", campaignArn="arn:aws:personalize:::a", userId="\ud800", inputList=[])


def _answers() -> Any:
    return compile_output(
        DenormalizedStructureBuilder()
        .with_members(
            {
                "name": {"type": "string"},
                "values": {"type": "list", "member": {"type": "double"}},
                "metrics": {"type": "map", "key": {"type": "string"}, "value": {"type": "double"}},
            }
        )
        .build_model()
    )


def test_answers_are_held_against_their_shape() -> None:
    """A member that the model does not have, or of another type, is our own mistake; None is left out."""
    shape = _answers()
    assert {"values": [1.5]} == shape({"name": None, "values": [1.5]}, "")
    for answer in ({"nam": "a"}, {"name": 1}, {"values": ["a"]}, {"metrics": {"a": "b"}}):
        with pytest.raises(AnswerError):
            shape(answer, "")
