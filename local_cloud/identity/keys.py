"""What a call on an encrypted resource asks of the resource's key, and other facts of requests that conditions compare.

The services call KMS with the rights of whoever calls them. The emulator encrypts nothing, so that these calls are
only judged: the key is the one that the deployed template names.

- S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
- Kinesis: https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
- SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
- SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
- DynamoDB, whose table key is decrypted for each principal that reads or writes the table:
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

KEY_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "s3:GetObject": ("kms:Decrypt",),
    "s3:PutObject": ("kms:GenerateDataKey",),
    "kinesis:GetRecords": ("kms:Decrypt",),
    "kinesis:PutRecord": ("kms:GenerateDataKey",),
    "kinesis:PutRecords": ("kms:GenerateDataKey",),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "dynamodb:GetItem": ("kms:Decrypt",),
    "dynamodb:PutItem": ("kms:Decrypt",),
    "dynamodb:UpdateItem": ("kms:Decrypt",),
    "dynamodb:DeleteItem": ("kms:Decrypt",),
}


@dataclass(frozen=True, slots=True)
class Need:
    """One call of KMS that a service makes for its caller."""

    action: str
    key_arn: str
    via: str
    """What `kms:ViaService` says, e.g. `s3.us-east-1.amazonaws.com`."""


def needs(action: str, resource_arn: str, region: str) -> Iterator[Need]:
    """The key calls behind an action; none where the action reads no content or the resource has no key."""
    actions = KEY_ACTIONS.get(action, ())
    key = key_of(resource_arn) if actions else None
    if key is not None:
        service = action.partition(":")[0]
        yield from (Need(key_action, key, f"{service}.{region}.amazonaws.com") for key_action in actions)


def key_in_templates(resource_arn: str, resources: Iterator[tuple[str, str, Mapping[str, Any]]]) -> str | None:
    """The key of the resource with this ARN, by what is deployed: (type, physical id, resolved properties)."""
    service, name = resource_arn.split(":")[2], resource_arn.split(":", 5)[5]
    for type_, physical_id, properties in resources:
        reader = _READERS.get(type_)
        # Physical ids are names, the queue's its URL, the topic's its ARN.
        if reader is None or reader.service != service or reader.name(name) != re.split("[/:]", physical_id)[-1]:
            continue
        key = reader.key(properties)
        return str(key) if key else None
    return None


@dataclass(frozen=True, slots=True)
class _Reader:
    service: str
    name: Callable[[str], str]
    """The resource's name from the last part of its ARN."""
    key: Callable[[Mapping[str, Any]], Any]


def _bucket_key(properties: Mapping[str, Any]) -> Any:
    rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or [{}]
    return (rules[0].get("ServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")


_READERS = {
    "AWS::S3::Bucket": _Reader("s3", lambda path: path.partition("/")[0], _bucket_key),
    "AWS::Kinesis::Stream": _Reader(
        "kinesis", lambda path: path.partition("/")[2], lambda p: (p.get("StreamEncryption") or {}).get("KeyId")
    ),
    "AWS::DynamoDB::Table": _Reader(
        "dynamodb",
        lambda path: path.partition("/")[2],
        lambda p: (p.get("SSESpecification") or {}).get("KMSMasterKeyId"),
    ),
    "AWS::SQS::Queue": _Reader("sqs", str, lambda p: p.get("KmsMasterKeyId")),
    "AWS::SNS::Topic": _Reader("sns", str, lambda p: p.get("KmsMasterKeyId")),
}


_KEY_STATES = {"Disabled": "is disabled", "PendingDeletion": "is pending deletion", "PendingImport": "has no material"}
_KEY_CODES = {
    "s3": ("KMS.DisabledException", "KMS.KMSInvalidStateException"),
    "kinesis": ("KMSDisabledException", "KMSInvalidStateException"),
    "sqs": ("KMS.Disabled", "KMS.InvalidState"),
    "sns": ("KMSDisabled", "KMSInvalidState"),
}
"""What each service answers for a key that is disabled, and for one in any other state that is of no use.

Sources: the error lists of PutRecord (Kinesis), SendMessage (SQS) and Publish (SNS) in their API references; S3 hands
KMS's own errors on.
"""


def unusable(key_arn: str, service: str) -> tuple[str, str] | None:
    """The service's error (code, message) for a key whose state forbids its use; None where it can be used.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
    """
    from ministack.services import kms

    key = kms._resolve_key(key_arn)
    state = str(key["KeyState"]) if key else ""
    if state not in _KEY_STATES:
        return None
    disabled, invalid = _KEY_CODES[service]
    return (disabled if state == "Disabled" else invalid), f"{key['Arn']} {_KEY_STATES[state]}."


def key_of(resource_arn: str) -> str | None:
    """The ARN or id of the key that the deployed template names for a resource."""
    from ministack.services.cloudformation import _stacks

    if resource_arn.count(":") < 5:
        return None
    resources = (
        (resource.get("ResourceType", ""), str(resource.get("PhysicalResourceId", "")), resource.get("Properties", {}))
        for stack in list(_stacks.values())
        for resource in list(stack.get("_resources", {}).values())
    )
    return key_in_templates(resource_arn, resources)


def metric_namespace(body: bytes, params: Mapping[str, Any]) -> str:
    """The namespace of a PutMetricData request, in the JSON or the Query protocol; empty where there is none."""
    named = params.get("Namespace")
    if named:
        return str(named[0] if isinstance(named, list) else named)
    try:
        content = json.loads(body)
    except ValueError:
        return ""
    return str(content.get("Namespace", "")) if isinstance(content, dict) else ""
