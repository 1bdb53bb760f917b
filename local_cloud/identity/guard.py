"""The embedded Personalize behind the judge: calls that carry a role's key are judged before they are carried out.

Functions talk to Personalize directly, past the emulator, which alone knows the roles' policies. It is asked once for
each role, action and resource, and again when its answer is a second old (on AWS a change of a policy takes seconds to
be seen everywhere). What roles are asked for is what the request names: each Personalize ARN in it, or `*` for the
actions that know no resource. That is at least what the service authorization reference lists; whether the service
judges the filter of a request is not documented, and here it is.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonpersonalize.html
"""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.identity.principals import access_key_in, session_of
from personalize_local.api.guard import LOCAL_REQUEST, App, Receive, Scope, Send
from personalize_local.api.services import routes

VALID_SECONDS = 1.0
_ASK_SECONDS = 10.0
_MAXIMUM_BODY = 6 * 1024 * 1024
_WITHOUT_RESOURCE = frozenset({"PutEvents", "PutActionInteractions"})


@dataclass(frozen=True, slots=True)
class Question:
    """May this key do this with these resources?"""

    access_key: str
    action: str
    resources: tuple[str, ...]


Verdict = Mapping[str, Any]
"""`{"allowed"}`, with `code` and `message` where it is false."""


class Asking:
    """The emulator's verdicts, remembered for a moment."""

    def __init__(
        self,
        ask: Callable[[Question], Verdict],
        *,
        valid_seconds: float = VALID_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._valid_seconds = valid_seconds
        self._clock = clock
        self._known: dict[Question, tuple[float, Verdict]] = {}

    async def verdict(self, question: Question) -> Verdict:
        """What the emulator says, or said last while it does not answer."""
        asked, known = self._known.get(question, (float("-inf"), None))
        if known is not None and self._clock() - asked < self._valid_seconds:
            return known
        if known is not None:
            # The others that come meanwhile go by the old verdict.
            self._known[question] = (self._clock(), known)
        try:
            told = await asyncio.to_thread(self._ask, question)
        except (OSError, urllib.error.URLError):
            if known is None:
                return {"allowed": False, "code": "ServiceUnavailable", "message": "Identity cannot be judged now."}
            return known
        self._known[question] = (self._clock(), told)
        return told


def ask_emulator(url: str) -> Callable[[Question], Verdict]:
    """Asks the judge at this address (emulator/identity.py)."""

    def ask(question: Question) -> Verdict:
        content = {"accessKey": question.access_key, "action": question.action, "resources": question.resources}
        request = urllib.request.Request(  # noqa: S310 (127.0.0.1)
            url, json.dumps(content).encode(), LOCAL_REQUEST, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=_ASK_SECONDS) as answer:  # noqa: S310
                told: Verdict = json.load(answer)
        except urllib.error.HTTPError as refusal:
            refusal.close()
            raise
        return told

    return ask


class Guard:
    """An ASGI application in front of Personalize's."""

    def __init__(self, app: App, asking: Asking) -> None:
        self._app = app
        self._asking = asking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        access_key = access_key_in(headers.get(b"authorization", b"").decode("latin-1"))
        operation = None if session_of(access_key) is None else _operation(scope, headers)
        if operation is None:
            await self._app(scope, receive, send)
            return
        body = b""
        if operation not in _WITHOUT_RESOURCE:
            body, more = await _read(receive)
            receive = _again(body, more, receive)
        question = Question(access_key, f"personalize:{operation}", resources_of(operation, body))
        verdict = await self._asking.verdict(question)
        if verdict["allowed"]:
            await self._app(scope, receive, send)
        else:
            await _refuse(send, verdict, status=400 if b"x-amz-target" in headers else 403)


def resources_of(operation: str, body: bytes) -> tuple[str, ...]:
    """The ARNs that a request's action is judged on."""
    if operation in _WITHOUT_RESOURCE or operation.startswith("List"):
        return ("*",)
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        content = None
    # What is no object is refused by the service itself.
    members = content.items() if isinstance(content, dict) else ()
    named = (value for name, value in members if name.endswith("Arn") and isinstance(value, str))
    # Recipes belong to no account, and roles and keys are other services' resources.
    return tuple(arn for arn in named if arn.startswith("arn:aws:personalize:") and ":::" not in arn) or ("*",)


def _operation(scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
    if scope["type"] != "http":
        return None
    target = headers.get(b"x-amz-target")
    known = routes()
    found = known.targets.get(target.decode("latin-1")) if target else known.paths.get((scope["method"], scope["path"]))
    return found.name if found else None


async def _read(receive: Receive) -> tuple[bytes, bool]:
    """The request's body, and whether there is more, which there is only beyond what the service takes."""
    body, more = b"", True
    while more and len(body) <= _MAXIMUM_BODY:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body, more


def _again(body: bytes, more: bool, receive: Receive) -> Receive:
    """Gives a body that was read once more, then what follows it."""
    waiting = [{"type": "http.request", "body": body, "more_body": more}]

    async def receive_again() -> dict[str, Any]:
        return waiting.pop() if waiting else await receive()

    return receive_again


async def _refuse(send: Send, verdict: Verdict, *, status: int) -> None:
    code = str(verdict["code"])
    status = 503 if code == "ServiceUnavailable" else status
    body = json.dumps({"__type": code, "message": verdict["message"]}).encode()
    headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", code.encode())]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
