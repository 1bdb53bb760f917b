"""From when on the ids of events are digests (`Event.identity`): one moment for each environment, kept in SSM."""

import math

from lambdas.shared.event import EVERY_ID_IS_A_DIGEST

ALWAYS = "none"
"""What the parameter holds in an environment that never sent ids as the site gave them."""

PENDING = "pending"
"""What it holds while an upgrade is under way: ids are still sent as they are."""


def digests_from(value: str) -> float:
    """The moment in epoch seconds that the parameter's value names; infinite while it is not fixed.

    Raises ValueError for a value that is none of the three kinds.
    """
    if value == ALWAYS:
        return EVERY_ID_IS_A_DIGEST
    if value == PENDING:
        return math.inf
    moment = float(value)
    if not 0 < moment < math.inf:
        raise ValueError(f"{value!r} is no moment in epoch seconds")
    return moment
