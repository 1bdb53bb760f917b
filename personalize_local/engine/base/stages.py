"""Where a training is, for whoever waits for it: a log record at the beginning of each stage."""

import logging
from typing import Final

LOGGER: Final = logging.getLogger(__name__)
STAGES: Final = (
    "reading most visitors",
    "weighing what was read",
    "fitting the parts",
    "weighing the parts",
    "training networks",
    "teaching the re-ranker",
    "reading all events",
)
"""In their order; a training may leave some out."""


def begin(stage: str) -> None:
    """Say that a stage begins. ValueError when it is none of STAGES."""
    if stage not in STAGES:
        raise ValueError(f"{stage!r} is no stage of a training")
    LOGGER.info(stage)
