"""Sends records from failure destination or quarantine again: `python -m tools.redrive --help`."""

import sys

from tools.events.redrive import main

if __name__ == "__main__":
    sys.exit(main())
