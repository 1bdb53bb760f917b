"""The services' own CloudWatch metrics that MiniStack does not publish.

- `AWS/States`: ExecutionsStarted, ExecutionsSucceeded, ExecutionsFailed, ExecutionsAborted, ExecutionsTimedOut, by
  `StateMachineArn`, as executions change their status;
- `AWS/SQS`: ApproximateNumberOfMessagesVisible, by `QueueName`, at every evaluation of the alarms;
- `AWS/Personalize`: GetRecommendations and GetPersonalizedRanking, by `CampaignArn`: requests that were answered since
  the last evaluation, from the embedded Personalize's own count.

Lambda's metrics of invocations are MiniStack's, but for those that were throttled: they count as Throttles and not as
Invocations. Those of an event source mapping come from the delivery process, and so do those of Firehose; those of
streams (`AWS/Kinesis`) from `emulator_stream_metrics`, those of messages (`AWS/SNS`, `AWS/Events`) from
`emulator_publishing`, those of schedules (`AWS/Scheduler`) from `emulator_schedules`.
Sources: Step Functions Developer Guide, "Monitoring Step Functions metrics using Amazon CloudWatch"; SQS Developer
Guide, "Available CloudWatch metrics for Amazon SQS"; Personalize Developer Guide, "CloudWatch metrics for Amazon
Personalize"; Lambda: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from local_cloud.emulator.streams import metrics
from personalize_local.api.guard import LOCAL_REQUEST

logger = logging.getLogger("emulator")

_EXECUTIONS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}


def install() -> None:
    """Lets executions be counted, and what Lambda refuses apart from what it runs."""
    from ministack.services import cloudwatch, lambda_svc, stepfunctions

    tell = stepfunctions._emit_execution_status_event

    def tell_and_count(execution: Mapping[str, Any]) -> None:
        tell(execution)
        dimensions = {"StateMachineArn": execution["stateMachineArn"]}
        cloudwatch.record_metric("AWS/States", _EXECUTIONS[execution["status"]], 1, "Count", dimensions)

    stepfunctions._emit_execution_status_event = tell_and_count
    ran = lambda_svc._emit_lambda_metrics

    def count_invocation(function: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function})
        else:
            ran(function, duration_ms, error, throttle)

    lambda_svc._emit_lambda_metrics = count_invocation


class LookedAt:
    """What is measured by looking, or gathered until somebody looks: call it to bring the metrics in."""

    def __init__(
        self, personalize: str, *, fetch: Callable[[str], Mapping[str, Mapping[str, int]]] | None = None
    ) -> None:
        self._url = f"{personalize}/_local/usage"
        self._fetch = fetch or _fetched
        self._counted: Mapping[str, Mapping[str, int]] = {}

    def __call__(self) -> None:
        from ministack.services import cloudwatch, sqs

        metrics.publish()
        for metric, campaign, answered in self.answered():
            cloudwatch.record_metric("AWS/Personalize", metric, answered, "Count", {"CampaignArn": campaign})
        for url, queue in list(sqs._queues.items()):
            visible = sum(1 for message in list(queue["messages"]) if message["visible_at"] <= sqs.time.time())
            name = {"QueueName": str(url).rpartition("/")[2]}
            cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count", name)

    def answered(self) -> list[tuple[str, str, int]]:
        """Metric, campaign and requests since the last look. A count that fell began anew: the server was restarted."""
        try:
            counted = self._fetch(self._url)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            logger.warning("the embedded Personalize tells no usage: %s", error)
            return []
        found = []
        for metric, campaigns in counted.items():
            before = self._counted.get(metric, {})
            for campaign, count in campaigns.items():
                since = count - before.get(campaign, 0)
                if since := count if since < 0 else since:
                    found.append((metric, campaign, since))
        self._counted = counted
        return found


def _fetched(url: str) -> Mapping[str, Mapping[str, int]]:
    answer = urllib3.request("GET", url, headers=LOCAL_REQUEST, retries=False, timeout=2.0)
    found: Mapping[str, Mapping[str, int]] = json.loads(answer.data) if answer.status == 200 else {}
    return found
