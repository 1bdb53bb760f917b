"""The whole local Personalize over one data folder, without HTTP around it."""

import fcntl
import shutil
import threading
from pathlib import Path
from typing import IO

from personalize_local.control.plans import plans
from personalize_local.control.service_context import ServiceContext
from personalize_local.data import events as event_storage
from personalize_local.data.private import for_owner, make_for_owner
from personalize_local.operations.schedule import Schedule
from personalize_local.settings.options import Options

_TIDY_SECONDS = 5.0


class FolderInUseError(RuntimeError):
    """Another server runs on the data folder."""


def _locked(folder: Path) -> IO[str]:
    """An open file that keeps other servers out of the folder until it is closed, or the process has ended."""
    file = open(folder / "lock", "w", opener=for_owner)  # noqa: SIM115 - closed by the caller
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise FolderInUseError(f"another server runs on {folder}") from None
    return file


class Personalize(ServiceContext):
    """The whole: what the operations share, the lifecycles' plans, and the threads that work as time passes."""

    def __init__(self, options: Options) -> None:
        make_for_owner(options.folder)
        self._lock = _locked(options.folder)
        super().__init__(options)
        self.schedule = Schedule(self)
        self._closing = threading.Event()
        self._tidying = threading.Thread(target=self._tidy, name="tidy", daemon=True)

    def start(self) -> None:
        """Remove what no resource names any more, and go on with the lifecycles that were under way."""
        self._sweep()
        self.events.start()
        self.lifecycle.start(plans(self))
        self.schedule.start()
        self._tidying.start()

    def close(self) -> None:
        """Stop the threads and release the files."""
        self._closing.set()
        self.schedule.close()
        self.lifecycle.close()
        self._tidying.join()
        super().close()
        self._lock.close()

    def _sweep(self) -> None:
        kept = {folder for dataset in self.store.every("dataset") for folder in self.bulk(dataset)}
        kept |= {str(self.model_folder(version)) for version in self.store.every("solution-version")}
        for parent in ("imports", "models"):
            for folder in (self.options.folder / parent).glob("*"):
                if str(folder) not in kept:
                    shutil.rmtree(folder, ignore_errors=True)

    def _tidy(self) -> None:
        while not self._closing.wait(_TIDY_SECONDS):
            event_storage.tidy(self.events_path)
