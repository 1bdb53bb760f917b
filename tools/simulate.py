"""Sends simulated visitors' events: `python -m tools.simulate --help`."""

import sys

from tools.events.simulate import main

if __name__ == "__main__":
    sys.exit(main())
