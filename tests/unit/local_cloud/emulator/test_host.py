"""What the emulator's host puts into MiniStack, tried inside this process."""

import asyncio
import http.server
import json
import os
import threading
import time
import uuid

import pytest

from local_cloud.emulator import host
from local_cloud.emulator.cloudformation.calls import InnerService
from local_cloud.emulator.cloudformation.resources import ResourceError
from local_cloud.emulator.personalize import Forwarder
from tests.lambda_package import package

OUR_TYPES = [
    *(f"AWS::Personalize::{kind}" for kind in ("Schema", "DatasetGroup", "Dataset", "Solution", "EventTracker")),
    *("AWS::Personalize::Filter", "AWS::Personalize::Campaign", "AWS::Lambda::EventSourceMapping"),
    *("AWS::KinesisFirehose::DeliveryStream", "AWS::Budgets::Budget", "AWS::CloudWatch::Alarm"),
]

BY_THE_ACCOUNT = {
    "authorization": "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/s3/aws4_request, SignedHeaders=a"
}


@pytest.fixture
def provisioners(emulator):
    from ministack.services.cloudformation import provisioners

    return provisioners


@pytest.fixture
def name() -> str:
    return f"n{uuid.uuid4().hex[:12]}"


def test_every_type_of_ours_is_registered_with_its_create_only_properties(provisioners):
    """Create, update and delete, and a changed create-only property is a replacement."""
    for kind in OUR_TYPES:
        assert {"create", "update", "delete"} <= set(provisioners._RESOURCE_HANDLERS[kind])
    for kind, changed, replaced in (
        ("AWS::Personalize::Filter", "FilterExpression", True),
        ("AWS::Personalize::Campaign", "SolutionVersionArn", False),
        ("AWS::Lambda::EventSourceMapping", "BatchSize", False),
        ("AWS::KinesisFirehose::DeliveryStream", "KinesisStreamSourceConfiguration", True),
        ("AWS::CloudWatch::Alarm", "Threshold", False),
    ):
        assert replaced == provisioners._replacing_change(kind, {changed: 1}, {changed: 2}), kind


def test_only_what_waits_for_personalize_leaves_the_event_loop(emulator):
    """The embedded server reads S3 from this emulator: waiting for it on the loop would be for ever."""
    from ministack.services.cloudformation import stacks

    assert [True, True, False, False] == [
        stacks._runs_on_worker_thread(kind)
        for kind in ("AWS::Personalize::Dataset", "Custom::Any", "AWS::CloudWatch::Alarm", "AWS::S3::Bucket")
    ]


def test_a_budget_is_made_changed_and_deleted(provisioners, name):
    """Amounts become text as the API has them; a second budget of the name is refused; deleting twice is no error."""
    budget = provisioners._RESOURCE_HANDLERS["AWS::Budgets::Budget"]
    limit = {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": 5, "Unit": "USD"}}
    properties = {"Budget": {"BudgetName": name, **limit}}
    assert (name, {}) == budget["create"]("Budget", properties, "stack")
    with pytest.raises(ResourceError, match="DuplicateRecordException"):
        budget["create"]("Budget", properties, "stack")
    raised = {"Budget": {"BudgetName": name, **limit, "BudgetLimit": {"Amount": 7.5, "Unit": "USD"}}}
    assert (name, {}) == budget["update"](name, properties, raised, "stack")
    assert {"Amount": "7.5", "Unit": "USD"} == _budgets().call(
        "DescribeBudget", {"AccountId": "000000000000", "BudgetName": name}
    )["Budget"]["BudgetLimit"]
    for _ in range(2):
        budget["delete"](name, properties)
    assert "stack-Budget" == budget["create"]("Budget", {"Budget": limit}, "stack")[0]


def test_a_budget_that_cannot_be_deleted_is_said(emulator, monkeypatch):
    """Only an absent budget is as good as deleted."""
    from local_cloud.emulator.cloudformation.budgets import Budgets

    service = _budgets()
    monkeypatch.setattr(InnerService, "call", lambda *_: (_ for _ in ()).throw(ResourceError("down", "InternalError")))
    with pytest.raises(ResourceError, match="down"):
        Budgets(service, "000000000000").delete("any", {})


def test_an_alarm_is_made_changed_and_deleted(provisioners, name):
    """Metric math is kept and replaces what a single metric has; tags are set, changed and dropped; names are unique."""
    alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
    properties = {
        "AlarmName": name,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [{"Id": "e", "Expression": "SUM(METRICS())"}],
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "aws:cloudformation:stack-name", "Value": "s"}],
    }
    arn = f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"
    assert (name, {"Arn": arn}) == alarm["create"]("Alarm", properties, "stack")
    with pytest.raises(ResourceError, match="AlreadyExists"):
        alarm["create"]("Alarm", properties, "stack")
    changed = {**properties, "Threshold": 2, "Tags": [{"Key": "b", "Value": "2"}]}
    assert (name, {"Arn": arn}) == alarm["update"](name, properties, changed, "stack")
    (found,) = _cloudwatch().call("DescribeAlarms", {"AlarmNames": [name]})["MetricAlarms"]
    assert (2.0, properties["Metrics"]) == (found["Threshold"], found["Metrics"])
    assert {"Statistic", "Period", "MetricName"}.isdisjoint(found)
    tags = _cloudwatch().call("ListTagsForResource", {"ResourceARN": arn})["Tags"]
    assert [{"Key": "b", "Value": "2"}] == tags
    alarm["update"](name, changed, {key: value for key, value in changed.items() if key != "Tags"}, "stack")
    assert [] == _cloudwatch().call("ListTagsForResource", {"ResourceARN": arn})["Tags"]
    alarm["delete"](name, changed)
    assert [] == _cloudwatch().call("DescribeAlarms", {"AlarmNames": [name]})["MetricAlarms"]


def test_a_refused_call_carries_the_services_code(emulator):
    """An inner call fails as the HTTP call would."""
    with pytest.raises(ResourceError, match="HandlerErrorCode: NotFoundException") as refused:
        _budgets().call("DescribeBudget", {"AccountId": "000000000000", "BudgetName": "absent"})
    assert "NotFoundException" == refused.value.code


def test_a_service_that_waits_is_not_called_from_the_loop(emulator):
    """A handler that needs the event loop would stop it: that is a mistake of ours, said at once."""

    class Pause:
        def __await__(self):
            yield

    class Waits:
        @staticmethod
        async def handle_request(*_):
            await Pause()

    with pytest.raises(RuntimeError, match="waits for something"):
        InnerService("budgets", Waits).call("DescribeBudgets", {"AccountId": "000000000000"})  # type: ignore[arg-type]


def test_a_bucket_is_deleted_only_when_it_is_empty(provisioners, name):
    """As the S3 API does; an absent bucket is as good as deleted."""
    from ministack.services import s3

    bucket = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    bucket["create"]("Bucket", {"BucketName": name}, "stack")
    asyncio.run(s3.handle_request("PUT", f"/{name}/key", BY_THE_ACCOUNT, b"content", {}))
    with pytest.raises(ResourceError, match="not empty"):
        bucket["delete"](name, {})
    asyncio.run(s3.handle_request("DELETE", f"/{name}/key", BY_THE_ACCOUNT, b"", {}))
    bucket["delete"](name, {})
    assert name not in s3._buckets
    bucket["delete"](name, {})


def test_a_functions_output_errors_and_metrics_are_its_own(emulator, name, monkeypatch):
    """One invocation: its printed lines, its exception as Lambda reports it, its metrics in CloudWatch."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    monkeypatch.setattr(os, "environ", {**os.environ, "AWS_REGION": "us-east-1"})
    code = (
        "import json\n"
        "def lambda_handler(event, context):\n"
        "    print('said')\n"
        "    print(json.dumps({'_aws': {'Timestamp': event['now'], 'CloudWatchMetrics': [{'Namespace': event['name'],\n"
        "      'Dimensions': [['who']], 'Metrics': [{'Name': 'Calls'}]}]}, 'who': 'me', 'Calls': [1, 2]}))\n"
        "    raise ValueError('bananas')\n"
    )
    config = {
        "FunctionName": name,
        "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        "Runtime": "python3.13",
        "Handler": "handler.lambda_handler",
        "Timeout": 20,
        "Version": "$LATEST",
    }
    function = {"config": config, "code_zip": package({"handler.py": code})}
    result = lambda_svc._execute_function(function, {"name": name, "now": int(1000 * time.time())})
    ((worker,),) = lambda_runtime._workers.values()
    process = worker._proc
    assert 0 == lambda_runtime.reap_idle_workers(3600)
    assert 1 == lambda_runtime.reap_idle_workers(-1)
    worker._stderr_thread.join()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    assert result["error"]
    assert ("ValueError", "bananas") == (result["body"]["errorType"], result["body"]["errorMessage"])
    assert "said" == result["log"].splitlines()[0]
    metrics = _cloudwatch().call("ListMetrics", {"Namespace": name})["Metrics"]
    assert [("Calls", [{"Name": "who", "Value": "me"}])] == [(m["MetricName"], m["Dimensions"]) for m in metrics]


def test_functions_inherit_where_aws_is_and_no_tracing(tmp_path, monkeypatch):
    """What the host sets before MiniStack is imported; only the loopback address is ever bound."""
    monkeypatch.setattr(os, "environ", {})
    host.configure(port=4711, personalize="http://127.0.0.1:4712", state=tmp_path, wait_scale=0.5)
    assert {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4711",
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": "http://127.0.0.1:4712",
        "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME": "http://127.0.0.1:4712",
        "BIND_HOST": "127.0.0.1",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "SFN_WAIT_SCALE": "0.5",
    }.items() <= os.environ.items()


@pytest.mark.parametrize(
    ("method", "target", "changes"),
    [
        ("GET", "", False),
        ("HEAD", "", False),
        ("PUT", "", True),
        ("POST", "Kinesis_20131202.GetRecords", False),
        ("POST", "Kinesis_20131202.PutRecords", True),
        ("POST", "", True),
    ],
)
def test_only_what_may_change_the_state_counts_as_a_change(method, target, changes):
    """The delivery process reads streams all the time; that alone must not write the state again and again."""
    served = []

    async def app(scope, receive, send):
        served.append(scope["type"])

    watched = host.Changes(app)
    asyncio.run(watched({"type": "lifespan"}, None, None))
    scope = {"type": "http", "method": method, "headers": [(b"x-amz-target", target.encode())]}
    asyncio.run(watched(scope, None, None))
    assert (["lifespan", "http"], changes) == (served, watched.seen)


def test_the_state_is_saved_only_after_a_change():
    """Every so many seconds it is asked; without a change since the last save nothing is written."""
    watched = host.Changes(None)
    saves = []

    async def scenario():
        saving = asyncio.create_task(host.save_now_and_then(watched, 0.0, lambda: saves.append(1)))
        for changed in (False, True, False, True):
            watched.seen = changed or watched.seen
            for _ in range(3):
                await asyncio.sleep(0)
        saving.cancel()

    asyncio.run(scenario())
    assert (2, False) == (len(saves), watched.seen)


def test_requests_are_forwarded_whole_and_answers_come_back_whole():
    """Method, path, body and headers, but for those of the connection; a status that is no success too."""
    seen = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.command, self.path, body, self.headers["x-amz-target"], self.headers["host"]))
            self.send_response(404)
            self.send_header("x-amzn-ErrorType", "ResourceNotFoundException")
            self.end_headers()
            self.wfile.write(b'{"message": "no"}')

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        address = f"127.0.0.1:{server.server_port}"
        headers = {"X-Amz-Target": "AmazonPersonalize.X", "Host": "emulator", "Content-Length": "99"}
        status, got, body = asyncio.run(Forwarder(f"http://{address}")("POST", "/events", headers, b"{}", {}))
        thread.join()
    assert [("POST", "/events", b"{}", "AmazonPersonalize.X", address)] == seen
    assert (404, b'{"message": "no"}') == (status, body)
    assert "ResourceNotFoundException" == got["x-amzn-ErrorType"]


def test_a_server_that_is_away_is_service_unavailable():
    """503, which SDKs try again, as on AWS."""
    status, headers, body = Forwarder("http://127.0.0.1:9").send("POST", "/", {}, b"{}")
    assert (503, "ServiceUnavailable") == (status, headers["x-amzn-ErrorType"])
    assert "does not answer" in json.loads(body)["message"]


def _budgets() -> InnerService:
    from ministack.services import budgets

    return InnerService("budgets", budgets)


def _cloudwatch() -> InnerService:
    from ministack.services import cloudwatch

    return InnerService("cloudwatch", cloudwatch)
