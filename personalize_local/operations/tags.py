"""Tags of resources."""

from personalize_local.control.service_context import ServiceContext
from personalize_local.data.storage import Transaction
from personalize_local.model.errors import ServiceError, invalid_input, not_found
from personalize_local.model.resources import kind_in
from personalize_local.model.validation import Json

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


def _need(core: ServiceContext, arn: str) -> None:
    if core.store.get(arn) is None:
        raise not_found(kind_in(arn) or "resource", arn)


def list_tags_for_resource(core: ServiceContext, request: Json) -> Json:
    """ListTagsForResource."""
    _need(core, request["resourceArn"])
    tags = core.store.tags(request["resourceArn"])
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in tags.items()]}


def tag_resource(core: ServiceContext, request: Json) -> Json:
    """TagResource."""
    arn, pairs = request["resourceArn"], _pairs(request)
    with core.store.transaction() as changes:
        _need(core, arn)
        _check_number(len({**core.store.tags(arn), **pairs}))
        changes.set_tags(arn, pairs)
    return {}


def untag_resource(core: ServiceContext, request: Json) -> Json:
    """UntagResource: keys that are not there are no error, more than a resource can have are."""
    if len(request["tagKeys"]) > MAXIMUM:
        raise ServiceError(
            "TooManyTagKeysException", f"A resource can have {MAXIMUM} tags, not {len(request['tagKeys'])}."
        )
    with core.store.transaction() as changes:
        _need(core, request["resourceArn"])
        changes.remove_tags(request["resourceArn"], request["tagKeys"])
    return {}
