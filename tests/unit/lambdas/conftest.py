"""What handler tests stand on: a fake Personalize, S3 and SQS of moto, and handlers imported as Lambda imports them."""

import importlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.unit.lambdas.personalize_server import PersonalizeServer

CAMPAIGN_ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/test"
FILTER_ARNS = {"cats": "arn:aws:personalize:us-east-1:000000000000:filter/cats"}


class Context:
    """The part of a Lambda context that the handlers read; `milliseconds` remain."""

    function_name = "test"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:test"
    aws_request_id = "request-1"

    def __init__(self, milliseconds: int = 60_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def personalize() -> Iterator[PersonalizeServer]:
    """A fresh fake of Amazon Personalize."""
    with PersonalizeServer() as server:
        yield server


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """S3 and SQS in memory, with the quarantine's bucket and queue and an empty seed bucket."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws(config={"core": {"reset_boto3_session": False}}):  # the session keeps the parsed service models
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="quarantine")
        s3.create_bucket(Bucket="seed")
        boto3.client("sqs").create_queue(QueueName="quarantine")
        yield


@pytest.fixture
def load_handler(
    aws: None, personalize: PersonalizeServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ModuleType]:
    """Imports a handler afresh, as a cold start does, with the environment that the stack gives it."""

    def load(function: str, **environment: str) -> ModuleType:
        variables = {
            "ENVIRONMENT": "test",
            "POWERTOOLS_SERVICE_NAME": function,
            "POWERTOOLS_METRICS_NAMESPACE": "AnimalRecommender",
            "LOG_LEVEL": "INFO",
            "TRACKING_IDS": "tracker-1",
            "BREED_SCRIPTS": "Latin",
            "EVENT_IDS_FROM": "none",
            "EVENT_IDS_PARAMETER": "/test/event-ids",
            "QUARANTINE_BUCKET": "quarantine",
            "QUARANTINE_QUEUE_URL": boto3.client("sqs").get_queue_url(QueueName="quarantine")["QueueUrl"],
            "CAMPAIGN_ARN": CAMPAIGN_ARN,
            "FILTER_ARNS": json.dumps(FILTER_ARNS),
            "POPULAR_BUCKET": "seed",
            "POPULAR_KEY": "popular/g1.json",
            "DEADLINE_MILLISECONDS": "1000",
            "ASLEEP_PARAMETER": "/pets/test/asleep",
            "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": personalize.url,
            "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME": personalize.url,
            **environment,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        name = f"lambdas.{function}.handler"
        sys.modules.pop(name, None)
        logging.Logger.manager.loggerDict.pop(function, None)  # its stream is the one of an earlier test
        return importlib.import_module(name)

    return load


@pytest.fixture
def published(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The metrics that a handler printed in the embedded metric format."""

    def read() -> list[dict[str, Any]]:
        lines = capsys.readouterr().out.splitlines()
        documents = [json.loads(line) for line in lines if line.startswith("{")]
        return [document for document in documents if "_aws" in document]

    return read
