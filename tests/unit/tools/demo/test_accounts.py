"""The books: nothing lost, nothing twice, and every fault shown."""

import gzip
from typing import Any

from tests.unit.tools.events.test_malformed import EVENT
from tools.demo.accounts import Books, Interaction, interaction, read_archive, read_export, settle
from tools.events.traffic import Message, message

ANONYMOUS: dict[str, Any] = {key: value for key, value in EVENT.items() if key != "userId"}
SENT = [message(EVENT), message(ANONYMOUS), Message(b"broken", "s1", None, "not JSON")]
STORED: list[Interaction] = [
    ("u1", "2-Saint_Bernard-3-2", "DetailView", EVENT["timestamp"]),  # type: ignore[list-item]
    ("s1", "2-Saint_Bernard-3-2", "DetailView", EVENT["timestamp"]),  # type: ignore[list-item]
]
ARCHIVED = [m.data for m in SENT]


def test_books_of_a_good_run_balance() -> None:
    """sent = accepted + quarantined = archived; an anonymous visitor goes by the session."""
    books = settle(SENT, STORED, [b"broken"], ARCHIVED)
    assert Books(sent=3, accepted=2, quarantined=1, lost=0, duplicated=0, archived=3) == books
    assert books.balance


def test_lost_event_is_seen() -> None:
    """An event that Personalize does not hold is lost."""
    books = settle(SENT, STORED[:1], [b"broken"], ARCHIVED)
    assert (1, 0, False) == (books.lost, books.duplicated, books.balance)


def test_lost_record_of_the_archive_is_seen() -> None:
    """A record that the archive does not hold is lost."""
    books = settle(SENT, STORED, [b"broken"], ARCHIVED[1:])
    assert (1, 2, False) == (books.lost, books.archived, books.balance)


def test_event_counted_twice_is_seen() -> None:
    """Two rows for one event are one too many, though it was sent."""
    books = settle(SENT, [*STORED, STORED[0]], [b"broken"], ARCHIVED)
    assert (0, 1, False) == (books.lost, books.duplicated, books.balance)


def test_changed_event_is_lost_and_another_is_too_many() -> None:
    """An event stored with another time is not the event that was sent."""
    user, item, kind, time = STORED[0]
    books = settle(SENT, [(user, item, kind, time + 1), STORED[1]], [b"broken"], ARCHIVED)
    assert (1, 1) == (books.lost, books.duplicated)


def test_quarantine_must_hold_the_very_record() -> None:
    """A quarantined record with other bytes stands for nothing that was sent."""
    books = settle(SENT, STORED, [b"brokem"], ARCHIVED)
    assert (0, 1, 1) == (books.quarantined, books.lost, books.duplicated)


def test_equal_events_count_as_often_as_they_were_sent() -> None:
    """Multisets: two equal events need two rows."""
    books = settle([SENT[0], SENT[0]], [STORED[0], STORED[0]], [], [ARCHIVED[0]] * 2)
    assert books.balance


def test_export_is_read_by_its_header() -> None:
    """The columns may come in any order; breeds may hold commas' neighbours."""
    files = [
        b"USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu1,2-Saint_Bernard-3-2,5,AIF\n",
        b'EVENT_TYPE,TIMESTAMP,USER_ID,ITEM_ID\nFavorite,6,s1,"1-a, b-1-1"\n',
    ]
    assert [("u1", "2-Saint_Bernard-3-2", "AIF", 5), ("s1", "1-a, b-1-1", "Favorite", 6)] == read_export(files)


def test_archive_is_read_line_by_line_whatever_the_bytes() -> None:
    """Malformed records are lines like any other, empty and undecodable ones too."""
    records = [b"{}", b"", b"\xff\xfe", b"x"]
    files = [gzip.compress(b"".join(r + b"\n" for r in records[:2])), gzip.compress(b"\xff\xfe\nx\n")]
    assert records == read_archive(files)


def test_numbers_and_texts_are_the_same_group() -> None:
    """The site may send ids as numbers; the group is the same."""
    numbers = {**EVENT, "animalMetadata": {**EVENT["animalMetadata"], "animal_size_id": 3}}  # type: ignore[dict-item]
    assert STORED[0] == interaction(numbers)
