"""The function of a mapping: invoked with batches, its answers read, its discarded batches stored."""

import json
import logging
import time
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.delivery.mapping import destination as mapping_destination
from local_cloud.delivery.mapping.destination import ClientSource
from local_cloud.delivery.mapping.outcome import Delivered, Failed, NotInvoked, Outcome, first_failure
from local_cloud.delivery.mapping.retry import BatchRetry, Discarded
from local_cloud.delivery.mapping.settings import EventSourceMapping
from local_cloud.delivery.streams.metrics import Measurements
from local_cloud.delivery.streams.records import Record, lambda_event
from local_cloud.delivery.streams.stream import RETRY_SECONDS

log = logging.getLogger(__name__)

_MARGIN_SECONDS = 10.0
"""How much longer than the function may take its answer is waited for: the start of its process comes before."""


def role_of(clients: ClientSource, function: str) -> str:
    """The ARN of the function's execution role. Raises the client's errors."""
    role: str = clients.client("lambda").get_function_configuration(FunctionName=function)["Role"]
    return role


class Function:
    """Invokes the mapping's function, by name, ARN or ARN with an alias. Safe for use by several threads.

    `destination` has the clients that store discarded batches; those of the invocations unless given. `measured` gets
    what CloudWatch shows of the mapping.
    """

    def __init__(
        self,
        mapping: EventSourceMapping,
        clients: ClientSource,
        *,
        destination: ClientSource | None = None,
        measured: Measurements | None = None,
    ) -> None:
        self._mapping = mapping
        self._clients = clients
        self._destination = destination or clients
        self._measured = measured or Measurements()
        self._arn: str | None = None
        self._role = ""
        self._seconds = 0.0
        self.last_result = "No records processed"

    def deliver(
        self, records: Sequence[Record], done: Callable[[Record], None], pause: Callable[[float], None]
    ) -> None:
        """Deliver one batch of a lane: every record is accepted by the function or stored as discarded."""
        BatchRetry(
            self._mapping,
            invoke=self.invoke,
            discard=lambda discarded: self._store(discarded, pause),
            done=done,
            pause=pause,
            now=time.time,
        ).deliver(records)

    def invoke(self, records: Sequence[Record]) -> Outcome:
        """Call the function once, synchronously."""
        try:
            outcome = self._invoke(records)
        except ClientError as error:
            outcome = NotInvoked(error.response["Error"]["Code"])
        except BotoCoreError as error:
            outcome = NotInvoked(type(error).__name__)
            self._arn = None  # a deployment may have given the function more time: look again
        match outcome:
            case Delivered():
                self.last_result = "OK"
            case NotInvoked(reason):
                self._say(f"PROBLEM: function not invoked: {reason}")
            case Failed(first, error_type):
                self._say(f"PROBLEM: {error_type or 'items reported'}: {len(records) - first} records to try again")
        return outcome

    def _invoke(self, records: Sequence[Record]) -> Outcome:
        self._look_up()
        client = self._clients.client("lambda", answer_seconds=self._seconds + _MARGIN_SECONDS)
        event = lambda_event(records, stream_arn=self._mapping.stream_arn, identity_arn=self._role)
        self._measured.sent(self._mapping.function_name, time.time() - records[-1].arrival)
        answer = client.invoke(FunctionName=self._mapping.function, Payload=json.dumps(event).encode())
        response = answer["Payload"].read()
        error = answer.get("FunctionError")
        if error is None and not self._mapping.reports_item_failures:
            return Delivered()
        first = 0 if error is not None else first_failure(response, records)
        if first is None:
            return Delivered()
        return Failed(
            first, error, answer.get("ExecutedVersion", "$LATEST"), answer["ResponseMetadata"].get("RequestId", "")
        )

    def _look_up(self) -> None:
        """The function's ARN and execution role, which events and failure records name, and its timeout."""
        if self._arn is None:
            client = self._clients.client("lambda")
            found = client.get_function_configuration(FunctionName=self._mapping.function)
            self._role = found["Role"]
            self._seconds = float(found["Timeout"])
            self._arn = found["FunctionArn"]

    def _store(self, discarded: Discarded, pause: Callable[[float], None]) -> None:
        """Store a discarded batch, however long its destination is unreachable: the lane waits, nothing is lost."""
        first, last = discarded.records[0], discarded.records[-1]
        log.warning(
            "mapping %s discards %d records of %s (%s to %s): %s after %d invocations",
            self._mapping.uuid,
            len(discarded.records),
            first.shard_id,
            first.sequence_number,
            last.sequence_number,
            discarded.condition,
            discarded.invocations,
        )
        while True:
            try:
                mapping_destination.store(
                    self._mapping,
                    discarded,
                    self._destination,
                    function_arn=self._arn or self._mapping.function,
                    identity_arn=self._role,
                )
            except (BotoCoreError, ClientError) as error:
                self._say(f"PROBLEM: failure destination: {error}")
                pause(RETRY_SECONDS)
            else:
                if self._mapping.counts_events:
                    stored = self._mapping.destination_arn is not None
                    self._measured.given_up(self._mapping.uuid, len(discarded.records), stored=stored)
                return

    def _say(self, result: str) -> None:
        if result != self.last_result:
            log.warning("mapping %s: %s", self._mapping.uuid, result)
        self.last_result = result
