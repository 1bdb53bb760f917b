"""CloudFormation types of the services in `local_cloud/services/`, made by the services' own operations.

Create-only properties are those of the CloudFormation registry; property names differ from the API's member names in
capitals only, and the service model's shapes say how to spell and type each.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_cloud.emulator.cloudformation.resources import Attributes, ResourceError, tags_of, to_api
from local_cloud.services.errors import ServiceError
from local_cloud.services.service import Service

SERVICE_TYPES: Mapping[str, tuple[str, ...]] = {
    "AWS::S3Vectors::VectorBucket": ("VectorBucketName", "EncryptionConfiguration"),
    "AWS::S3Vectors::Index": (
        *("DataType", "Dimension", "DistanceMetric", "EncryptionConfiguration"),
        *("IndexName", "MetadataConfiguration", "VectorBucketArn", "VectorBucketName"),
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


def _generated_name(stack: str, logical_id: str) -> str:
    """A name as CloudFormation makes them where the template gives none; lowercase, as vector buckets want it."""
    rest = f"-{secrets.token_hex(6)}"
    return f"{stack}-{logical_id}".lower()[: 63 - len(rest)] + rest


def _time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
