"""What a feature group is made of, and what is no feature group.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateFeatureGroup.html
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.services.feature_store.errors import invalid
from local_cloud.services.places import ACCOUNT, REGION, arn

RESERVED = frozenset(("is_deleted", "write_time", "api_invocation_time"))
"""Names of the columns that the offline store adds."""
MOST_FEATURES = 2500
_S3_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_ARN = arn("sagemaker", "feature-group/")


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature's name and type."""

    name: str
    type: str
    """`Integral`, `Fractional` or `String`."""
    collection: str | None
    """`List`, `Set` or `Vector` of values of the type."""
    dimension: int | None
    """Of a `Vector`."""


def features_of(definitions: Iterable[Mapping[str, Any]]) -> dict[str, Feature]:
    """The features of `FeatureDefinitions`, by name."""
    return {
        one["FeatureName"]: Feature(
            one["FeatureName"],
            one["FeatureType"],
            one.get("CollectionType"),
            one.get("CollectionConfig", {}).get("VectorConfig", {}).get("Dimension"),
        )
        for one in definitions
    }


def group_arn(name: str) -> str:
    """The ARN of a feature group."""
    return f"{_ARN}{name}"


def name_of(name_or_arn: str) -> str:
    """The name of a feature group that a request names or gives the ARN of.

    The ARN of another account or Region is no name of anything here.
    """
    return name_or_arn.removeprefix(_ARN)


def check_group(given: Mapping[str, Any]) -> None:
    """Raises ServiceError for what the service model allows and the service does not."""
    definitions = given["FeatureDefinitions"]
    online, offline = given.get("OnlineStoreConfig"), given.get("OfflineStoreConfig")
    if not (online or {}).get("EnableOnlineStore") and offline is None:
        raise invalid("At least one of OnlineStoreConfig with EnableOnlineStore and OfflineStoreConfig must be given")
    if not _is_online(given) and (online or {}).get("TtlDuration"):
        raise invalid("TtlDuration is for an online store")
    check_features(definitions, in_memory=_is_in_memory(given))
    features = features_of(definitions)
    for member, types in (
        ("RecordIdentifierFeatureName", ("String", "Integral")),
        ("EventTimeFeatureName", ("String", "Fractional")),
    ):
        feature = features.get(given[member])
        if feature is None or feature.type not in types or feature.collection:
            raise invalid(f"{member} must name a feature of the type {' or '.join(types)} in FeatureDefinitions")
    if given["RecordIdentifierFeatureName"] == given["EventTimeFeatureName"]:
        raise invalid("RecordIdentifierFeatureName and EventTimeFeatureName must differ")
    if offline is not None:
        _check_offline(offline, given)


def check_features(definitions: Sequence[Mapping[str, Any]], *, in_memory: bool) -> None:
    """Raises ServiceError for features that cannot stand in one group."""
    names = [one["FeatureName"] for one in definitions]
    if len(names) > MOST_FEATURES:
        raise invalid(f"A feature group has at most {MOST_FEATURES} features")
    if len({name.lower() for name in names}) < len(names):
        raise invalid("The names of features must differ from each other, not in capitals alone")
    if found := RESERVED.intersection(name.lower() for name in names):
        raise invalid(f"{', '.join(sorted(found))}: the offline store has columns of this name")
    for one in features_of(definitions).values():
        if one.collection and not in_memory:
            raise invalid(f"{one.name}: CollectionType needs an online store of the StorageType InMemory")
        if (one.collection == "Vector") != (one.dimension is not None) or (
            one.collection == "Vector" and one.type != "Fractional"
        ):
            raise invalid(f"{one.name}: a Vector has Fractional values and a Dimension, and nothing else has one")


def location(offline: Mapping[str, Any], name: str, created: int) -> str:
    """The S3 URI below which records are written (ResolvedOutputS3Uri).

    https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-offline.html
    """
    prefix = offline["S3StorageConfig"]["S3Uri"].rstrip("/")
    return f"{prefix}/{ACCOUNT}/sagemaker/{REGION}/offline-store/{name}-{created}/data"


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The bucket of an S3 URI and the rest of it. Raises ServiceError for what is none."""
    found = _S3_URI.fullmatch(uri)
    if found is None or ".." in (found[2] or "").split("/"):
        raise invalid("S3Uri must be s3://BUCKET/PREFIX")
    return found[1], (found[2] or "").strip("/")


def _check_offline(offline: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    bucket_and_key(offline["S3StorageConfig"]["S3Uri"])
    if "RoleArn" not in given:
        raise invalid("RoleArn is required with OfflineStoreConfig")
    if "ResolvedOutputS3Uri" in offline["S3StorageConfig"]:
        raise invalid("ResolvedOutputS3Uri is answered, and cannot be given")
    if offline.get("TableFormat") == "Iceberg" and offline.get("DisableGlueTableCreation"):
        raise invalid("The Iceberg table format is only supported when DisableGlueTableCreation is false")


def _is_online(given: Mapping[str, Any]) -> bool:
    return bool(given.get("OnlineStoreConfig", {}).get("EnableOnlineStore"))


def _is_in_memory(given: Mapping[str, Any]) -> bool:
    return bool(given.get("OnlineStoreConfig", {}).get("StorageType") == "InMemory")
