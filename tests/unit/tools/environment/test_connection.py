"""How tools reach an environment."""

import json
from pathlib import Path

import pytest

from tools.environment.connection import Connection, NotConnectedError, connect, settings_of, state_folder

RECORD = {"endpoint": "http://127.0.0.1:4566", "personalize": "http://127.0.0.1:4600", "pid": 1}


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    (tmp_path / "cloud.json").write_text(json.dumps(RECORD))
    monkeypatch.setenv("LOCAL_CLOUD_STATE", str(tmp_path))
    return connect("local")


@pytest.mark.parametrize(
    ("service", "endpoint"),
    [
        ("kinesis", "http://127.0.0.1:4566"),
        ("s3", "http://127.0.0.1:4566"),
        ("personalize", "http://127.0.0.1:4600"),
        ("personalize-events", "http://127.0.0.1:4600"),
        ("personalize-runtime", "http://127.0.0.1:4600"),
    ],
)
def test_local_services_answer_on_this_computer(local: Connection, service: str, endpoint: str) -> None:
    """Everything goes to the emulator, Personalize to the embedded one."""
    assert endpoint == local.client(service).meta.endpoint_url


def test_a_client_is_made_once(local: Connection) -> None:
    """Connections are pooled in it."""
    assert local.client("s3") is local.client("s3")


def test_local_calls_cannot_reach_an_account(local: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the caller's profile nor their session go along; dummies take their place."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    assert connect("local").client("kinesis").meta.endpoint_url == RECORD["endpoint"]
    variables = local.process_environment()
    assert {"AWS_PROFILE", "AWS_SESSION_TOKEN"}.isdisjoint(variables)
    assert (variables["AWS_ENDPOINT_URL"], variables["AWS_ACCESS_KEY_ID"]) == (RECORD["endpoint"], "test")


def test_a_cloud_that_is_down_says_what_starts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear line instead of a refused connection."""
    monkeypatch.setenv("LOCAL_CLOUD_STATE", str(tmp_path))
    with pytest.raises(NotConnectedError, match="not up"):
        connect("local").client("s3")
    (tmp_path / "cloud.json").write_text("{")
    with pytest.raises(NotConnectedError, match="not valid JSON"):
        connect("local").client("s3")


def test_d57_aws_takes_the_usual_chain_and_the_configs_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """The region is the config's, or CDK_DEPLOY_REGION's, for every call."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("CDK_DEPLOY_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    connection = connect("dev")
    assert connection.client("s3").meta.region_name == "eu-west-1"
    assert connection.endpoint("s3") is None
    assert connection.process_environment()["AWS_REGION"] == "eu-west-1"


def test_the_account_and_region_of_the_shell_are_not_the_local_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    """ACCOUNT_ID and CDK_DEPLOY_REGION are for AWS."""
    monkeypatch.setenv("ACCOUNT_ID", "999999999999")
    monkeypatch.setenv("CDK_DEPLOY_REGION", "eu-west-1")
    assert settings_of("dev").account == "999999999999"
    assert settings_of("local").account == "000000000000"


def test_the_state_lies_in_the_repository_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools and the local cloud agree on the folder."""
    monkeypatch.delenv("LOCAL_CLOUD_STATE", raising=False)
    assert state_folder() == Path(__file__).resolve().parents[4] / ".local"
