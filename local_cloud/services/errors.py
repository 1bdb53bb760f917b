"""What a service answers when it refuses a call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One member of a request that breaks a rule of the service model."""

    path: str
    """Where, e.g. `/vectors/0/key`."""
    message: str


class ServiceError(Exception):
    """A refusal with the service's own error name; the text is the message that the client shows."""

    def __init__(self, code: str, message: str, status: int = 400, fields: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields
