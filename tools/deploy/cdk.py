"""The CDK: templates from the app, stacks from the templates. The only caller of the CDK CLI.

The app is run once for a set of generations and its output deployed as it is (`--app FOLDER`), so that every stack of
one step comes from the same templates and the CLI does not run the app again.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tools.deploy.base.errors import DeployError
from tools.deploy.observe import stack_status
from tools.environment.connection import Connection

REPOSITORY = Path(__file__).resolve().parents[2]
_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
_NEEDED_BOOTSTRAP_VERSION = 6  # what the default synthesizer of CDK 2 asks for
_SIDE_BY_SIDE = 4
_SECONDS_TO_END = 10
_LOOK_SECONDS = 0.5
# "dev-pets-data |  3/12 | 10:00:00 AM | CREATE_COMPLETE      | AWS::KMS::Key | Key (KeyABC)"
_EVENT = re.compile(
    r"\S+-pets-(?P<stack>\w+)\s*\|.*?\|\s*(?P<status>[A-Z_]+)\s*\|\s*(?P<type>[\w:]+)\s*\|\s*(?P<id>\S+)"
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Cdk:
    """The CDK for one environment; its output lies in `folder`, what the CLI says in `log`."""

    connection: Connection
    folder: Path
    log: Path
    progress: Callable[[str], None] = lambda _: None

    def synthesize(
        self, generations: Sequence[int], serving: int, *, deployed: bool = True, checked: bool = True
    ) -> None:
        """Writes the templates of all stacks to `folder`.

        Generations other than the config's are made as they were deployed, from the record in the deployed template;
        without `deployed` nothing is asked for it, and neither credentials nor a network are needed. Without `checked`
        the templates are only looked at: the checks take most of the time.
        """
        context = json.loads((REPOSITORY / "cdk.json").read_text(encoding="utf-8")).get("context", {})
        context |= {"generations": ",".join(map(str, generations)), "serving_generation": str(serving)}
        if deployed and (template := self._deployed_personalize()):
            context["deployed_personalize"] = str(template)
        environment = dict(os.environ) | {
            "CDK_ENVIRONMENT": self.connection.settings.environment,
            "CDK_CONTEXT_JSON": json.dumps(context),
            "CDK_OUTDIR": str(self.folder),
        }
        if self.connection.is_local:
            environment.pop("ACCOUNT_ID", None)
            environment.pop("CDK_DEPLOY_REGION", None)
        if self.connection.is_local or not checked:
            # The checks dominate the time of a synth; they belong before AWS, and the tests run them all.
            environment["CDK_VALIDATION"] = "false"
        self._run([sys.executable, "app.py"], environment, "the CDK app could not make the templates")

    def template(self, stack: str) -> Mapping[str, Any]:
        """The synthesized template of a stack, by its short name."""
        path = self.folder / f"{self.connection.settings.names.stack(stack)}.template.json"
        template: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return template

    def is_deployed(self, stack: str) -> bool:
        """Whether the stack stands with exactly the synthesized template."""
        deployed = self._deployed_template(stack)
        return deployed is not None and deployed == self.template(stack)

    def _deployed_template(self, stack: str) -> Mapping[str, Any] | None:
        name = self.connection.settings.names.stack(stack)
        cloudformation = self.connection.client("cloudformation")
        # A creation that was rolled back has a template too, but nothing of it stands.
        if stack_status(cloudformation, name) in (None, "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
            return None
        body = cloudformation.get_template(StackName=name)["TemplateBody"]
        template: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
        return template

    def _deployed_personalize(self) -> Path | None:
        """The template of the Personalize stack as it stands, in a file; None before it does."""
        template = self._deployed_template("personalize")
        if template is None:
            return None
        path = self.log.with_name("deployed-personalize.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(template), encoding="utf-8")
        return path

    def is_bootstrapped(self) -> bool:
        try:
            parameter = self.connection.client("ssm").get_parameter(Name=_BOOTSTRAP_VERSION)["Parameter"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ParameterNotFound", "ParameterNotFoundException"):
                return False
            raise
        return int(parameter["Value"]) >= _NEEDED_BOOTSTRAP_VERSION

    def bootstrap(self) -> None:
        """Prepares account and region for the CDK (once for all apps in them)."""
        settings = self.connection.settings
        # The CLI would run the app first, for nothing; what was synthesized will do.
        app = ("--app", str(self.folder)) if self.folder.is_dir() else ()
        self._cdk("bootstrap", *app, f"aws://{settings.account}/{settings.region}", fails="`cdk bootstrap` failed")

    def deploy(
        self, stacks: Sequence[str], *, adopt_existing: bool = False, stop: threading.Event | None = None
    ) -> None:
        """Deploys the stacks from `folder`; those without a change are left alone.

        `adopt_existing` takes resources of the same name that stand outside the stack into it. `stop` ends the CLI when
        it is set; what CloudFormation has begun it goes on with. Raises DeployError with CloudFormation's own reasons.
        """
        started = datetime.now(UTC)
        names = [self.connection.settings.names.stack(stack) for stack in stacks]
        # A change set is needed to adopt and costs time otherwise.
        method = ["--method=change-set", "--import-existing-resources"] if adopt_existing else ["--method=direct"]
        try:
            self._cdk(
                "deploy", "--app", str(self.folder), "--exclusively", "--require-approval=never",
                f"--concurrency={_SIDE_BY_SIDE}", "--progress=events", *method, *names,
                fails="`cdk deploy` failed", stop=stop,
            )  # fmt: skip
        except DeployError as error:
            reasons = [reason for name in names for reason in self._failures(name, started)]
            if reasons:
                raise DeployError("CloudFormation could not deploy:\n" + "\n".join(reasons)) from error
            raise

    def diff(self) -> str:
        """What a deploy of `folder` would change, as the CDK CLI words it. Creates no change set."""
        command = ("diff", "--app", str(self.folder), "--method=template")
        return self._cdk(*command, fails="`cdk diff` failed")

    def _failures(self, stack: str, since: datetime) -> list[str]:
        try:
            events = self.connection.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        except ClientError:
            return []  # the stack was never made; the CLI's own words say why
        failed = [e for e in events if e["ResourceStatus"].endswith("_FAILED") and e["Timestamp"] >= since]
        return [
            f"  {stack}: {event['LogicalResourceId']} ({event.get('ResourceType', 'AWS::CloudFormation::Stack')}):"
            f" {event.get('ResourceStatusReason', 'no reason given')}"
            for event in reversed(failed)
            if "cancelled" not in event.get("ResourceStatusReason", "").lower()
        ]

    def _cdk(self, *arguments: str, fails: str, stop: threading.Event | None = None) -> str:
        command = ["cdk", *arguments, "--no-notices", "--no-version-reporting", "--no-color", "--ci"]
        return self._run(command, self.connection.process_environment(), fails, stop)

    def _run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        fails: str,
        stop: threading.Event | None = None,
    ) -> str:
        """Runs the command with its output in the log; returns the output.

        Ends it when it is interrupted, and when `stop` is set.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            try:
                process = subprocess.Popen(
                    command,
                    cwd=REPOSITORY,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # an interrupt reaches this program alone, which then ends the other
                )
            except FileNotFoundError as error:
                raise DeployError(f"{command[0]} is not installed; run `make setup`") from error
            with process, _ended_by(stop, process):
                try:
                    for line in process.stdout or ():
                        log.write(line)
                        lines.append(_ANSI.sub("", line))
                        if event := _EVENT.search(lines[-1]):
                            self.progress(f"{event['stack']}: {event['type']} {event['status']}")
                    code = process.wait()
                except BaseException:
                    _end(process)
                    raise
        output = "".join(lines)
        if code:
            tail = "\n".join(f"  {line}" for line in output.strip().splitlines()[-12:])
            raise DeployError(f"{fails} (exit code {code}); the whole output is in {self.log}\n{tail}")
        return output


@contextmanager
def _ended_by(stop: threading.Event | None, process: "subprocess.Popen[str]") -> Iterator[None]:
    """Ends the process as soon as `stop` is set within the block."""
    if stop is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            if stop.is_set():
                _end(process)
                return

    watcher = threading.Thread(target=watch, name="cdk-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
