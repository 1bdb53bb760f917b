"""What holds for every stack: native types, no hidden coupling, least privilege, encryption, retention, removal."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from infra.setting_values import LOG_RETENTION_DAYS
from infra.shared.functions import LOG_RETENTION
from tests.infra.synthesis import ENVIRONMENTS, Synthesis, as_list

VARIANTS = ("dev", "prod", "without_reranking", "with_first_recipes", "in_vpc")

# Actions on "*": those that AWS gives no resource level, and nothing else.
# https://docs.aws.amazon.com/service-authorization/latest/reference/
WITHOUT_RESOURCE_LEVEL = {
    "personalize:PutEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "cloudwatch:PutMetricData",
    "cloudwatch:GetMetricStatistics",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Synthesis:
    """Each shape that the config can give the app."""
    synthesis: Synthesis = request.getfixturevalue(request.param)
    return synthesis


def test_d62_every_resource_is_a_native_type(variant: Synthesis) -> None:
    """No custom resource, and with it no helper Lambda: every function is a Python handler of ours."""
    types = {resource["Type"] for _, _, resource in variant.everything()}
    assert set() == {type_ for type_ in types if not type_.startswith("AWS::") or "CustomResource" in type_}
    runtimes = {
        properties["Runtime"]
        for stack in variant.templates
        for properties in variant.resources(stack, "AWS::Lambda::Function").values()
    }
    assert {"python3.13"} == runtimes


def test_no_stack_exports_anything(variant: Synthesis) -> None:
    """Stacks find one another by name: an export could not change while another stack imports it."""
    text = str(variant.templates)
    assert [] == [word for word in ("Fn::ImportValue", "Fn::GetStackOutput") if word in text]
    assert [] == [stack for stack, template in variant.templates.items() if template.get("Outputs")]


def test_d60_no_policy_of_ours_has_a_wildcard_action(variant: Synthesis) -> None:
    """Actions are named one by one; only the keys' own administration, which KMS asks for, is `kms:*`."""
    found = {
        (where, action)
        for where, statement in variant.statements()
        for action in as_list(statement["Action"])
        if "*" in action and statement["Effect"] == "Allow"
    }
    assert {("kms:*")} == {action for _, action in found}
    assert {"data", "training"} == {where.split("/")[0] for where, _ in found}


def test_d60_only_actions_without_resource_level_are_allowed_on_everything(variant: Synthesis) -> None:
    """In identity policies; a resource policy's "*" is the resource that it belongs to."""
    found = {
        action
        for where, statement in variant.statements()
        if "Principal" not in statement and "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
    }
    assert set() == found - WITHOUT_RESOURCE_LEVEL


def test_d60_no_role_has_a_managed_policy(variant: Synthesis) -> None:
    """What a role may is what its own policies say."""
    assert [] == [
        f"{stack}/{id_}"
        for stack in variant.templates
        for id_, role in variant.resources(stack, "AWS::IAM::Role").items()
        if role.get("ManagedPolicyArns")
    ]


def test_d60_every_role_trusts_one_service(variant: Synthesis) -> None:
    """No role is shared by services that need different rights."""
    for stack in variant.templates:
        for id_, role in variant.resources(stack, "AWS::IAM::Role").items():
            principals = [
                service
                for statement in role["AssumeRolePolicyDocument"]["Statement"]
                for service in as_list(statement["Principal"]["Service"])
            ]
            assert 1 == len(principals), f"{stack}/{id_}: {principals}"


def test_d60_services_assume_roles_for_this_account_only(dev: Synthesis) -> None:
    """Each service whose documentation names the condition is held to the account that it works for; no other has one.

    A condition on what a service does not say would stop the service on AWS; docs/operate/security.md has the pages.
    """
    for stack in dev.templates:
        for id_, role in dev.resources(stack, "AWS::IAM::Role").items():
            (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
            if statement["Principal"]["Service"] in ("lambda.amazonaws.com", "firehose.amazonaws.com"):
                assert "Condition" not in statement, f"{stack}/{id_}"
            else:
                assert "123456789012" == statement["Condition"]["StringEquals"]["aws:SourceAccount"], f"{stack}/{id_}"


def test_d61_kms_actions_are_allowed_on_keys_only(variant: Synthesis) -> None:
    """A `kms:` action on another service's ARN could never match."""
    for where, statement in variant.statements():
        if "Principal" not in statement and any(a.startswith("kms:") for a in as_list(statement["Action"])):
            for resource in as_list(statement["Resource"]):
                assert _is_the_key(resource), f"{where}: {resource}"


def _is_the_key(resource: Any) -> bool:
    match resource:
        case {"Fn::GetAtt": [id_, "Arn"]}:
            return str(id_).startswith(("Key", "TopicKey"))
        case {"Ref": parameter}:
            return "kmskeyarn" in parameter
        case _:
            return False


def test_every_bucket_refuses_plain_http_and_the_public(variant: Synthesis) -> None:
    """A Deny for requests without TLS, no public access, no ACLs, versions, encryption at rest."""
    buckets = variant.resources("data", "AWS::S3::Bucket")
    refused = {
        policy["Bucket"]["Ref"]
        for policy in variant.resources("data", "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Action"] == "s3:*"
        and statement["Principal"] == {"AWS": "*"}
    }
    assert set(buckets) == refused
    for id_, bucket in buckets.items():
        assert {True} == set(bucket["PublicAccessBlockConfiguration"].values()), id_
        assert "BucketOwnerEnforced" == bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], id_
        assert "Enabled" == bucket["VersioningConfiguration"]["Status"], id_
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"], id_


def test_d21_every_bucket_forgets(variant: Synthesis) -> None:
    """Old versions and abandoned uploads expire everywhere."""
    for id_, bucket in variant.resources("data", "AWS::S3::Bucket").items():
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
        assert "NoncurrentVersionExpiration" in rules["housekeeping"], id_
        assert "AbortIncompleteMultipartUpload" in rules["housekeeping"], id_


def test_d22_no_bucket_logs_into_itself(variant: Synthesis) -> None:
    """Access logs of all buckets go to one that logs nothing, each under its own prefix."""
    buckets = variant.resources("data", "AWS::S3::Bucket")
    targets = {
        id_: bucket["LoggingConfiguration"]["DestinationBucketName"]["Ref"]
        for id_, bucket in buckets.items()
        if "LoggingConfiguration" in bucket
    }
    (target,) = set(targets.values())
    assert set(buckets) - {target} == set(targets)
    prefixes = [buckets[id_]["LoggingConfiguration"]["LogFilePrefix"] for id_ in targets]
    assert len(targets) == len(set(prefixes))
    assert all(prefix.endswith("/") for prefix in prefixes)


def test_every_log_group_is_encrypted_and_forgets(variant: Synthesis) -> None:
    """With the environment's key and the config's days; every function writes to one of them."""
    groups = [
        (f"{stack}/{id_}", group)
        for stack in variant.templates
        for id_, group in variant.resources(stack, "AWS::Logs::LogGroup").items()
    ]
    for where, group in groups:
        assert "KmsKeyId" in group, where
        assert group["RetentionInDays"] in (30, 90), where
    functions = [id_ for stack in variant.templates for id_ in variant.resources(stack, "AWS::Lambda::Function")]
    # One for each function, one for Firehose, one for the state machine.
    assert len(functions) + 2 == len(groups)


def test_d47_every_function_has_time_memory_tracing_and_an_alias(variant: Synthesis) -> None:
    """What the library's defaults (3 s, 128 MB) would starve."""
    for stack in variant.templates:
        functions = variant.resources(stack, "AWS::Lambda::Function")
        aliases = variant.resources(stack, "AWS::Lambda::Alias")
        assert {"live"} == {alias["Name"] for alias in aliases.values()} or not functions
        assert len(functions) == len(aliases)
        for id_, function in functions.items():
            assert function["Timeout"] > 3, id_
            assert function["MemorySize"] >= 256, id_
            assert {"Mode": "Active"} == function["TracingConfig"], id_
            assert ["arm64"] == function["Architectures"], id_
            assert "JSON" == function["LoggingConfig"]["LogFormat"], id_


def test_the_unprotected_environment_leaves_nothing_behind(dev: Synthesis) -> None:
    """Every resource is deleted with its stack; no termination protection."""
    kept = {f"{stack}/{id_}" for stack, id_, resource in dev.everything() if resource.get("DeletionPolicy") == "Retain"}
    assert set() == kept


def test_the_protected_environment_keeps_archive_and_key(prod: Synthesis) -> None:
    """And only these: events cannot be had again, and without the key they cannot be read."""
    kept = {
        resource["Type"]
        for _, _, resource in prod.everything()
        if "Retain" in (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
    }
    assert {"AWS::KMS::Key", "AWS::S3::Bucket"} == kept
    (bucket,) = [
        resource["Properties"]["BucketName"]
        for _, _, resource in prod.everything()
        if resource["Type"] == "AWS::S3::Bucket" and resource.get("DeletionPolicy") == "Retain"
    ]
    assert "prod-recommender-archive-123456789012-us-east-1" == bucket


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_names_carry_the_environment(assembled: Callable[[str], Synthesis], environment: str) -> None:
    """D59: two environments in one account share no name of a resource or parameter."""
    pattern = re.compile(
        rf"^(alias/|/aws/[a-z/]+/|/animal-recommender/)?{environment}[-_/]|^/aws/lambda/{environment}-"
    )
    names = [
        (f"{stack}/{id_}", name)
        for stack, id_, resource in assembled(environment).everything()
        for key in _NAMES.get(resource["Type"], ())
        if isinstance(name := resource["Properties"].get(key), str)
    ]
    assert len(names) > 40
    assert [] == [(where, name) for where, name in names if not pattern.search(name)]


_NAMES = {
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::Kinesis::Stream": ("Name",),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamName",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::SSM::Parameter": ("Name",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName",),
    "AWS::Scheduler::Schedule": ("Name",),
    "AWS::Events::Rule": ("Name",),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::Personalize::DatasetGroup": ("Name",),
    "AWS::Personalize::Dataset": ("Name",),
    "AWS::Personalize::Schema": ("Name",),
    "AWS::Personalize::Solution": ("Name",),
    "AWS::Personalize::Campaign": ("Name",),
    "AWS::Personalize::EventTracker": ("Name",),
    "AWS::Personalize::Filter": ("Name",),
}


def test_stack_protection_follows_the_config(assembled: Callable[[str], Synthesis]) -> None:
    """Termination protection is on in the protected environment only."""
    protections = {}
    for environment in ENVIRONMENTS:
        manifest = (assembled(environment).folder / "manifest.json").read_text()
        protections[environment] = manifest.count('"terminationProtection": true')
    assert {"local": 0, "dev": 0, "staging": 0, "prod": 7} == protections


def test_every_log_retention_of_the_config_is_one_that_the_library_knows() -> None:
    """A value that the settings accept never fails at synthesis."""
    assert set(LOG_RETENTION_DAYS) == set(LOG_RETENTION)


def test_no_tag_on_what_a_tag_change_would_replace(variant: Synthesis) -> None:
    """Personalize resources carry no tags; the buckets show that the rest does."""
    tagged = {resource["Type"] for _, _, resource in variant.everything() if resource.get("Properties", {}).get("Tags")}
    assert "AWS::S3::Bucket" in tagged
    assert set() == {type_ for type_ in tagged if type_.startswith("AWS::Personalize::")}
    manifest = (variant.folder / "manifest.json").read_text()
    assert '"tags"' not in manifest
