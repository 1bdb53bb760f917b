"""Lambda in the emulator, as AWS runs it: our process for Python functions, true error types, metrics from logs."""

import json
import logging
import queue
import time
from collections.abc import Iterator
from typing import Any

from local_cloud.emulator import lambda_worker
from local_cloud.emulator import workers as emulator_workers

logger = logging.getLogger("emulator")

OUTPUT_SECONDS = 5.0
"""How long to wait for the rest of an invocation's output once its answer is there."""


def install() -> None:
    """Puts our function process and its consequences into MiniStack's Lambda."""
    from ministack.core import lambda_runtime
    from ministack.services import cloudwatch, lambda_svc

    emulator_workers.install()
    lambda_runtime.Worker._drain_stderr_bounded = _output_of_invocation
    _report_function_errors(lambda_svc)
    _publish_embedded_metrics(lambda_svc, cloudwatch)
    _end_every_idle_process(lambda_runtime, lambda_svc)


def _output_of_invocation(worker: Any) -> str:
    """Exactly what the invocation printed, without waiting for more.

    MiniStack waits 50 ms for the first line and takes a pause for the end, so that lines can be late for their
    invocation; our process says where the output ends.
    """
    deadline = time.monotonic() + OUTPUT_SECONDS
    lines: list[str] = []
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = worker._stderr_queue.get(timeout=left)
        except queue.Empty:
            break
        if line == lambda_worker.END_OF_OUTPUT:
            break
        lines.append(line)
    return "\n".join(lines)


def _report_function_errors(lambda_svc: Any) -> None:
    """Turns our process's error answers into Lambda's: `FunctionError` and the exception's own name."""
    execute = lambda_svc._execute_function_warm

    def execute_function(func: Any, event: Any, request_id: str) -> Any:
        result = execute(func, event, request_id)
        body = result.get("body")
        if isinstance(body, dict) and lambda_worker.FUNCTION_ERROR in body:
            return result | {"body": body[lambda_worker.FUNCTION_ERROR], "error": True}
        return result

    lambda_svc._execute_function_warm = execute_function


def _end_every_idle_process(lambda_runtime: Any, lambda_svc: Any) -> None:
    """Ends function processes idle for LAMBDA_WARM_TTL_SECONDS; MiniStack keeps one of each version for good."""

    def reap_idle_workers(ttl: float | None = None) -> int:
        oldest = time.time() - (lambda_runtime._LOCAL_WORKER_TTL if ttl is None else ttl)
        with lambda_runtime._lock:
            idle = [
                (key, worker)
                for key, workers in lambda_runtime._workers.items()
                for worker in workers
                if not worker.in_use and worker.last_used < oldest
            ]
            for key, worker in idle:
                lambda_runtime._workers[key].remove(worker)
        lambda_runtime.kill_workers([worker for _, worker in idle])
        return len(idle)

    lambda_runtime.reap_idle_workers = reap_idle_workers
    lambda_svc.reap_idle_workers = reap_idle_workers


def _publish_embedded_metrics(lambda_svc: Any, cloudwatch: Any) -> None:
    """Publishes the metrics that functions print in the embedded metric format, as CloudWatch Logs does."""
    emit = lambda_svc._emit_lambda_logs

    def emit_lambda_logs(
        func: Any, request_id: str, log_text: str, error: bool, duration_ms: int, **options: Any
    ) -> None:
        emit(func, request_id, log_text, error, duration_ms, **options)
        for namespace, data in embedded_metrics(log_text or ""):
            cloudwatch._put_metric_data({}, {"Namespace": namespace, "MetricData": data}, False, True)

    lambda_svc._emit_lambda_logs = emit_lambda_logs


def embedded_metrics(log_text: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The metrics in a function's output: pairs of a namespace and PutMetricData's `MetricData`.

    One datum for each metric and dimension set; an array of values gives `Values`. A line that is not of the format,
    or refers to members that it does not have, is left out, as CloudWatch does.
    Source: CloudWatch User Guide, "Specification: Embedded metric format".
    """
    for line in log_text.split("\n"):
        if '"_aws"' not in line:
            continue
        try:
            document = json.loads(line)
            directives = document["_aws"]["CloudWatchMetrics"]
            timestamp = document["_aws"]["Timestamp"] / 1000
            for directive in directives:
                yield directive["Namespace"], list(_metric_data(document, directive, timestamp))
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("a line in the embedded metric format cannot be read: %r", error)


def _metric_data(document: dict[str, Any], directive: dict[str, Any], timestamp: float) -> Iterator[dict[str, Any]]:
    for dimensions in directive["Dimensions"] or [[]]:
        named = [{"Name": name, "Value": str(document[name])} for name in dimensions]
        for metric in directive["Metrics"]:
            value = document[metric["Name"]]
            values = value if isinstance(value, list) else [value]
            yield {
                "MetricName": metric["Name"],
                "Dimensions": named,
                "Timestamp": timestamp,
                "Unit": metric.get("Unit", "None"),
                "Values": [float(v) for v in values],
            }
