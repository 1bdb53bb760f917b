"""What encrypted resources ask of their keys."""

from typing import Any

import pytest

from local_cloud.identity.keys import key_in_templates, metric_namespace

KEY = "arn:aws:kms:us-east-1:000000000000:key/k"
BUCKET = {
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
        ]
    }
}
RESOURCES: list[tuple[str, str, dict[str, Any]]] = [
    ("AWS::S3::Bucket", "plain", {}),
    ("AWS::S3::Bucket", "encrypted", BUCKET),
    ("AWS::Kinesis::Stream", "stream", {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": KEY}}),
    ("AWS::DynamoDB::Table", "table", {"SSESpecification": {"SSEEnabled": True, "KMSMasterKeyId": KEY}}),
    ("AWS::DynamoDB::Table", "aws-owned", {}),
    ("AWS::SQS::Queue", "http://127.0.0.1:1/000000000000/queue", {"KmsMasterKeyId": KEY}),
    ("AWS::SNS::Topic", "arn:aws:sns:us-east-1:000000000000:topic", {"KmsMasterKeyId": KEY}),
    ("AWS::IAM::Role", "stream", {}),
]


@pytest.mark.parametrize(
    ("arn", "key"),
    [
        ("arn:aws:s3:::encrypted/a/key", KEY),
        ("arn:aws:s3:::plain/a/key", None),
        ("arn:aws:s3:::unknown/a", None),
        ("arn:aws:kinesis:us-east-1:000000000000:stream/stream", KEY),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/table", KEY),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/aws-owned", None),
        ("arn:aws:sqs:us-east-1:000000000000:queue", KEY),
        ("arn:aws:sns:us-east-1:000000000000:topic", KEY),
        ("arn:aws:sns:us-east-1:000000000000:stream", None),
    ],
)
def test_a_resources_key_is_the_one_of_its_template(arn: str, key: str | None) -> None:
    """Found by service and name, whatever form the physical id has."""
    assert key == key_in_templates(arn, iter(RESOURCES))


@pytest.mark.parametrize(
    ("body", "params", "namespace"),
    [
        (b'{"Namespace": "Ours"}', {}, "Ours"),
        (b"Action=PutMetricData", {"Namespace": ["Ours"]}, "Ours"),
        (b"", {}, ""),
        (b"[]", {}, ""),
        (b"\xff", {}, ""),
    ],
)
def test_the_namespace_of_metrics_is_read_in_every_protocol(body: bytes, params: Any, namespace: str) -> None:
    """Nothing rather than an error where there is none: the condition then does not hold."""
    assert namespace == metric_namespace(body, params)
