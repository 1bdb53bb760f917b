"""The record of what roles were allowed and refused."""

from pathlib import Path

from local_cloud.identity.decisions import Decision, DecisionLog, read_decisions, refusals


def decision(resource: str = "arn:aws:s3:::b/1", *, allowed: bool = True) -> Decision:
    granted_by = "arn:aws:s3:::b/*" if allowed else ""
    return Decision(
        role="r", service="lambda", action="s3:GetObject", resource=resource, allowed=allowed, granted_by=granted_by
    )


def test_a_grants_first_use_and_each_refusal_are_kept(tmp_path: Path) -> None:
    """A second call by the same grant says nothing new; a refusal on another resource does."""
    log = DecisionLog(tmp_path / "new" / "decisions.jsonl")
    refused = [decision(f"arn:aws:s3:::c/{number}", allowed=False) for number in (1, 2)]
    for one in (decision(), decision("arn:aws:s3:::b/2"), *refused, *refused):
        log.note(one)
    assert [decision(), *refused] == list(read_decisions(tmp_path / "new" / "decisions.jsonl"))
    assert refused == refusals(tmp_path / "new" / "decisions.jsonl")


def test_the_record_goes_on_after_a_restart(tmp_path: Path) -> None:
    """What was known before is not written again."""
    for _ in range(2):
        DecisionLog(tmp_path / "d").note(decision())
    assert [decision()] == list(read_decisions(tmp_path / "d"))


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    """A reader meets whole decisions only; no file is no decision."""
    assert [] == list(read_decisions(tmp_path / "d"))
    DecisionLog(tmp_path / "d").note(decision())
    with (tmp_path / "d").open("a") as file:
        file.write('{"role": "half')
    assert [decision()] == list(read_decisions(tmp_path / "d"))
