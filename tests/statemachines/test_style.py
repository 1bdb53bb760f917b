"""How the definitions are written: what keeps them readable in `statemachines/` and in the console."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.definitions import FOLDER, SLEEP, TRAIN, definition
from local_cloud.emulator.states.definition import states

MOST_STATES = 100
MOST_CHARACTERS = 120
MOST_LINES = 400
LONGEST_NAME = 80
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
FILES = sorted(FOLDER.rglob("*"))
TEXTS = {path.relative_to(FOLDER): path.read_text(encoding="utf-8") for path in FILES if path.is_file()}
SHARED = Path("shared.yaml")
QUESTIONS = ("Who", "What", "Which", "When", "Where", "Why", "How", "Did", "Was", "Shall", "Can", "Does")


def machines(machine: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The machine and those inside its states."""
    yield machine
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from machines(state["ItemProcessor"])


def followers(state: Mapping[str, Any]) -> Iterator[str]:
    for rule in (state, *state.get("Choices", ()), *state.get("Catch", ())):
        yield from (rule[key] for key in ("Next", "Default") if key in rule)


def test_the_training_has_at_most_a_hundred_states() -> None:
    """Those inside its Maps too."""
    assert len(list(states(definition(TRAIN)))) <= MOST_STATES


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_each_file_fits_in_a_window(path: Path) -> None:
    """No line runs out of it, and no file is without end."""
    lines = TEXTS[path].splitlines()
    assert [line for line in lines if len(line) > MOST_CHARACTERS] == []
    assert len(lines) <= MOST_LINES


def test_all_is_yaml() -> None:
    """Nobody writes JSON beside it."""
    assert {path.suffix for path in TEXTS} == {".yaml"}


@pytest.mark.parametrize("name", [TRAIN, SLEEP])
def test_names_of_states_are_words(name: str) -> None:
    """Letters alone, as long as Step Functions takes them; what they do, not a question."""
    for state, _ in states(definition(name)):
        assert re.fullmatch(r"[A-Z][A-Za-z]+", state)
        assert len(state) <= LONGEST_NAME
        assert re.match(r"[A-Z][a-z]+", state)[0] not in QUESTIONS  # type: ignore[index]


@pytest.mark.parametrize("name", [TRAIN, SLEEP])
def test_choices_and_they_alone_are_predicates(name: str) -> None:
    """`IsLockHolderRunning` asks, `AcquireLock` does; the choice among several steps chooses."""
    for state, given in states(definition(name)):
        is_predicate = re.match(r"(Is|Has|Choose)[A-Z]", state) is not None
        assert is_predicate is (given["Type"] == "Choice"), state


@pytest.mark.parametrize("name", [TRAIN, SLEEP])
def test_every_state_is_reachable(name: str) -> None:
    """From where its machine starts."""
    for machine in machines(definition(name)):
        reached, ahead = set(), {machine["StartAt"]}
        while ahead:
            reached |= ahead
            ahead = {after for state in ahead for after in followers(machine["States"][state])} - reached
        assert set(machine["States"]) == reached


@pytest.mark.parametrize("path", [path for path in TEXTS if path != SHARED], ids=str)
def test_every_retry_is_an_alias(path: Path) -> None:
    """The policies stand in shared.yaml, and nowhere else."""
    retries = re.findall(r"\bRetry:(.*)", TEXTS[path])
    assert [retry for retry in retries if not re.fullmatch(r" \[\*[\w-]+(, \*[\w-]+)*\]", retry)] == []


def test_no_retry_policy_is_written_twice() -> None:
    """Each is another, and the definitions use them all."""
    policies = [repr(policy) for policy in yaml.safe_load(TEXTS[SHARED])["retries"]]
    assert [policy for policy, times in Counter(policies).items() if times > 1] == []
    used = {
        repr(rule)
        for name in (TRAIN, SLEEP)
        for _, state in states(definition(name))
        for rule in state.get("Retry", [])
    }
    assert used == set(policies)


def test_every_anchor_is_used() -> None:
    """Those of shared.yaml in some file, the others in their own."""
    everywhere = "".join(TEXTS.values())
    for path, text in TEXTS.items():
        for anchor in re.findall(r"(?<=[ \[])&([\w-]+)", text):
            assert re.search(rf"\*{anchor}(?![\w-])", everywhere if path == SHARED else text), f"{path}: {anchor}"
