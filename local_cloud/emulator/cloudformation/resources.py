"""CloudFormation's AWS::Personalize::* types, made through the Personalize API as CloudFormation's handlers do.

A creation returns when the resource is ACTIVE and fails with the service's `failureReason`; what a failed creation
left behind is deleted. A deletion returns when the resource is gone. Create-only properties lead to a replacement, and
since names are unique, a replacement under the same name fails, as on AWS. Property names differ from the API's member
names in capitals only; the service model's shapes say how to spell and type each.

Source: the CloudFormation registry schemas of the types, and the Personalize API reference.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger("emulator")

STABLE_SECONDS = 900.0
"""How long a resource may take to become ACTIVE or to go away, e.g. an import of the seed."""
POLL_SECONDS = 0.05

Attributes = dict[str, str]

_HANDLER_CODES = {
    "ResourceAlreadyExistsException": "AlreadyExists",
    "ResourceNotFoundException": "NotFound",
    "ResourceInUseException": "ResourceConflict",
    "LimitExceededException": "ServiceLimitExceeded",
    "InvalidInputException": "InvalidRequest",
}


class ResourceError(Exception):
    """A resource that could not be created, updated or deleted; the text is the stack event's reason."""

    def __init__(self, message: str, code: str = "GeneralServiceException") -> None:
        super().__init__(f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})')
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """How one CloudFormation type maps to the API: Create/Describe/Delete of `api`, and what GetAtt offers."""

    api: str
    create_only: tuple[str, ...]
    attributes: Mapping[str, str]
    """GetAtt name -> member of the described resource."""
    has_status: bool = True
    not_in_create: tuple[str, ...] = ()
    """Properties that the create call does not take."""

    @property
    def key(self) -> str:
        """`DatasetGroup` is `datasetGroup` in requests and answers."""
        return self.api[:1].lower() + self.api[1:]

    @property
    def arn(self) -> str:
        return f"{self.key}Arn"

    def call(self, verb: str) -> str:
        """The boto3 method, e.g. `create_dataset_group`."""
        words = "".join(f"_{c.lower()}" if c.isupper() else c for c in self.api)
        return f"{verb}{words}"


_DATES = {"CreationDateTime": "creationDateTime", "LastUpdatedDateTime": "lastUpdatedDateTime"}

RESOURCE_TYPES = {
    "AWS::Personalize::Schema": ResourceType(
        api="Schema",
        create_only=("Name", "Schema", "Domain", "Tags"),
        attributes={"SchemaArn": "schemaArn"},
        has_status=False,
    ),
    "AWS::Personalize::DatasetGroup": ResourceType(
        api="DatasetGroup",
        create_only=("Name", "RoleArn", "KmsKeyArn", "Domain", "Tags"),
        attributes={"DatasetGroupArn": "datasetGroupArn"},
    ),
    "AWS::Personalize::Dataset": ResourceType(
        api="Dataset",
        create_only=("Name", "DatasetType", "DatasetGroupArn", "SchemaArn", "Tags"),
        attributes={"DatasetArn": "datasetArn"},
        not_in_create=("DatasetImportJob",),
    ),
    "AWS::Personalize::Solution": ResourceType(
        api="Solution",
        create_only=(
            *("Name", "DatasetGroupArn", "RecipeArn", "EventType"),
            *("PerformAutoML", "PerformHPO", "SolutionConfig", "Tags"),
        ),
        attributes={"SolutionArn": "solutionArn"},
    ),
    "AWS::Personalize::EventTracker": ResourceType(
        api="EventTracker",
        create_only=("Name", "DatasetGroupArn"),
        attributes={"EventTrackerArn": "eventTrackerArn", "TrackingId": "trackingId"},
    ),
    "AWS::Personalize::Filter": ResourceType(
        api="Filter",
        create_only=("Name", "DatasetGroupArn", "FilterExpression"),
        attributes={"FilterArn": "filterArn", "Status": "status"} | _DATES,
    ),
    "AWS::Personalize::Campaign": ResourceType(
        api="Campaign",
        create_only=("Name",),
        attributes={"CampaignArn": "campaignArn", "Status": "status"} | _DATES,
    ),
}


@dataclass(slots=True)
class Provisioner:
    """Creates, updates and deletes the resources of one type, as the emulator's stack engine asks for it."""

    type: ResourceType
    client: Callable[[], Any]
    """Makes the boto3 `personalize` client; called at first use."""
    clock: Callable[[], float] = field(default=time.monotonic)
    pause: Callable[[float], None] = field(default=time.sleep)

    def create(self, logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, Attributes]:
        """Makes the resource; its physical id is its ARN. Raises ResourceError."""
        client = self.client()
        named = {"Name": f"{stack}-{logical_id}"[:63], **properties}
        arn = str(self._call(self.type.call("create"), self._create_input(client, named))[self.type.arn])
        try:
            self._wait_active(arn)
            if "tags" not in self._input_shape(client).members:
                self._update_tags(arn, {}, tags_of(properties))
            if self.type.api == "Dataset" and properties.get("DatasetImportJob"):
                self._import(arn, properties["DatasetImportJob"])
        except ResourceError as failure:
            self._take_back(arn, failure)
            raise
        return arn, self._attributes(arn)

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], _stack: str
    ) -> tuple[str, Attributes]:
        """Changes the resource in place; what is create-only never comes here. Raises ResourceError."""
        if self.type.api == "Campaign":
            self._update_campaign(physical_id, new)
        if new.get("DatasetImportJob") and new["DatasetImportJob"] != old.get("DatasetImportJob"):
            self._import(physical_id, new["DatasetImportJob"])
        self._update_tags(physical_id, tags_of(old), tags_of(new))
        return physical_id, self._attributes(physical_id)

    def delete(self, physical_id: str, _properties: Mapping[str, Any]) -> None:
        """Deletes the resource and waits until it is gone; one that does not exist is gone already."""
        deadline = self.clock() + STABLE_SECONDS
        try:
            self._call(self.type.call("delete"), {self.type.arn: physical_id})
            while True:
                self._describe(physical_id)
                if self.clock() > deadline:
                    raise ResourceError(f"{physical_id} was not deleted in time", "NotStabilized")
                self.pause(POLL_SECONDS)
        except ResourceError as failure:
            if (
                not isinstance(failure.__cause__, ClientError)
                or _code(failure.__cause__) != "ResourceNotFoundException"
            ):
                raise

    # --- single steps

    def _take_back(self, arn: str, failure: ResourceError) -> None:
        """Deletes what a failed creation made: the stack engine, never told of it, could not."""
        try:
            self.delete(arn, {})
        except ResourceError as rest:
            logger.warning("%s is left behind after %s: %s", arn, failure, rest)

    def _create_input(self, client: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
        given = {k: v for k, v in properties.items() if k not in self.type.not_in_create and k != "Tags"}
        shape = self._input_shape(client)
        if tags := tags_of(properties) if "tags" in shape.members else {}:
            given["tags"] = [{"tagKey": key, "tagValue": value} for key, value in tags.items()]
        request: dict[str, Any] = to_api(given, shape)
        return request

    def _input_shape(self, client: Any) -> Any:
        return client.meta.service_model.operation_model(f"Create{self.type.api}").input_shape

    def _import(self, dataset: str, job: Mapping[str, Any]) -> None:
        given = {k: v for k, v in job.items() if k not in {"DatasetArn", "DatasetImportJobArn"}}
        shape = self.client().meta.service_model.operation_model("CreateDatasetImportJob").input_shape
        made = self._call("create_dataset_import_job", {**to_api(given, shape), "datasetArn": dataset})
        arn = made["datasetImportJobArn"]
        self._wait(
            lambda: self._call("describe_dataset_import_job", {"datasetImportJobArn": arn})["datasetImportJob"], arn
        )

    def _update_campaign(self, arn: str, properties: Mapping[str, Any]) -> None:
        given = {k: v for k, v in properties.items() if k not in {"Name", "Tags"}}
        shape = self.client().meta.service_model.operation_model("UpdateCampaign").input_shape
        self._call("update_campaign", {**to_api(given, shape), "campaignArn": arn})
        # Until the update is ACTIVE the campaign serves its old version and is itself ACTIVE all the time.
        self._wait(lambda: self._describe(arn).get("latestCampaignUpdate") or {"status": "ACTIVE"}, arn)

    def _update_tags(self, arn: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        gone = [key for key in old if key not in new]
        if gone:
            self._call("untag_resource", {"resourceArn": arn, "tagKeys": gone})
        changed = [{"tagKey": k, "tagValue": v} for k, v in new.items() if old.get(k) != v]
        if changed:
            self._call("tag_resource", {"resourceArn": arn, "tags": changed})

    def _wait_active(self, arn: str) -> None:
        if self.type.has_status:
            self._wait(lambda: self._describe(arn), arn)

    def _wait(self, look: Callable[[], Mapping[str, Any]], arn: str) -> None:
        deadline = self.clock() + STABLE_SECONDS
        while True:
            seen = look()
            match seen["status"]:
                case "ACTIVE":
                    return
                case "CREATE FAILED" | "CREATE STOPPED":
                    reason = seen.get("failureReason", "no reason given")
                    raise ResourceError(f"{arn} is {seen['status']}: {reason}", "NotStabilized")
            if self.clock() > deadline:
                raise ResourceError(f"{arn} is still {seen['status']}", "NotStabilized")
            self.pause(POLL_SECONDS)

    def _describe(self, arn: str) -> Mapping[str, Any]:
        described = self._call(self.type.call("describe"), {self.type.arn: arn})
        found: Mapping[str, Any] = described[self.type.key]
        return found

    def _attributes(self, arn: str) -> Attributes:
        described = self._describe(arn)
        return {name: _text(described[member]) for name, member in self.type.attributes.items() if member in described}

    def _call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        try:
            return getattr(self.client(), method)(**parameters)
        except ClientError as error:
            message = error.response.get("Error", {}).get("Message", str(error))
            raise ResourceError(message, _HANDLER_CODES.get(_code(error), "GeneralServiceException")) from error
        except BotoCoreError as error:
            raise ResourceError(str(error), "ServiceInternalError") from error


def to_api(value: Any, shape: Any) -> Any:
    """Resolved CloudFormation properties as the API takes them: member names and scalar types by the model's shape."""
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            members = {name.lower(): name for name in shape.members}
            named = {members.get(key.lower(), key): item for key, item in value.items()}
            return {k: to_api(v, shape.members[k]) if k in shape.members else v for k, v in named.items()}
        case "list" if isinstance(value, list):
            return [to_api(item, shape.member) for item in value]
        case "map" if isinstance(value, Mapping):
            return {key: to_api(item, shape.value) for key, item in value.items()}
        case "integer" | "long" if isinstance(value, str):
            return int(value)
        case "double" | "float" if isinstance(value, str):
            return float(value)
        case "boolean" if isinstance(value, str):
            return value.lower() == "true"
        case "string" if isinstance(value, bool):
            return str(value).lower()
        case "string" if isinstance(value, int | float):
            return str(value)
    return value


def tags_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """The `Tags` property as a mapping; the registry schemas spell the members `Key` or `TagKey`."""
    pairs = ({k.lower(): v for k, v in tag.items()} for tag in properties.get("Tags") or [])
    tags = {str(t.get("key", t.get("tagkey"))): str(t.get("value", t.get("tagvalue"))) for t in pairs}
    # The stack engine adds its `aws:cloudformation:` tags, which no caller of an API may set.
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
