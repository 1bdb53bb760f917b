"""Every operation of the service models, with requests generated from the models themselves."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.personalize.operations import OPERATIONS
from local.personalize.options import Options
from local.personalize.protocol import Answer, Protocol
from local.personalize.service import Personalize
from local.personalize.services import routes
from local.personalize.work import InProcess

MODELS = {
    api: ServiceModel(Loader().load_service_model(api, "service-2"), api)
    for api in ("personalize", "personalize-events", "personalize-runtime")
}
ALL = sorted(routes().operations)
IMPLEMENTED = sorted(OPERATIONS)


def test_the_models_are_known() -> None:
    """71 + 5 + 3 operations of the pinned botocore have a route, and each operation of the table is one of them."""
    assert [71, 5, 3] == [len(model.operation_names) for model in MODELS.values()]
    assert 79 == len(ALL)
    assert set() == set(IMPLEMENTED) - set(ALL)


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protocol]:
    folder: Path = tmp_path_factory.mktemp("operations")
    service = Personalize(Options(folder=folder, pace=0.0, s3_root=folder / "s3", worker=InProcess()))
    service.start()
    yield Protocol(service)
    service.close()


def _sent(protocol: Protocol, name: str, request: Any) -> Answer:
    operation = routes().operations[name]
    headers: dict[bytes, bytes] = {}
    method, path = "POST", "/"
    if operation.api == "personalize":
        headers[b"x-amz-target"] = f"AmazonPersonalize.{name}".encode()
    else:
        method, path = next(route for route, one in routes().paths.items() if one.name == name)
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return asyncio.run(protocol.answer(method, path, headers, body))


def _code(answer: Answer) -> str:
    return str(json.loads(answer.body)["__type"])


@pytest.mark.parametrize("name", sorted(set(ALL) - set(IMPLEMENTED)))
def test_what_is_missing_says_so(protocol: Protocol, name: str) -> None:
    """An operation that is not carried out answers with an error that its model lists."""
    answer = _sent(protocol, name, {})
    assert (400, "InvalidInputException") == (answer.status, _code(answer))
    assert "InvalidInputException" in routes().operations[name].errors
    assert f"{name} is not supported by the local Personalize." == json.loads(answer.body)["message"]


def _valid(shape: Any) -> st.SearchStrategy[Any]:
    """Values of a shape, within its bounds where they can be generated cheaply."""
    match shape.type_name:
        case "structure":
            required = {
                name: _valid(member) for name, member in shape.members.items() if name in shape.required_members
            }
            optional = {
                name: _valid(member) for name, member in shape.members.items() if name not in shape.required_members
            }
            return st.fixed_dictionaries(required, optional=optional)
        case "list":
            least = shape.metadata.get("min", 0)
            return st.lists(_valid(shape.member), min_size=least, max_size=min(least + 2, shape.metadata.get("max", 3)))
        case "map":
            return st.dictionaries(_valid(shape.key), _valid(shape.value), max_size=2)
        case "string":
            return _strings(shape)
        case "timestamp":
            return st.integers(0, 2**31)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(max(shape.metadata.get("min", -5), -(2**31)), min(shape.metadata.get("max", 600), 2**31))
        case _:
            return st.floats(shape.metadata.get("min", -5), shape.metadata.get("max", 5), allow_nan=False)


def _strings(shape: Any) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        least = shape.metadata.get("min", 0)
        return st.text(st.characters(codec="utf-8"), min_size=least, max_size=least + 10)
    if shape.name in ("Arn", "KmsKeyArn", "RoleArn"):
        kinds = (
            "solution/a",
            "campaign/a",
            "schema/a",
            "dataset/a/ITEMS",
            "dataset-group/a",
            "filter/a",
            "solution/a/1",
        )
        known = [f"arn:aws:personalize:us-east-1:000000000000:{kind}" for kind in kinds]
        return st.sampled_from(
            {
                "Arn": [*known, "arn:aws:personalize:::recipe/aws-popularity-count"],
                "KmsKeyArn": ["arn:aws:kms:us-east-1:000000000000:key/a"],
                "RoleArn": ["arn:aws:iam::000000000000:role/a"],
            }[shape.name]
        )
    return st.sampled_from(["a", "A_1", "s3://bucket/a", "rate(3 days)"])


@pytest.mark.parametrize("name", IMPLEMENTED)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_valid_requests_get_modelled_answers(protocol: Protocol, name: str, data: st.DataObject) -> None:
    """A request within the model's bounds is answered, or refused with an error of the model; never with a 500."""
    operation = routes().operations[name]
    shape = MODELS[operation.api].operation_model(name).input_shape
    answer = _sent(protocol, name, data.draw(_valid(shape)))
    if answer.status != 200:
        assert _code(answer) in operation.errors | {"InvalidInputException"}
        assert operation.statuses.get(_code(answer), 400) == answer.status


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def _mangled(shape: Any) -> st.SearchStrategy[Any]:
    """Requests whose members have any JSON value."""
    members = {name: _JSON | _valid(member) for name, member in shape.members.items()}
    return st.fixed_dictionaries({}, optional=members) | _JSON


@pytest.mark.parametrize("name", IMPLEMENTED)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_json_is_survived(protocol: Protocol, name: str, data: st.DataObject) -> None:
    """Whatever the body says, the answer is a success or a 4xx."""
    shape = MODELS[routes().operations[name].api].operation_model(name).input_shape
    answer = _sent(protocol, name, data.draw(_mangled(shape)))
    assert 200 <= answer.status < 500


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"name": NaN}', b"[" * 100_000, b'{"name": "\\ud800"}', b"7"])
def test_what_is_not_json_is_refused(protocol: Protocol, body: bytes) -> None:
    """Broken JSON is the caller's error."""
    answer = _sent(protocol, "CreateDatasetGroup", body)
    assert 400 == answer.status
    assert _code(answer) in ("SerializationException", "InvalidInputException")


def test_unknown_operations_are_refused(protocol: Protocol) -> None:
    """A target or path that no model has is 404, and a GET of the control plane is no operation."""
    for method, path, headers in (
        ("POST", "/", {b"x-amz-target": b"AmazonPersonalize.Guess"}),
        ("POST", "/guess", {}),
        ("GET", "/", {b"x-amz-target": b"AmazonPersonalize.ListSchemas"}),
        ("GET", "/events", {}),
    ):
        answer = asyncio.run(protocol.answer(method, path, headers, b"{}"))
        assert (404, "UnknownOperationException") == (answer.status, _code(answer))
