"""The site -> Amazon Personalize: in which order to show these animals to this visitor?"""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.rerank.ranking import Reranker
from lambdas.shared.errors import PayloadError
from lambdas.shared.request import Request

logger = Logger()
tracer = Tracer(auto_patch=False)  # the SDK is called from a thread that knows no segment
metrics = Metrics()
metrics.set_default_dimensions(environment=os.environ["ENVIRONMENT"])
reranker = Reranker.from_environment(os.environ)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: object, context: Any) -> object:
    """Answers in the form of the request (`request.py`): `{"ranking", "personalizeResponse", "source"}`."""
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    request = Request(event)
    try:
        answer = reranker.rerank(request.payload())
    except PayloadError as error:
        metrics.add_metric("BadRequests", MetricUnit.Count, 1)
        return request.refused(error)
    metrics.add_metric("Fallbacks", MetricUnit.Count, int(answer.failure is not None))
    if answer.asleep:
        metrics.add_metric("Asleep", MetricUnit.Count, 1)
    if answer.failure is not None:
        logger.warning("ranked by popularity", extra={"failure": answer.failure})
    return request.answered(answer.body)
