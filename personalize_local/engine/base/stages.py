"""The progress of a training: one log record at the beginning of each stage."""

import logging
from typing import Final

LOGGER: Final = logging.getLogger(__name__)
STAGES: Final = (
    "fitting the features",
    "fitting the blend",
    "fitting the parts",
    "fitting the weights of the parts",
    "training the networks",
    "training the re-ranker",
    "fitting all events",
)
"""In their order; a training may skip some."""


def begin(stage: str) -> None:
    """Log that a stage begins. ValueError when it is none of STAGES."""
    if stage not in STAGES:
        raise ValueError(f"{stage!r} is not a stage of a training")
    LOGGER.info(stage)
