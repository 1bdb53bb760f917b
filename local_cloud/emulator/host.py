"""The emulator's host: MiniStack on 127.0.0.1 with what this project adds to it.

    python -m local_cloud.emulator.host --port P --personalize URL --state DIR [--wait-scale X] [--save-every S]

Runs in the emulator's own environment (MiniStack, boto3 and the standard library only). MiniStack reads its settings
from the environment at import, so they are set here first; then our parts are installed into its registries; then it
serves. The state is saved now and then and when SIGTERM ends it.
"""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_cloud.common.state import StateFolder
from local_cloud.emulator import guard as emulator_guard
from local_cloud.identity.decisions import DecisionLog
from personalize_local.api.bind import LOOPBACK, add_options, check_options
from personalize_local.data.private import write_for_owner

if TYPE_CHECKING:
    from local_cloud.emulator.identity import Authorizer


WARM_FUNCTION_SECONDS = 60
"""Idle function processes end after this: each holds some 50 MB."""


def configure(*, port: int, personalize: str, state: Path, wait_scale: float, bind: str = LOOPBACK) -> None:
    """Sets the environment that MiniStack, and every function process that it starts, reads."""
    folder = state / "emulator"
    os.environ.update(
        {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": bind,
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": "us-east-1",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(folder / "services"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(folder / "s3"),
            "SFN_WAIT_SCALE": str(wait_scale),
            "LAMBDA_EXECUTOR": "local",
            # Keys are looked at, and what roles ask for is judged (emulator/identity.py).
            "AUTH": "true",
            "LAMBDA_WARM_TTL_SECONDS": str(WARM_FUNCTION_SECONDS),
            # Listeners that nobody here uses.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",
            # What functions inherit: where AWS is, and no tracing daemon to look for.
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": personalize,
            "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME": personalize,
            "POWERTOOLS_TRACE_DISABLED": "true",
            "AWS_XRAY_SDK_ENABLED": "false",
        }
    )


def install(*, personalize: str, state: Path) -> "Authorizer":
    """Puts our services, resource types and corrections into MiniStack; returns who judges calls."""
    from local_cloud.emulator import functions, identity, log, metrics, publishing, services, stacks
    from local_cloud.emulator import personalize as emulator_personalize
    from local_cloud.emulator.states import strict
    from local_cloud.emulator.streams import limits, shards
    from local_cloud.emulator.streams import metrics as stream_metrics

    emulator_personalize.install(personalize)
    functions.install()
    shards.install()
    log.install(state / "emulator" / "streams")
    stacks.install(personalize=personalize, state=state)
    strict.install()
    metrics.install()
    stream_metrics.install()
    limits.install()
    publishing.install()
    judge = identity.install(DecisionLog(StateFolder(state).decisions))
    stacks.provide(services.install(state, judge, os.environ["AWS_ENDPOINT_URL"]))
    return judge


class Changes:
    """The emulator's ASGI application, noticing whether a request may have changed its state."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.seen = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not self._only_reads(scope):
            self.seen = True
        await self._app(scope, receive, send)

    @staticmethod
    def _only_reads(scope: dict[str, Any]) -> bool:
        target = dict(scope["headers"]).get(b"x-amz-target", b"").rpartition(b".")[2]
        return scope["method"] in {"GET", "HEAD"} or target.startswith((b"Get", b"Describe", b"List"))


async def save_now_and_then(changes: Changes, seconds: float, save: Callable[[], None]) -> None:
    """Saves the state every so many seconds, when something has changed it.

    On the event loop: it is held up for a moment, but no request changes what is being written.
    """
    while True:
        await asyncio.sleep(seconds)
        if changes.seen:
            changes.seen = False
            save()


async def serve(
    port: int,
    judge: "Authorizer",
    *,
    personalize: str,
    save_every: float,
    bind: str = LOOPBACK,
    allowed_hosts: Sequence[str] = (),
) -> None:
    """Serves until SIGTERM or SIGINT, behind the guard."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack import app
    from ministack.core.persistence import save_all

    from local_cloud.emulator.alarms.service import AlarmClock, AlarmRoute
    from local_cloud.emulator.identity import Identity
    from local_cloud.emulator.metrics import LookedAt

    alarms = AlarmClock(LookedAt(personalize))
    changes = Changes(AlarmRoute(Identity(app.app, judge), alarms))
    config = Config()
    config.bind = [f"[{bind}]:{port}" if ":" in bind else f"{bind}:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def wait_for_stop() -> None:
        await stop.wait()

    def save() -> None:
        save_all(app._build_persistence_save_dict())

    working = [asyncio.create_task(save_now_and_then(changes, save_every, save)), asyncio.create_task(alarms.run())]
    the_guard = emulator_guard.guard(allowed_hosts)
    emulator_guard.guard_small_servers(the_guard)
    served: Any = emulator_guard.Guarded(changes, the_guard)
    await hypercorn_serve(served, config, shutdown_trigger=wait_for_stop)
    for task in working:
        task.cancel()


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the emulator until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local_cloud.emulator.host", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--personalize", required=True, metavar="URL")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--wait-scale", type=float, default=1.0)
    parser.add_argument("--save-every", type=float, default=60.0, metavar="SECONDS")
    add_options(parser)
    given = parser.parse_args(arguments)
    check_options(parser, given)
    write_for_owner()
    configure(
        port=given.port, personalize=given.personalize, state=given.state, wait_scale=given.wait_scale, bind=given.bind
    )
    judge = install(personalize=given.personalize, state=given.state)
    asyncio.run(
        serve(
            given.port,
            judge,
            personalize=given.personalize,
            save_every=given.save_every,
            bind=given.bind,
            allowed_hosts=given.allow_host,
        )
    )
    logging.shutdown()
    # The state is saved; threads of state machines and functions that still work must not hold up the end.
    os._exit(0)


if __name__ == "__main__":
    main()
