"""Refusals of Feature Store: the control plane and the runtime have names of their own."""

from local_cloud.services.errors import ServiceError


def invalid(message: str) -> ServiceError:
    """The control plane's refusal of what a request says."""
    return ServiceError("ValidationException", message)


def invalid_record(message: str) -> ServiceError:
    """The runtime's refusal of what a request says."""
    return ServiceError("ValidationError", f"Validation Error: {message}")


def no_group(name: str) -> ServiceError:
    """A refusal of a name that no feature group has."""
    return ServiceError("ResourceNotFound", f"Resource Not Found: the feature group {name} does not exist", 404)
