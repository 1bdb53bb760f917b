"""Services that MiniStack lacks, inside the emulator: S3 Vectors and Feature Store (`local_cloud/services/`).

MiniStack reads a request's action from its query and its headers before it looks at its path, and knows no resource of
services that it does not have. Here action and resource are read as the service itself reads the request, so that what
is judged is what is done.
"""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from local_cloud.delivery.streams.clients import Clients
from local_cloud.identity.principals import RoleSession, session_of
from local_cloud.services.errors import ServiceError
from local_cloud.services.feature_store import access as feature_store_access
from local_cloud.services.feature_store.service import feature_store
from local_cloud.services.places import REGION
from local_cloud.services.s3vectors import access as s3vectors_access
from local_cloud.services.s3vectors.service import s3vectors
from local_cloud.services.service import Account, Answer, Caller, Service

Resource = Callable[[str, Mapping[str, Any]], str]


class Judge(Protocol):
    """Who decides what roles may do (`emulator/identity.py`)."""

    def refusal(self, session: RoleSession, action: str, resource: str) -> Any:
        """Why a role may not do this (`code`, `message`), or None when it may."""


@dataclass(frozen=True, slots=True)
class Part:
    """A service and how its requests are judged."""

    service: Service
    resource: Resource
    """The ARN that an operation is allowed on, by its parameters as they came."""
    patterns: Mapping[str, list[str]]
    """How MiniStack's router knows its requests."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role that calls: what an operation needs beside its own action is judged too."""

    judge: Judge
    session: RoleSession

    def need(self, action: str, resource: str) -> None:
        refused = self.judge.refusal(self.session, action, resource)
        if refused is not None:
            raise ServiceError(refused.code, refused.message, 403)


def parts(state: Path, endpoint: str) -> dict[str, Part]:
    """The services by their signing names, their state in the state folder; `endpoint` is the emulator's own."""
    folder = state / "services"
    clients = functools.cache(functools.partial(Clients, endpoint, REGION))

    @functools.cache
    def s3_of(role: str) -> Any:
        return clients().acting_as("sagemaker", lambda _clients: role).client("s3")

    return {
        "s3vectors": Part(s3vectors(folder), s3vectors_access.resource, {"host_patterns": [r"s3vectors\."]}),
        "sagemaker": Part(
            feature_store(folder, s3_of),
            feature_store_access.resource,
            {"target_prefixes": ["SageMaker."], "host_patterns": [r"(api|featurestore-runtime)\.sagemaker\."]},
        ),
    }


def install(state: Path, judge: Judge, endpoint: str) -> dict[str, Service]:
    """Registers the services with MiniStack, behind its judgement of requests, and returns them by name."""
    from ministack import app
    from ministack.core import iam_actions, router

    made = parts(state, endpoint)
    for name, part in made.items():
        app.SERVICE_HANDLERS[name] = _handler(part.service, judge, app.extract_access_key_id)
        # Known to the router: an unknown name would make it load every service model of botocore (270 MB).
        router.SERVICE_PATTERNS[name] = dict(part.patterns)
        iam_actions.SERVICE_TO_IAM_NAMESPACE[name] = name
    _read_requests_as_they_do(made, iam_actions, app.extract_access_key_id)
    return {name: part.service for name, part in made.items()}


def _handler(service: Service, judge: Judge, access_key_of: Callable[..., str]) -> Callable[..., Any]:
    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        session = session_of(access_key_of(headers, query))
        caller: Caller = Account() if session is None else Role(judge, session)
        return await service.handle(method, path, headers, body, query, caller)

    return handle


def _read_requests_as_they_do(made: Mapping[str, Part], iam_actions: Any, access_key_of: Callable[..., str]) -> None:
    action_of: Callable[..., str | None] = iam_actions.extract_iam_action
    resource_of: Callable[..., str] = iam_actions.extract_resource_arn

    def extract_iam_action(
        service: str, method: str, path: str, headers: Any, body: bytes, query_params: Any
    ) -> str | None:
        if service not in made:
            return action_of(service, method, path, headers, body, query_params)
        if session_of(access_key_of(headers, query_params)) is None:
            return None
        found = made[service].service.find(method, path, headers)
        return f"{service}:{found[1].operation}" if found else None

    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        if service not in made:
            return resource_of(service, method, path, headers, body, *more)
        found = made[service].service.find(method, path, headers)
        if found is None:
            return "*"
        return made[service].resource(found[1].operation, {**_content(body), **found[1].labels})

    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn


def _content(body: bytes) -> dict[str, Any]:
    """A request's parameters, unchecked: what is no JSON object names no resource, and the service refuses it."""
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
