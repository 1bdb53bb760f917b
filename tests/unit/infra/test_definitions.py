"""What becomes of the YAML of a state machine, and what of it is refused."""

import json
from pathlib import Path

import pytest

from infra.definitions import SLEEP, TRAIN, DefinitionError, definition, definition_text

MACHINE = """
StartAt: First
Sections: [m/second.asl.yaml]
States:
  First: {Type: Pass, Next: Second}
"""
SECOND = """
Second:
  Type: Task
  Retry: [*retry]
  End: true
"""
SHARED = """
retries:
  - &retry {ErrorEquals: [States.Timeout], MaxAttempts: 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m").mkdir()
    (tmp_path / "m.asl.yaml").write_text(MACHINE)
    (tmp_path / "m" / "second.asl.yaml").write_text(SECOND)
    (tmp_path / "shared.yaml").write_text(SHARED)
    return tmp_path


def with_first(folder: Path, state: str) -> Path:
    (folder / "m.asl.yaml").write_text(MACHINE.replace("{Type: Pass, Next: Second}", state))
    return folder


def test_sections_and_shared_anchors_become_one_definition(folder: Path) -> None:
    """Nothing of the files' seams is left."""
    assert definition("m", folder) == {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Next": "Second"},
            "Second": {
                "Type": "Task",
                "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 2}],
                "End": True,
            },
        },
    }


def test_sections_are_put_into_machines_inside_states(folder: Path) -> None:
    """A Map's processor is a machine like the whole."""
    processor = "{StartAt: Second, Sections: [m/second.asl.yaml]}"
    (folder / "m.asl.yaml").write_text(
        f"StartAt: Each\nStates:\n  Each: {{Type: Map, ItemProcessor: {processor}, End: true}}\n"
    )
    assert list(definition("m", folder)["States"]["Each"]["ItemProcessor"]["States"]) == ["Second"]


def test_the_text_is_json_without_white_space(folder: Path) -> None:
    """It counts against the template's size."""
    assert definition_text("m", folder) == json.dumps(definition("m", folder), separators=(",", ":"))
    assert "\n" not in definition_text("m", folder)


def test_a_merged_key_may_be_overridden(folder: Path) -> None:
    """As YAML's merge says; it is no key that is there twice."""
    with_first(folder, "{<<: &pass {Type: Pass, Next: First}, Next: Second}")
    assert definition("m", folder)["States"]["First"] == {"Type": "Pass", "Next": "Second"}


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ("{Type: Pass, Type: Task, Next: Second}", "the key 'Type' twice"),
        ("{<<: {Type: Pass}, <<: {End: true}}", "the key '<<' twice"),
        ("{Type: Pass, Retry: [*other], Next: Second}", "found undefined alias 'other'"),
        ("{Type: &retry Pass, Next: Second}", "found duplicate anchor 'retry'"),
        ("{Type: Pass, Result: {on: 1}, Next: Second}", "'on' is read as bool"),
        ("{Type: Pass, Result: {yes: 1}, Next: Second}", "'yes' is read as bool"),
        ("{Type: Pass, Result: {true: 1}, Next: Second}", "a key that is no text"),
        ("{Type: Pass, Result: {1: 1}, Next: Second}", "a key that is no text"),
        ("{Type: Pass, Result: off, Next: Second}", "'off' is read as bool"),
        ("{Type: Pass, Result: True, Next: Second}", "'True' is read as bool"),
        ("{Type: Pass, Result: 2026-12-01, Next: Second}", "'2026-12-01' is read as timestamp"),
        ("{Type: Pass, Result: 12:30, Next: Second}", "'12:30' is read as int"),
        ("{Type: Pass, Result: 010, Next: Second}", "'010' is read as int"),
        ("{Type: Pass, Result: .inf, Next: Second}", "'.inf' is read as float"),
        ("{Type: Pass, Result: , Next: Second}", "'' is read as null"),
        ("{Type: Pass, ResultPath: ~, Next: Second}", "'~' is read as null"),
        ("{Type: !!python/object:object {}, Next: Second}", "could not determine a constructor"),
        ("{Type: Pass, Next: Second, Sections: []}", "m.asl.yaml: First: Step Functions does not know Sections"),
        ("{Type: Pass, Next: Second, shared: 1}", "m.asl.yaml: First: Step Functions does not know shared"),
        ("{Type: Task, Retry: [{of: x}], Next: Second}", "m.asl.yaml: First: Retry: Step Functions does not know of"),
        ("{Type: Task, Catch: [{of: x}], Next: Second}", "m.asl.yaml: First: Catch: Step Functions does not know of"),
        ("[1]", "m.asl.yaml: First: a state is a mapping"),
    ],
)
def test_what_yaml_would_let_pass_in_silence_is_refused(folder: Path, state: str, problem: str) -> None:
    """With the file, and with what is wrong."""
    with pytest.raises(DefinitionError) as refused:
        definition("m", with_first(folder, state))
    assert str(refused.value).startswith("m.asl.yaml: ")
    assert problem in str(refused.value)


def test_a_helper_key_beside_the_states_is_refused(folder: Path) -> None:
    """Anchors of one file stand where they are used, or in shared.yaml."""
    (folder / "m.asl.yaml").write_text(f"{MACHINE}Anchors: [1]\n")
    with pytest.raises(DefinitionError, match=r"m\.asl\.yaml: Step Functions does not know Anchors"):
        definition("m", folder)


def test_a_state_in_two_sections_is_refused(folder: Path) -> None:
    """The later one would win."""
    (folder / "m" / "second.asl.yaml").write_text(SECOND.replace("Second:", "First:"))
    with pytest.raises(DefinitionError, match=r"m/second\.asl\.yaml: the state First is there already"):
        definition("m", folder)


@pytest.mark.parametrize("text", ["- Second\n", "Second\n", ""])
def test_a_section_that_is_no_mapping_is_refused(folder: Path, text: str) -> None:
    """Nothing of it would be in the definition."""
    (folder / "m" / "second.asl.yaml").write_text(text)
    with pytest.raises(DefinitionError, match="a section is a mapping of states by their names"):
        definition("m", folder)


def test_a_section_that_is_missing_is_named(folder: Path) -> None:
    """By its path."""
    (folder / "m" / "second.asl.yaml").unlink()
    with pytest.raises(DefinitionError, match=r"^m/second\.asl\.yaml: "):
        definition("m", folder)


@pytest.mark.parametrize("name", [TRAIN, SLEEP])
def test_nobody_shares_what_is_given(name: str) -> None:
    """An alias is one object in YAML; what is given has none twice, so that a change of one state changes no other."""
    states = definition(name)["States"]
    states["ReadLock"]["Retry"][0]["MaxAttempts"] = 99
    assert states["AcquireLock"]["Retry"][0]["MaxAttempts"] == 5
    assert definition(name)["States"]["ReadLock"]["Retry"][0]["MaxAttempts"] == 5
