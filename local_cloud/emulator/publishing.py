"""Messages that AWS services publish to topics: who may, by the topic's policy and its key, and what is measured of it.

An alarm publishes as `cloudwatch.amazonaws.com`, with its ARN and account; a rule as `events.amazonaws.com`, which
sends neither: a policy with such a condition shuts it out, as on AWS. An encrypted topic asks its key for both, by the
key's policy and state. What is refused is lost, and told by a metric where the service has one.

- `AWS/Events` Invocations and FailedInvocations, by `RuleName`;
- `AWS/SNS` NumberOfMessagesPublished, NumberOfNotificationsDelivered and NumberOfNotificationsFailed, by `TopicName`.

Sources: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.identity import keys

logger = logging.getLogger("emulator")

ACCOUNT, REGION = "000000000000", "us-east-1"
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def install() -> None:
    """Lets alarms and rules be judged, and deliveries be counted."""
    from ministack.services import cloudwatch, eventbridge, sns

    cloudwatch._dispatch_alarm_actions = _judged_alarms(cloudwatch._dispatch_alarm_actions)
    eventbridge._invoke_target = _judged_rules(eventbridge._invoke_target, cloudwatch.record_metric)
    sns._fanout = _counted_messages(sns._fanout, cloudwatch.record_metric)
    sns._deliver_to_sqs = _counted_deliveries(sns, sns._deliver_to_sqs, cloudwatch.record_metric)


def refusal(topic_arn: str, principal: str, source: Mapping[str, str]) -> str | None:
    """Why a service may not publish to a topic, None when it may. `source` is what it says of its caller."""
    from ministack.services import kms, sns

    found = sns.topic_policy_for_arn(topic_arn)
    if found is None:
        return f"topic {topic_arn} does not exist"
    if not _allows(found[0], "sns:Publish", topic_arn, principal, source):
        return f"the policy of {topic_arn} does not let {principal} publish"
    key = keys.key_of(topic_arn)
    if key is None:
        return None
    policy = kms.key_policy_for_arn(key)
    if policy is None:
        return f"the key {key} of {topic_arn} does not exist"
    for action in keys.KEY_ACTIONS["sns:Publish"]:
        if not _allows(policy[0], action, key, principal, source):
            return f"the policy of the key {key} does not let {principal} use {action}"
    unusable = keys.unusable(key, "sns")
    return unusable[1] if unusable else None


def _allows(policy: str, action: str, resource: str, principal: str, source: Mapping[str, str]) -> bool:
    from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=REGION,
        service_context=dict(source),
    )
    return bool(policy and evaluate_resource_policy(policy, context, service=principal).decision == "Allow")


def _judged_alarms(dispatch: Callable[..., None]) -> Callable[..., None]:
    def dispatch_alarm_actions(alarm: Mapping[str, Any], old_state: str, new_state: str, reason: str) -> None:
        source = {
            "aws:sourcearn": str(alarm.get("AlarmArn", "")),
            "aws:sourceaccount": ACCOUNT,
            "aws:sourceowner": ACCOUNT,
        }
        judged = {name: _admitted(alarm.get(name) or [], source) for name in _ACTIONS}
        dispatch({**alarm, **judged}, old_state, new_state, reason)

    return dispatch_alarm_actions


def _admitted(actions: list[str], source: Mapping[str, str]) -> list[str]:
    admitted = []
    for action in actions:
        why = refusal(action, "cloudwatch.amazonaws.com", source) if action.split(":")[2:3] == ["sns"] else None
        if why is None:
            admitted.append(action)
        else:
            logger.warning("alarm %s failed to execute action %s: %s", source["aws:sourcearn"], action, why)
    return admitted


def _judged_rules(invoke: Callable[..., Any], record: Callable[..., None]) -> Callable[..., Any]:
    def invoke_target(target: Any, event: Any, rule: Any, view: Any = None) -> Any:
        arn = target.get("Arn", "")
        if event.get("Source") == "aws.scheduler" or arn.split(":")[2:3] != ["sns"]:
            return invoke(target, event, rule, view)
        name = {"RuleName": str(rule.get("Name"))}
        record("AWS/Events", "Invocations", 1, "Count", name)
        if why := refusal(arn, "events.amazonaws.com", {}):
            logger.warning("rule %s: %s", rule.get("Name"), why)
            record("AWS/Events", "FailedInvocations", 1, "Count", name)
            return None
        return invoke(target, event, rule, view)

    return invoke_target


def _topic(arn: str) -> dict[str, str]:
    return {"TopicName": arn.rpartition(":")[2]}


def _counted_messages(fanout: Callable[..., None], record: Callable[..., None]) -> Callable[..., None]:
    def fan_out(topic_arn: str, *given: Any, **more: Any) -> None:
        record("AWS/SNS", "NumberOfMessagesPublished", 1, "Count", _topic(topic_arn))
        fanout(topic_arn, *given, **more)

    return fan_out


def _counted_deliveries(sns: Any, deliver: Callable[..., None], record: Callable[..., None]) -> Callable[..., None]:
    """To queues, which is what subscribes here: mail is not sent, and other protocols are nobody's."""

    def deliver_to_sqs(endpoint: str, *given: Any, topic_arn: str = "", **more: Any) -> None:
        queue = sns._sqs._queue_by_arn(endpoint)
        reaches = queue is not None and sns._sqs.queue_policy_allows(endpoint, "sns.amazonaws.com", topic_arn, ACCOUNT)
        outcome = "NumberOfNotificationsDelivered" if reaches else "NumberOfNotificationsFailed"
        record("AWS/SNS", outcome, 1, "Count", _topic(topic_arn))
        deliver(endpoint, *given, topic_arn=topic_arn, **more)

    return deliver_to_sqs
