"""The children of a local cloud: how they are started."""

import http.server
import threading
from pathlib import Path

import pytest

from local_cloud.common.state import LocalCloudError, StateFolder
from local_cloud.supervisor import services
from local_cloud.supervisor.services import ALL_SERVICES, Options, Service

PORTS = {"emulator": 20001, "personalize": 20002}


@pytest.fixture
def children(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "EMULATOR_PYTHON", tmp_path)
    for name, value in {"AWS_PROFILE": "real", "HTTP_PROXY": "http://proxy", "PATH": "/bin", "HOME": "/h"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DELIVERY_TIME_SCALE", "0.5")
    options = Options(wait_scale=0.5, pace=1.5, save_every=7.0)
    return {child.name: child for child in services.services(StateFolder(tmp_path), options, PORTS)}


def test_each_is_told_its_place_and_the_others(children, tmp_path):
    """Ports, folders and options on the command lines; health where there is something to ask."""
    assert list(ALL_SERVICES) == list(children)
    assert {
        "emulator": "--port 20001 --personalize http://127.0.0.1:20002"
        f" --state {tmp_path} --wait-scale 0.5 --save-every 7.0",
        "personalize": f"--port 20002 --data {tmp_path / 'personalize'} --emulator http://127.0.0.1:20001 --pace 1.5",
        "delivery": f"--state {tmp_path} --endpoint http://127.0.0.1:20001",
    } == {name: " ".join(child.arguments) for name, child in children.items()}
    assert [True, True, False] == [child.health_url is not None for child in children.values()]
    assert children["delivery"].answers()


def test_none_of_the_users_own_accounts_or_proxies_is_seen(children, tmp_path):
    """A child's environment is made anew: local keys, local endpoint, a folder for temporary files."""
    for child in children.values():
        assert {"AWS_PROFILE", "HTTP_PROXY"}.isdisjoint(child.environment)
        assert ("test", "/dev/null", "/bin", "0.5", str(tmp_path / "scratch")) == tuple(
            child.environment[key]
            for key in ("AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "PATH", "DELIVERY_TIME_SCALE", "TMPDIR")
        )
    endpoints = [children[name].environment["AWS_ENDPOINT_URL"] for name in ("personalize", "delivery")]
    assert ["http://127.0.0.1:20001"] * 2 == endpoints


@pytest.mark.parametrize(("status", "answers"), [(200, True), (503, False)])
def test_health_is_an_answer_of_200(status, answers):
    """Any other answer, or none, is no health."""

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        service = Service(
            name="any",
            python=Path("python"),
            module="any",
            arguments=(),
            environment={},
            health_url=f"http://127.0.0.1:{server.server_port}/",
        )
        assert answers == service.answers()
        thread.join()
    assert not service.answers(timeout=0.2)


def test_the_cloud_opens_to_others_only_under_a_name(tmp_path):
    """Both ports, and the names reach both servers; without a name, or elsewhere, it says what to give."""
    options = Options(bind="0.0.0.0", allow_hosts=("cloud", "*.cloud"))  # noqa: S104
    children = {child.name: child for child in services.services(StateFolder(tmp_path), options, PORTS)}
    given = "--bind 0.0.0.0 --allow-host cloud --allow-host *.cloud"
    assert {"emulator": True, "personalize": True, "delivery": False} == {
        name: given in " ".join(child.arguments) for name, child in children.items()
    }
    assert "http://127.0.0.1:20001" == children["delivery"].environment["AWS_ENDPOINT_URL"]
    with pytest.raises(LocalCloudError, match="--allow-host NAME"):
        Options(bind="0.0.0.0")  # noqa: S104
    with pytest.raises(LocalCloudError, match="is no host name"):
        Options(allow_hosts=("http://cloud",))
    with pytest.raises(LocalCloudError, match=r"listens on 127\.0\.0\.1 or"):
        Options(bind="192.168.1.5", allow_hosts=("cloud",))
