"""What a deploy says when a role has no model."""

from typing import Any

from tools.deploy.base.errors import DeployError, HeldBackError
from tools.deploy.base.training import Execution
from tools.deploy.verdict import first_verdict

SHORT = "promotion threshold: NDCG@5 0.0040 falls short by 0.0060, more than 0.0100 is needed"


def execution(status: str = "SUCCEEDED", *solutions: dict[str, Any], cause: str = "") -> Execution:
    return Execution(arn="arn", status=status, output={"solutions": list(solutions)}, error="Error", cause=cause)


def held_back(role: str) -> dict[str, Any]:
    reasons = [
        {"passed": False, "text": "0 new events since yesterday; minNewEvents is 1,000"},
        {"passed": False, "metric": "normalized_discounted_cumulative_gain_at_5", "text": SHORT},
        {"passed": True, "metric": "coverage", "text": "coverage floor: coverage 0.5000"},
    ]
    return {"role": role, "decision": "held back", "reasons": reasons}


def test_held_back_has_an_exit_code_of_its_own_and_says_by_how_much() -> None:
    """Exit code 3; the conditions of the gate that were not met are told, with their numbers."""
    error = first_verdict(execution("SUCCEEDED", held_back("reranking")), ["reranking"], "All else stands.")
    assert isinstance(error, HeldBackError)
    assert error.exit_code == 3
    assert f"the gate held back:\n  reranking: {SHORT}\nAll else stands." == str(error)


def test_only_roles_without_a_model_are_told() -> None:
    """What was promoted is no bad news."""
    promoted = {"role": "recommendation", "decision": "promoted", "reasons": []}
    error = first_verdict(execution("SUCCEEDED", promoted, held_back("reranking")), ["reranking"], "")
    assert "recommendation" not in str(error)


def test_a_failed_run_is_a_failure_with_its_cause() -> None:
    """Exit code 1: nobody judged anything."""
    error = first_verdict(execution("FAILED", cause="no interactions"), ["reranking"], "All else stands.")
    assert type(error) is DeployError
    assert str(error) == "the training run failed: no interactions\nAll else stands."


def test_a_run_that_says_nothing_is_told_by_its_status() -> None:
    """An aborted run has neither error nor cause."""
    silent = Execution(arn="arn", status="ABORTED", output={}, error="", cause="")
    assert "it ended as ABORTED and says no more" in str(first_verdict(silent, ["reranking"], ""))


def test_a_role_that_was_not_judged_tells_why_it_was_not_trained() -> None:
    """What spoke against a training is the only reason there is then."""
    reasons = [{"passed": False, "text": "0 new events"}]
    skipped = {"role": "reranking", "decision": "skipped", "reasons": reasons}
    assert "reranking: 0 new events" in str(first_verdict(execution("SUCCEEDED", skipped), ["reranking"], ""))


def test_a_role_without_a_reason_says_so() -> None:
    """Nothing is made up."""
    error = first_verdict(execution("SUCCEEDED", {"role": "reranking", "decision": "skipped"}), ["reranking"], "")
    assert "reranking: skipped, without a reason" in str(error)
