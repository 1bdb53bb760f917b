"""Starting, finding and stopping local clouds, and a whole one for tests as a context manager."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3

from local_cloud.common.state import REPOSITORY, CloudRecord, LocalCloudError, StateFolder
from local_cloud.identity.decisions import refusals
from local_cloud.supervisor.services import ACCOUNT_ENVIRONMENT, ALL_SERVICES, Options
from local_cloud.supervisor.supervisor import STOP_SECONDS, lock_holder
from personalize_local.data.private import for_owner

START_SECONDS = 90.0


def running(state: StateFolder) -> CloudRecord | None:
    """The local cloud that runs with this state folder and answers, or None."""
    holder = lock_holder(state)
    record = state.read_record()
    return record if holder is not None and record is not None and record.pid == holder else None


def start(state: StateFolder, options: Options, *, on_wait: Callable[[], None] = lambda: None) -> CloudRecord:
    """Starts a detached local cloud, or finds the running one; returns once all of it answers.

    `on_wait` is called several times a second while waiting. Raises LocalCloudError with the end of the log that says
    why when it cannot be started.
    """
    record = running(state)
    if record is not None:
        return record
    state.make()
    if lock_holder(state) is None:
        for log in state.logs.glob("*.log"):
            log.unlink()
        with open(state.log("supervisor"), "ab", opener=for_owner) as log_file:
            subprocess.run(
                [*_supervisor_command(state, options), "--detach"],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                check=False,
            )
    return _wait_ready(state, on_wait)


def stop(state: StateFolder) -> bool:
    """Stops the local cloud of this state folder, saving its state; False when none ran."""
    holder = lock_holder(state)
    if holder is None:
        state.record_file.unlink(missing_ok=True)
        return False
    with suppress(ProcessLookupError):
        os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + 4 * STOP_SECONDS
    while lock_holder(state) == holder:
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.kill(holder, signal.SIGKILL)
            raise LocalCloudError(f"the local cloud did not stop in time; its supervisor {holder} was killed")
        time.sleep(0.05)
    return True


def clean(state: StateFolder) -> None:
    """Stops the local cloud and forgets everything that it knew."""
    stop(state)
    shutil.rmtree(state.root, ignore_errors=True)


def client_environment(record: CloudRecord) -> dict[str, str]:
    """Environment variables with which any AWS SDK, the AWS CLI and the CDK CLI talk to this local cloud."""
    return ACCOUNT_ENVIRONMENT | {"AWS_ENDPOINT_URL": record.endpoint}


class LocalCloud:
    """A whole local cloud of its own for a test: own state, own ports, gone at the end of the block.

    `with LocalCloud(state=tmp_path, wait_scale=0.0) as cloud: cloud.client("kinesis")`. It also ends when the process
    that made it ends. `services` leaves parts out, e.g. `("emulator",)`. The state folder is left for inspection.

    A block that ends well raises LocalCloudError when a role was refused something meanwhile; a test of refusals says
    `expects_refusals=True`.
    """

    def __init__(
        self,
        state: Path,
        *,
        wait_scale: float = 0.0,
        pace: float = 0.02,
        services: tuple[str, ...] = ALL_SERVICES,
        expects_refusals: bool = False,
    ) -> None:
        self._expects_refusals = expects_refusals
        self.state = StateFolder(Path(state))
        self._options = Options(wait_scale=wait_scale, pace=pace, services=services)
        self._process: subprocess.Popen[bytes] | None = None
        self._parent_pipe = -1
        self._record: CloudRecord | None = None
        self._session = boto3.Session(
            aws_access_key_id=ACCOUNT_ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ACCOUNT_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            region_name=ACCOUNT_ENVIRONMENT["AWS_REGION"],
        )

    @property
    def record(self) -> CloudRecord:
        if self._record is None:
            raise LocalCloudError("this local cloud is not running; use it inside its `with` block")
        return self._record

    @property
    def endpoint(self) -> str:
        return self.record.endpoint

    @property
    def personalize(self) -> str:
        return self.record.personalize

    @property
    def environment(self) -> dict[str, str]:
        """What a subprocess needs to talk to this cloud, on top of PATH and the like."""
        return client_environment(self.record)

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of this cloud."""
        return self._session.client(service, endpoint_url=self.endpoint, **options)

    def __enter__(self) -> Self:
        self.state.make()
        reading, self._parent_pipe = os.pipe()
        command = _supervisor_command(self.state, self._options, parent_pipe=reading)
        try:
            with open(self.state.log("supervisor"), "ab", opener=for_owner) as log:
                self._process = subprocess.Popen(
                    command,
                    cwd=REPOSITORY,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(reading,),
                    start_new_session=True,
                )
        finally:
            os.close(reading)
        try:
            self._record = _wait_ready(self.state, lambda: None, self._process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()
        refused = [] if self._expects_refusals or _type is not None else refusals(self.state.decisions)
        if refused:
            reasons = "\n".join(decision.reason for decision in refused)
            raise LocalCloudError(f"roles were refused what they asked for:\n{reasons}")

    def _end(self) -> None:
        self._record = None
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(4 * STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._parent_pipe)
        self._process = None


def _supervisor_command(state: StateFolder, options: Options, *, parent_pipe: int | None = None) -> list[str]:
    run = (
        ["local_cloud.supervisor.supervisor"]
        if parent_pipe is None
        else ["local_cloud.supervisor.parent_watchdog", str(parent_pipe), "local_cloud.supervisor.supervisor"]
    )
    return [
        *(sys.executable, "-m", *run, "--state", str(state.root)),
        *("--wait-scale", str(options.wait_scale), "--pace", str(options.pace)),
        *("--save-every", str(options.save_every), "--services", ",".join(options.services)),
        *options.listening,
    ]


def _wait_ready(
    state: StateFolder, on_wait: Callable[[], None], process: subprocess.Popen[bytes] | None = None
) -> CloudRecord:
    """The record of the cloud that is starting; `process` is its supervisor where that is a child of ours."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        record = running(state)
        if record is not None:
            return record
        ended = process.poll() is not None if process else lock_holder(state) is None
        if ended or time.monotonic() > deadline:
            if process is None:
                stop(state)
            why = "it ended at once" if ended else f"not ready after {START_SECONDS:.0f} s"
            raise LocalCloudError(f"the local cloud could not be started ({why}).\n{_ends_of_logs(state)}")
        on_wait()
        time.sleep(0.05)


def _ends_of_logs(state: StateFolder, lines: int = 8) -> str:
    """The last lines of every log, which say what went wrong."""
    ends = []
    for log in sorted(state.logs.glob("*.log")):
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        ends.append("\n".join([f"--- {log}", *text]))
    return "\n".join(ends)
