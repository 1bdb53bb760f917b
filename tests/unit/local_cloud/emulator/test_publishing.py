"""Who may publish to a topic: by its policy, by its key's, and while the key can be used."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.emulator import publishing
from local_cloud.identity import keys

ACCOUNT = "000000000000"
ALARM = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:dev-recommender-quarantine-alm"
SOURCE = {"aws:sourcearn": ALARM, "aws:sourceaccount": ACCOUNT}
CLOUDWATCH, EVENTS = "cloudwatch.amazonaws.com", "events.amazonaws.com"


def _statement(principal: str, action: Any, **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": principal}, "Action": action, "Resource": "*", **condition}


@pytest.fixture
def make(emulator: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """Makes a topic with a key, by the statements of their policies; gives ARN and key."""
    from ministack.services import kms, sns

    def made(topic_policy: list[Any], key_policy: list[Any]) -> tuple[str, str]:
        arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:{uuid.uuid4().hex}"
        policy = json.dumps({"Version": "2012-10-17", "Statement": topic_policy})
        monkeypatch.setitem(sns._topics, arn, {"arn": arn, "attributes": {"Policy": policy}, "subscriptions": []})
        created = json.loads(kms._create_key({"Policy": json.dumps({"Statement": key_policy})})[2])
        key: str = created["KeyMetadata"]["Arn"]
        monkeypatch.setattr(keys, "key_of", lambda topic: key if topic == arn else None)
        return arn, key

    return made


USES = ["kms:Decrypt", "kms:GenerateDataKey"]


def test_an_alarm_needs_topic_and_key(make: Callable[..., tuple[str, str]]) -> None:
    """Either policy that does not admit CloudWatch keeps the message back, and so does a key that decrypts only."""
    admits = _statement(CLOUDWATCH, "sns:Publish", Condition={"ArnLike": {"aws:SourceArn": f"{ALARM[:-20]}*"}})
    uses = _statement(CLOUDWATCH, USES, Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})
    topic, _ = make([admits], [uses])
    assert publishing.refusal(topic, CLOUDWATCH, SOURCE) is None
    for topic_policy, key_policy, why in (
        ([], [uses], "does not let cloudwatch.amazonaws.com publish"),
        ([admits], [], "does not let cloudwatch.amazonaws.com use kms:GenerateDataKey"),
        ([admits], [_statement(CLOUDWATCH, "kms:GenerateDataKey")], "use kms:Decrypt"),
    ):
        topic, _ = make(topic_policy, key_policy)
        assert why in str(publishing.refusal(topic, CLOUDWATCH, SOURCE))


def test_a_key_that_is_disabled_keeps_messages_back(make: Callable[..., tuple[str, str]]) -> None:
    """As on AWS: this is why the topic has a key of its own."""
    from ministack.services import kms

    topic, key = make([_statement(CLOUDWATCH, "sns:Publish")], [_statement(CLOUDWATCH, USES)])
    kms._disable_key({"KeyId": key})
    assert f"{key} is disabled." == publishing.refusal(topic, CLOUDWATCH, SOURCE)
    kms._enable_key({"KeyId": key})
    assert publishing.refusal(topic, CLOUDWATCH, SOURCE) is None


@pytest.mark.parametrize("where", ["topic", "key"])
def test_a_condition_shuts_eventbridge_out(make: Callable[..., tuple[str, str]], where: str) -> None:
    """It says neither for whom nor for what it publishes: the documentation forbids conditions in both policies."""
    condition = {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}
    held = {"topic": [condition, {}], "key": [{}, condition]}[where]
    topic, _ = make([_statement(EVENTS, "sns:Publish", **held[0])], [_statement(EVENTS, USES, **held[1])])
    assert "does not let events.amazonaws.com" in str(publishing.refusal(topic, EVENTS, {}))
    topic, _ = make([_statement(EVENTS, "sns:Publish")], [_statement(EVENTS, USES)])
    assert publishing.refusal(topic, EVENTS, {}) is None


def test_a_topic_that_is_gone_takes_nothing(emulator: Any) -> None:
    """The message is lost, and the caller is told why."""
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:{uuid.uuid4().hex}"
    assert f"topic {topic} does not exist" == publishing.refusal(topic, EVENTS, {})


@pytest.mark.parametrize(
    ("service", "disabled", "pending"),
    [
        ("kinesis", "KMSDisabledException", "KMSInvalidStateException"),
        ("s3", "KMS.DisabledException", "KMS.KMSInvalidStateException"),
        ("sns", "KMSDisabled", "KMSInvalidState"),
    ],
)
def test_each_service_says_of_a_key_what_it_says_on_aws(
    emulator: Any, service: str, disabled: str, pending: str
) -> None:
    """Disabled, or on its way to deletion; an enabled one is no error."""
    from ministack.services import kms

    key = json.loads(kms._create_key({})[2])["KeyMetadata"]["KeyId"]
    assert keys.unusable(key, service) is None
    kms._disable_key({"KeyId": key})
    assert disabled == (keys.unusable(key, service) or ("",))[0]
    kms._schedule_key_deletion({"KeyId": key, "PendingWindowInDays": 7})
    assert pending == (keys.unusable(key, service) or ("",))[0]


def test_what_lambda_refuses_is_no_invocation(emulator: Any) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: throttles count apart."""
    from ministack.services import cloudwatch, lambda_svc

    function = uuid.uuid4().hex
    lambda_svc._emit_lambda_metrics(function, 0.0, False, True)
    lambda_svc._emit_lambda_metrics(function, 5.0, False, False)

    def total(metric: str) -> float:
        key = ("AWS/Lambda", metric, cloudwatch._dims_key({"FunctionName": function}))
        return float(sum(point["Value"] for point in cloudwatch._metrics.get(key) or ()))

    assert (1.0, 1.0) == (total("Invocations"), total("Throttles"))
