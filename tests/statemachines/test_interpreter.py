"""The local interpreter against what AWS documents: it forgives nothing that Step Functions does not."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.statemachines.world import ROLE, ended, new_name, wait_until

CATCH_ALL = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}]


def machine(state, **more):
    """A definition whose first state is this one; a caught error is its output."""
    return {"StartAt": "First", "States": {"First": state, "Caught": {"Type": "Succeed"}, **more}}


def pass_state(**fields):
    return {"Type": "Pass", "End": True, **fields}


def call(action, parameters, **fields):
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:{action}",
        "Parameters": parameters,
        "End": True,
        **fields,
    }


@pytest.mark.parametrize(
    "state",
    [
        pass_state(Parameters={"x.$": "$.missing"}),
        pass_state(Parameters={"inside": [{"x.$": "$.missing"}]}),
        pass_state(Parameters={"x.$": "$$.Execution.Missing"}),
        pass_state(Parameters={"x.$": "States.Format('{}', $.missing)"}),
        pass_state(Parameters={"x.$": "$.list[7]"}),
        pass_state(InputPath="$.missing"),
        pass_state(OutputPath="$.missing"),
        {
            "Type": "Choice",
            "Choices": [{"Variable": "$.missing", "StringEquals": "x", "Next": "Caught"}],
            "Default": "Caught",
        },
        {
            "Type": "Choice",
            "Choices": [{"Variable": "$.missing", "IsNull": True, "Next": "Caught"}],
            "Default": "Caught",
        },
        {
            "Type": "Choice",
            "Choices": [{"Variable": "$.text", "StringEqualsPath": "$.missing", "Next": "Caught"}],
            "Default": "Caught",
        },
        {
            "Type": "Map",
            "ItemsPath": "$.missing",
            "ItemProcessor": {"StartAt": "A", "States": {"A": pass_state()}},
            "End": True,
        },
        {
            "Type": "Map",
            "ItemsPath": "$.text",
            "ItemProcessor": {"StartAt": "A", "States": {"A": pass_state()}},
            "End": True,
        },
        {"Type": "Wait", "SecondsPath": "$.missing", "Next": "Caught"},
        {"Type": "Fail", "ErrorPath": "$.missing"},
    ],
)
def test_a_missing_path_ends_the_run(execute, state):
    """Parameters, intrinsic functions, paths, choices, items, waits: what is not there is States.Runtime."""
    run = execute(machine(state), {"text": "t", "list": [1]})
    assert (run["status"], run["error"]) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize("errors", [["States.ALL"], ["States.TaskFailed"], ["States.Runtime"]])
@pytest.mark.parametrize("where", ["Parameters", "ResultSelector"])
def test_no_catch_and_no_retry_hold_a_missing_path(execute, errors, where):
    """States.Runtime is not retriable and always ends the execution."""
    state = call("ssm:deleteParameters", {"Names": ["/none"]}, Catch=[{"ErrorEquals": errors, "Next": "Caught"}])
    state["Retry"] = [{"ErrorEquals": errors, "MaxAttempts": 2}]
    state[where] = {"Names.$": "$.missing"}
    run = execute(machine(state))
    assert (run["status"], run["error"]) == ("FAILED", "States.Runtime")


def test_a_missing_path_inside_a_map_ends_the_whole_run(execute):
    """The Map's own Catch does not hold it either."""
    inner = {"StartAt": "A", "States": {"A": pass_state(Parameters={"x.$": "$.missing"})}}
    state = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": inner, "Catch": CATCH_ALL, "End": True}
    assert execute(machine(state), {"list": [{}]})["error"] == "States.Runtime"


def test_is_present_asks_without_ending_the_run(execute):
    """A null is present, a missing member is not; the rest of the And is not read then."""
    rules = [
        {
            "And": [{"Variable": "$.missing.deep", "IsPresent": True}, {"Variable": "$.missing.deep", "IsNull": True}],
            "Next": "Caught",
        },
        {"And": [{"Variable": "$.null", "IsPresent": True}, {"Variable": "$.null", "IsNull": True}], "Next": "Right"},
    ]
    state = {"Type": "Choice", "Choices": rules, "Default": "Caught"}
    run = execute(machine(state, Right=pass_state(Result="right")), {"null": None})
    assert json.loads(run["output"]) == "right"


def test_a_comparison_of_other_types_is_false(execute):
    """The text "300.0" is no number, the number 1 no boolean and no text."""
    rules = [
        {"Variable": "$.text", "NumericGreaterThan": 1, "Next": "Caught"},
        {"Variable": "$.one", "BooleanEquals": True, "Next": "Caught"},
        {"Variable": "$.one", "StringEquals": "1", "Next": "Caught"},
    ]
    state = {"Type": "Choice", "Choices": rules, "Default": "Right"}
    run = execute(machine(state, Right=pass_state(Result="right")), {"text": "300.0", "one": 1})
    assert json.loads(run["output"]) == "right"


def test_intrinsic_failures_can_be_caught_by_their_name(execute):
    """A function with wrong arguments is States.IntrinsicFailure."""
    state = pass_state(Parameters={"x.$": "States.Format('{} {}', 'one')"})
    assert execute(machine(state))["error"] == "States.IntrinsicFailure"
    state = pass_state(Parameters={"x.$": "States.JsonMerge($, 'text', false)"})
    assert execute(machine(state))["error"] == "States.IntrinsicFailure"


def test_format_writes_json_words(execute):
    """Booleans, null and numbers as JSON spells them."""
    state = pass_state(Parameters={"x.$": "States.Format('{} {} {} {}', $.yes, $.nothing, $.half, $.text)"})
    run = execute(machine(state), {"yes": True, "nothing": None, "half": 0.5, "text": "t"})
    assert json.loads(run["output"]) == {"x": "true null 0.5 t"}


TOO_MUCH = [{"ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": "$.error", "Next": "Caught"}]


@pytest.mark.parametrize(("catch", "status"), [(TOO_MUCH, "SUCCEEDED"), (CATCH_ALL, "FAILED")])
def test_an_answer_beyond_the_limit_is_caught_by_its_name_alone(execute, cloud, catch, status):
    """The whole answer counts, whatever ResultSelector leaves of it: an object of 300,000 bytes."""
    bucket = new_name()
    cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("s3").put_object(Bucket=bucket, Key="k", Body=b"x" * 300_000)
    state = call("s3:getObject", {"Bucket": bucket, "Key": "k"}, ResultSelector={"none": True}, Catch=catch)
    run = execute(machine(state))
    assert run["status"] == status
    assert "States.DataLimitExceeded" in (run.get("output") or "") + run.get("error", "")


@pytest.mark.parametrize(("catch", "status"), [(TOO_MUCH, "SUCCEEDED"), (CATCH_ALL, "FAILED")])
def test_what_parameters_make_is_held_to_the_limit(execute, catch, status):
    """Before anything is called."""
    texts = ", ".join(["$.text"] * 60)
    state = call("ssm:getParameters", {"Names.$": f"States.Array({texts})"}, Catch=catch)
    assert execute(machine(state), {"text": "x" * 5_000})["status"] == status


@pytest.mark.parametrize("catch", [TOO_MUCH, CATCH_ALL])
def test_a_state_that_hands_on_too_much_ends_the_run(execute, catch):
    """An answer that fits, beside data that fit: together they do not, and no catcher is asked, a Map's neither."""
    inner: dict[str, Any] = {
        "StartAt": "A",
        "States": {"A": call("ssm:getParametersByPath", {"Path": "/none"}, ResultPath="$.more")},
    }
    inner["States"]["A"]["ResultSelector"] = {"more.$": "$.Parameters", "padding": "x" * 200_000}
    state = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": inner, "Catch": catch, "End": True}
    run = execute(machine(state), {"list": [{"text": "x" * 100_000}]})
    assert (run["status"], run["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_a_wildcard_leaves_out_what_is_missing(execute):
    """A list of what is there, empty where nothing is; what is missing before the wildcard is missing."""
    state = pass_state(
        Parameters={"a.$": "$.*.name", "b.$": "$.*.none.deeper", "c.$": "$.list[*].x", "d.$": "$.*[*].x"}
    )
    run = execute(machine(state), {"one": {"name": "n"}, "two": "text", "list": [{"x": 1}, {}, 5]})
    assert json.loads(run["output"]) == {"a": ["n"], "b": [], "c": [1], "d": [1]}
    assert execute(machine(pass_state(Parameters={"a.$": "$.none[*].x"})), {})["error"] == "States.Runtime"


def test_every_uuid_is_another(execute):
    """States.UUID gives a version 4 identifier."""
    run = execute(machine(pass_state(Parameters={"a.$": "States.UUID()", "b.$": "States.UUID()"})))
    found = json.loads(run["output"])
    assert found["a"] != found["b"]
    assert {uuid.UUID(value).version for value in found.values()} == {4}


def test_more_than_a_state_may_hand_on_is_not_caught(execute):
    """256 KiB of output is States.DataLimitExceeded, which States.ALL does not hold."""
    texts = ", ".join(["$.text"] * 60)
    state = pass_state(Parameters={"x.$": f"States.Array({texts})"})
    assert execute(machine(state), {"text": "x" * 5_000})["error"] == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    ("action", "parameters", "error"),
    [
        ("ssm:getParameter", {"Name": "/nowhere"}, "Ssm.ParameterNotFoundException"),
        ("ssm:putParameter", {"Name": "ssm-reserved", "Value": "x"}, "Ssm.ValidationException"),
        (
            "sfn:describeExecution",
            {"ExecutionArn": "arn:aws:states:us-east-1:000000000000:execution:a:b"},
            "Sfn.ExecutionDoesNotExistException",
        ),
        (
            "sns:publish",
            {"TopicArn": "arn:aws:sns:us-east-1:000000000000:none", "Message": "x"},
            "Sns.NotFoundException",
        ),
        ("s3:getObject", {"Bucket": "no-such-bucket-here", "Key": "x"}, "S3.NoSuchBucketException"),
        (
            "personalize:describeSolution",
            {"SolutionArn": "arn:aws:personalize:us-east-1:000000000000:solution/none"},
            "Personalize.ResourceNotFoundException",
        ),
        (
            "personalizeruntime:getRecommendations",
            {"CampaignArn": "arn:aws:personalize:us-east-1:000000000000:campaign/none", "UserId": "u"},
            "PersonalizeRuntime.ResourceNotFoundException",
        ),
    ],
)
def test_errors_have_the_names_of_aws(execute, action, parameters, error):
    """Service and exception in Pascal case, `Exception` at the end; unknown codes are the service's own."""
    run = execute(machine(call(action, parameters, Catch=CATCH_ALL)))
    assert json.loads(run["output"])["error"]["Error"] == error


def test_taken_parameters_are_refused_by_overwrite(execute):
    """`Overwrite: false` is what the lock rests on."""
    name = f"/{new_name()}"
    state = call("ssm:putParameter", {"Name": name, "Value": "x", "Type": "String", "Overwrite": False})
    assert execute(machine(state))["status"] == "SUCCEEDED"
    assert execute(machine(state))["error"] == "Ssm.ParameterAlreadyExistsException"


def test_numbers_of_cloudwatch_are_numbers(execute, cloud):
    """Sums are numbers, times ISO 8601 text, and no datapoints an empty list."""
    namespace = new_name()
    cloud.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "M", "Value": 300.5}])
    asked = {
        "Namespace": namespace,
        "StartTime": "2020-01-01T00:00:00Z",
        "EndTime": "2100-01-01T00:00:00Z",
        "Period": 86400,
        "Statistics": ["Sum"],
    }
    found = json.loads(execute(machine(call("cloudwatch:getMetricStatistics", {**asked, "MetricName": "M"})))["output"])
    assert [point["Sum"] for point in found["Datapoints"]] == [300.5]
    assert found["Datapoints"][0]["Timestamp"].endswith("Z")
    none = json.loads(execute(machine(call("cloudwatch:getMetricStatistics", {**asked, "MetricName": "N"})))["output"])
    assert none["Datapoints"] == []


def test_objects_are_written_as_json(execute, cloud):
    """The body of putObject is the JSON text of what is given."""
    bucket = f"b-{new_name()}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    execute(machine(call("s3:putObject", {"Bucket": bucket, "Key": "k.json", "Body": {"a": [1, None]}})))
    assert json.loads(cloud.client("s3").get_object(Bucket=bucket, Key="k.json")["Body"].read()) == {"a": [1, None]}


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        (machine(call("ssm:getParameter", {"Name": "/x", "name": "/x"})), "'name' is not supported"),
        (machine(call("ssm:getParameter", {})), "'Name' is required"),
        (machine(call("ssm:getParameter", {"Name": 5})), "must be of type string"),
        (machine(call("ssm:getParametr", {"Name": "/x"})), "is not recognized"),
        (machine(call("ssmm:getParameter", {"Name": "/x"})), "is not recognized"),
        (machine({"Type": "Pass", "Next": "Nowhere"}), "'Nowhere' is no state"),
        (machine(pass_state(Parameters={"x.$": "no path"})), "must be a JSONPath"),
    ],
)
def test_definitions_that_aws_refuses_are_refused(cloud, definition, told):
    """CreateStateMachine answers InvalidDefinition and names the place."""
    client = cloud.client("stepfunctions")
    with pytest.raises(ClientError, match=told) as refusal:
        client.create_state_machine(name=new_name(), definition=json.dumps(definition), roleArn=ROLE)
    assert refusal.value.response["Error"]["Code"] == "InvalidDefinition"


def test_parameters_of_the_wrong_type_at_run_time_end_the_run(execute):
    """What only shows when it runs is States.Runtime, too."""
    state = call("ssm:getParameter", {"Name.$": "$.number"}, Catch=CATCH_ALL)
    assert execute(machine(state), {"number": 5})["error"] == "States.Runtime"


def test_a_stopped_run_does_nothing_more(cloud):
    """StopExecution ends the items of a Map, too; the run stays ABORTED."""
    parameter = f"/{new_name()}"
    inner = {
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 10_000, "Next": "Write"},
            "Write": call("ssm:putParameter", {"Name": parameter, "Value": "x", "Type": "String"}),
        },
    }
    definition = machine({"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": inner, "End": True})
    client = cloud.client("stepfunctions")
    made = client.create_state_machine(name=new_name(), definition=json.dumps(definition), roleArn=ROLE)
    started = client.start_execution(stateMachineArn=made["stateMachineArn"], input='{"list": [1]}')["executionArn"]
    wait_until(lambda: "Wait" in str(client.get_execution_history(executionArn=started)["events"]))
    client.stop_execution(executionArn=started)
    # The wait of 10,000 seconds lasts 5 here: another machine that waits longer ends after the stopped one would have.
    later = machine({"Type": "Wait", "Seconds": 12_000, "Next": "Caught"})
    made = client.create_state_machine(name=new_name(), definition=json.dumps(later), roleArn=ROLE)
    ended(cloud, client.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"])
    assert client.describe_execution(executionArn=started)["status"] == "ABORTED"
    ssm = cloud.client("ssm")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=parameter)


def test_a_run_beyond_its_time_is_timed_out(execute):
    """The TimeoutSeconds of the machine hold."""
    definition = machine({"Type": "Wait", "Seconds": 10_000, "Next": "Caught"}) | {"TimeoutSeconds": 1}
    assert execute(definition)["status"] == "TIMED_OUT"


def test_states_inside_a_map_are_in_the_history(execute, cloud):
    """What a Map's items do is seen by whoever follows the run."""
    inner = {"StartAt": "Inside", "States": {"Inside": pass_state()}}
    run = execute(
        machine({"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": inner, "End": True}), {"list": [1, 2]}
    )
    events = cloud.client("stepfunctions").get_execution_history(executionArn=run["executionArn"])["events"]
    entered = [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
    assert entered.count("Inside") == 2
