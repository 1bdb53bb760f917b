"""The journal: what was appended is read back, whatever is left of a last record."""

import errno
import os
from pathlib import Path

import pytest

from personalize_local.data.journal import Journal, records

PAYLOADS = [b"", b"one", bytes(range(256)) * 40]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.journal"


def _written(path: Path, *, durable: bool = False) -> None:
    journal = Journal.create(path, durable=durable)
    for payload in PAYLOADS:
        journal.append(payload)
    journal.close()


@pytest.mark.parametrize("durable", [False, True])
def test_records_come_back_in_order(path: Path, durable: bool) -> None:
    """Empty, short and long payloads, each as it was."""
    _written(path, durable=durable)
    assert PAYLOADS == list(records(path))


def test_a_torn_record_is_left_out(path: Path) -> None:
    """Wherever the file ends, every whole record before is read and nothing of the torn one."""
    _written(path)
    whole = path.read_bytes()
    first, second = 8, 8 + 8 + 3
    for end in (0, 1, 7, 8, 9, 15, 16, 18, second, second + 1, second + 8, len(whole) - 1):
        path.write_bytes(whole[:end])
        expected = PAYLOADS[: (end >= first) + (end >= second) + (end >= len(whole))]
        assert expected == list(records(path)), end


def test_a_damaged_record_ends_the_journal(path: Path) -> None:
    """A record whose checksum is wrong is not read, and what follows is not trusted either."""
    _written(path)
    damaged = bytearray(path.read_bytes())
    damaged[8 + 8] ^= 1
    path.write_bytes(damaged)
    assert [b""] == list(records(path))


def test_a_journal_is_never_written_over(path: Path) -> None:
    """Two journals cannot have one file; one that is discarded is gone."""
    journal = Journal.create(path)
    with pytest.raises(FileExistsError):
        Journal.create(path)
    journal.discard()
    assert not path.exists()


def test_half_a_record_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full in the middle of a record, the caller learns it and later records are still read."""
    journal = Journal.create(path)
    journal.append(b"before")
    write = os.write

    def full_after_three(descriptor: int, data: bytes) -> int:
        if len(data) < 8 + len(b"too long"):
            raise OSError(errno.ENOSPC, "no space left")
        return write(descriptor, data[:3])

    monkeypatch.setattr(os, "write", full_after_three)
    with pytest.raises(OSError, match="no space left"):
        journal.append(b"too long")
    monkeypatch.setattr(os, "write", write)
    journal.append(b"after")
    journal.close()
    assert [b"before", b"after"] == list(records(path))
