"""What this project adds to the emulator's CloudFormation."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local_cloud.common.state import StateFolder
from local_cloud.emulator.alarms import service
from local_cloud.emulator.cloudformation import budgets as emulator_budgets
from local_cloud.emulator.cloudformation import services, settling, validation
from local_cloud.emulator.cloudformation.calls import InnerService
from local_cloud.emulator.cloudformation.records import (
    DELIVERY_STREAM_CREATE_ONLY,
    MAPPING_CREATE_ONLY,
    DeliveryStreams,
    EventSourceMappings,
)
from local_cloud.emulator.cloudformation.resources import RESOURCE_TYPES, Provisioner, ResourceError
from local_cloud.emulator.streams import encryption
from local_cloud.services.service import Service

ACCOUNT, REGION = "000000000000", "us-east-1"
_WAITING_TYPES = frozenset((*RESOURCE_TYPES, "AWS::SageMaker::FeatureGroup"))


def install(*, personalize: str, state: Path) -> None:
    """Registers our resource types with MiniStack's stack engine."""
    from ministack.services import budgets, cloudwatch, s3
    from ministack.services.cloudformation import changesets, provisioners, stacks

    # Patient enough for a Personalize that the supervisor is just starting again.
    patient = Config(retries={"mode": "standard", "total_max_attempts": 6})
    client = functools.cache(functools.partial(boto3.client, "personalize", endpoint_url=personalize, config=patient))
    for name, resource_type in RESOURCE_TYPES.items():
        provisioner = Provisioner(resource_type, client)
        _register(provisioners, name, provisioner, resource_type.create_only)
        _validate_first(provisioners, name)
    folder = StateFolder(state)
    _register(
        provisioners,
        "AWS::Lambda::EventSourceMapping",
        EventSourceMappings(folder.mappings, f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:"),
        MAPPING_CREATE_ONLY,
    )
    _register(
        provisioners,
        "AWS::KinesisFirehose::DeliveryStream",
        DeliveryStreams(folder.delivery_streams, f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/"),
        DELIVERY_STREAM_CREATE_ONLY,
    )
    _register(
        provisioners,
        "AWS::Budgets::Budget",
        emulator_budgets.Budgets(InnerService("budgets", budgets), ACCOUNT),
        emulator_budgets.CREATE_ONLY,
    )
    alarms = functools.partial(
        service.Alarms, InnerService("cloudwatch", cloudwatch), f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
    )
    _register(provisioners, "AWS::CloudWatch::Alarm", alarms(), service.CREATE_ONLY)
    _register(provisioners, "AWS::CloudWatch::CompositeAlarm", alarms(kind="CompositeAlarm"), service.CREATE_ONLY)
    service.install()
    settling.install()
    encryption.install()
    _refuse_to_delete_full_buckets(provisioners, s3)
    _run_off_the_loop(stacks)
    _take_up_existing_buckets(changesets)


def provide(given: Mapping[str, Service]) -> None:
    """Registers the resource types of the services that MiniStack lacks."""
    from ministack.services.cloudformation import provisioners

    handlers: dict[str, Any] = {
        "AWS::S3Vectors::VectorBucket": services.VectorResources(given["s3vectors"], "VectorBucket"),
        "AWS::S3Vectors::Index": services.VectorResources(given["s3vectors"], "Index"),
        "AWS::SageMaker::FeatureGroup": services.FeatureGroups(given["sagemaker"]),
    }
    for name, handler in handlers.items():
        _register(provisioners, name, handler, services.SERVICE_TYPES[name])
        _validate_first(provisioners, name)


def _register(provisioners: Any, name: str, handler: Any, create_only: tuple[str, ...]) -> None:
    provisioners._RESOURCE_HANDLERS[name] = {
        "create": handler.create,
        "update": handler.update,
        "delete": handler.delete,
    }
    provisioners._REPLACING_PROPERTIES[name] = create_only


def _validate_first(provisioners: Any, name: str) -> None:
    """Holds the properties of a type's resources against its schema before they are made or changed."""
    handlers = provisioners._RESOURCE_HANDLERS[name]
    make, change = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: Any, stack: str) -> Any:
        validation.check(name, logical_id, properties)
        return make(logical_id, properties, stack)

    def update(physical_id: str, old: Any, new: Any, stack: str, logical_id: str) -> Any:
        validation.check(name, logical_id, new)
        return change(physical_id, old, new, stack)

    # The stack engine tells an update the logical id only when it is asked to.
    handlers.update(create=create, update=update, update_with_logical_id=True)


def _refuse_to_delete_full_buckets(provisioners: Any, s3: Any) -> None:
    """Deletes buckets as the S3 API does: one that holds objects or versions stays, and so does its stack."""

    def delete(physical_id: str, _properties: Any) -> None:
        status, _headers, body = s3._delete_bucket(physical_id)
        if status >= 400 and b"NoSuchBucket" not in body:
            raise ResourceError(f"The bucket {physical_id} you tried to delete is not empty", "GeneralServiceException")

    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["delete"] = delete


def _run_off_the_loop(stacks: Any) -> None:
    """Provisions Personalize resources and feature groups on threads of their own.

    They wait for the embedded Personalize, which reads S3 from this very emulator, and for a step of the group to be
    over: on the event loop they would wait for themselves.
    """
    blocks = stacks._runs_on_worker_thread

    def runs_on_worker_thread(resource_type: str) -> bool:
        return resource_type in _WAITING_TYPES or blocks(resource_type)

    stacks._runs_on_worker_thread = runs_on_worker_thread


def _take_up_existing_buckets(changesets: Any) -> None:
    """Lets a change set that imports a bucket be executed.

    The validation before a deployment takes every name that exists for a conflict, also that of a bucket that the
    change set itself has found and marked for import.
    """
    deploy = changesets._deploy_stack_async

    async def deploy_with_imports(stack_name: str, *arguments: Any, imports: Any = None, **options: Any) -> Any:
        from ministack.services.cloudformation import _stacks

        if imports:
            _stacks[stack_name]["_disable_validation"] = True
        return await deploy(stack_name, *arguments, imports=imports, **options)

    changesets._deploy_stack_async = deploy_with_imports
