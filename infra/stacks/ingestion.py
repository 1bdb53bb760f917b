"""The ingestion stack: `forward_events` behind the stream, and the quarantine of what can never succeed."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.settings import Settings
from infra.shared.acknowledgements import acknowledge
from infra.shared.functions import HandlerFunction
from infra.shared.generations import Generation
from infra.stacks.data import imported_key

FORWARD_SECONDS = 120


class IngestionStack(cdk.Stack):
    """The mapping, the function that sends events to every generation's tracker, and the queue of quarantined ones."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        generations: Sequence[Generation],
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.protected)
        names = settings.names
        key = imported_key(self, names)
        queue = self._quarantine_queue(settings, key)
        tracking_ids = [
            ssm.StringParameter.value_for_string_parameter(self, names.tracking_id_parameter(generation.number))
            for generation in generations
        ]
        quarantine = names.bucket("quarantine")
        forwarder = HandlerFunction(
            self,
            "ForwardEvents",
            handler="forward_events",
            settings=settings,
            key=key,
            description="Forwards the stream's events to Amazon Personalize",
            environment={
                "TRACKING_IDS": ",".join(tracking_ids),
                "BREED_SCRIPTS": ",".join(settings.breed_scripts),
                "OBSERVED_EVENT_TYPES": ",".join(settings.observed_event_types),
                "EVENT_IDS_FROM": ssm.StringParameter.value_for_string_parameter(self, names.event_ids_parameter),
                "EVENT_IDS_PARAMETER": names.event_ids_parameter,
                "QUARANTINE_BUCKET": quarantine,
                "QUARANTINE_QUEUE_URL": queue.queue_url,
            },
            statements=_statements(settings, key),
            timeout_seconds=FORWARD_SECONDS,
        )
        acknowledge(
            forwarder.role,
            {
                f"AwsSolutions-IAM5[Resource::{names.bucket_arn('quarantine')}/*]": (
                    "Quarantine and failure destination name their objects by record; the wildcard is within the"
                    " quarantine bucket."
                )
            },
        )
        mapping = self._mapping(settings, forwarder)
        ssm.StringParameter(self, "MappingId", parameter_name=names.mapping_id_parameter, string_value=mapping.attr_id)

    def _quarantine_queue(self, settings: Settings, key: kms.IKey) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "Quarantine",
            queue_name=settings.names.quarantine_queue,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            # SQS keeps messages for 14 days at most; the objects they point to stay for `retention.quarantineDays`.
            retention_period=cdk.Duration.days(min(settings.retention.quarantine_days, 14)),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(
            queue,
            {
                "AwsSolutions-SQS3": (
                    "This queue is itself where failed records end up; people read it, no consumer can fail on it."
                )
            },
        )
        return queue

    def _mapping(self, settings: Settings, forwarder: HandlerFunction) -> lambda_.CfnEventSourceMapping:
        names, ingestion = settings.names, settings.ingestion
        properties = lambda_.CfnEventSourceMapping
        return properties(
            self,
            "StreamToForwardEvents",
            function_name=forwarder.function.function_name,
            event_source_arn=names.stream_arn,
            # Nothing that was sent before the mapping went live is lost.
            starting_position="TRIM_HORIZON",
            batch_size=ingestion.batch_size,
            maximum_batching_window_in_seconds=ingestion.batch_window_seconds,
            parallelization_factor=ingestion.parallelization_factor,
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=ingestion.retry_attempts,
            maximum_record_age_in_seconds=ingestion.max_record_age_seconds,
            # S3, because it alone receives the records themselves; SQS and SNS get their positions only.
            destination_config=properties.DestinationConfigProperty(
                on_failure=properties.OnFailureProperty(destination=names.bucket_arn("quarantine"))
            ),
            metrics_config=properties.MetricsConfigProperty(metrics=["EventCount"]),
        )


def _statements(settings: Settings, key: kms.IKey) -> list[iam.PolicyStatement]:
    names = settings.names
    quarantine = names.bucket_arn("quarantine")
    services = [f"{service}.{names.region}.amazonaws.com" for service in ("kinesis", "s3", "sqs")]
    return [
        # https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html#events-kinesis-permissions
        iam.PolicyStatement(
            sid="ReadStream",
            actions=[
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            resources=[names.stream_arn],
        ),
        # PutEvents has no resource level: the tracking id, a secret of the environment, is what limits it.
        iam.PolicyStatement(sid="PutEvents", actions=["personalize:PutEvents"], resources=["*"]),
        iam.PolicyStatement(sid="WriteQuarantine", actions=["s3:PutObject"], resources=[f"{quarantine}/*"]),
        # Lambda's poller looks at the failure destination with the function's role.
        iam.PolicyStatement(sid="ListQuarantine", actions=["s3:ListBucket"], resources=[quarantine]),
        iam.PolicyStatement(
            sid="PointToQuarantine", actions=["sqs:SendMessage"], resources=[names.quarantine_queue_arn]
        ),
        # Only while an upgrade from ids as the site gave them is under way.
        iam.PolicyStatement(
            sid="ReadChangeOfIds",
            actions=["ssm:GetParameter"],
            resources=[names.parameter_arn(names.event_ids_parameter)],
        ),
        iam.PolicyStatement(
            sid="UseKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": services}},
        ),
    ]
