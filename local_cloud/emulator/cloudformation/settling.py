"""CloudFormation's answers to CreateStack and the like, given when the stack has settled, if that is soon.

The CDK CLI looks at a stack right after it has asked for its change, and then every five seconds. Here most stacks take
a second or two, so that a deploy would mostly wait for the next look. The call stays what it is on AWS, accepted at
once and worked on in the background: only its answer takes a little longer.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]

PATIENCE_SECONDS = 15.0
"""Well below the time-outs of SDK clients."""
_LOOK_SECONDS = 0.02
_CHANGES = frozenset({"CreateStack", "UpdateStack", "ExecuteChangeSet"})


class SettlingStacks:
    """An emulator service handler around that of CloudFormation.

    `status_of` tells the status of a stack by its name or ARN, None where there is none.
    """

    def __init__(
        self, inner: Handler, status_of: Callable[[str], str | None], *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._inner = inner
        self._status_of = status_of
        self._patience_seconds = patience_seconds

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        answer = await self._inner(method, path, headers, body, query)
        stack = changed_stack(headers, body) if answer[0] == 200 else None
        if stack is not None:
            await self._settle(stack)
        return answer

    async def _settle(self, stack: str) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_seconds
        while (self._status_of(stack) or "").endswith("_IN_PROGRESS") and loop.time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)


def changed_stack(headers: Mapping[str, str], body: bytes) -> str | None:
    """The stack that a request creates or updates, in either of CloudFormation's protocols; None for every other."""
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    if target:
        return str(json.loads(body)["StackName"]) if target in _CHANGES else None
    form = parse_qs(body.decode("utf-8", errors="replace"))
    return form["StackName"][0] if form.get("Action", [""])[0] in _CHANGES and "StackName" in form else None


def install() -> None:
    """Puts the handler around MiniStack's."""
    from ministack import app
    from ministack.services.cloudformation import handlers

    def status_of(stack: str) -> str | None:
        found = handlers._resolve_stack(stack)
        return str(found["StackStatus"]) if found else None

    app.SERVICE_HANDLERS["cloudformation"] = SettlingStacks(app.SERVICE_HANDLERS["cloudformation"], status_of)
