"""CloudFormation types of the services in `local_cloud/services/`, made by the services' own operations.

Create-only properties are those of the CloudFormation registry; property names differ from the API's member names in
capitals only, and the service model's shapes say how to spell and type each.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_cloud.emulator.cloudformation.resources import POLL_SECONDS, Attributes, ResourceError, tags_of, to_api
from local_cloud.services.errors import ServiceError
from local_cloud.services.service import Service

SERVICE_TYPES: Mapping[str, tuple[str, ...]] = {
    "AWS::S3Vectors::VectorBucket": ("VectorBucketName", "EncryptionConfiguration"),
    "AWS::S3Vectors::Index": (
        *("DataType", "Dimension", "DistanceMetric", "EncryptionConfiguration"),
        *("IndexName", "MetadataConfiguration", "VectorBucketArn", "VectorBucketName"),
    ),
    "AWS::SageMaker::FeatureGroup": (
        *("FeatureGroupName", "RecordIdentifierFeatureName", "EventTimeFeatureName"),
        *("OfflineStoreConfig", "RoleArn", "Description", "Tags"),
    ),
}
"""Which types there are, and which of their properties make a new resource when they change."""

_HANDLER_CODES = {
    "ConflictException": "AlreadyExists",
    "NotFoundException": "NotFound",
    "ResourceInUse": "AlreadyExists",
    "ResourceNotFound": "NotFound",
    "ServiceQuotaExceededException": "ServiceLimitExceeded",
    "ValidationException": "InvalidRequest",
}


def call(service: Service, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's result. Raises ResourceError with the service's message."""
    try:
        return service.call(operation, parameters)
    except ServiceError as error:
        code = _HANDLER_CODES.get(error.code, "GeneralServiceException")
        # A bucket that holds indexes is in conflict with its deletion, not with another of its name.
        code = "ResourceConflict" if code == "AlreadyExists" and operation.startswith("Delete") else code
        raise ResourceError(error.message, code) from error


@dataclass(frozen=True, slots=True)
class VectorResources:
    """AWS::S3Vectors::VectorBucket and AWS::S3Vectors::Index; the physical id is the ARN."""

    service: Service
    kind: str
    """`VectorBucket` or `Index`."""

    @property
    def _name(self) -> str:
        return f"{self.kind[:1].lower()}{self.kind[1:]}"

    def create(self, logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, Attributes]:
        """Makes the resource; one without a name gets one. Raises ResourceError."""
        name = f"{self.kind}Name"
        given = {name: _generated_name(stack, logical_id), **properties}
        parameters = to_api({k: v for k, v in given.items() if k != "Tags"}, self._shape)
        made = call(self.service, f"Create{self.kind}", {**parameters, "tags": tags_of(properties)})
        arn = str(made[f"{self._name}Arn"])
        return arn, self._attributes(arn)

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], _stack: str
    ) -> tuple[str, Attributes]:
        """Changes the tags, which are all that can be changed."""
        before, after = tags_of(old), tags_of(new)
        if gone := [key for key in before if key not in after]:
            self._change("UntagResource", physical_id, {"tagKeys": gone})
        if after:
            self._change("TagResource", physical_id, {"tags": after})
        return physical_id, self._attributes(physical_id)

    def delete(self, physical_id: str, _properties: Mapping[str, Any]) -> None:
        """Deletes the resource; one that does not exist is gone already. Raises ResourceError."""
        try:
            call(self.service, f"Delete{self.kind}", {f"{self._name}Arn": physical_id})
        except ResourceError as error:
            if error.code != "NotFound":
                raise

    @property
    def _shape(self) -> Any:
        return self.service.input_shape(f"Create{self.kind}")

    def _change(self, operation: str, arn: str, parameters: Mapping[str, Any]) -> None:
        call(self.service, operation, {"resourceArn": arn, **parameters})

    def _attributes(self, arn: str) -> Attributes:
        described = call(self.service, f"Get{self.kind}", {f"{self._name}Arn": arn})[self._name]
        return {f"{self.kind}Arn": arn, "CreationTime": _time(described["creationTime"])}


@dataclass(frozen=True, slots=True)
class FeatureGroups:
    """AWS::SageMaker::FeatureGroup; the physical id is the name. Each step is over when the group says so."""

    service: Service
    pause: Callable[[float], None] = time.sleep

    def create(self, _logical_id: str, properties: Mapping[str, Any], _stack: str) -> tuple[str, Attributes]:
        """Makes the group and waits until it is Created. Raises ResourceError."""
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        given = {key: value for key, value in properties.items() if key != "Tags"}
        parameters = to_api(given, self.service.input_shape("CreateFeatureGroup"))
        call(self.service, "CreateFeatureGroup", {**parameters, **({"Tags": tags} if tags else {})})
        name = str(properties["FeatureGroupName"])
        return name, self._attributes(self._wait(name))

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], _stack: str
    ) -> tuple[str, Attributes]:
        """Adds features, changes the time to live and the throughput. Raises ResourceError for every other change."""
        for change in self._changes(old, new):
            parameters = {"FeatureGroupName": physical_id, **change}
            shape = self.service.input_shape("UpdateFeatureGroup")
            call(self.service, "UpdateFeatureGroup", to_api(parameters, shape))
            self._wait(physical_id)
        return physical_id, self._attributes(self._wait(physical_id))

    def delete(self, physical_id: str, _properties: Mapping[str, Any]) -> None:
        """Deletes the group and waits until it is gone; one that does not exist is gone already."""
        try:
            call(self.service, "DeleteFeatureGroup", {"FeatureGroupName": physical_id})
            while True:
                call(self.service, "DescribeFeatureGroup", {"FeatureGroupName": physical_id})
                self.pause(POLL_SECONDS)
        except ResourceError as error:
            if error.code != "NotFound":
                raise

    def _changes(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
        changes: list[dict[str, Any]] = []
        before, after = ({one["FeatureName"]: one for one in given["FeatureDefinitions"]} for given in (old, new))
        if any(after.get(name) != one for name, one in before.items()):
            raise ResourceError("Features of a feature group cannot be removed or changed", "NotUpdatable")
        if added := [one for name, one in after.items() if name not in before]:
            changes.append({"FeatureAdditions": added})
        shape = self.service.input_shape("CreateFeatureGroup").members["OnlineStoreConfig"]
        was, will = (to_api(given.get("OnlineStoreConfig", {}), shape) for given in (old, new))
        ttl_was, ttl_will = was.pop("TtlDuration", {}), will.pop("TtlDuration", {})
        if was != will:
            raise ResourceError("Of OnlineStoreConfig only TtlDuration can be changed", "NotUpdatable")
        if ttl_was != ttl_will:
            changes.append({"OnlineStoreConfig": {"TtlDuration": ttl_will}})
        if old.get("ThroughputConfig") != new.get("ThroughputConfig"):
            changes.append({"ThroughputConfig": new.get("ThroughputConfig", {"ThroughputMode": "OnDemand"})})
        return changes

    def _wait(self, name: str) -> dict[str, Any]:
        """The group once nothing of it is under way."""
        while True:
            described = call(self.service, "DescribeFeatureGroup", {"FeatureGroupName": name})
            busy = described["FeatureGroupStatus"] == "Creating"
            if not busy and described.get("LastUpdateStatus", {}).get("Status") != "InProgress":
                return described
            self.pause(POLL_SECONDS)

    def _attributes(self, described: Mapping[str, Any]) -> Attributes:
        return {
            "CreationTime": _time(described["CreationTime"]),
            "FeatureGroupStatus": str(described["FeatureGroupStatus"]),
        }


def _generated_name(stack: str, logical_id: str) -> str:
    """A name as CloudFormation makes them where the template gives none; lowercase, as vector buckets want it."""
    rest = f"-{secrets.token_hex(6)}"
    return f"{stack}-{logical_id}".lower()[: 63 - len(rest)] + rest


def _time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
