"""How a deploy can end other than well, each with its exit code."""


class DeployError(Exception):
    """Something stops the deploy; the message says what, and what to do about it."""

    exit_code = 1


class UsageError(DeployError):
    """The command line or the config cannot be used."""

    exit_code = 2


class HeldBackError(DeployError):
    """Everything stands, but the gate held a model back; the message says which metric fell short by how much."""

    exit_code = 3
