"""`python -m benchmarks.quality`."""

import sys

from benchmarks.quality.command import run

if __name__ == "__main__":
    sys.exit(run())
