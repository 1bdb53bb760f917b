"""Lambda in the emulator: what the handlers, the mapping and the state machine rely on."""

import datetime
import io
import zipfile

from local_cloud.common.state import REPOSITORY
from tests.conformance.emulator.conftest import invoke, make_function
from tests.deadline import eventually
from tests.lambda_package import package

ECHO = "def lambda_handler(event, context):\n    return event\n"


def test_a_payload_of_any_json_type_reaches_the_handler_and_comes_back(cloud, name):
    """Objects, lists, text, numbers and null pass unchanged, not-ASCII letters included."""
    make_function(cloud, name, ECHO)
    payloads = [{"a": {"b": [1, 2.5, None, "é\u2028"]}}, [1, "x"], "text", 7, True, None]
    assert [(payload, None) for payload in payloads] == [invoke(cloud, name, payload) for payload in payloads]


def test_an_exception_is_a_function_error_with_the_exceptions_own_name(cloud, name):
    """As on AWS: FunctionError Unhandled, errorType the class, errorMessage the text; the process lives on."""
    make_function(
        cloud,
        name,
        "calls = 0\nclass Broken(Exception): ...\n"
        "def lambda_handler(event, context):\n    global calls\n    calls += 1\n"
        "    if event: raise Broken('no ' + event)\n    return calls\n",
    )
    body, error = invoke(cloud, name, "bananas")
    assert error == "Unhandled"
    assert (body["errorType"], body["errorMessage"]) == ("Broken", "no bananas")
    assert any("raise Broken" in line for line in body["stackTrace"])
    assert invoke(cloud, name, None) == (2, None)


def test_what_cannot_be_answered_or_imported_is_named_as_on_aws(cloud, name):
    """A result that is not JSON is Runtime.MarshalError, a missing module Runtime.ImportModuleError."""
    make_function(cloud, f"{name}-m", "def lambda_handler(event, context):\n    return {1, 2}\n")
    make_function(cloud, f"{name}-i", "import no_such_module\n")
    assert invoke(cloud, f"{name}-m")[0]["errorType"] == "Runtime.MarshalError"
    for _ in range(2):
        assert invoke(cloud, f"{name}-i")[0]["errorType"] == "Runtime.ImportModuleError"


def test_a_function_that_takes_too_long_is_ended(cloud, name):
    """After the function's timeout the caller gets a FunctionError, and the next call a fresh process."""
    make_function(
        cloud,
        name,
        "import time\ndef lambda_handler(event, context):\n    time.sleep(event)\n    return 'done'\n",
        Timeout=1,
    )
    body, error = invoke(cloud, name, 30)
    assert error == "Unhandled"
    assert "Task timed out after 1.00 seconds" in body["errorMessage"]
    assert invoke(cloud, name, 0) == ("done", None)


def test_what_the_runtime_tells_the_function(cloud, name):
    """Context and environment hold what AWS documents and what points SDKs to this cloud; tracing is off."""
    arn = make_function(
        cloud,
        name,
        "import os\ndef lambda_handler(event, context):\n"
        "    return {'name': context.function_name, 'memory': context.memory_limit_in_mb, 'id': context.aws_request_id,\n"
        "      'arn': context.invoked_function_arn, 'left': context.get_remaining_time_in_millis(),\n"
        "      'version': context.function_version, **{k: os.environ.get(k) for k in event}}\n",
        Timeout=20,
        MemorySize=256,
        Environment={"Variables": {"ENVIRONMENT": "local"}},
    )
    variables = [
        "ENVIRONMENT", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS",
        "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME", "POWERTOOLS_TRACE_DISABLED", "AWS_XRAY_SDK_ENABLED", "AWS_PROFILE",
    ]  # fmt: skip
    seen, _ = invoke(cloud, name, variables)
    assert len(seen.pop("id")) == 36
    assert 18_000 < seen.pop("left") <= 20_000
    assert {
        "name": name,
        "memory": 256,
        "arn": arn,
        "version": "$LATEST",
        "ENVIRONMENT": "local",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": cloud.personalize,
        "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME": cloud.personalize,
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_XRAY_SDK_ENABLED": "false",
        "AWS_PROFILE": None,
    } == seen


def test_the_alias_decides_which_version_answers(cloud, name):
    """`name:live` and the alias ARN run the published version until the alias moves."""
    client = cloud.client("lambda")
    arn = make_function(cloud, name, "def lambda_handler(event, context):\n    return 'one'\n", Publish=True)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    new_code = package({"pack/handler.py": "def lambda_handler(event, context):\n    return 'two'\n"})
    client.update_function_code(FunctionName=name, ZipFile=new_code)
    assert [invoke(cloud, reference) for reference in (f"{name}:live", f"{arn}:live", name)] == [
        ("one", None),
        ("one", None),
        ("two", None),
    ]
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    assert invoke(cloud, f"{name}:live") == ("two", None)


def test_a_layer_is_on_the_path_and_the_functions_own_code_goes_first(cloud, name):
    """`python/` of a layer can be imported; a module of the same name in the function's package wins."""
    layer = cloud.client("lambda").publish_layer_version(
        LayerName=name,
        Content={
            "ZipFile": package({"python/from_layer.py": "WHO = 'layer'", "python/pack/handler.py": "raise SystemExit"})
        },
    )["LayerVersionArn"]
    make_function(
        cloud,
        name,
        "import from_layer\ndef lambda_handler(event, context):\n    return from_layer.WHO\n",
        Layers=[layer],
    )
    assert invoke(cloud, name) == ("layer", None)


def test_nothing_of_the_local_cloud_can_be_imported(cloud, name):
    """What is missing in the function's package fails here as it would on AWS."""
    make_function(
        cloud,
        name,
        "import importlib.util\ndef lambda_handler(event, context):\n"
        "    return [module for module in event if importlib.util.find_spec(module)]\n",
    )
    modules = ["pack", "boto3", "local", "infra", "lambdas", "supervisor", "lambda_worker", "numpy"]
    assert (["pack", "boto3"], None) == invoke(cloud, name, modules)


def test_embedded_metrics_reach_cloudwatch_with_their_dimensions(cloud, name):
    """Every datum that a function prints in the embedded metric format is in the local CloudWatch at once, lists too."""
    make_function(
        cloud,
        name,
        "import json, time\n"
        "def lambda_handler(event, context):\n"
        "    print(json.dumps({'_aws': {'Timestamp': int(time.time() * 1000), 'CloudWatchMetrics': [{\n"
        "      'Namespace': 'Test', 'Dimensions': [['service', 'environment']],\n"
        "      'Metrics': [{'Name': 'Accepted', 'Unit': 'Count'}, {'Name': 'Latency', 'Unit': 'Milliseconds'}]}]},\n"
        "      'service': context.function_name, 'environment': 'local', 'Accepted': [2, 3], 'Latency': 1.5}))\n",
    )
    for _ in range(3):
        invoke(cloud, name)
    assert _statistics(cloud, name, "Accepted") == (6.0, 15.0)
    assert _statistics(cloud, name, "Latency") == (3.0, 4.5)


def test_powertools_metrics_reach_cloudwatch(cloud, name):
    """The layer's own Powertools, as the handlers use it: metrics flushed at the end of the invocation."""
    make_function(
        cloud,
        name,
        "from aws_lambda_powertools import Metrics\nfrom aws_lambda_powertools.metrics import MetricUnit\n"
        "metrics = Metrics(namespace='Test', service='powertools')\n"
        "metrics.set_default_dimensions(environment=__import__('os').environ['NAME'])\n"
        "@metrics.log_metrics\n"
        "def lambda_handler(event, context):\n"
        "    metrics.add_metric('Accepted', MetricUnit.Count, 1)\n    metrics.add_metric('Accepted', MetricUnit.Count, 4)\n",
        Layers=[_powertools_layer(cloud)],
        Environment={"Variables": {"NAME": name}},
    )
    assert invoke(cloud, name) == (None, None)
    found = cloud.client("cloudwatch").list_metrics(Namespace="Test", MetricName="Accepted")["Metrics"]
    dimensions = [{d["Name"]: d["Value"] for d in metric["Dimensions"]} for metric in found]
    assert {"service": "powertools", "environment": name} in dimensions
    assert _statistics(cloud, "powertools", "Accepted", environment=name) == (2.0, 5.0)


def test_what_a_function_prints_is_in_its_log_group(cloud, name):
    """Both streams, between START and END, in the order printed."""
    make_function(
        cloud,
        name,
        "import sys\ndef lambda_handler(event, context):\n    print('first')\n    print('second', file=sys.stderr)\n",
    )
    invoke(cloud, name)
    events = eventually(
        lambda: cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"],
        lambda found: len(found) == 5,
    )
    assert [e["message"].split()[0] for e in events] == ["START", "first", "second", "END", "REPORT"]


def _statistics(cloud, service: str, metric: str, environment: str = "local") -> tuple[float, float]:
    """Sample count and sum of the last hour."""
    now = datetime.datetime.now(datetime.UTC)
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="Test",
        MetricName=metric,
        Dimensions=[{"Name": "service", "Value": service}, {"Name": "environment", "Value": environment}],
        StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(minutes=5),
        Period=7200,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    return sum(p["SampleCount"] for p in points), sum(p["Sum"] for p in points)


def _powertools_layer(cloud) -> str:
    root = REPOSITORY / "build" / "layer"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in (root / "python").rglob("*.py"):
            archive.write(file, str(file.relative_to(root)))
    made = cloud.client("lambda").publish_layer_version(LayerName="powertools", Content={"ZipFile": buffer.getvalue()})
    return str(made["LayerVersionArn"])
