"""A local Personalize inside the process, for unit tests of code that uses it.

with LocalPersonalize(tmp_path) as personalize:
    client = personalize.client("personalize")
"""

import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import boto3
import uvicorn
from botocore.config import Config

from personalize_local.api.app import App
from personalize_local.api.server import config
from personalize_local.jobs.running import InProcess
from personalize_local.jobs.tasks.workers import Subprocess
from personalize_local.model.clock import Clock, SystemClock
from personalize_local.model.resources import Account
from personalize_local.settings.options import Options

Api = Literal["personalize", "personalize-events", "personalize-runtime"]
_START_SECONDS = 30.0


class LocalPersonalize:
    """A server in a thread, on a free port, with its data in `folder`.

    Buckets are the sub-folders of `folder/s3`; with `buckets=False` S3 is where the environment says. Trainings run in
    threads of the process unless `isolated`. `more` are other members of `Options`, e.g. `quotas`, `record_delay`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        pace: float = 0.0,
        account: Account | None = None,
        clock: Clock | None = None,
        isolated: bool = False,
        s3_root: Path | None = None,
        buckets: bool = True,
        **more: Any,
    ) -> None:
        self.s3_root = s3_root or folder / "s3"
        self.account = account or Account()
        options = Options(
            **more,
            folder=folder / "data",
            account=self.account,
            pace=pace,
            s3_root=self.s3_root if buckets else None,
            worker=Subprocess() if isolated else InProcess(),
            clock=clock or SystemClock(),
        )
        self._server = uvicorn.Server(config(App(options)))
        self._socket = socket.socket()
        self._thread = threading.Thread(target=self._serve, name="personalize", daemon=True)

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    @property
    def endpoint(self) -> str:
        """The address for `endpoint_url`."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def client(self, api: Api, *, validate: bool = True) -> Any:
        """A boto3 client; without `validate` it sends requests that the client itself would refuse."""
        return boto3.client(
            api,
            endpoint_url=self.endpoint,
            region_name=self.account.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - any will do
            config=Config(parameter_validation=validate, retries={"total_max_attempts": 1, "mode": "standard"}),
        )

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._thread.start()
        waiting = threading.Event()
        for _ in range(int(_START_SECONDS / 0.01)):
            if self._server.started:
                return self
            if not self._thread.is_alive():
                break
            waiting.wait(0.01)
        raise RuntimeError("the local Personalize did not start; its log says why")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
