"""The errors that the API answers with, and those that end the work behind a resource.

Codes and HTTP statuses are those of botocore's service models: control-plane errors are all 400, the events and
runtime APIs use 404 for a resource that is not there and 409 for one in use.
"""


class ServiceError(Exception):
    """An error of the API: what boto3 raises as `ClientError` with this code and message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


def invalid_input(message: str) -> ServiceError:
    """The request cannot be met as it is; sending it again will not help."""
    return ServiceError("InvalidInputException", message)


def not_found(kind: str, arn: str, *, status: int = 400) -> ServiceError:
    """No resource of this kind has this ARN. The runtime and events APIs answer with HTTP status 404.

    The text of a missing dataset group is the service's own, as recorded; the other kinds follow its pattern.
    """
    return ServiceError(
        "ResourceNotFoundException", f"The given {kind.replace('-', ' ')} does not exist: {arn}", status
    )


def already_exists(arn: str) -> ServiceError:
    """A resource with this ARN (so with this name) exists."""
    return ServiceError("ResourceAlreadyExistsException", f"Another resource with Arn {arn} already exists.")


def in_use(message: str, *, status: int = 400) -> ServiceError:
    """The resource, or one that depends on it, is in a state that forbids the request."""
    return ServiceError("ResourceInUseException", message, status)


def limit_exceeded(message: str) -> ServiceError:
    """A quota would be exceeded."""
    return ServiceError("LimitExceededException", message)


def bad_token() -> ServiceError:
    """A pagination token that no list operation of this kind has given."""
    return ServiceError("InvalidNextTokenException", "The token is not valid.")


def serialization(message: str) -> ServiceError:
    """The body is not JSON, or a member has another type than the service model says."""
    return ServiceError("SerializationException", message)


def not_supported(operation: str) -> ServiceError:
    """An operation of the service models that this server does not carry out."""
    return invalid_input(f"{operation} is not supported by the local Personalize.")


class WorkError(Exception):
    """A task could not be done; the text is the resource's `failureReason`."""


class WorkStoppedError(Exception):
    """A task was stopped before its end."""
