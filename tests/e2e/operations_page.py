"""The commands of docs/operate/operations.md, run as they are written against a deployed local cloud."""

import re
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deadline import eventually
from tests.e2e import aws_cli
from tools.environment.connection import Connection

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operate" / "operations.md"
AWS_CLI = ROOT / ".venv-awscli" / "bin" / "python"
"""`make test` sets it up."""
_BLOCK = re.compile(r"^ *```bash(?P<kind> \w+)?\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """Entry (empty before the first), kind (`setup`, `first`, `do`, or empty for what is looked at) and text."""
    found = []
    for part in re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE):
        entry = part.partition("\n")[0] if not part.startswith("#") else ""
        for block in _BLOCK.finditer(part):
            found.append((entry, (block["kind"] or "").strip(), textwrap.dedent(block["text"])))
    return found


def shown(connection: Connection) -> dict[str, str]:
    """What each entry's commands print, in one shell that was set up for the connection's environment.

    AssertionError when one of them fails, with all that was printed until then.
    """
    (setup,) = [text for _, kind, text in blocks() if kind == "setup"]
    # Version 1 of the AWS CLI asks SQS at an address of its own unless it is told on the command line.
    told = 'aws() { "$CLI_PYTHON" -I -S "$CLI" "$CLI_SOCKET" --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'
    script = [told, setup.replace("ENV=dev", f"ENV={connection.settings.environment}")]
    for entry, kind, text in blocks():
        if kind in ("", "first"):
            script.append(f"echo '=== {entry}'\n(\n{text})\n")
    environment = dict(connection.process_environment())
    with _cli(environment):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(script)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    parts = [part.partition("\n") for part in done.stdout.split("=== ")[1:]]
    return {entry.strip(): output for entry, _, output in parts}


@contextmanager
def _cli(environment: dict[str, str]) -> Iterator[None]:
    """The AWS CLI waits for commands meanwhile, where the variables that are added to `environment` say."""
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder, "socket")
        environment |= {"CLI_PYTHON": str(AWS_CLI), "CLI": aws_cli.__file__, "CLI_SOCKET": str(address)}
        server = subprocess.Popen([AWS_CLI, aws_cli.__file__, str(address)], env=environment)
        try:
            eventually(lambda: address.exists() or server.poll() is not None, what="the start of the AWS CLI")
            yield
        finally:
            server.terminate()
            server.wait()
