"""The seed's files: reproducible, in the schemas' order, and ending when they should."""

import csv
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lambdas.shared.animal import AnimalGroup
from seed_data import generate
from seed_data.live import user_id

SCHEMAS = generate.FOLDER / "schemas"
FILES = ("interactions/interactions.csv", "items/items.csv")
SMALL = ("--visitors", "50", "--events", "400")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def interactions() -> list[dict[str, str]]:
    return rows_of(generate.FOLDER / FILES[0])


@pytest.fixture(scope="module")
def items() -> list[dict[str, str]]:
    return rows_of(generate.FOLDER / FILES[1])


@pytest.mark.parametrize("dataset", ["interactions", "items"])
def test_headers_are_in_the_order_of_the_schema(dataset: str) -> None:
    """Personalize wants the columns in the order of the schema's fields."""
    schema = json.loads((SCHEMAS / f"{dataset}.avsc.json").read_text(encoding="utf-8"))
    header = (generate.FOLDER / dataset / f"{dataset}.csv").read_text(encoding="utf-8").splitlines()[0]
    assert [field["name"] for field in schema["fields"]] == header.split(",")


def test_the_committed_files_are_what_the_generator_makes(tmp_path: Path) -> None:
    """Byte for byte, from the defaults; so is the packaged popular list.

    Where a processor's exponential differs in its last bit the chance of a draw does too: it matters only to a draw that
    falls between the two, one in some 10^15.
    """
    generate.main(["--out", str(tmp_path), "--popular", str(tmp_path / "popular.json")])
    for file in FILES:
        assert (generate.FOLDER / file).read_bytes() == (tmp_path / file).read_bytes()
    packaged = generate.FOLDER.parent / "lambdas" / "shared" / "popular.json"
    assert packaged.read_bytes() == (tmp_path / "popular.json").read_bytes()


def test_the_seed_has_the_promised_size(interactions: list[dict[str, str]], items: list[dict[str, str]]) -> None:
    """60,000 events, about 900 groups, 1,600 visitors who sign in and the sessions of 400 who do not."""
    users = {row["USER_ID"] for row in interactions}
    signed_in = {user_id(visitor) for visitor in range(2000)} & users
    assert (60_000, 873, 1600) == (len(interactions), len(items), len(signed_in))
    assert all(user.startswith("s-") for user in users - signed_in)


def test_rows_are_unique(interactions: list[dict[str, str]], items: list[dict[str, str]]) -> None:
    """Personalize keeps one of several equal events: there are none."""
    assert len(interactions) == len({tuple(row.values()) for row in interactions})
    assert len(interactions) == len({(row["USER_ID"], row["TIMESTAMP"]) for row in interactions})
    assert len(items) == len({row["ITEM_ID"] for row in items})


def test_every_event_is_on_a_group_that_was_there(
    interactions: list[dict[str, str]], items: list[dict[str, str]]
) -> None:
    """Interactions and items agree; CREATION_TIMESTAMP is true."""
    created = {row["ITEM_ID"]: int(row["CREATION_TIMESTAMP"]) for row in items}
    assert all(created[row["ITEM_ID"]] <= int(row["TIMESTAMP"]) for row in interactions)
    assert len(set(created.values())) > 0.9 * len(created)


def test_item_ids_and_columns_agree(items: list[dict[str, str]]) -> None:
    """ITEM_ID is species-breed-size-age, and parsing it gives the columns back, whatever the breed holds."""
    for row in items:
        group = AnimalGroup(row["ANIMAL_TYPE"], row["ANIMAL_BREED"], row["ANIMAL_SIZE"], row["ANIMAL_AGE"])
        assert group.item_id == row["ITEM_ID"]
        assert group == AnimalGroup.parse(row["ITEM_ID"])


def test_breeds_hold_spaces_and_hyphens(items: list[dict[str, str]]) -> None:
    """The seed has what every later step must survive; and nothing that AWS advises against in ids."""
    breeds = {row["ANIMAL_BREED"] for row in items}
    assert {"Domestic Short-Hair", "Black-and-Tan Coonhound", "Saint Bernard"} <= breeds
    assert all(breed.isascii() and '"' not in breed and "/" not in breed for breed in breeds)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """A seed and an end determine the files; another seed gives others."""
    for folder, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        generate.main(["--out", str(tmp_path / folder), "--seed", seed, *SMALL])
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
        assert (tmp_path / "a" / file).read_bytes() != (tmp_path / "c" / file).read_bytes()


def test_another_end_moves_the_times_and_nothing_else(tmp_path: Path) -> None:
    """A day later: the same visitors, groups and event types, each a day later."""
    for folder, end in (("a", "2026-03-01"), ("b", "2026-03-02T02:00:00+02:00")):
        generate.main(["--out", str(tmp_path / folder), "--end", end, *SMALL])
    first, second = (rows_of(tmp_path / folder / FILES[0]) for folder in ("a", "b"))
    assert [{**row, "TIMESTAMP": str(int(row["TIMESTAMP"]) + 86_400)} for row in first] == second
    first, second = (rows_of(tmp_path / folder / FILES[1]) for folder in ("a", "b"))
    assert [{**row, "CREATION_TIMESTAMP": str(int(row["CREATION_TIMESTAMP"]) + 86_400)} for row in first] == second


def test_the_seed_can_end_now(tmp_path: Path) -> None:
    """`--end now`: no event in the future, the last one not long ago."""
    generate.main(["--out", str(tmp_path), "--end", "now", *SMALL])
    last = max(int(row["TIMESTAMP"]) for row in rows_of(tmp_path / FILES[0]))
    assert 0 < time.time() - last < 5 * 86_400


def test_today_is_the_same_all_day() -> None:
    """`--end today` is midnight UTC, so that deploying twice a day imports once."""
    times = [datetime(2026, 5, 4, hour, 30, tzinfo=UTC) for hour in (0, 23)]
    assert [datetime(2026, 5, 4, tzinfo=UTC)] * 2 == [generate.parse_end("today", now) for now in times]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--end", "yesterday"], "yesterday"),
        (["--end", "1999-01-01"], "after 2003"),
        (["--noise", "2"], "noise must be from 0 to 1"),
        (["--events", "10"], "must be at least visitors"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, a message that says what is wrong, and nothing written."""
    with pytest.raises(SystemExit) as refused:
        generate.main(["--out", str(tmp_path / "out"), *arguments])
    assert 2 == refused.value.code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_popular_list_is_in_order_of_visitors(
    interactions: list[dict[str, str]], items: list[dict[str, str]]
) -> None:
    """The packaged list is what most visitors met, known groups only, both species among the first hundred."""
    visitors: dict[str, set[str]] = {}
    for row in interactions:
        visitors.setdefault(row["ITEM_ID"], set()).add(row["USER_ID"])
    packaged = json.loads((generate.FOLDER.parent / "lambdas/shared/popular.json").read_text(encoding="utf-8"))
    listed = [entry["itemId"] for entry in packaged["itemList"]]
    assert 500 == len(set(listed)) == len(listed)
    assert set(listed) <= {row["ITEM_ID"] for row in items}
    counts = [len(visitors[item]) for item in listed]
    assert sorted(counts, reverse=True) == counts
    assert {"1", "2"} == {item[0] for item in listed[:100]}
