"""Every port that the project opens: found in the sources, and behind the guard."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from personalize_local.api.app import App
from personalize_local.api.server import GuardedProtocol, config
from personalize_local.settings.options import Options

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "app.py",
    "benchmarks",
    "infra",
    "lambdas",
    "local_cloud",
    "personalize_local",
    "seed_data",
    "tests",
    "tools",
)

OPENING = frozenset(
    {
        *("listen", "create_server", "start_server", "start_unix_server", "create_unix_server", "make_server"),
        *("HTTPServer", "ThreadingHTTPServer", "TCPServer", "ThreadingTCPServer", "UDPServer", "UnixStreamServer"),
        *("uvicorn.run", "uvicorn.Config", "hypercorn_serve", "hypercorn.asyncio.serve", "serve_forever"),
        *("web.run_app", "run_simple", "WSGIServer", "StreamingServer", "loop.create_server", "Listener"),
    }
)
"""What opens a port, or is about to: names of calls, whole or their last part."""

GUARDED = {
    "personalize_local/api/server.py": "config(): uvicorn with the guarded protocol",
    "local_cloud/emulator/host.py": "hypercorn serves emulator_guard.Guarded",
}
"""Where the product's ports are opened. Whatever opens one later is added here with the guard that it has."""

OF_TESTS = {
    "benchmarks/personalize/endpoint.py": "constant answers",
    "tests/e2e/aws_cli.py": "a socket that is a file in the test's own folder, which no page reaches",
    "tests/faults/wreck.py": "passes bytes on to a guarded port",
    "tests/unit/benchmarks/personalize/test_server.py": "accepts and says nothing",
    "tests/unit/lambdas/personalize_server.py": "constant answers",
    "tests/unit/local_cloud/delivery/streams/test_clients.py": "accepts and says nothing",
    "tests/unit/local_cloud/emulator/test_host.py": "shows what it was sent",
    "tests/unit/local_cloud/emulator/test_guard.py": "the guard's own",
    "tests/unit/local_cloud/identity/test_guard.py": "constant answers",
    "tests/unit/local_cloud/supervisor/test_ports.py": "says nothing",
    "tests/unit/local_cloud/supervisor/test_services.py": "constant answers",
}
"""Ports on 127.0.0.1 that live as long as a test or a benchmark, and what a page could do with each."""


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


def _opens(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name == "self.listen":  # a method of its own class
        return False
    return name in OPENING or name.rpartition(".")[2] in OPENING - {"Listener"}


def _sources() -> list[Path]:
    found = [ROOT / name for name in FOLDERS if name.endswith(".py")]
    return sorted(found + [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")])


def test_every_server_is_behind_the_guard_or_a_tests_own() -> None:
    """A call that opens a port stands in a file that the tables name, and each file that they name has one."""
    opening = {str(path.relative_to(ROOT)) for path in _sources() if any(_opens(call) for call in _calls(path))}
    subclasses = {"tests/unit/lambdas/personalize_server.py"}  # its server is a class
    assert opening | subclasses == GUARDED.keys() | OF_TESTS.keys()


def test_no_server_of_a_test_is_open_to_other_computers() -> None:
    """They listen on 127.0.0.1, or on a file."""
    for name in OF_TESTS:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        assert "127.0.0.1" in text or "socket.AF_UNIX" in text, name
        opening = " ".join(ast.unparse(call) for call in _calls(path) if _opens(call))
        assert "0.0.0.0" not in opening, name  # noqa: S104


@pytest.mark.parametrize(
    "text",
    ["uvicorn.run(app)", "asyncio.start_server(f)", "http.server.HTTPServer(a, H)", "s.listen()", "HTTPServer()"],
)
def test_the_search_finds_servers(text: str) -> None:
    """In the ways that they are usually started."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert _opens(call)


def test_uvicorn_is_configured_with_the_guard(tmp_path: Path) -> None:
    """Whatever is given beside it, and names are allowed for this server alone."""
    made = config(App(Options(folder=tmp_path)), allowed_hosts=["cloud"], port=1)
    protocol = made.http
    assert isinstance(protocol, type)
    assert issubclass(protocol, GuardedProtocol)
    cloud = [(b"host", b"cloud")]
    assert (None, False) == (protocol.guard.refusal(b"/", cloud), GuardedProtocol.guard.refusal(b"/", cloud) is None)
