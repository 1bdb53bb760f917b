"""Nobody is left to think that somebody hears the alarms."""

from typing import Any

import pytest
import yaml

from infra.settings import CONFIG_FOLDER, Settings
from tests.refusal import refusal
from tools.deploy import listeners
from tools.environment.connection import Connection
from tools.environment.errors import UsageError


def _settings(*addresses: str, protected: bool = True) -> Settings:
    raw = yaml.safe_load((CONFIG_FOLDER / "dev.yaml").read_text())
    given = {"environment": "dev", "protected": protected, "notificationEmails": list(addresses)}
    return Settings.model_validate(raw | given)


class Topic:
    """SNS with these subscriptions, a page each."""

    def __init__(self, *subscriptions: tuple[str, str]) -> None:
        found = [{"Endpoint": endpoint, "SubscriptionArn": arn} for endpoint, arn in subscriptions]
        self._pages = [{"Subscriptions": [each]} for each in found] or [{"Subscriptions": []}]

    def get_paginator(self, operation: str) -> "Topic":
        assert operation == "list_subscriptions_by_topic"
        return self

    def paginate(self, *, TopicArn: str) -> Any:  # noqa: N803 - AWS's own name
        assert TopicArn.endswith("dev-recommender-topic-sns")
        return self._pages


def _said(monkeypatch: pytest.MonkeyPatch, connection: Connection, topic: Topic) -> str:
    monkeypatch.setattr(Connection, "client", lambda _self, service: {"sns": topic}[service])
    return " ".join(listeners.unheard(connection))


CONFIRMED = "arn:aws:sns:us-east-1:123456789012:dev-recommender-topic-sns:1"


def test_a_topic_without_a_subscriber_is_told(monkeypatch: pytest.MonkeyPatch, connection: Connection) -> None:
    """With the key that would change it."""
    said = _said(monkeypatch, connection, Topic())
    assert said.startswith("Nobody hears the alarms of dev: notificationEmails in config/dev.yaml is empty")


def test_a_subscription_that_nobody_confirmed_is_told(monkeypatch: pytest.MonkeyPatch, connection: Connection) -> None:
    """Of several, those that are not; of none that is, that nobody hears."""
    one = _said(monkeypatch, connection, Topic(("a@site.org", CONFIRMED), ("b@site.org", listeners.PENDING)))
    assert "Not confirmed yet: b@site.org." in one
    assert "nobody hears" not in one
    none = _said(monkeypatch, connection, Topic(("b@site.org", listeners.PENDING), ("a@site.org", listeners.PENDING)))
    assert "Not confirmed yet: a@site.org and b@site.org." in none
    assert none.endswith("Until then nobody hears the alarms of dev.")


def test_where_all_are_confirmed_nothing_is_said(monkeypatch: pytest.MonkeyPatch, connection: Connection) -> None:
    """A deploy's end is quiet then."""
    assert "" == _said(monkeypatch, connection, Topic(("a@site.org", CONFIRMED)))


def test_a_topic_that_is_gone_is_told(connection: Connection) -> None:
    """The deploy itself has succeeded; its end says what is wrong."""
    (said,) = listeners.unheard(connection)
    assert "the topic dev-recommender-topic-sns does not exist" in said


@pytest.mark.parametrize("address", ["alarms@example.com", "a@b.EXAMPLE.org", "a@pets.test", "x@y.invalid"])
def test_a_placeholder_is_no_listener_of_a_protected_environment(address: str) -> None:
    """Domains that no mail reaches; one real address beside it is enough, and other environments may do as they like."""
    with pytest.raises(UsageError, match=r"notificationEmails in config/dev\.yaml names .*which no mail reaches"):
        listeners.refuse_placeholders(_settings(address))
    for taken in (_settings(address, "keeper@site.org"), _settings(address, protected=False)):
        assert "" == refusal(UsageError, listeners.refuse_placeholders, taken)


@pytest.mark.parametrize("address", ["a@example.company.org", "a@notexample.com", "a@contest.org"])
def test_an_address_that_looks_like_a_placeholder_is_none(address: str) -> None:
    """Only whole domains are reserved."""
    assert "" == refusal(UsageError, listeners.refuse_placeholders, _settings(address))
