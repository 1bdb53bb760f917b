"""The site -> Amazon Personalize: which animal groups for this visitor?"""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.recommend.recommendations import Recommender
from lambdas.shared.request import respond

logger = Logger()
tracer = Tracer(auto_patch=False)  # the SDK is called from a thread that knows no segment
metrics = Metrics()
metrics.set_default_dimensions(environment=os.environ["ENVIRONMENT"])
recommender = Recommender.from_environment(os.environ)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: object, context: Any) -> object:
    """Answers in the form of the request (`request.py`): `[{"id": group}, ...]`, best first."""
    return respond(event, recommender.recommend, _count, _warn)


def _count(metric: str, value: int) -> None:
    metrics.add_metric(metric, MetricUnit.Count, value)


def _warn(failure: str) -> None:
    logger.warning("answered from the popular list", extra={"failure": failure})
