"""The archive of every event: Firehose from the stream to S3, and a Glue table so that Athena can ask at once."""

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.naming import ARCHIVE_PREFIX, Names
from infra.settings import Settings
from infra.shared.acknowledgements import acknowledge
from infra.shared.functions import LOG_RETENTION
from lambdas.shared.animal import MEMBERS

BUFFER_SECONDS = 300
BUFFER_MEBIBYTES = 64
LOG_STREAM = "delivery"

_ANIMAL = f"struct<{','.join(f'{member}:string' for member in MEMBERS)}>"
EVENT_COLUMNS = (
    ("userid", "string"),
    ("sessionid", "string"),
    ("eventtype", "string"),
    ("eventid", "string"),
    ("timestamp", "string"),
    ("eventvalue", "string"),
    ("recommendationid", "string"),
    ("animal_id", "string"),
    # Of observed events; as text, which takes a value of any type: the archive has what was refused too.
    ("impression", "string"),
    ("letterid", "string"),
    ("answerid", "string"),
    ("helpful", "string"),
    ("animalmetadata", _ANIMAL),
)


class Archive(Construct):
    """The delivery stream with its log group and role, and the table `events` over what it writes."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        key: kms.IKey,
        stream: kinesis.IStream,
        bucket: s3.IBucket,
    ) -> None:
        super().__init__(scope, id_)
        names = settings.names
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=names.delivery_log_group,
            retention=LOG_RETENTION[settings.retention.log_days],
            encryption_key=key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        log_stream = logs.LogStream(
            self,
            "LogStream",
            log_group=log_group,
            log_stream_name=LOG_STREAM,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = self._role(names, key)
        delivery = firehose.CfnDeliveryStream(
            self,
            "DeliveryStream",
            delivery_stream_name=names.delivery_stream,
            delivery_stream_type="KinesisStreamAsSource",
            kinesis_stream_source_configuration=firehose.CfnDeliveryStream.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=stream.stream_arn, role_arn=role.role_arn
            ),
            extended_s3_destination_configuration=_destination(bucket, role, key, log_group, log_stream),
        )
        acknowledge(
            delivery,
            {
                "AwsSolutions-KDF1": (
                    "Server-side encryption of a delivery stream is for direct puts; this one reads from an encrypted"
                    " Kinesis stream, and Firehose keeps such data encrypted with the stream's key."
                )
            },
        )
        _table(self, names)
        _workgroup(self, names, key)

    def _role(self, names: Names, key: kms.IKey) -> iam.Role:
        """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3"""
        archive = names.bucket_arn("archive")
        log_streams = f"{names.log_group_arn(names.delivery_log_group)}:log-stream:{LOG_STREAM}"
        role = iam.Role(
            self,
            "Role",
            role_name=names.role("firehose"),
            description="Firehose reads the event stream and writes the archive",
            # Without a condition, as the page shows it: it names no key that Firehose would send with this call.
            # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#firehose-assume-role
            assumed_by=iam.ServicePrincipal("firehose.amazonaws.com"),
            inline_policies={
                "delivery": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="ReadStream",
                            actions=[
                                "kinesis:DescribeStream",
                                "kinesis:GetShardIterator",
                                "kinesis:GetRecords",
                                "kinesis:ListShards",
                            ],
                            resources=[names.stream_arn],
                        ),
                        iam.PolicyStatement(
                            sid="UseBucket",
                            actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                            resources=[archive],
                        ),
                        iam.PolicyStatement(
                            sid="WriteArchive",
                            actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                            resources=[f"{archive}/*"],
                        ),
                        iam.PolicyStatement(
                            sid="UseKey",
                            actions=["kms:Decrypt", "kms:GenerateDataKey"],
                            resources=[key.key_arn],
                            conditions={
                                "StringEquals": {
                                    "kms:ViaService": [
                                        f"s3.{names.region}.amazonaws.com",
                                        f"kinesis.{names.region}.amazonaws.com",
                                    ]
                                }
                            },
                        ),
                        iam.PolicyStatement(sid="WriteLogs", actions=["logs:PutLogEvents"], resources=[log_streams]),
                    ]
                )
            },
        )
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{archive}/*]": (
                    "Firehose names the objects of the archive itself; the wildcard is within the archive bucket."
                )
            },
        )
        return role


def _destination(
    bucket: s3.IBucket, role: iam.IRole, key: kms.IKey, log_group: logs.ILogGroup, log_stream: logs.LogStream
) -> firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty:
    properties = firehose.CfnDeliveryStream
    # Lower-case yyyy and dd: these are Java's date patterns, where YYYY is the week's year and DD the day of the year.
    # https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
    by_hour = "dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
    return properties.ExtendedS3DestinationConfigurationProperty(
        bucket_arn=bucket.bucket_arn,
        role_arn=role.role_arn,
        prefix=f"{ARCHIVE_PREFIX}{by_hour}",
        error_output_prefix=f"errors/!{{firehose:error-output-type}}/{by_hour}",
        compression_format="GZIP",
        buffering_hints=properties.BufferingHintsProperty(
            interval_in_seconds=BUFFER_SECONDS, size_in_m_bs=BUFFER_MEBIBYTES
        ),
        encryption_configuration=properties.EncryptionConfigurationProperty(
            kms_encryption_config=properties.KMSEncryptionConfigProperty(awskms_key_arn=key.key_arn)
        ),
        cloud_watch_logging_options=properties.CloudWatchLoggingOptionsProperty(
            enabled=True, log_group_name=log_group.log_group_name, log_stream_name=log_stream.log_stream_name
        ),
        processing_configuration=properties.ProcessingConfigurationProperty(
            enabled=True,
            processors=[
                properties.ProcessorProperty(
                    type="AppendDelimiterToRecord",
                    parameters=[
                        # Two characters, backslash and n: Firehose reads the escape itself.
                        properties.ProcessorParameterProperty(parameter_name="Delimiter", parameter_value="\\n")
                    ],
                )
            ],
        ),
    )


def _workgroup(scope: Construct, names: Names, key: kms.IKey) -> None:
    """Where questions about visitors are asked: results hold their ids, so they lie where they expire.

    Whoever asks cannot choose another place:
    https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html
    """
    properties = athena.CfnWorkGroup
    properties(
        scope,
        "WorkGroup",
        name=names.athena_workgroup,
        description="Questions to the archive; results expire",
        recursive_delete_option=True,
        work_group_configuration=properties.WorkGroupConfigurationProperty(
            enforce_work_group_configuration=True,
            publish_cloud_watch_metrics_enabled=False,
            result_configuration=properties.ResultConfigurationProperty(
                output_location=f"s3://{names.bucket('archive')}/{Names.ATHENA_PREFIX}",
                encryption_configuration=properties.EncryptionConfigurationProperty(
                    encryption_option="SSE_KMS", kms_key=key.key_arn
                ),
            ),
        ),
    )


def _table(scope: Construct, names: Names) -> None:
    """The table `events`: one row a record, both forms of a record, partitions computed and never crawled.

    A flat event fills the columns of the event; one in the documented envelope fills `data`.
    `docs/operate/archive.md` has the query of a visitor's history over both. What is no JSON reads as a row of nulls:
    the archive holds every record.
    """
    database = glue.CfnDatabase(
        scope,
        "Database",
        catalog_id=names.account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(
            name=names.glue_database, description="The animal recommender's archive"
        ),
    )
    location = f"s3://{names.bucket('archive')}/{ARCHIVE_PREFIX}"
    envelope = ",".join(f"{column}:{type_}" for column, type_ in EVENT_COLUMNS)
    columns = [*EVENT_COLUMNS, ("partitionkey", "string"), ("data", f"struct<{envelope}>")]
    properties = glue.CfnTable
    table = properties(
        scope,
        "Events",
        catalog_id=names.account,
        database_name=names.glue_database,
        table_input=properties.TableInputProperty(
            name="events",
            description="Every record of the event stream, by the hour of its arrival (UTC)",
            table_type="EXTERNAL_TABLE",
            partition_keys=[
                properties.ColumnProperty(name="dt", type="string", comment="day of arrival, yyyy-MM-dd"),
                properties.ColumnProperty(name="hour", type="string", comment="hour of arrival, 00 to 23"),
            ],
            parameters={
                "EXTERNAL": "TRUE",
                "classification": "json",
                "compressionType": "gzip",
                "projection.enabled": "true",
                "projection.dt.type": "date",
                "projection.dt.format": "yyyy-MM-dd",
                "projection.dt.range": "2026-01-01,NOW",
                "projection.dt.interval": "1",
                "projection.dt.interval.unit": "DAYS",
                "projection.hour.type": "integer",
                "projection.hour.range": "0,23",
                "projection.hour.digits": "2",
                "storage.location.template": f"{location}dt=${{dt}}/hour=${{hour}}/",
            },
            storage_descriptor=properties.StorageDescriptorProperty(
                location=location,
                input_format="org.apache.hadoop.mapred.TextInputFormat",
                output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                compressed=True,
                columns=[properties.ColumnProperty(name=name, type=type_) for name, type_ in columns],
                serde_info=properties.SerdeInfoProperty(
                    serialization_library="org.openx.data.jsonserde.JsonSerDe",
                    parameters={"ignore.malformed.json": "TRUE", "case.insensitive": "TRUE"},
                ),
            ),
        ),
    )
    table.add_resource_dependency(database)
