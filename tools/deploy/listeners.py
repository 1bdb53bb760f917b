"""Who hears the alarms: said at each deploy, because an alarm that nobody hears is none."""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from infra.settings import Settings
from tools.environment.connection import Connection
from tools.environment.errors import UsageError

_RESERVED = ("example", "example.com", "example.net", "example.org", "invalid", "localhost", "test")
"""Domains of placeholders, which no mail reaches: https://www.rfc-editor.org/rfc/rfc2606"""
PENDING = "PendingConfirmation"
"""What SNS gives in place of a subscription's ARN.

https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""


def refuse_placeholders(settings: Settings) -> None:
    """Raises UsageError where all addresses of a protected environment are placeholders."""
    if settings.protected and all(_is_placeholder(address) for address in settings.notification_emails):
        raise UsageError(
            f"notificationEmails in config/{settings.environment}.yaml names {', '.join(settings.notification_emails)},"
            " which no mail reaches: nobody would hear an alarm of a protected environment. Name who is to hear them"
        )


def unheard(connection: Connection) -> list[str]:
    """What keeps alarms from being heard, a sentence each; none where every subscriber is confirmed."""
    names, environment = connection.settings.names, connection.settings.environment
    pages = connection.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=names.topic_arn)
    try:
        subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NotFound", "NotFoundException"):
            raise
        return [
            f"Nobody hears the alarms of {environment}: the topic {names.topic} does not exist; somebody deleted it."
        ]
    if not subscriptions:
        return [
            f"Nobody hears the alarms of {environment}: notificationEmails in config/{environment}.yaml is empty, and"
            f" nothing else is subscribed to {names.topic}."
        ]
    waiting = [each["Endpoint"] for each in subscriptions if each["SubscriptionArn"] == PENDING]
    if not waiting:
        return []
    said = [f"Not confirmed yet: {_and(waiting)}. AWS sent a mail with a link when the subscription was made."]
    if len(waiting) == len(subscriptions):
        said.append(f"Until then nobody hears the alarms of {environment}.")
    return said


def _is_placeholder(address: str) -> bool:
    domain = address.rpartition("@")[2].lower()
    return any(domain == reserved or domain.endswith(f".{reserved}") for reserved in _RESERVED)


def _and(words: Iterable[str]) -> str:
    *first, last = sorted(words)
    return f"{', '.join(first)} and {last}" if first else last
