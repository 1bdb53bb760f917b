"""Runs a module as a child that ends when its parent ends, however the parent ends.

    python -m local_cloud.supervisor.parent_watchdog FD MODULE [ARGUMENT ...]

The parent keeps the writing end of a pipe and the child reads its other end, FD. The kernel closes the writing end
when the parent dies, also by SIGKILL; the child then gets SIGTERM as if the parent had asked it to stop, and is ended
for good when it has not stopped a while later. Pipes work on every POSIX system, unlike PR_SET_PDEATHSIG.

Standard library only: the emulator's environment runs it too.
"""

import faulthandler
import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 15.0
"""How long a child may take to save its state after its parent is gone."""


def hold(descriptor: int, grace: float = GRACE_SECONDS) -> threading.Thread:
    """Starts watching the pipe; returns the (daemon) thread that does so."""

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    thread = threading.Thread(target=watch, name="parent-watchdog", daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Runs the module that the command line names, and ends it with its parent."""
    descriptor, module, *arguments = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    hold(int(descriptor))
    if hasattr(faulthandler, "register"):
        # kill -USR1: where every thread stands, into the process's log. For whoever asks why nothing moves.
        faulthandler.register(signal.SIGUSR1, file=2)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
