"""An environment for the deploy's tests: real settings, moto behind boto3, and stand-ins for what moto lacks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from infra.settings import Settings, load_settings
from tools.environment.connection import Connection

ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def settings() -> Settings:
    return load_settings("dev", account=ACCOUNT, region="us-east-1")


@pytest.fixture
def connection(settings: Settings, tmp_path: Path) -> Iterator[Connection]:
    with mock_aws():
        connection = Connection(settings=settings, state=tmp_path)
        connection.client("dynamodb").create_table(
            TableName=settings.names.lock_table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield connection
