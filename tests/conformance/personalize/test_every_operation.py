"""Every operation of the service models, with requests generated from the models themselves.

The server holds a resource of every kind, so that requests reach what an operation does, and its clock stands still, so
that what they begin never ends while others are made.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize_local.api.protocol import Answer
from personalize_local.api.services import routes
from personalize_local.model.clock import ManualClock
from personalize_local.operations import ABSENT, OPERATIONS
from personalize_local.settings.quotas import Quotas
from tests.conformance.personalize.conftest import Inhabited
from tests.conformance.personalize.inhabited import ARN, RECIPE, REQUESTS, Server, code, filled
from tests.conformance.personalize.violations import violations
from tests.personalize_world import ITEMS, START

MODELS = {
    api: ServiceModel(Loader().load_service_model(api, "service-2"), api)
    for api in ("personalize", "personalize-events", "personalize-runtime")
}
ALL = sorted(routes().operations)
IMPLEMENTED = sorted(OPERATIONS, key=lambda name: (name.startswith("Delete"), name))
"""What deletes comes last, so that the others meet what is there."""
MANY = Quotas(
    schemas=10_000,
    dataset_groups=10_000,
    filters_per_group=10_000,
    solutions_per_group=10_000,
    campaigns_per_group=10_000,
    pending_imports=10_000,
    pending_versions=10_000,
    pending_deletions=10_000,
    pending_batch_inference_jobs=10_000,
    pending_batch_segment_jobs=10_000,
)


class Peopled:
    """A server over an inhabited folder, and the names that it has chosen."""

    def __init__(self, server: Server, chosen: dict[str, str]) -> None:
        self.server, self.chosen = server, chosen


@pytest.fixture(scope="module")
def peopled(inhabited: Inhabited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peopled]:
    copy = tmp_path_factory.mktemp("operations") / "copy"
    clock = ManualClock(START + 10_000.0)
    server = Server(inhabited.folder, copy, clock=clock, pace=60.0, quotas=MANY)
    yield Peopled(server, inhabited.chosen)
    server.close()


def _input(name: str) -> Any:
    return MODELS[routes().operations[name].api].operation_model(name).input_shape


def _output(name: str) -> Any:
    return MODELS[routes().operations[name].api].operation_model(name).output_shape


def test_the_models_are_known() -> None:
    """71 + 5 + 3 operations of the pinned botocore have a route, and each operation of the table is one of them."""
    assert [71, 5, 3] == [len(model.operation_names) for model in MODELS.values()]
    assert 79 == len(ALL)
    assert set() == set(IMPLEMENTED) - set(ALL)


@pytest.mark.parametrize("name", sorted(set(ALL) - set(IMPLEMENTED) - set(ABSENT)))
def test_what_is_missing_says_so(peopled: Peopled, name: str) -> None:
    """An operation that is not carried out answers with an error that its model lists."""
    answer = peopled.server.sent(name, {})
    assert (400, "InvalidInputException") == (answer.status, code(answer))
    assert "InvalidInputException" in routes().operations[name].errors
    assert f"{name} is not supported by the local Personalize." == json.loads(answer.body)["message"]


KNOWN: dict[str, list[Any]] = {
    "campaignArn": [ARN + "campaign/popular", ARN + "campaign/ranking"],
    "solutionArn": [ARN + "solution/popular", ARN + "solution/segments"],
    "solutionVersionArn": ["@popular", "@segments", ARN + "solution/popular/$LATEST"],
    "datasetGroupArn": [ARN + "dataset-group/pets", ARN + "dataset-group/second", ARN + "dataset-group/empty"],
    "datasetArn": [ARN + f"dataset/pets/{kind}" for kind in ("INTERACTIONS", "ITEMS", "USERS")],
    "schemaArn": [ARN + "schema/pets-Items", ARN + "schema/pets-Users", ARN + "schema/lonely"],
    "filterArn": [ARN + "filter/cats"],
    "eventTrackerArn": ["@tracker"],
    "metricAttributionArn": [ARN + "metric-attribution/impact"],
    "resourceArn": [ARN + "filter/cats", ARN + "campaign/popular"],
    "recipeArn": [RECIPE + name for name in ("aws-popularity-count", "aws-user-personalization", "aws-sims")],
    "batchInferenceJobArn": [ARN + "batch-inference-job/job"],
    "batchSegmentJobArn": [ARN + "batch-segment-job/job"],
    "datasetExportJobArn": [ARN + "dataset-export-job/job"],
    "dataDeletionJobArn": [ARN + "data-deletion-job/job"],
    "datasetImportJobArn": [ARN + "dataset-import-job/pets-items"],
    "trackingId": ["@id"],
    "userId": ["u1", "u2"],
    "itemId": ["cat1", "dog1"],
    "datasetType": ["Items", "Users", "Interactions"],
    "schema": [ITEMS],
    "filterExpression": [
        'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")',
        "EXCLUDE ItemID WHERE Items.ITEM_VALUE > 1",
    ],
    "properties": [
        '{"animalType": "1", "creationTimestamp": 5}',
        "{}",
        '{"age": 1e999}',
        '{"creationTimestamp": 1e300}',
    ],
    "expression": ["SAMPLECOUNT()", "SUM(Items.ITEM_VALUE)"],
}
"""What the server has, by the members that name it."""


def _valid(shape: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Values of a shape, within its bounds where they can be generated cheaply."""
    generic = _generic(shape)
    return st.sampled_from(KNOWN[name]) | generic if name in KNOWN else generic


def _generic(shape: Any) -> st.SearchStrategy[Any]:
    match shape.type_name:
        case "structure":
            required = {name: _valid(shape.members[name], name) for name in shape.required_members}
            optional = {
                name: _valid(member, name)
                for name, member in shape.members.items()
                if name not in shape.required_members
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
        return st.sampled_from(
            {
                "Arn": [f"{ARN}{kind}/none" for kind in ("solution", "campaign", "dataset/none", "filter")],
                "KmsKeyArn": ["arn:aws:kms:us-east-1:000000000000:key/a"],
                "RoleArn": ["arn:aws:iam::000000000000:role/a"],
            }[shape.name]
        )
    return st.sampled_from(["a", "A_1", "s3://bucket/a", "rate(3 days)"])


def _unknown(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Where an answer does not fit its shape: members that it has not, types, missing ones, words that are none."""
    match shape.type_name:
        case "structure":
            yield from (f"{path}.{name} is unknown" for name in value.keys() - shape.members.keys())
            yield from (f"{path}.{name} is missing" for name in set(shape.required_members) - value.keys())
            for name, member in shape.members.items():
                if name in value:
                    yield from _unknown(value[name], member, f"{path}.{name}")
        case "list":
            for one in value:
                yield from _unknown(one, shape.member, f"{path}[]")
        case "map":
            for key, one in value.items():
                yield from _unknown(key, shape.key, f"{path} key")
                yield from _unknown(one, shape.value, f"{path}.{key}")
        case kind:
            wanted = {"string": str, "boolean": bool, "integer": int, "long": int}.get(kind, (int, float))
            if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
                yield f"{path} is {value!r}"
            elif kind == "string" and shape.enum and value not in shape.enum:
                yield f"{path} is {value!r}, none of {shape.enum}"


def _check_answer(name: str, answer: Answer) -> None:
    """A success fits the output shape, for botocore too; a refusal is one of the model's, with its HTTP status."""
    operation = routes().operations[name]
    if answer.status != 200:
        error = code(answer)
        assert error in operation.errors | {"InvalidInputException"}, answer.body
        assert operation.statuses.get(str(error), 400) == answer.status
        return
    shape = _output(name)
    if shape is None:
        assert answer.body in (b"", b"{}")
        return
    body = json.loads(answer.body)
    assert [] == list(_unknown(body, shape))
    protocol = "json" if operation.api == "personalize" else "rest-json"
    headers = {key.decode(): value.decode() for key, value in answer.headers}
    parsed = create_parser(protocol).parse({"status_code": 200, "headers": headers, "body": answer.body}, shape)
    assert set(body) <= set(parsed)


@pytest.mark.parametrize("name", IMPLEMENTED)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_valid_requests_get_modelled_answers(peopled: Peopled, name: str, data: st.DataObject) -> None:
    """A request within the model's bounds is answered, or refused with an error of the model; never with a 500."""
    request = filled(data.draw(_valid(_input(name))), peopled.chosen)
    _check_answer(name, peopled.server.sent(name, request))


@pytest.mark.parametrize("name", [name for name in IMPLEMENTED if not name.startswith("Delete")])
def test_known_requests_are_answered_in_the_models_form(peopled: Peopled, name: str) -> None:
    """A request that succeeds has an answer with members of the model only, and all that it requires."""
    _check_answer(name, peopled.server.sent(name, filled(REQUESTS[name], peopled.chosen)))


@pytest.mark.parametrize("name", IMPLEMENTED)
def test_what_the_model_forbids_is_refused(peopled: Peopled, name: str) -> None:
    """Each rule of the input shape, broken alone and at any depth, ends in an error of the caller."""
    request = filled(REQUESTS[name], peopled.chosen)
    wrong = []
    for where, broken in violations(_input(name)):
        if isinstance(broken, dict):
            kept = request if ": missing" not in where or where.count(".") > 1 else {}
            broken = {**kept, **broken}
        answer = peopled.server.sent(name, broken)
        if code(answer) not in ("InvalidInputException", "SerializationException") or answer.status != 400:
            wrong.append(f"{where}: {answer.status} {answer.body.decode()[:200]}")
    assert [] == wrong


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def _mangled(shape: Any) -> st.SearchStrategy[Any]:
    """Requests whose members have any JSON value."""
    members = {name: _JSON | _valid(member, name) for name, member in shape.members.items()}
    return st.fixed_dictionaries({}, optional=members) | _JSON


@pytest.mark.parametrize("name", IMPLEMENTED)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_json_is_survived(peopled: Peopled, name: str, data: st.DataObject) -> None:
    """Whatever the body says, the answer is a success or a 4xx."""
    answer = peopled.server.sent(name, data.draw(_mangled(_input(name))))
    assert 200 <= answer.status < 500


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b"[" * 100_000,
        b'{"name":' * 100_000,
        b'{"name": "\\ud800"}',
        b'{"name": "a", "tags": [{"tagKey": "k", "tagValue": 1e999}]}',
        b'{"name": ' + b"9" * 10_000 + b"}",
        b'"name"',
        b"null",
        b"7",
    ],
)
def test_what_is_not_json_is_refused(peopled: Peopled, body: bytes) -> None:
    """Broken JSON, and JSON that no request is, is the caller's error."""
    answer = peopled.server.sent("CreateDatasetGroup", body)
    assert 400 == answer.status
    assert code(answer) in ("SerializationException", "InvalidInputException")


@pytest.mark.parametrize("name", ["DescribeRecipe", "CreateSchema", "CreateDatasetGroup"])
def test_of_a_key_that_is_given_twice_the_last_counts(peopled: Peopled, name: str) -> None:
    """As JSON readers have it; and the first is not looked at."""
    request = json.dumps(filled(REQUESTS[name], peopled.chosen))
    first = next(iter(REQUESTS[name]))
    twice = f'{{"{first}": 7, {request[1:]}'.replace('"new"', '"twice"').encode()
    assert 200 == peopled.server.sent(name, twice).status


def test_unknown_operations_are_refused(peopled: Peopled) -> None:
    """A target or path that no model has is 404, and a GET of the control plane is no operation."""
    for method, path, headers in (
        ("POST", "/", {b"x-amz-target": b"AmazonPersonalize.Guess"}),
        ("POST", "/", {b"x-amz-target": b"\xff\x00"}),
        ("POST", "/", {}),
        ("POST", "/guess", {}),
        ("GET", "/", {b"x-amz-target": b"AmazonPersonalize.ListSchemas"}),
        ("GET", "/events", {}),
        ("POST", "/events/", {}),
    ):
        answer = peopled.server.raw(method, path, headers, b"{}")
        assert (404, "UnknownOperationException") == (answer.status, code(answer))
