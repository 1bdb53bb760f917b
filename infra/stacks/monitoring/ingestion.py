"""The alarms of events on their way in: into the stream, from it to Personalize, and into the archive."""

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.settings import Settings
from infra.stacks.monitoring import metrics
from infra.stacks.monitoring.alarms import Alarms
from infra.stacks.monitoring.metrics import FIVE_MINUTES, HOUR, QUARTER


def ingestion_alarms(alarms: Alarms, settings: Settings, mapping_id: str) -> None:
    """Of the stream and of what forwards its events."""
    names, thresholds = settings.names, settings.alarms
    _stream_alarms(alarms, settings)
    alarms.add(
        "forwarding-stopped",
        metrics.unhandled(
            metrics.stream_metric(names, "IncomingRecords", period=QUARTER),
            # A batch waits five minutes at most, so that each period is long enough.
            metrics.lambda_metric(names, "forward_events", "Invocations", period=QUARTER),
            label="Events came in and forward_events was not invoked",
        ),
        description="Events arrive in the stream, but Lambda does not read it: right, mapping or key are gone.",
        threshold=1,
        periods=2,
    )
    alarms.add(
        "iterator-age",
        metrics.lambda_metric(names, "forward_events", "IteratorAge", statistic="Maximum"),
        description="Events wait longer than alarms.iteratorAgeSeconds before they are forwarded.",
        threshold=thresholds.iterator_age_seconds * 1000,
        periods=2,
    )
    alarms.add(
        "quarantine",
        metrics.handler_metric(names, "forward_events", "EventsQuarantined", period=HOUR),
        description="More events than alarms.quarantinedPerHour could not be used; the queue says why.",
        threshold=thresholds.quarantined_per_hour,
    )
    alarms.add(
        "failure-destination",
        metrics.total(
            "Events given up",
            delivered=metrics.mapping_metric(mapping_id, "OnFailureDestinationDeliveredEventCount"),
            dropped=metrics.mapping_metric(mapping_id, "DroppedEventCount"),
        ),
        description="Lambda gave up on events after all retries; they lie in the quarantine bucket.",
        threshold=1,
    )
    alarms.add(
        "forward-failures",
        metrics.handler_metric(names, "forward_events", "EventsFailed"),
        description="Personalize does not take events now; they are being retried.",
        threshold=thresholds.forward_failures_per_five_minutes,
    )


def _stream_alarms(alarms: Alarms, settings: Settings) -> None:
    names = settings.names
    alarms.silence(
        "no-events",
        # What reached Personalize, not what came in: observed events alone teach a model nothing, and where events are
        # rarer than `forwarding-stopped` can see, a mapping that is dead shows here.
        metrics.counted(
            metrics.handler_metric(names, "forward_events", "EventsAccepted", period=HOUR),
            label="Events that came in and were forwarded",
        ),
        description="No event came in and was forwarded for alarms.noEventHours hours; before, there were some.",
        periods=settings.alarms.no_event_hours,
    )
    alarms.add(
        "stream-throttled",
        metrics.total(
            "Records that the stream refused",
            exceeded=metrics.stream_metric(names, "WriteProvisionedThroughputExceeded"),
            throttled=metrics.stream_metric(names, "PutRecords.ThrottledRecords"),
        ),
        description="The stream refuses events: more come in than it takes, or all under one partition key.",
        threshold=1,
    )


def archive_alarms(alarms: Alarms, settings: Settings) -> None:
    """Of Firehose, which reads the stream and writes the archive."""
    names = settings.names
    alarms.add(
        "archive-stopped",
        metrics.unhandled(
            metrics.stream_metric(names, "IncomingRecords", period=HOUR),
            # Objects are written every five minutes, so that an hour is long enough.
            metrics.delivery_metric(names, "DeliveryToS3.Records", period=HOUR),
            label="Events came in and none was archived",
        ),
        description="Events arrive in the stream and none reaches the archive: Firehose cannot read or cannot write.",
        threshold=1,
        periods=2,
    )
    alarms.add(
        "archive-late",
        cloudwatch.MathExpression(
            expression="MAX([unwritten, unread / 1000])",
            using_metrics={
                # Of what it has read; what it could not read shows in the other.
                "unwritten": metrics.delivery_metric(names, "DeliveryToS3.DataFreshness", statistic="Maximum"),
                "unread": metrics.delivery_metric(names, "KinesisMillisBehindLatest", statistic="Maximum"),
            },
            label="Seconds that the oldest event waits for the archive",
            period=FIVE_MINUTES,
        ),
        description="Events wait longer than alarms.archiveAgeSeconds before they are archived.",
        threshold=settings.alarms.archive_age_seconds,
        periods=2,
    )
