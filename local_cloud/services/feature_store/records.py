"""Records as requests give them: held against the group's features, and typed for the offline store.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_feature_store_PutRecord.html
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from local_cloud.services.feature_store.definition import Feature
from local_cloud.services.feature_store.errors import invalid_record
from local_cloud.services.feature_store.event_time import MICROSECONDS, EventTimeError, iso, microseconds
from local_cloud.services.feature_store.store import Group

LARGEST_RECORD = 350 * 1024
"""https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-quotas.html (maximum size of a record)"""
_LAST = microseconds("9999-12-31T23:59:59Z", "String")
_UNITS = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86_400, "Weeks": 604_800}
_LONG = 2**63

Values = Mapping[str, str | list[str]]


def values_of(group: Group, record: Iterable[Mapping[str, Any]]) -> dict[str, str | list[str]]:
    """The values of a record by feature. Raises ServiceError for what is none of the group's."""
    features, values = group.features, {}
    for one in record:
        name = one["FeatureName"]
        if name not in features:
            raise invalid_record(f"the feature group {group.name} has no feature {name}")
        if name in values:
            raise invalid_record(f"the feature {name} is given twice")
        values[name] = _value(features[name], one)
    if (
        sum(len(name) + sum(len(text.encode()) for text in _texts(value)) for name, value in values.items())
        > LARGEST_RECORD
    ):
        raise invalid_record(f"a record has at most {LARGEST_RECORD} bytes")
    return values


def whole(group: Group, values: Values) -> tuple[str, int]:
    """Identifier and event time of a whole record. Raises ServiceError where they are missing or wrong."""
    for name in (group.identifier, group.event_time):
        if not values.get(name):
            raise invalid_record(f"the feature {name} must have a value")
    return str(values[group.identifier]), event_time(group, str(values[group.event_time]))


def event_time(group: Group, text: str) -> int:
    """An event time of the group in microseconds. Raises ServiceError."""
    try:
        return microseconds(text, group.features[group.event_time].type)
    except EventTimeError as error:
        raise invalid_record(f"EventTime: {error}") from error


def ttl_of(duration: Mapping[str, Any] | None) -> int | None:
    """A TtlDuration in microseconds."""
    return None if not duration else duration["Value"] * _UNITS[duration["Unit"]] * MICROSECONDS


def expiry(at: int, ttl: int | None) -> int | None:
    """When a record of this event time expires. Raises ServiceError when no time can say it."""
    if ttl is not None and at + ttl > _LAST:
        raise invalid_record("TtlDuration ends after the year 9999")
    return None if ttl is None else at + ttl


def as_record(values: Values, names: Iterable[str]) -> list[dict[str, Any]]:
    """The record of an answer: the values of these features that there are."""
    return [{"FeatureName": name, **_named(values[name])} for name in names if name in values]


def _named(value: str | list[str]) -> dict[str, Any]:
    return {"ValueAsStringList": value} if isinstance(value, list) else {"ValueAsString": value}


def offline_row(group: Group, values: Values, *, received: int, deleted: bool) -> dict[str, Any]:
    """A row of the history: every feature by its type, and what Feature Store adds but for the time of its writing.

    https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-offline.html
    """
    typed = {name: _typed(feature, values.get(name)) for name, feature in group.features.items()}
    return {**typed, "api_invocation_time": iso(received), "is_deleted": deleted}


def _value(feature: Feature, one: Mapping[str, Any]) -> str | list[str]:
    member, other = (
        ("ValueAsStringList", "ValueAsString") if feature.collection else ("ValueAsString", "ValueAsStringList")
    )
    if member not in one or other in one:
        raise invalid_record(f"the feature {feature.name} takes {member}, and that alone")
    value: str | list[str] = one[member]
    texts = _texts(value)
    for text in texts:
        try:
            _typed_text(feature.type, text)
        except ValueError as error:
            raise invalid_record(f"{text[:64]!r} of the feature {feature.name} is not {feature.type}") from error
    if feature.dimension is not None and len(texts) != feature.dimension:
        raise invalid_record(
            f"the feature {feature.name} has {feature.dimension} elements, and {len(texts)} were given"
        )
    if feature.collection == "Set" and len(set(texts)) < len(texts):
        raise invalid_record(f"the elements of the set {feature.name} must differ")
    return value


def _texts(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _typed(feature: Feature, value: str | list[str] | None) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_typed_text(feature.type, text) for text in value]
    return _typed_text(feature.type, value)


def _typed_text(kind: str, text: str) -> Any:
    """A text as what its type says. Raises ValueError."""
    if kind == "String":
        return text
    if len(text) > 400 or not text.isascii() or "_" in text or text != text.strip():
        raise ValueError(text)
    number: int | float = int(text) if kind == "Integral" else float(text)
    if not (-_LONG <= number < _LONG if kind == "Integral" else math.isfinite(number)):
        raise ValueError(text)
    return number
