"""Kinesis -> Amazon Personalize: forwards a batch of the site's events, but for the observed, to the event trackers."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.forward_events.forward import Forwarder
from lambdas.forward_events.records import stream_records

logger = Logger()
tracer = Tracer(auto_patch=False)  # the SDK is called from threads that know no segment
metrics = Metrics()
metrics.set_default_dimensions(environment=os.environ["ENVIRONMENT"])
forwarder = Forwarder.from_environment(os.environ)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers `{"batchItemFailures": [{"itemIdentifier": sequence number}]}`: what is to be delivered again."""
    records = stream_records(event)
    outcome = forwarder.forward(records, seconds=context.get_remaining_time_in_millis() / 1000)
    metrics.add_metric("EventsAccepted", MetricUnit.Count, outcome.accepted)
    metrics.add_metric("EventsObserved", MetricUnit.Count, outcome.observed)
    metrics.add_metric("EventsQuarantined", MetricUnit.Count, outcome.quarantined)
    metrics.add_metric("EventsFailed", MetricUnit.Count, len(outcome.failures))
    metrics.add_metric("PutEventsCalls", MetricUnit.Count, outcome.calls)
    level = logger.warning if outcome.failures or outcome.quarantined else logger.info
    level("batch forwarded", extra={"records": len(records), "failed": outcome.reasons, "refused": outcome.problems})
    return {"batchItemFailures": [{"itemIdentifier": number} for number in outcome.failures]}
