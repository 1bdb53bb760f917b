"""docs/develop/personalize-fidelity.md is what the code says."""

from personalize_local.api.fidelity import DIFFERENCES, PAGE, REASONS, page
from personalize_local.api.services import routes
from personalize_local.operations import OPERATIONS


def test_the_page_is_current() -> None:
    """`python -m personalize_local.api.fidelity` would write what is there."""
    assert page() == PAGE.read_text(encoding="utf-8")


def test_every_operation_has_a_state() -> None:
    """Each of the 79 operations stands there once, and what is refused has a reason."""
    rows = [line for line in page().splitlines() if "| carried out |" in line or "| refused |" in line]
    named = [line.split("`")[1] for line in rows if line.count("|") == 4]
    assert sorted(routes().operations) == sorted(named)
    assert set(routes().operations) - set(OPERATIONS) <= set(REASONS)


def test_differences_are_those_of_operations() -> None:
    """No difference is written under a name that no operation has, or that is refused."""
    assert set() == set(DIFFERENCES) - set(OPERATIONS)
    assert set() == set(REASONS) - set(routes().operations)
