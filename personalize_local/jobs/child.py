"""The process of one job: `python -m personalize_local.jobs.child`, the task on its standard input.

It ends itself when its server is gone: it watches its standard input, which the server holds open.
"""

import json
import os
import sys
import threading

from personalize_local.jobs.running import run
from personalize_local.jobs.tasks.tasks import decode
from personalize_local.model.errors import WorkError


def _end_with_the_server() -> None:
    # Not through sys.stdin: its lock, held by a thread that waits, would abort the interpreter's own end.
    while os.read(0, 4096):
        pass
    os._exit(1)


def main() -> None:
    """Carry out the task on standard input and print its result, or why there is none."""
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        result = run(decode(line))
    except WorkError as failure:
        result = {"failure": str(failure)}
    print(json.dumps(result), flush=True)
    # The watcher still reads standard input; a normal exit would wait for it.
    os._exit(0)


if __name__ == "__main__":
    main()
