"""Which licences the project may use, and that every installed package has one of them."""

import pytest

from tools.licences import Package, installed, outside


@pytest.mark.parametrize(
    ("licences", "allowed"),
    [
        (("MIT",), True),
        (("Apache Software License",), True),
        (("Apache-2.0 OR GPL-3.0-only",), True),
        (("GPL-3.0-only OR BSD-3-Clause AND GPL-2.0-only",), False),
        (("MPL-2.0 AND (Apache-2.0 OR MIT)",), True),
        (("BSD-3-Clause AND GPL-3.0-only",), False),
        (("GNU Lesser General Public License v3 (LGPLv3)",), False),
        (("MIT", "Proprietary"), False),
        ((), False),
    ],
)
def test_one_allowed_alternative_is_enough_and_every_part_must_be(licences: tuple[str, ...], allowed: bool) -> None:
    """`OR` leaves the choice to the user, `AND` does not; no word about a licence is none."""
    assert allowed == Package("any", "1.0", licences).allowed


def test_every_installed_package_may_be_used() -> None:
    """Runtime and development alike."""
    packages = installed()
    assert {"boto3", "pytest", "numpy"} <= {package.name for package in packages}
    assert [] == outside(packages)
