"""MiniStack's interpreter with its lenient parts replaced, inside the test's own process."""

import json
import uuid
from typing import Any

import botocore.exceptions
import botocore.session
import pytest

from local_cloud.emulator.states import strict
from local_cloud.emulator.states.language import StatesError
from tests.deadline import eventually

ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture
def sfn(emulator):
    from ministack.services import stepfunctions

    return stepfunctions


def create(sfn, definition: Any) -> tuple[int, dict[str, Any]]:
    """Status and answer of CreateStateMachine."""
    text = definition if isinstance(definition, str) else json.dumps(definition)
    status, _, body = sfn._create_state_machine({"name": uuid.uuid4().hex, "definition": text, "roleArn": ROLE})
    return status, json.loads(body)


def start(sfn, definition: Any, given: object = None) -> dict[str, Any]:
    """The record of a new execution."""
    status, made = create(sfn, definition)
    assert status == 200, made
    request = {"stateMachineArn": made["stateMachineArn"], "input": json.dumps({} if given is None else given)}
    _, _, body = sfn._start_execution(request)
    record: dict[str, Any] = sfn._executions[json.loads(body)["executionArn"]]
    return record


def run(sfn, definition: Any, given: object = None) -> dict[str, Any]:
    """The record of an execution that has ended."""
    record = start(sfn, definition, given)
    return eventually(lambda: record, lambda shown: shown["status"] != "RUNNING")


def machine(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"StartAt": "First", "States": {"First": state, "Last": {"Type": "Succeed"}, **more}}


def passing(**fields: Any) -> dict[str, Any]:
    return {"Type": "Pass", "End": True, **fields}


def mapping(*, inner: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": inner, "End": True, **fields}


def choice(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Choice", "Choices": [rule | {"Next": "Last"} for rule in rules], "Default": "Other"}


def test_templates_paths_and_context_are_filled(sfn):
    """Data, context and functions; an empty Parameters is an empty object."""
    parameters = {"a.$": "$.x", "b.$": "$$.Execution.Name", "c": [{"d.$": "States.Format('{}', $.x)"}]}
    record = run(sfn, machine(passing(Parameters=parameters)), {"x": 1})
    assert json.loads(record["output"]) == {"a": 1, "b": record["name"], "c": [{"d": "1"}]}
    assert json.loads(run(sfn, machine(passing(Parameters={})), {"x": 1})["output"]) == {}


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (passing(Parameters={"x.$": "$.none"}), "States.Runtime"),
        (passing(Parameters={"x.$": "States.Hash("}), "States.Runtime"),
        (passing(Parameters={"x.$": "States.UUID() and more"}), "States.Runtime"),
        (passing(Parameters={"x.$": "States.UUID"}), "States.Runtime"),
        (passing(Parameters={"x.$": "States.Nothing($)"}), "States.IntrinsicFailure"),
        (passing(Parameters={"x.$": "States.MathAdd('1', 2)"}), "States.IntrinsicFailure"),
        (passing(Parameters={"x.$": "States.JsonMerge($, $, true)"}), "States.IntrinsicFailure"),
        (passing(Parameters={"x.$": "States.ArrayGetItem(States.Array(1), 5)"}), "States.IntrinsicFailure"),
        (passing(Parameters={"x.$": "States.Format()"}), "States.IntrinsicFailure"),
        (passing(InputPath="$.text", ResultPath="$.x"), "States.Runtime"),
        (choice({"Variable": "$.none", "StringEquals": "x"}), "States.Runtime"),
        (mapping(ItemsPath="$.one", inner={"StartAt": "In", "States": {"In": passing()}}), "States.Runtime"),
    ],
)
def test_what_is_missing_or_wrong_ends_the_run(sfn, state, error):
    """Each replaced part fails as AWS does, not with a null."""
    record = run(sfn, machine(state, Other={"Type": "Succeed"}), {"one": 1})
    assert (record["status"], record["error"]) == ("FAILED", error)


def test_a_result_path_needs_an_object(sfn):
    """A list has no place for a member."""
    record = run(sfn, machine(passing(Result=1, ResultPath="$.x")), [1])
    assert record["error"] == "States.ResultPathMatchFailure"


def test_choices_read_data_and_context(sfn):
    """`$` is the input, `$$` the context."""
    rule = {"Variable": "$.name", "StringEqualsPath": "$$.StateMachine.Name"}
    present = {"Variable": "$$.Execution.Nothing", "IsPresent": True}
    other = {"Type": "Pass", "Result": "other", "End": True}
    record = run(sfn, machine(choice(rule, present), Other=other), {"name": "no such machine"})
    assert json.loads(record["output"]) == "other"


def test_a_map_runs_every_kind_of_state_and_tells_of_it(sfn):
    """Wait, choice, nested map, parallel and succeed inside an item; the history names them."""
    nested = mapping(ItemsPath="$.list", inner={"StartAt": "N", "States": {"N": passing()}}) | {"Next": "Both"}
    del nested["End"]
    inner = {
        "StartAt": "Pause",
        "States": {
            "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Which"},
            "Which": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.list", "IsPresent": True, "Next": "Nested"}],
                "Default": "Bad",
            },
            "Nested": nested,
            "Both": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "P", "States": {"P": {"Type": "Succeed"}}}],
                "Next": "Good",
            },
            "Good": {"Type": "Succeed"},
            "Bad": {"Type": "Fail", "Error": "Bad", "Cause": "no list"},
        },
    }
    record = run(sfn, machine(mapping(inner=inner)), [{"list": [1]}, {"list": []}])
    assert json.loads(record["output"]) == [[[1]], [[]]]
    entered = [e["stateEnteredEventDetails"]["name"] for e in record["events"] if "stateEnteredEventDetails" in e]
    assert {"Pause", "Which", "Nested", "Both", "P", "Good"} <= set(entered)
    failed = run(sfn, machine(mapping(inner=inner)), [{}])
    assert (failed["status"], failed["error"]) == ("FAILED", "Bad")


def test_too_much_output_is_refused(sfn):
    """More than a state may hand on."""
    record = run(sfn, machine(passing(Result="x" * 300_000)))
    assert record["error"] == "States.DataLimitExceeded"


def test_a_stopped_run_stays_stopped(sfn):
    """Neither its items nor a failure after the stop change it."""
    inner = {
        "StartAt": "Loop",
        "States": {
            "Loop": {
                "Type": "Choice",
                "Choices": [{"Variable": "$", "IsPresent": True, "Next": "Again"}],
                "Default": "Again",
            },
            "Again": {"Type": "Pass", "Next": "Loop"},
        },
    }
    record = start(sfn, machine(mapping(inner=inner)), [1])
    sfn._stop_execution({"executionArn": record["executionArn"]})
    sfn._fail_execution(record, "States.Runtime", "too late")
    assert record["status"] == "ABORTED"


def test_a_run_beyond_its_time_is_timed_out(sfn):
    """In the time of this computer, not in scaled seconds."""
    inner = {
        "StartAt": "Loop",
        "States": {"Loop": {"Type": "Pass", "Next": "Again"}, "Again": {"Type": "Pass", "Next": "Loop"}},
    }
    record = run(sfn, machine(mapping(inner=inner)) | {"TimeoutSeconds": 0.3}, [1])
    assert record["status"] == "TIMED_OUT"


@pytest.mark.parametrize(
    "definition",
    ["no json", json.dumps([1]), json.dumps({"QueryLanguage": "JSONata", "StartAt": "X", "States": {}}), "{}"],
)
def test_what_is_not_ours_to_check_is_left_to_ministack(sfn, definition):
    """Only objects in JSONPath are looked at."""
    assert strict._problems(definition) == ""


def test_unsound_definitions_are_refused(sfn):
    """By the API with InvalidDefinition, and by CloudFormation with the same words."""
    from ministack.services.cloudformation import provisioners

    definition = machine({"Type": "Pass", "Next": "Nowhere"})
    status, answer = create(sfn, definition)
    assert status == 400
    assert answer["__type"] == "InvalidDefinition"
    with pytest.raises(ValueError, match="'Nowhere' is no state at /States/First"):
        provisioners._sfn_definition({"DefinitionString": json.dumps(definition)})
    sound = json.dumps(machine(passing()))
    assert json.loads(provisioners._sfn_definition({"DefinitionString": sound})) == machine(passing())


class Client:
    """Stands for botocore's client: answers, or raises what it is given."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.calls: list[tuple[str, Any]] = []

    def _make_api_call(self, operation: str, request: Any) -> Any:
        self.calls.append((operation, request))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def answers(sfn, monkeypatch):
    """Every client that the SDK makes gets this outcome; those of other tests are forgotten, and so are these."""

    def give(outcome: Any) -> Client:
        client = Client(outcome)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://nowhere.invalid")
        monkeypatch.setattr(botocore.session.Session, "create_client", lambda _self, _service, **_: client)
        strict._client.cache_clear()
        return client

    yield give
    strict._client.cache_clear()


GET = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
    "Parameters": {"Name.$": "$.name"},
    "End": True,
}


def test_calls_go_out_and_come_back_in_the_names_of_states(sfn, answers):
    """The service's names on the wire, Pascal case in the state."""
    client = answers({"Parameter": {"Name": "/n", "Value": "v", "ARN": "arn"}, "ResponseMetadata": {}})
    record = run(sfn, machine(GET), {"name": "/n"})
    assert client.calls == [("GetParameter", {"Name": "/n"})]
    assert json.loads(record["output"]) == {"Parameter": {"Name": "/n", "Value": "v", "Arn": "arn"}}


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (
            botocore.exceptions.ClientError({"Error": {"Code": "ParameterNotFound", "Message": "m"}}, "GetParameter"),
            "Ssm.ParameterNotFoundException",
        ),
        (botocore.exceptions.ClientError({"Error": {}}, "GetParameter"), "Ssm.SsmException"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), "Ssm.SdkClientException"),
        (botocore.exceptions.ParamValidationError(report="too short"), "States.Runtime"),
    ],
)
def test_errors_of_calls_have_the_names_of_aws(sfn, answers, outcome, error):
    """Modelled, unknown, unreachable, refused by the SDK itself."""
    answers(outcome)
    assert run(sfn, machine(GET), {"name": "/n"})["error"] == error


def test_a_resource_that_nobody_knows_ends_the_run():
    """The definition's check finds it first; a definition from before the check may still hold one."""
    with pytest.raises(StatesError, match="not recognized"):
        strict._call("arn:aws:states:::aws-sdk:ssm:getNothing", {})


def test_clients_talk_to_the_emulator_alone(monkeypatch):
    """Its own endpoint, one attempt (the definition retries), as the account or as the machine's role."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    strict._client.cache_clear()
    client = strict._client("ssm", None)
    acting = strict._client("ssm", "arn:aws:iam::000000000000:role/trains")
    strict._client.cache_clear()
    keys = [one._request_signer._credentials.access_key for one in (client, acting)]
    assert ["test", "ASIA.states.trains"] == keys
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert client.meta.region_name == "us-east-1"
