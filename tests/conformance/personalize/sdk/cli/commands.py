"""Runs commands of the AWS CLI in one process, as `aws` would run each: a line of arguments in, a line of answers out.

Runs in the environment of the AWS CLI, which takes most of a second to start. Lines are JSON: a list of arguments
without `aws` gives `[exit code, standard output, standard error]`.
"""

import contextlib
import io
import json
import sys

from awscli.clidriver import create_clidriver


def run(arguments: list[str]) -> tuple[int, str, str]:
    """What one command does."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = create_clidriver().main(arguments)
    return code, output.getvalue(), errors.getvalue()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
