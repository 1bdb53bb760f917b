"""The process in which one Python function runs: it takes invocations on stdin and answers on stdout, a JSON line each.

The emulator runs this file with the function's environment. First line in: the function (`code_dir`, `module`,
`handler`, `function_name`, `memory`, ...); answer `{"status": "ready"}`. Then for each line `{"event", "ctx"}` one line
`{"status": "ok", "result": ...}`. What the function prints, to either stream, goes to stderr, followed by a line that
ends the invocation's output.

An exception of the function is an answer too, as on AWS the process lives on: the result is then
`{FUNCTION_ERROR: {"errorMessage", "errorType", "stackTrace", "requestId"}}`. Standard library only; stands alone.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import IO, Any

FUNCTION_ERROR = "\x1efunction-error"
END_OF_OUTPUT = "\x1eend-of-output"


class Context:
    """The context object of one invocation, with the members that AWS documents for Python."""

    identity = None
    client_context = None

    def __init__(self, function: dict[str, Any], invocation: dict[str, Any]) -> None:
        self.function_name = function.get("function_name", "")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = function.get("memory", 128)
        self.invoked_function_arn = invocation.get("invoked_function_arn") or function.get("arn", "")
        self.aws_request_id = invocation.get("request_id", "")
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self._deadline = time.monotonic() + invocation.get("timeout_ms", 3000) / 1000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self._deadline - time.monotonic())))


def set_path(function: dict[str, Any]) -> None:
    """Modules are sought in the function's code first, then in its layers, then in what the runtime brings (boto3)."""
    layers = os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep)
    sys.path[:0] = [function["code_dir"], *(os.path.join(layer, "python") for layer in layers if layer)]  # noqa: PTH118


def find_handler(function: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """Imports the function's handler."""
    found: Callable[[Any, Any], Any] = getattr(importlib.import_module(function["module"]), function["handler"])
    return found


def error_answer(error: BaseException, request_id: str, error_type: str | None = None) -> dict[str, Any]:
    """The answer for an exception, in the form in which Lambda reports it to the caller."""
    return {
        FUNCTION_ERROR: {
            "errorMessage": str(error),
            "errorType": error_type or type(error).__name__,
            "requestId": request_id,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
    }


def invoke(handler: Callable[[Any, Any], Any], event: Any, context: Context) -> str:
    """The answer line for one invocation."""
    try:
        result = handler(event, context)
    except Exception as error:  # noqa: BLE001 (whatever the function raises is its answer)
        traceback.print_exc()
        return _line(error_answer(error, context.aws_request_id))
    try:
        return _line(result)
    except (TypeError, ValueError) as error:
        unmarshalled = TypeError(f"Unable to marshal response: {error}")
        return _line(error_answer(unmarshalled, context.aws_request_id, "Runtime.MarshalError"))


def _line(result: Any) -> str:
    return json.dumps({"status": "ok", "result": result}) + "\n"


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answers until stdin ends."""
    function = json.loads(requests.readline())
    set_path(function)
    handler: Callable[[Any, Any], Any] | ImportError | None = _handler_or_reason(function)
    answers.write('{"status": "ready"}\n')
    answers.flush()
    for line in requests:
        message = json.loads(line)
        invocation = message.get("ctx") or {}
        _set_trace(invocation.get("trace_id"))
        context = Context(function, invocation)
        handler = handler or _handler_or_reason(function)
        if isinstance(handler, ImportError):
            answer = _line(error_answer(handler, context.aws_request_id, "Runtime.ImportModuleError"))
            handler = None  # as on AWS, the next invocation tries the import once more
        else:
            answer = invoke(handler, message["event"], context)
        print(END_OF_OUTPUT, file=sys.stderr, flush=True)
        answers.write(answer)
        answers.flush()


def _handler_or_reason(function: dict[str, Any]) -> Callable[[Any, Any], Any] | ImportError:
    """The handler; where its module cannot be imported, the reason, which is the answer to an invocation."""
    try:
        return find_handler(function)
    except Exception as error:  # noqa: BLE001 (whatever the module raises)
        traceback.print_exc()
        return ImportError(f"Unable to import module '{function['module']}': {error}")


def _set_trace(trace: str | None) -> None:
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def main() -> None:
    """Serves on the process's own streams; only answers go to the real stdout."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
