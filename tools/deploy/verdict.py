"""Why a training run left a role without a model, in words for the one who deployed."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.deploy.base.errors import DeployError, HeldBackError
from tools.deploy.base.training import Execution


def first_verdict(execution: Execution, roles: Sequence[str], what_now: str) -> DeployError:
    """The error to end with when `roles` have no model after `execution`.

    A HeldBackError where the gate decided so for at least one, with its reasons (which metric, by how much); a plain
    DeployError where the run failed.
    """
    results: Mapping[str, Mapping[str, Any]] = {
        result["role"]: result for result in execution.output.get("solutions", []) if result.get("role") in roles
    }
    if execution.status != "SUCCEEDED" or not results:
        told = execution.cause or execution.error or f"it ended as {execution.status} and says no more"
        return DeployError(f"the training run failed: {told}\n{what_now}")
    lines = [f"  {role}: {_unmet(result)}" for role, result in results.items()]
    return HeldBackError("the gate held back:\n" + "\n".join(lines) + f"\n{what_now}")


def _unmet(result: Mapping[str, Any]) -> str:
    """The conditions that were not met; the gate words each with its numbers.

    What spoke against another training (no metric in it) is told only where the gate was not asked.
    """
    unmet = [reason for reason in result.get("reasons", []) if not reason["passed"]]
    told = [reason for reason in unmet if "metric" in reason] or unmet
    return "; ".join(reason["text"] for reason in told) or f"{result.get('decision')}, without a reason"
