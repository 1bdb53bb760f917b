"""Make the seed: what the shelter lists and what simulated visitors did with it.

`python -m seed_data.generate --out DIR --end now` writes `DIR/interactions/interactions.csv` and
`DIR/items/items.csv`; the same arguments give the same bytes. The files in this folder were made with the defaults.
docs/develop/seed-data.md says what is real and what is simulated.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lambdas.shared.animal import AnimalGroup
from seed_data.visits import Visit, visits
from seed_data.world import Parameters, World, build_world

__all__ = ["Parameters", "build_world", "generate", "main", "parse_end", "visits", "write_popular"]

FOLDER = Path(__file__).resolve().parent
DEFAULT_SEED = 7
DEFAULT_END = "2026-11-01T00:00:00+00:00"
INTERACTION_COLUMNS = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE")
ITEM_COLUMNS = (
    "ANIMAL_TYPE",
    "ANIMAL_AGE",
    "ANIMAL_SIZE",
    "ANIMAL_BREED",
    "ITEM_VALUE",
    "ITEM_ID",
    "CREATION_TIMESTAMP",
)
LONGEST_POPULAR_LIST = 500
"""The most that GetRecommendations answers, so the most that the packaged list is asked for."""

_FEES = {"1": (120.0, 90.0, 75.0, 60.0, 40.0), "2": (250.0, 200.0, 160.0, 120.0, 75.0)}
"""Adoption fees by species and age band: assumed, as an ITEM_VALUE that is not constant."""


def generate(world: World, end: datetime, out: Path) -> list[Visit]:
    """Write both CSV files of the world below `out`, its last second being `end`; returns the events written."""
    seconds = int(end.timestamp())
    listed = world.listed(0)
    write_items(out / "items" / "items.csv", world, seconds, listed)
    made = sorted(visits(world), key=lambda visit: (visit.moment, visit.user_id))
    ids = world.item_ids
    rows = ((visit.user_id, ids[visit.event.group], seconds + visit.moment, visit.event.event_type) for visit in made)
    _write_csv(out / "interactions" / "interactions.csv", INTERACTION_COLUMNS, rows)
    return made


def write_items(path: Path, world: World, end: int, count: int) -> None:
    """Write the first `count` groups of the world as an Items file; `end` in epoch seconds."""
    listed = zip(world.groups[:count], world.created[:count].tolist(), strict=True)
    by_id = sorted(listed, key=lambda entry: entry[0].item_id)
    _write_csv(path, ITEM_COLUMNS, (item_row(group, end + created) for group, created in by_id))


def item_row(group: AnimalGroup, created: int) -> tuple[object, ...]:
    """A group's row of the Items file; `created` in epoch seconds."""
    fee = _FEES[group.species][int(group.age) - 1]
    return (group.species, group.age, group.size, group.breed, fee, group.item_id, created)


def write_popular(path: Path, world: World, made: Iterable[Visit], end: datetime) -> None:
    """Write the list that handlers fall back on before the first promotion: the groups most visitors met."""
    pairs = {(visit.user_id, visit.event.group) for visit in made}
    counts = Counter(group for _, group in pairs)
    ids = world.item_ids
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], ids[entry[0]]))[:LONGEST_POPULAR_LIST]
    popular: dict[str, Any] = {
        "solutionVersionArn": "none",
        "promotedAt": end.isoformat(),
        "itemList": [{"itemId": ids[group], "score": round(count / len(pairs), 7)} for group, count in ranked],
    }
    path.write_text(json.dumps(popular, indent=1) + "\n", encoding="utf-8")


def parse_end(text: str, now: datetime | None = None) -> datetime:
    """The end of the seed: `now`, `today` (its midnight: one seed a day) or ISO 8601; UTC where no zone is said.

    Raises ValueError.
    """
    now = now or datetime.now(UTC)
    if text == "now":
        return now.replace(microsecond=0)
    if text == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = datetime.fromisoformat(text)
    end = end.replace(tzinfo=UTC) if end.tzinfo is None else end.astimezone(UTC)
    if end < datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=3 * 365):
        raise ValueError(f"end must be after 2003, so that all of the seed is after 2000; not {text}")
    return end.replace(microsecond=0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the seed's CSV files."""
    defaults = Parameters()
    parser = argparse.ArgumentParser(prog="python -m seed_data.generate", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write into (default: this package)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="the world's seed (default: %(default)s)")
    parser.add_argument("--end", default=DEFAULT_END, help="now, today or ISO 8601 (default: %(default)s)")
    parser.add_argument("--popular", type=Path, help="also write the popular list into this file")
    for name, meaning in (
        ("visitors", "how many visitors"),
        ("events", "how many events"),
        ("days", "how many days"),
        ("taste", "strength of taste, 0 for none"),
        ("noise", "share of views that follow no taste"),
        ("anonymous", "share of visitors who never sign in"),
    ):
        value = getattr(defaults, name)
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"{meaning} (default: %(default)s)")
    given = vars(parser.parse_args(arguments))
    out, seed, popular = given.pop("out"), given.pop("seed"), given.pop("popular")
    try:
        end = parse_end(given.pop("end"))
        world = build_world(seed=seed, parameters=Parameters(**given))
    except ValueError as error:
        parser.error(str(error))
    made = generate(world, end, out)
    if popular is not None:
        write_popular(popular, world, made, end)
    print(f"{out}: {len(made)} events on {world.listed(0)} groups, ending {end.isoformat()}")


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
