"""Tags of resources."""

from typing import TYPE_CHECKING

from local.personalize.errors import ServiceError, invalid_input, not_found
from local.personalize.storage import Transaction
from local.personalize.validation import Json

if TYPE_CHECKING:
    from local.personalize.service import Personalize

MAXIMUM = 50


def _pairs(request: Json) -> dict[str, str]:
    pairs = {tag["tagKey"]: tag["tagValue"] for tag in request.get("tags", ())}
    if len(pairs) < len(request.get("tags", ())):
        raise invalid_input("A tag key is given twice.")
    for key in pairs:
        if key.lower().startswith("aws:"):
            raise invalid_input(f"Tag key {key} begins with aws:, which is reserved.")
    return pairs


def tagged(changes: Transaction, arn: str, request: Json) -> None:
    """Store the tags that a Create request carries."""
    pairs = _pairs(request)
    _check_number(len(pairs))
    changes.set_tags(arn, pairs)


def _check_number(number: int) -> None:
    if number > MAXIMUM:
        raise ServiceError("TooManyTagsException", f"A resource can have {MAXIMUM} tags, not {number}.")


def _need(service: "Personalize", arn: str) -> None:
    if service.store.get(arn) is None:
        raise not_found(arn)


def list_tags_for_resource(service: "Personalize", request: Json) -> Json:
    """ListTagsForResource."""
    _need(service, request["resourceArn"])
    tags = service.store.tags(request["resourceArn"])
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in tags.items()]}


def tag_resource(service: "Personalize", request: Json) -> Json:
    """TagResource."""
    arn, pairs = request["resourceArn"], _pairs(request)
    with service.store.transaction() as changes:
        _need(service, arn)
        _check_number(len({**service.store.tags(arn), **pairs}))
        changes.set_tags(arn, pairs)
    return {}


def untag_resource(service: "Personalize", request: Json) -> Json:
    """UntagResource: keys that are not there are no error."""
    with service.store.transaction() as changes:
        _need(service, request["resourceArn"])
        changes.remove_tags(request["resourceArn"], request["tagKeys"])
    return {}
