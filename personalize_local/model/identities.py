"""Identifiers of requests and recommendations."""

import os


def new_identity() -> str:
    """Random digits in the form of a UUID."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_recommendation_id() -> str:
    """What an answer is known by, in the form of the service."""
    return f"RID-{new_identity()}"
