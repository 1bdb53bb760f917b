"""The interpreter of this folder takes the same way through the definition as the local cloud.

What waits differs: one has a clock of its own, in the other trainings and updates end when they end. States of waiting
are left out.
"""

from typing import Any

from tests.statemachines.fake_services import Fault, Services
from tests.statemachines.world import Environment

WAITING = {"WaitForTraining", "WaitForUpdate", "WaitForRollback"}


def ways(environment: Environment, services: Services, given: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The states that a run enters in the local cloud and in the interpreter."""
    there = set(environment.history(environment.run(given)))
    return there - WAITING, set(services.run(given).entered) - WAITING


def test_they_agree_on_a_promotion(served: Environment) -> None:
    """From the lock to the message."""
    served.improve()
    there, here = ways(served, Services.serving(), {"force": True})
    assert there == here


def test_they_agree_on_a_canary(served: Environment) -> None:
    """Nothing is trained, the campaigns answer."""
    there, here = ways(served, Services.serving(), {"task": "canary"})
    assert there == here


def test_they_agree_on_a_failed_update(served: Environment) -> None:
    """The updates end as CREATE FAILED, and the previous versions are put back."""
    served.improve()
    for role in ("recommendation", "reranking"):
        served.fault("UpdateCampaign", {"status": "CREATE FAILED"}, role=role)
    services = Services.serving()
    services.ends_as = {"update": "CREATE FAILED"}
    there, here = ways(served, services, {"force": True})
    assert there == here


def test_they_agree_on_a_ledger_that_cannot_be_written(served: Environment) -> None:
    """Both campaigns are put back, and the ledgers settled."""
    served.improve()
    served.break_state("WriteLedger", Name="ssm-reserved-name")
    services = Services.serving()
    services.faults = [Fault("WriteLedger", "Ssm.ValidationException")]
    there, here = ways(served, services, {"force": True})
    assert there == here
