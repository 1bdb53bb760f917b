"""The supervisor: one process that owns the children of a local cloud.

    python -m local_cloud.supervisor.supervisor --state DIR [--wait-scale X] [--pace S] [...]

It holds a lock on the state folder while it lives, gives the children remembered ports, writes `cloud.json` as soon as
all of them answer, starts again whoever dies later (with back-off), and ends them when it is asked to stop. When it is
killed, the children end by themselves (parent_watchdog.py).
"""

import argparse
import fcntl
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from local_cloud.common.state import REPOSITORY, CloudRecord, LocalCloudError, StateFolder
from local_cloud.supervisor.ports import remembered_ports
from local_cloud.supervisor.services import ALL_SERVICES, Options, Service, services, url
from personalize_local.api.bind import add_options, check_options
from personalize_local.data.private import FILE_MODE, keep_to_owner

logger = logging.getLogger("supervisor")

STOP_SECONDS = 15.0
"""How long a child may take to stop before it is killed."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0
STEADY_SECONDS = 30.0
"""A child that lived this long starts again without delay's growth."""


class Child:
    """One service's process, started again by `tend` when it died."""

    def __init__(self, service: Service, log: Path) -> None:
        self.service = service
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._parent_pipe = -1
        self._started = 0.0
        self._delay = FIRST_DELAY
        self._restart_at: float | None = None

    def start(self) -> None:
        reading, self._parent_pipe = os.pipe()
        command = [
            str(self.service.python),
            "-m",
            "local_cloud.supervisor.parent_watchdog",
            str(reading),
            self.service.module,
        ]
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*command, *self.service.arguments],
                    cwd=REPOSITORY,
                    env=dict(self.service.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(reading,),
                    # Ctrl-C in the terminal is the supervisor's to handle, not the children's.
                    start_new_session=True,
                )
        finally:
            os.close(reading)
        self._started, self._restart_at = time.monotonic(), None
        logger.info("%s started (pid %d)", self.service.name, self._process.pid)

    @property
    def ended(self) -> int | None:
        """The exit code of a process that ended by itself, else None."""
        return self._process.poll() if self._process else None

    def tend(self, now: float) -> None:
        """Notices a death and starts the service again when its delay is over."""
        if self._restart_at is not None:
            if now >= self._restart_at:
                self.start()
            return
        code = self.ended
        if code is None:
            return
        os.close(self._parent_pipe)
        if now - self._started >= STEADY_SECONDS:
            self._delay = FIRST_DELAY
        logger.warning("%s ended with code %d; starts again in %.1f s", self.service.name, code, self._delay)
        self._restart_at, self._delay = now + self._delay, min(2 * self._delay, LONGEST_DELAY)

    def ask_to_stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait_stopped(self, deadline: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.warning("%s did not stop in time and is killed", self.service.name)
            self._process.kill()
            self._process.wait()


class Supervisor:
    """Runs the children until it is asked to stop."""

    def __init__(self, state: StateFolder, options: Options) -> None:
        self._state = state
        ports = remembered_ports(state, ("emulator", "personalize"))
        self._record = CloudRecord(
            endpoint=url(ports["emulator"]),
            personalize=url(ports["personalize"]),
            pid=os.getpid(),
            wait_scale=options.wait_scale,
        )
        self._children = [Child(s, state.log(s.name)) for s in services(state, options, ports)]
        self._stopping = False
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_writer.setblocking(False)

    def run(self) -> int:
        """The exit code: 0 after a wanted stop, 1 when a child could not be started at all."""
        try:
            return self._run()
        finally:
            signal.set_wakeup_fd(-1)
            self._wake_reader.close()
            self._wake_writer.close()

    def _run(self) -> int:
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for child in self._children:
            child.start()
        failed = self._wait_ready()
        if failed is None and not self._stopping:
            self._state.write_record(self._record)
            logger.info("ready at %s, Personalize at %s", self._record.endpoint, self._record.personalize)
            while not self._stopping:
                for child in self._children:
                    child.tend(time.monotonic())
                self._sleep(0.5)
        self._stop_children()
        return 1 if failed else 0

    def _wait_ready(self) -> Child | None:
        """Returns when all answer, or with the child that ended instead."""
        waiting = list(self._children)
        while waiting and not self._stopping:
            for child in waiting:
                if child.ended is not None:
                    logger.error("%s ended with code %d instead of starting", child.service.name, child.ended)
                    return child
            waiting = [child for child in waiting if not child.service.answers()]
            if waiting:
                self._sleep(0.05)
        return None

    def _stop_children(self) -> None:
        # In reverse: whoever uses the emulator stops before it.
        for child in reversed(self._children):
            child.ask_to_stop()
            child.wait_stopped(time.monotonic() + STOP_SECONDS)
        self._state.record_file.unlink(missing_ok=True)
        logger.info("stopped")

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _sleep(self, seconds: float) -> None:
        """Sleeps, but wakes at once for a signal: a stop, or a child's death."""
        if select.select([self._wake_reader], [], [], seconds)[0]:
            self._wake_reader.recv(4096)


def hold_lock(state: StateFolder) -> int:
    """Locks the state folder for the life of this process; returns the descriptor that must stay open.

    Raises LocalCloudError when another supervisor holds it.
    """
    descriptor = os.open(state.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LocalCloudError(f"a local cloud already runs with the state folder {state.root}") from None
    _sign(descriptor)
    return descriptor


def _sign(lock: int) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def lock_holder(state: StateFolder) -> int | None:
    """The pid of the supervisor that runs with this state folder, or None: a lock cannot outlive its process."""
    try:
        descriptor = os.open(state.lock_file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(descriptor, 32) or b"0") or None
    finally:
        os.close(descriptor)
    return None


def _detach(lock: int) -> None:
    """Goes on as a process of its own, no child of the caller's; the lock goes along."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.setsid()
    _sign(lock)
    # The caller returns only now: whoever reads the lock file finds the pid of this process.
    os.close(writing)
    os.close(reading)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a supervisor in the foreground; the exit code says whether the cloud could be started."""
    parser = argparse.ArgumentParser(prog="python -m local_cloud.supervisor.supervisor", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--wait-scale", type=float, default=Options().wait_scale)
    parser.add_argument("--pace", type=float, default=Options().pace)
    parser.add_argument("--save-every", type=float, default=Options().save_every)
    parser.add_argument("--services", default=",".join(ALL_SERVICES))
    add_options(parser)
    parser.add_argument("--detach", action="store_true", help="return once the supervisor runs in the background")
    given = parser.parse_args(arguments)
    check_options(parser, given)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    state = StateFolder(given.state.resolve())
    try:
        state.make()
        keep_to_owner(state.root)
        lock = hold_lock(state)
        if given.detach:
            _detach(lock)
        shutil.rmtree(state.scratch, ignore_errors=True)
        state.make()
        options = Options(
            wait_scale=given.wait_scale,
            pace=given.pace,
            save_every=given.save_every,
            services=tuple(given.services.split(",")),
            bind=given.bind,
            allow_hosts=tuple(given.allow_host),
        )
        code = Supervisor(state, options).run()
    except LocalCloudError as error:
        logger.error("%s", error)  # noqa: TRY400 (the message is all that helps)
        return 1
    os.close(lock)
    return code


if __name__ == "__main__":
    sys.exit(main())
