"""Describe and List of every kind of resource, from the table of views."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from local.personalize.resources import Kind
from local.personalize.validation import Json
from local.personalize.views import VIEWS, described, page, summarized

if TYPE_CHECKING:
    from local.personalize.service import Personalize


def describe(kind: Kind) -> "Callable[[Personalize, Json], Json]":
    """The Describe operation of a kind."""
    view = VIEWS[kind]

    def operation(service: "Personalize", request: Json) -> Json:
        return {view.wrapper: described(service.need(request[view.arn], kind))}

    return operation


def list_kind(kind: Kind, *, parent: Kind | None = None) -> "Callable[[Personalize, Json], Json]":
    """The List operation of a kind, narrowed to a parent when the request names one.

    `parent` is given where a parent that is not there is an error of the service model.
    """
    view = VIEWS[kind]

    def operation(service: "Personalize", request: Json) -> Json:
        of = request.get(view.parent) if view.parent else None
        if of is not None and parent is not None:
            service.need(of, parent)
        return page(view.plural, [(one.id, summarized(one)) for one in service.store.every(kind, of)], request)

    return operation
