"""The data stack: key, Personalize role, buckets, stream, the archive with its query table, and the lock's table.

It is deployed first, so that every right that the other stacks rely on exists before they use it. The other stacks
find its resources by name and the key by the ARN in SSM (`imported_key`): no stack exports anything, so none can be
held hostage by another's references.
"""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.naming import Bucket, Names
from infra.settings import Settings
from infra.shared.acknowledgements import acknowledge
from infra.stacks.archive import Archive

PERSONALIZE = "personalize.amazonaws.com"
ACCESS_LOG_DAYS = 90
EXPORT_DAYS = 7
"""Of exports, and of the histories that a change of generation makes of them: their imports take hours."""
ATHENA_DAYS = 7
NONCURRENT_DAYS = 30
NONCURRENT_COPY_DAYS = 1
"""Of what is a copy for a few days anyway."""


def imported_key(scope: Construct, names: Names) -> kms.IKey:
    """The environment's key in another stack than its own, by the ARN that the data stack wrote to SSM."""
    arn = ssm.StringParameter.value_for_string_parameter(scope, names.key_parameter)
    return kms.Key.from_key_arn(scope, "ImportedKey", arn)


class DataStack(cdk.Stack):
    """What is kept: everything here outlives models, generations and campaigns."""

    key: kms.Key
    personalize_role: iam.Role
    archive_bucket: s3.Bucket
    seed_bucket: s3.Bucket
    stream: kinesis.Stream
    lock_table: dynamodb.Table

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, env: cdk.Environment) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.protected)
        self._settings = settings
        self._names = settings.names
        self.personalize_role = self._personalize_role()
        self.key = self._key()
        self._allow_personalize_the_key()
        access_logs = self._access_log_bucket()
        self.archive_bucket = self._bucket(
            "archive",
            access_logs,
            keep=settings.protected,
            rules=[
                s3.LifecycleRule(id="expire", expiration=cdk.Duration.days(settings.retention.archive_days)),
                _copies("expire-answers", Names.ATHENA_PREFIX, ATHENA_DAYS),
            ],
        )
        self.seed_bucket = self._bucket(
            "seed",
            access_logs,
            rules=[
                _copies("expire-exports", Names.EXPORT_PREFIX, EXPORT_DAYS),
                # The seed's own interactions lie there too; a deploy uploads them again where they are gone.
                _copies("expire-interactions", Names.INTERACTIONS_PREFIX, EXPORT_DAYS),
            ],
        )
        self._allow_personalize_the_seed()
        self._bucket(
            "quarantine",
            access_logs,
            rules=[s3.LifecycleRule(id="expire", expiration=cdk.Duration.days(settings.retention.quarantine_days))],
        )
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=self._names.stream,
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            retention_period=cdk.Duration.hours(settings.retention.stream_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self.key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(
            self.stream,
            {
                "AwsSolutions-KDS3": (
                    "The rule asks for the AWS-managed key; ours is customer-managed, with a policy of its own."
                )
            },
        )
        self.lock_table = self._lock_table()
        Archive(self, "Delivery", settings=settings, key=self.key, stream=self.stream, bucket=self.archive_bucket)
        self._publish()

    def _removal(self, *, keep: bool) -> cdk.RemovalPolicy:
        return cdk.RemovalPolicy.RETAIN if keep else cdk.RemovalPolicy.DESTROY

    def _lock_table(self) -> dynamodb.Table:
        """One item: who works on the campaigns. It exists before anything that takes it.

        Nothing in it outlives its holder, so that the table goes with its stack; `deploy.sh --destroy` lifts the
        protection.
        """
        return dynamodb.Table(
            self,
            "LockTable",
            table_name=self._names.lock_table,
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self._settings.protected,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    # --- the Personalize role and the key

    def _personalize_role(self) -> iam.Role:
        """The role that Personalize reads the seed, writes exports and uses the key with.

        https://docs.aws.amazon.com/personalize/latest/dg/aws-personalize-set-up-permissions.html
        """
        seed = self._names.bucket_arn("seed")
        role = iam.Role(
            self,
            "PersonalizeRole",
            role_name=self._names.role("personalize"),
            description="Personalize reads the seed data and writes dataset exports",
            assumed_by=iam.ServicePrincipal(
                PERSONALIZE,
                conditions={
                    "StringEquals": {"aws:SourceAccount": self._names.account},
                    "StringLike": {"aws:SourceArn": self._names.personalize_arn("*")},
                },
            ),
            inline_policies={
                "seed": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(sid="ListSeed", actions=["s3:ListBucket"], resources=[seed]),
                        iam.PolicyStatement(sid="ReadSeed", actions=["s3:GetObject"], resources=[f"{seed}/*"]),
                        iam.PolicyStatement(
                            sid="WriteExports",
                            actions=["s3:PutObject"],
                            resources=[f"{seed}/{Names.EXPORT_PREFIX}*"],
                        ),
                    ]
                )
            },
        )
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{seed}/*]": (
                    "An import reads all files under its prefix; the wildcard is within the seed bucket."
                ),
                f"AwsSolutions-IAM5[Resource::{seed}/{Names.EXPORT_PREFIX}*]": (
                    "Personalize names the files of an export; the wildcard is within the prefix for exports."
                ),
            },
        )
        return role

    def _key(self) -> kms.Key:
        protected = self._settings.protected
        key = kms.Key(
            self,
            "Key",
            alias=self._names.key_alias.removeprefix("alias/"),
            description=self._names.key_description,
            enable_key_rotation=True,
            pending_window=cdk.Duration.days(30 if protected else 7),
            removal_policy=self._removal(keep=protected),
        )
        for statement in self._key_statements():
            key.add_to_resource_policy(statement)
        return key

    def _key_statements(self) -> list[iam.PolicyStatement]:
        """Who may use the key beside the account's own identities, which IAM policies govern.

        Kinesis, S3 and SQS use it with the rights of whoever calls them, Firehose with its role's.
        """
        names = self._names
        # The developer guide's policy for Personalize has no condition; "IfExists" holds the service to this account
        # where it says on whose behalf it calls, and does not lock it out where it says nothing.
        own_account_if_said = {"StringEqualsIfExists": {"aws:SourceAccount": names.account}}
        personalize_actions = [
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:DescribeKey",
            "kms:CreateGrant",
            "kms:ListGrants",
        ]
        log_groups = names.log_group_arn("*")
        return [
            iam.PolicyStatement(
                sid="PersonalizeService",
                principals=[iam.ServicePrincipal(PERSONALIZE)],
                actions=personalize_actions,
                resources=["*"],
                conditions=own_account_if_said,
            ),
            iam.PolicyStatement(
                sid="PersonalizeRole",
                principals=[iam.ArnPrincipal(self.personalize_role.role_arn)],
                actions=personalize_actions,
                resources=["*"],
            ),
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
            iam.PolicyStatement(
                sid="LogGroupsOfThisAccount",
                principals=[iam.ServicePrincipal(f"logs.{names.region}.amazonaws.com")],
                actions=[
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:DescribeKey",
                ],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
            ),
        ]

    def _allow_personalize_the_key(self) -> None:
        # Apart from the role itself: the key's policy names the role, so the role cannot name the key.
        iam.Policy(
            self,
            "PersonalizeKeyPolicy",
            policy_name="key",
            roles=[self.personalize_role],
            statements=[
                iam.PolicyStatement(
                    sid="UseKey",
                    actions=[
                        "kms:Decrypt",
                        "kms:GenerateDataKey",
                        "kms:GenerateDataKeyWithoutPlaintext",
                        "kms:DescribeKey",
                        "kms:ListGrants",
                    ],
                    resources=[self.key.key_arn],
                )
            ],
        )

    # --- buckets

    def _access_log_bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLogsBucket",
            bucket_name=self._names.bucket("access-logs"),
            # S3 delivers access logs only to buckets whose default encryption is its own.
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            lifecycle_rules=[
                s3.LifecycleRule(id="expire", expiration=cdk.Duration.days(ACCESS_LOG_DAYS)),
                _housekeeping(),
            ],
        )

    def _bucket(
        self, purpose: Bucket, access_logs: s3.Bucket, *, rules: list[s3.LifecycleRule], keep: bool = False
    ) -> s3.Bucket:
        return s3.Bucket(
            self,
            f"{purpose.capitalize()}Bucket",
            bucket_name=self._names.bucket(purpose),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{purpose}/",
            removal_policy=self._removal(keep=keep),
            lifecycle_rules=[*rules, _housekeeping()],
        )

    def _allow_personalize_the_seed(self) -> None:
        """Personalize asks for a bucket policy beside its role's.

        https://docs.aws.amazon.com/personalize/latest/dg/granting-personalize-s3-access.html
        """
        condition = {"StringEqualsIfExists": {"aws:SourceAccount": self._names.account}}
        arn = self._names.bucket_arn("seed")
        for sid, action, resource in (
            ("PersonalizeLists", "s3:ListBucket", arn),
            ("PersonalizeReads", "s3:GetObject", f"{arn}/*"),
            ("PersonalizeWritesExports", "s3:PutObject", f"{arn}/{Names.EXPORT_PREFIX}*"),
        ):
            self.seed_bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(PERSONALIZE)],
                    actions=[action],
                    resources=[resource],
                    conditions=condition,
                )
            )

    def _publish(self) -> None:
        names = self._names
        for id_, name, value in (
            ("StreamName", names.parameter("kinesis-stream/name"), self.stream.stream_name),
            ("ArchiveName", names.parameter("s3/name"), self.archive_bucket.bucket_name),
            ("SeedName", names.parameter("s3-seed-bucket/name"), self.seed_bucket.bucket_name),
            ("KeyArn", names.key_parameter, self.key.key_arn),
        ):
            ssm.StringParameter(self, id_, parameter_name=name, string_value=value)


def _copies(id_: str, prefix: str, days: int) -> s3.LifecycleRule:
    """What is copied for some purpose goes when that is served, its old versions the day after."""
    return s3.LifecycleRule(
        id=id_,
        prefix=prefix,
        expiration=cdk.Duration.days(days),
        noncurrent_version_expiration=cdk.Duration.days(NONCURRENT_COPY_DAYS),
    )


def _housekeeping() -> s3.LifecycleRule:
    """Old versions and abandoned uploads do not grow for ever."""
    return s3.LifecycleRule(
        id="housekeeping",
        noncurrent_version_expiration=cdk.Duration.days(NONCURRENT_DAYS),
        abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
    )
