"""What other users of this computer could read."""

import os
import stat
from pathlib import Path


def open_to_others(folder: Path) -> list[str]:
    """The entries of a folder, itself included, that others than the owner have any right to; links have none."""
    found = [folder]
    for above, folders, files in os.walk(folder):
        found += [Path(above, name) for name in (*folders, *files)]
    shown = []
    for one in found:
        try:
            mode = one.lstat().st_mode
        except FileNotFoundError:
            continue  # a file that was replaced meanwhile
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & 0o077:
            shown.append(f"{stat.filemode(mode)} {one.relative_to(folder)}")
    return shown
