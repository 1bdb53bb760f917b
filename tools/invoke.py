"""Invokes `recommend` or `rerank` of an environment: `python -m tools.invoke --help`."""

import sys

from tools.environment.invoke import main

if __name__ == "__main__":
    sys.exit(main())
