"""Describe and List of every kind of resource, from the table of views."""

from collections.abc import Callable

from personalize_local.control.service_context import ServiceContext
from personalize_local.control.views import VIEWS, described, page, summarized
from personalize_local.model.resources import Kind
from personalize_local.model.validation import Json


def describe(kind: Kind) -> Callable[[ServiceContext, Json], Json]:
    """The Describe operation of a kind."""
    view = VIEWS[kind]

    def operation(core: ServiceContext, request: Json) -> Json:
        return {view.wrapper: described(core.need(request[view.arn], kind))}

    return operation


def list_nothing(plural: str) -> Callable[[ServiceContext, Json], Json]:
    """The List operation of what can never be made here: an empty list, for clients that look before they clean up."""

    def operation(core: ServiceContext, request: Json) -> Json:
        return page(plural, (), request)

    return operation


def list_kind(kind: Kind, *, parent: Kind | None = None) -> Callable[[ServiceContext, Json], Json]:
    """The List operation of a kind, narrowed to a parent when the request names one.

    `parent` is given where a parent that is not there is an error of the service model.
    """
    view = VIEWS[kind]

    def operation(core: ServiceContext, request: Json) -> Json:
        of = request.get(view.parent) if view.parent else None
        if of is not None and parent is not None:
            core.need(of, parent)
        return page(view.plural, [(one.id, summarized(one)) for one in core.store.every(kind, of)], request)

    return operation
