"""Who acts as a role: functions, executions, jobs of Personalize; and who cannot."""

import json
from typing import Any

import pytest

from local_cloud.common.state import LocalCloudError
from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.conftest import deploy, invoke, make_role
from tests.conformance.identity.conftest import ACCOUNT, Tried, acting
from tests.deadline import eventually
from tests.lambda_package import package

READS = """
import boto3
s3 = boto3.client("s3")

def lambda_handler(event, context):
    return s3.get_object(Bucket=event["bucket"], Key="k")["Body"].read().decode()
"""


def bucket_with(tried: Tried, name: str) -> str:
    tried.cloud.client("s3").create_bucket(Bucket=name)
    tried.cloud.client("s3").put_object(Bucket=name, Key="k", Body=b"content")
    return name


def test_a_function_is_its_role_and_no_more(tried: Tried) -> None:
    """It reads the bucket that the role may read; another bucket is refused to it by S3."""
    mine, other = bucket_with(tried, "identity-mine"), bucket_with(tried, "identity-other")
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{mine}/*"}
    role = make_role(tried.cloud, "identity-reads", [allow], "lambda")
    tried.cloud.client("lambda").create_function(
        FunctionName="identity-reads",
        Runtime="python3.13",
        Role=role,
        Handler="index.lambda_handler",
        Code={"ZipFile": package({"index.py": READS})},
        Timeout=30,
    )
    assert ("content", None) == invoke(tried.cloud, "identity-reads", {"bucket": mine})
    answer, error = invoke(tried.cloud, "identity-reads", {"bucket": other})
    assert "Unhandled" == error
    assert "AccessDenied" in answer["errorMessage"]
    assert "identity-reads" in answer["errorMessage"]


def run(tried: Tried, role: str, state: dict[str, Any]) -> dict[str, Any]:
    """How an execution of one state ends that acts as this role."""
    name = role.rpartition("/")[2]
    client = tried.cloud.client("stepfunctions")
    definition = {"StartAt": "Only", "States": {"Only": {"Type": "Task", "End": True, **state}}}
    made = client.create_state_machine(name=name, roleArn=role, definition=json.dumps(definition))
    execution = client.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]

    def ended() -> dict[str, Any]:
        described: dict[str, Any] = client.describe_execution(executionArn=execution)
        return {} if described["status"] == "RUNNING" else described

    return eventually(ended, what="the execution's end")


@pytest.mark.parametrize(
    ("name", "state", "error"),
    [
        ("invoke", {"Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": {"FunctionName": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:any"}},
         "Lambda.AWSLambdaException"),
        ("parameter", {"Resource": "arn:aws:states:::aws-sdk:ssm:getParameter", "Parameters": {"Name": "/any"}},
         "Ssm.AccessDeniedException"),
        ("campaign", {"Resource": "arn:aws:states:::aws-sdk:personalize:listCampaigns", "Parameters": {}},
         "Personalize.PersonalizeException"),
    ],
)  # fmt: skip
def test_an_execution_is_its_machines_role_and_no_more(tried: Tried, name: str, state: Any, error: str) -> None:
    """A refusal is an error of the state, in the names of Step Functions, and says who may not do what."""
    role = make_role(tried.cloud, f"identity-{name}", [], "states")
    ended = run(tried, role, state)
    assert ("FAILED", error) == (ended["status"], ended["error"])
    assert f"assumed-role/identity-{name}" in ended["cause"]


def test_a_service_that_the_role_does_not_trust_cannot_act_as_it(tried: Tried, error_of) -> None:
    """Lambda's roles are not Step Functions', and nobody's key is one that the emulator knows."""
    stranger = tried.client("recommend", "ssm", by="states")
    assert "UnrecognizedClientException" == error_of(lambda: stranger.get_parameter(Name="/any"))
    stranger = tried.client("recommend", "s3", by="personalize")
    assert "InvalidAccessKeyId" == error_of(lambda: stranger.get_object(Bucket="any", Key="k"))


def test_a_role_that_is_gone_can_do_nothing(tried: Tried, error_of) -> None:
    """Its key is unknown from that moment."""
    arn = make_role(tried.cloud, "identity-gone", [{"Effect": "Allow", "Action": "*", "Resource": "*"}], "lambda")
    client = tried.acting(arn, "lambda", "ssm")
    assert "ParameterNotFound" == error_of(lambda: client.get_parameter(Name="/any"))
    iam = tried.cloud.client("iam")
    iam.delete_role_policy(RoleName="identity-gone", PolicyName="given")
    iam.delete_role(RoleName="identity-gone")
    assert "UnrecognizedClientException" == error_of(lambda: client.get_parameter(Name="/any"))


def test_an_explicit_denial_of_the_bucket_wins(tried: Tried, error_of) -> None:
    """Over the role's right to everything; the same bucket's denial of plain HTTP does not hold on this computer."""
    bucket = bucket_with(tried, "identity-denies")
    arn = make_role(tried.cloud, "identity-denied", [{"Effect": "Allow", "Action": "*", "Resource": "*"}], "lambda")
    plain = {"Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    tried.cloud.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy(bucket, plain))
    s3 = tried.acting(arn, "lambda", "s3")
    assert b"content" == s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    tried.cloud.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy(bucket, {"Action": "s3:PutObject"}))
    assert b"content" == s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    assert "AccessDenied" == error_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b""))


def policy(bucket: str, denial: dict[str, Any]) -> str:
    statement = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Resource": f"arn:aws:s3:::{bucket}/*", **denial}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_who_uses_an_encrypted_bucket_needs_its_key(tried: Tried, error_of) -> None:
    """By way of S3 alone: the right to the objects is not enough, and one for another service does not help."""
    resources = {
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": json.loads(KEY_POLICY)}},
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": "identity-encrypted", "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {
                    "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}}]}},
        },
    }  # fmt: skip
    deploy(tried.cloud, "identity-encrypted", resources)
    objects = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::identity-encrypted/*"}
    answers = []
    for number, service in enumerate((None, "sqs", "s3")):
        via = {"StringEquals": {"kms:ViaService": f"{service}.us-east-1.amazonaws.com"}}
        use = {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*", "Condition": via}
        arn = make_role(tried.cloud, f"identity-key-{number}", [objects, *([use] if service else [])], "lambda")
        s3 = tried.acting(arn, "lambda", "s3")
        try:
            s3.put_object(Bucket="identity-encrypted", Key="k", Body=b"")
            answers.append("stored")
        except s3.exceptions.ClientError as error:
            answers.append(error.response["Error"]["Code"])
    assert ["AccessDenied", "AccessDenied", "stored"] == answers


KEY_POLICY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*",
                   "Resource": "*"}],
})  # fmt: skip


def test_a_cloud_whose_roles_were_refused_fails_its_test(tmp_path) -> None:
    """Unless the test expects it, a refusal is an error at the end of the block, and names who may not do what."""
    cloud = LocalCloud(state=tmp_path, services=("emulator",))
    cloud.__enter__()
    ssm = acting(cloud, make_role(cloud, "poor", [], "lambda"), "lambda", "ssm")
    with pytest.raises(ssm.exceptions.ClientError):
        ssm.get_parameter(Name="/any")
    with pytest.raises(
        LocalCloudError, match="assumed-role/poor/lambda is not authorized to perform: ssm:GetParameter"
    ):
        cloud.__exit__(None, None, None)
