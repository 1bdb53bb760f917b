"""How a deploy can end other than well; that it cannot be used so is a UsageError, as for every command."""

from tools.environment.errors import ToolError


class DeployError(ToolError):
    """Something stops the deploy; the message says what, and what to do about it."""


class HeldBackError(DeployError):
    """Everything stands, but the gate held a model back; the message says which metric fell short by how much."""

    exit_code = 3
