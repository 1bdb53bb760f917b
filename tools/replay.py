"""Replays a time range of the archive: `python -m tools.replay --help`."""

import sys

from tools.events.replay import main

if __name__ == "__main__":
    sys.exit(main())
