"""The state folder of a local cloud: what lies where, and the record of the running one.

Everything that the local cloud knows lies in one folder (`.local` in the repository unless told otherwise), so that
stopping, starting again, moving and emptying it need no other place. Written files are complete or absent: a reader
never meets half of one.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from personalize_local.data.private import SharedFolderError, for_owner, make_for_owner

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_STATE = REPOSITORY / ".local"


class LocalCloudError(Exception):
    """Something that stops the local cloud from doing what was asked; the message says what and what to do."""


@dataclass(frozen=True, slots=True)
class CloudRecord:
    """A running local cloud, as `cloud.json` describes it to tools and tests."""

    endpoint: str
    """Where every AWS service answers, Personalize too."""
    personalize: str
    """Where the embedded Personalize answers directly (control plane, events and runtime on one port)."""
    pid: int
    """The supervisor."""
    wait_scale: float
    """Seconds slept for each second of a Step Functions wait."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The layout of one state folder. Nothing is created before `make`."""

    root: Path

    @property
    def record_file(self) -> Path:
        return self.root / "cloud.json"

    @property
    def ports_file(self) -> Path:
        return self.root / "ports.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor for as long as it lives; holds its pid."""
        return self.root / "supervisor.lock"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def emulator(self) -> Path:
        return self.root / "emulator"

    @property
    def personalize(self) -> Path:
        return self.root / "personalize"

    @property
    def mappings(self) -> Path:
        """One file for each deployed AWS::Lambda::EventSourceMapping."""
        return self.root / "mappings"

    @property
    def delivery_streams(self) -> Path:
        """One file for each deployed AWS::KinesisFirehose::DeliveryStream."""
        return self.root / "delivery-streams"

    @property
    def scratch(self) -> Path:
        """Temporary files of the children; emptied when the cloud starts."""
        return self.root / "scratch"

    @property
    def decisions(self) -> Path:
        """What roles were allowed and refused, a JSON line each."""
        return self.root / "identity" / "decisions.jsonl"

    def make(self) -> None:
        try:
            make_for_owner(self.root)
        except SharedFolderError as error:
            raise LocalCloudError(f"--state: {error}") from error
        for folder in (
            self.logs, self.emulator, self.personalize, self.mappings, self.delivery_streams, self.scratch,
        ):  # fmt: skip
            make_for_owner(folder)

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def write_record(self, record: CloudRecord) -> None:
        write_json(self.record_file, asdict(record))

    def read_record(self) -> CloudRecord | None:
        """What `cloud.json` says, or None where there is none; whether it still runs is another question."""
        content = read_json(self.record_file)
        return CloudRecord(**content) if content is not None else None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes the file whole: a reader sees the old content or the new, also after a crash in between."""
    make_for_owner(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "w", encoding="utf-8", opener=for_owner) as file:
        file.write(json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The file's object, or None where there is no such file. Raises LocalCloudError where it is not JSON."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LocalCloudError(f"{path} is not valid JSON ({error}); `clean` empties the state folder") from error
    if not isinstance(content, dict):
        raise LocalCloudError(f"{path} must hold a JSON object; `clean` empties the state folder")
    return content
