"""Signed requests as no SDK would send them: unknown parameters, what is no number, other headers."""

import json
from collections.abc import Mapping
from typing import Any

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_cloud.identity.principals import ACCOUNT_KEY, RoleSession
from local_cloud.supervisor.lifecycle import LocalCloud


def ask(
    cloud: LocalCloud,
    service: str,
    path: str,
    body: Any,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    session: RoleSession | None = None,
) -> tuple[str, str]:
    """The error's name and message, or ("", the answer); `body` is sent as JSON, bytes as they are."""
    keys = (ACCOUNT_KEY, ACCOUNT_KEY) if session is None else (session.access_key, session.secret_key, session.token)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = AWSRequest(method, cloud.endpoint + path, data=data, headers=dict(headers or {}))
    SigV4Auth(Credentials(*keys), service, "us-east-1").add_auth(request)
    answer = urllib3.request(method, request.url, body=data, headers=dict(request.headers.items()), retries=False)
    told = answer.data.decode()
    if answer.status < 400:
        return "", told
    return str(answer.headers.get("x-amzn-errortype", answer.status)), str(json.loads(told).get("message", told))
