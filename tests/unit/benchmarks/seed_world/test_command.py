"""What the benchmark of the simulated world asks, prints and draws."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.seed_world import command
from benchmarks.seed_world.cases import Case, catalogue_of, gains, new_groups, split
from benchmarks.seed_world.command import KNOWN, lines_of
from benchmarks.seed_world.plot import plot
from personalize_local.engine.base.data import Catalogue
from seed_data.oracle import Oracle
from seed_data.visits import Visit, visits
from seed_data.world import Parameters, World, build_world


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(seed=5, parameters=Parameters(visitors=120, events=2400))


@pytest.fixture(scope="module")
def made(world: World) -> list[Visit]:
    return list(visits(world))


@pytest.fixture(scope="module")
def cases(world: World, made: list[Visit]) -> list[Case]:
    return split(world, made)[1]


def _answers(default: float) -> dict[str, float]:
    return {"default": default, "popularity": 0.2, "random": 0.01}


def _figures(default: float) -> dict[str, object]:
    return {
        "seed": 1,
        "taste": 1.0,
        "cpu_seconds": 3.0,
        "oracle": 0.5,
        "all": _answers(default),
        "10 or more": _answers(default),
        "known": {known: _answers(default) for known in KNOWN},
        "newcomers": _answers(default),
        "five_clicks": {"rose": 0.98, "before_and_after": [0.1, 0.4]},
    }


def test_a_case_can_know_less(cases: list[Case]) -> None:
    """The newest events are what is left; the event that came stays, and more than all is all."""
    case = next(case for case in cases if len(case.history) > 5)
    assert case.history.item[-3:].tolist() == case.knowing(3).history.item.tolist()
    assert case.target == case.knowing(3).target
    assert 0 == len(case.knowing(0).history)
    assert len(case.history) == len(case.knowing(10_000).history)


def test_absent_visitors_train_nothing(world: World, made: list[Visit], cases: list[Case]) -> None:
    """Their events are missing from the training, their cases are there."""
    absent = frozenset({made[0].user_id})
    events, with_absent = split(world, made, absent=absent)
    count = sum(visit.user_id in absent for visit in made)
    assert len(split(world, made)[0]) - (count - 1) == len(events)
    assert len(cases) == len(with_absent)


def test_newcomers_have_no_event_to_learn_from(world: World, made: list[Visit]) -> None:
    """They came in the last month, no history of their cases holds one, and the catalogue says they came at the end."""
    hidden, catalogue, of_hidden = new_groups(world, made, catalogue_of(world))
    assert hidden
    assert of_hidden
    assert all(case.target.event.group in hidden for case in of_hidden)
    assert not any(np.isin(case.history.item, hidden).any() for case in of_hidden)
    assert catalogue.created is not None
    assert {0.0} == set(catalogue.created[hidden].tolist())


def test_nobody_beats_the_oracle(world: World, cases: list[Case]) -> None:
    """Over many cases the oracle's gain is above that of any fixed list and of chance."""
    oracle, rng = Oracle(world), np.random.default_rng(0)
    best = gains(cases, lambda case: oracle.chances(case.target)).mean()
    assert best > 2 * gains(cases, lambda case: rng.random(len(world.groups))).mean()
    assert best > gains(cases, lambda case: np.arange(len(world.groups), dtype=np.float64)).mean()


def test_the_table_gives_mean_and_worst_world() -> None:
    """One line a question; of two worlds the mean and the lower one."""
    lines = list(lines_of([_figures(0.9), _figures(0.8)]))
    of_newcomers = next(line for line in lines if line.startswith("newcomers")).split()
    assert ["0.850", "0.800", "0.200", "0.010"] == of_newcomers[1:]
    assert len(KNOWN) == sum(line.startswith("never seen") for line in lines)


def test_the_command_writes_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every world asked for is measured once; JSON and picture are written."""
    asked: list[tuple[int, float]] = []

    def measured(seed: int, taste: float) -> dict[str, object]:
        asked.append((seed, taste))
        return _figures(0.9)

    monkeypatch.setattr(command, "measure", measured)
    json, picture = tmp_path / "figures.json", tmp_path / "curve.svg"
    arguments = ["--seeds", "1", "2", "--tastes", "0.7", "1.4", "--json", str(json), "--plot", str(picture)]
    command.main(arguments)
    assert [(1, 0.7), (1, 1.4), (2, 0.7), (2, 1.4)] == asked
    assert json.read_text(encoding="utf-8").startswith("[")
    assert "popularity" in picture.read_text(encoding="utf-8")


def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    """Byte for byte, so that the picture in docs/ changes only when the figures do."""
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        plot(path, (0, 1), {"default": [[0.1, 0.5]], "random": [[0.0, 0.0]]})
    assert first.read_bytes() == second.read_bytes()


def test_the_catalogue_has_four_fields(world: World) -> None:
    """Species, breed, size and age, one value each for every group."""
    catalogue: Catalogue = catalogue_of(world)
    assert catalogue.fields is not None
    assert {0, 1, 2, 3} == set(catalogue.fields.tolist())
    assert catalogue.attributes is not None
    assert {4.0} == set(np.asarray(catalogue.attributes.sum(axis=1)).ravel().tolist())
