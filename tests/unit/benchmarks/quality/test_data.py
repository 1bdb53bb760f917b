"""Logs of interactions: formats, the filter, and the order that decides which event is the test."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.data import Log, LogError, read_log


def read(tmp_path: Path, text: str, *, name: str = "log.csv", core: int = 0) -> Log:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_log(path, core=core)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.csv", "ITEM_ID,EVENT_TYPE,USER_ID,TIMESTAMP\n7,view,1,20\n9,view,2,30\n3,view,1,10\n"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,7,4.0,20\n2,9,3.5,30\n1,3,5.0,10\n"),
        ("u.data", "1\t7\t4\t20\n2\t9\t3\t30\n1\t3\t5\t10\n"),
        ("ratings.dat", "1::7::4::20\n2::9::3::30\n1::3::5::10\n"),
    ],
)
def test_all_formats_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    """The API's CSV in any order of columns and the MovieLens files give one log: by user, then time."""
    log = read(tmp_path, text, name=name)
    assert [0, 0, 1] == log.user.tolist()
    assert [0, 1, 2] == log.item.tolist()
    assert [10.0, 20.0, 30.0] == log.time.tolist()


def test_ties_in_time_are_broken_by_item_number(tmp_path: Path) -> None:
    """Numbers are ordered as numbers, not as text: 9 comes before 10."""
    log = read(tmp_path, "USER_ID,ITEM_ID,TIMESTAMP\na,10,5\na,9,5\na,100,5\n")
    assert [0, 1, 2] == log.item.tolist()


def test_items_go_before_users(tmp_path: Path) -> None:
    """A rare item's events do not count for its visitor: items are filtered first, then users, each once."""
    rows = ["u,x,1", "u,x,2", "v,x,3", "v,rare,4", "w,y,5", "w,y,6"]
    log = read(tmp_path, "\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows]) + "\n", core=2)
    assert (2, 2, 4) == (log.n_users, log.n_items, len(log))
    assert [1.0, 2.0, 5.0, 6.0] == log.time.tolist()


def test_numbers_run_without_gaps(tmp_path: Path) -> None:
    """What the filter removes leaves no number behind."""
    rows = [f"u{user},i{item},{user}" for user in range(4) for item in range(user % 2, 6)]
    log = read(tmp_path, "\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows]) + "\n", core=3)
    assert log.n_users == len(np.unique(log.user))
    assert log.n_items == len(np.unique(log.item))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("USER,ITEM,TIME\n1,2,3\n", "expected USER_ID,ITEM_ID,TIMESTAMP"),
        ("USER_ID,ITEM_ID,TIMESTAMP\n1,2,noon\n", "log.csv, line 2"),
        ("USER_ID,ITEM_ID,TIMESTAMP\n1,2\n", "log.csv, line 2"),
        ("USER_ID,ITEM_ID,TIMESTAMP\n", "no interaction"),
        ("", "no interaction"),
    ],
)
def test_what_is_no_log_is_named(tmp_path: Path, text: str, said: str) -> None:
    """The error says which column or line is wrong."""
    with pytest.raises(LogError, match=said):
        read(tmp_path, text)


def test_a_log_that_the_filter_empties_is_refused(tmp_path: Path) -> None:
    """Two events are no benchmark of visitors and items with five."""
    with pytest.raises(LogError, match="5 events or more"):
        read(tmp_path, "USER_ID,ITEM_ID,TIMESTAMP\n1,2,3\n1,2,4\n", core=5)
