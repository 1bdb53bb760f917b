"""CloudFormation types whose resources are files that the delivery process reads.

The emulator's own Kinesis -> Lambda mapping and Firehose do not do what AWS's do, so that these two types are answered
here: a deployed resource is a file with the template's resolved properties, and removing the file stops its work.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.common.state import write_json
from local_cloud.emulator.cloudformation.resources import ResourceError

MAPPING_CREATE_ONLY = (
    "EventSourceArn", "StartingPosition", "StartingPositionTimestamp", "SelfManagedEventSource",
    "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig",
)  # fmt: skip
DELIVERY_STREAM_CREATE_ONLY = (
    "DeliveryStreamName", "DeliveryStreamType", "KinesisStreamSourceConfiguration", "MSKSourceConfiguration",
    "DatabaseSourceConfiguration", "DirectPutSourceConfiguration",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventSourceMappings:
    """AWS::Lambda::EventSourceMapping: `FOLDER/<uuid>.json` = `{"uuid", "properties"}`."""

    folder: Path
    arn_prefix: str
    """`arn:aws:lambda:REGION:ACCOUNT:event-source-mapping:`"""

    def create(self, _logical_id: str, properties: Mapping[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        identifier = str(uuid.uuid4())
        return self._write(identifier, properties)

    def update(
        self, physical_id: str, _old: Mapping[str, Any], new: Mapping[str, Any], _stack: str
    ) -> tuple[str, dict[str, str]]:
        return self._write(physical_id, new)

    def delete(self, physical_id: str, _properties: Mapping[str, Any]) -> None:
        (self.folder / f"{physical_id}.json").unlink(missing_ok=True)

    def _write(self, identifier: str, properties: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        write_json(self.folder / f"{identifier}.json", {"uuid": identifier, "properties": dict(properties)})
        return identifier, {"Id": identifier, "EventSourceMappingArn": f"{self.arn_prefix}{identifier}"}


@dataclass(frozen=True, slots=True)
class DeliveryStreams:
    """AWS::KinesisFirehose::DeliveryStream: `FOLDER/<name>.json` = `{"name", "properties"}`."""

    folder: Path
    arn_prefix: str
    """`arn:aws:firehose:REGION:ACCOUNT:deliverystream/`"""

    def create(self, logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        """Raises ResourceError when there is a delivery stream of that name."""
        name = str(properties.get("DeliveryStreamName") or f"{stack}-{logical_id}"[:64])
        if self._file(name).exists():
            raise ResourceError(f"Firehose {name} already exists", "AlreadyExists")
        return self._write(name, properties)

    def update(
        self, physical_id: str, _old: Mapping[str, Any], new: Mapping[str, Any], _stack: str
    ) -> tuple[str, dict[str, str]]:
        return self._write(physical_id, new)

    def delete(self, physical_id: str, _properties: Mapping[str, Any]) -> None:
        self._file(physical_id).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _write(self, name: str, properties: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        write_json(self._file(name), {"name": name, "properties": dict(properties)})
        return name, {"Arn": f"{self.arn_prefix}{name}"}
