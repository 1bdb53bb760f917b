"""The process of a function: one answer line for each invocation, whatever the function does."""

import io
import json
import sys
from typing import Any

import pytest

from local_cloud.emulator import lambda_worker
from local_cloud.emulator.lambda_worker import END_OF_OUTPUT, FUNCTION_ERROR, serve


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a function's code on some events; returns the answers and what went to stderr."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(code: str, *events, **invocation) -> tuple[list[Any], str]:
        module = f"handler_{abs(hash(code))}"
        (tmp_path / f"{module}.py").write_text(code)
        function = {
            "code_dir": str(tmp_path), "module": module, "handler": "go", "function_name": "f", "memory": 256,
        }  # fmt: skip
        context = {"request_id": "r1", "timeout_ms": 3000, **invocation}
        lines = [function, *({"event": event, "ctx": context} for event in events)]
        answers = io.StringIO()
        serve(io.StringIO("".join(json.dumps(line) + "\n" for line in lines)), answers)
        ready, *rest = [json.loads(line) for line in answers.getvalue().splitlines()]
        assert {"status": "ready"} == ready
        assert all(answer["status"] == "ok" for answer in rest)
        return [answer["result"] for answer in rest], capsys.readouterr().err

    return run


def test_each_event_gets_its_result(run):
    """Events and results of any JSON type; module state lives on between invocations."""
    code = "seen = []\ndef go(event, context):\n    seen.append(event)\n    return seen\n"
    assert [[{"a": 1}], [{"a": 1}, None]] == run(code, {"a": 1}, None)[0]


def test_an_exception_is_an_answer_and_the_next_event_is_served(run):
    """Type, message, request id and trace, as Lambda reports them."""
    results, errors = run("def go(event, context):\n    return 1 / event\n", 0, 2)
    error = results[0][FUNCTION_ERROR]
    assert ("ZeroDivisionError", "division by zero", "r1") == tuple(
        error[key] for key in ("errorType", "errorMessage", "requestId")
    )
    assert "return 1 / event" in error["stackTrace"][-1]
    assert 0.5 == results[1]
    assert "ZeroDivisionError" in errors


def test_a_result_that_is_not_json_is_a_marshal_error(run):
    """A set cannot be sent."""
    ((answer,), _) = run("def go(event, context):\n    return {1}\n", None)
    assert "Runtime.MarshalError" == answer[FUNCTION_ERROR]["errorType"]


def test_a_module_that_cannot_be_imported_is_told_to_each_invocation(run):
    """The reason, each time; the process lives on, so that no invocation meets one that is just ending."""
    results, errors = run("import no_such_module_anywhere\n", 1, 2)
    assert ["Runtime.ImportModuleError"] * 2 == [answer[FUNCTION_ERROR]["errorType"] for answer in results]
    assert 2 == errors.count("Traceback"), "each invocation tries once, in its own output"
    assert all("no_such_module_anywhere" in answer[FUNCTION_ERROR]["errorMessage"] for answer in results)


def test_a_module_that_can_be_imported_later_serves_then(run, tmp_path):
    """What failed when the process started is tried again, as AWS does for the next invocation."""
    flag = tmp_path / "flag"
    code = (
        f"import pathlib\nflag = pathlib.Path({str(flag)!r})\nthere = flag.exists()\nflag.touch()\n"
        "if not there: raise RuntimeError('not yet')\ndef go(event, context):\n    return event\n"
    )
    (first, second), _ = run(code, 1, 2)
    assert "not yet" in first[FUNCTION_ERROR]["errorMessage"]
    assert 2 == second


def test_output_ends_with_a_mark(run):
    """Each invocation's output can be told from the next one's."""
    _, errors = run("import sys\ndef go(event, context):\n    print(event, file=sys.stderr)\n", "one", "two")
    assert ["one", END_OF_OUTPUT, "two", END_OF_OUTPUT] == errors.removesuffix("\n").split("\n")


def test_the_context_has_what_aws_documents(run):
    """Names, sizes, ids, and the time left."""
    code = (
        "def go(event, c):\n    return [c.function_name, c.memory_limit_in_mb, c.aws_request_id, c.invoked_function_arn,\n"
        "      c.log_group_name, c.identity, c.client_context, 0 < c.get_remaining_time_in_millis() <= 3000]\n"
    )
    ((seen,), _) = run(code, None, invoked_function_arn="arn:f:live")
    assert ["f", 256, "r1", "arn:f:live", "/aws/lambda/f", None, None, True] == seen


def test_the_trace_belongs_to_one_invocation(run, monkeypatch):
    """`_X_AMZN_TRACE_ID` is set while an invocation has one and gone afterwards."""
    code = "import os\ndef go(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')\n"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "stale")
    assert [None] == run(code, 1)[0]
    assert ["Root=1"] == run(code, 1, trace_id="Root=1")[0]


def test_code_goes_before_layers_and_both_before_the_rest(tmp_path, monkeypatch):
    """As on AWS: /var/task, then /opt/python, then the runtime's own packages."""
    monkeypatch.setattr(sys, "path", ["rest"])
    monkeypatch.setenv("_LAMBDA_LAYERS_DIRS", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    (tmp_path / "order_module.py").write_text("def go(event, context): ...\n")
    function = {"code_dir": str(tmp_path), "module": "order_module", "handler": "go"}
    lambda_worker.set_path(function)
    lambda_worker.find_handler(function)
    assert [str(tmp_path), str(tmp_path / "a" / "python"), str(tmp_path / "b" / "python"), "rest"] == sys.path
