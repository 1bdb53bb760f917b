"""The command line: clear messages and exit codes."""

import os

import boto3
import pytest
from typer.testing import CliRunner

from local_cloud import __main__ as command_line
from local_cloud.common.state import CloudRecord, LocalCloudError, StateFolder
from local_cloud.supervisor import lifecycle
from local_cloud.supervisor.processes import Process
from local_cloud.supervisor.services import Options

RECORD = CloudRecord(endpoint="http://127.0.0.1:20001", personalize="http://127.0.0.1:20002", pid=3, wait_scale=0.01)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command with a state folder of the test; returns exit code and output."""
    monkeypatch.setattr(command_line.console, "_force_terminal", False)

    def run(*arguments: str) -> tuple[int, str]:
        with command_line.console.capture() as capture:
            result = CliRunner().invoke(command_line.app, [*arguments, "--state", str(tmp_path)])
        if isinstance(result.exception, LocalCloudError):
            raise result.exception
        return result.exit_code, capture.get()

    return run


def test_up_says_where_everything_is(run, monkeypatch):
    """Both addresses and what to export; the options reach the start; a running cloud is said to be up already."""
    asked: list[Options] = []

    def start(_: object, options: Options) -> CloudRecord:
        asked.append(options)
        return RECORD

    monkeypatch.setattr(lifecycle, "running", lambda _: RECORD if asked else None)
    monkeypatch.setattr(lifecycle, "start", start)
    code, output = run("up", "--wait-scale", "0.5", "--pace", "1")
    assert (0, 0.5, 1.0) == (code, asked[0].wait_scale, asked[0].pace)
    assert output.startswith("The local cloud is up.\n")
    assert all(url in output for url in (RECORD.endpoint, RECORD.personalize))
    assert f"export AWS_ENDPOINT_URL={RECORD.endpoint} AWS_ACCESS_KEY_ID=test" in output
    assert run("up")[1].startswith("The local cloud is up already.")


def test_what_up_says_to_export_is_all_that_boto3_needs(run, monkeypatch):
    """In a shell without any other variable or file: endpoint, key and region."""
    monkeypatch.setattr(lifecycle, "running", lambda _: RECORD)
    monkeypatch.setattr(lifecycle, "start", lambda *_: RECORD)
    exported = run("up")[1].split("export ")[1].split()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    for variable in exported:
        monkeypatch.setenv(*variable.split("=", 1))
    session = boto3.Session()
    client = session.client("kinesis")
    assert (RECORD.endpoint, "us-east-1") == (client.meta.endpoint_url, client.meta.region_name)
    assert "test" == session.get_credentials().access_key


def test_down_and_clean_say_what_happened(run, tmp_path):
    """Nothing ran: said, and no error; `clean` takes the folder away."""
    assert (0, "No local cloud was running.\n") == run("down")
    (tmp_path / "left").touch()
    code, output = run("clean")
    assert (0, False) == (code, tmp_path.exists())
    assert "gone" in output


def test_down_of_a_running_cloud(run, monkeypatch):
    """It is down now."""
    monkeypatch.setattr(lifecycle, "stop", lambda _: True)
    assert (0, "The local cloud is down.\n") == run("down")


def test_status_is_an_exit_code_too(run, monkeypatch):
    """1 and the way to start when nothing runs; the processes with their memory when something does."""
    code, output = run("status")
    assert (1, "No local cloud is running. `make up` starts one.\n") == (code, output)
    monkeypatch.setattr(lifecycle, "running", lambda _: RECORD)
    found = [Process(name=name, pid=pid, memory_megabytes=10.4) for name, pid in (("supervisor", 3), ("emulator", 4))]
    monkeypatch.setattr(command_line, "processes", lambda _: found)
    code, output = run("status")
    assert 0 == code
    assert ["together", "21", "MB"] == output.splitlines()[-1].split()
    assert RECORD.endpoint in output


def test_logs_show_the_last_lines(run, tmp_path):
    """Of one service, or of all with their names; markup in a log is only text."""
    state = StateFolder(tmp_path)
    state.make()
    state.log("emulator").write_text("one\ntwo\n[bold]three\n")
    state.log("delivery").write_text("four\n")
    assert (0, "two\n[bold]three\n") == run("logs", "emulator", "--lines", "2")
    assert (0, "emulator: [bold]three\ndelivery: four\n") == run("logs", "-n", "1")


def test_following_logs_goes_on_with_new_lines(run, tmp_path, monkeypatch):
    """What is written while following is shown, once."""
    state = StateFolder(tmp_path)
    state.make()
    state.log("emulator").write_text("old\n")
    rounds = iter([True, False])

    def write_more(_seconds: float) -> None:
        if not next(rounds):
            raise KeyboardInterrupt
        with state.log("emulator").open("a") as log:
            log.write("new\n")

    monkeypatch.setattr("time.sleep", write_more)
    assert "old\nnew\n" == run("logs", "emulator", "--follow")[1]


@pytest.mark.parametrize(
    ("arguments", "said"), [(["logs", "nonsense"], "there is no log of 'nonsense'"), (["logs"], "nothing was started")]
)
def test_what_cannot_be_shown_is_said(run, arguments, said):
    """An unknown name and an empty folder are one clear message each."""
    with pytest.raises(LocalCloudError, match=said):
        run(*arguments)


def test_errors_and_interrupts_are_exit_codes(monkeypatch, capsys):
    """One line on stderr and 1; 130 for Ctrl-C; 0 else."""
    outcomes = iter([LocalCloudError("[no] luck"), KeyboardInterrupt(), None])

    def app() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(command_line, "app", app)
    assert [1, 130, 0] == [command_line.main() for _ in range(3)]
    assert "error: [no] luck\n" == capsys.readouterr().err
