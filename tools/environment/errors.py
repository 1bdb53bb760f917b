"""What the front of a command tells in one sentence: errors that whoever runs it can mend."""


class ToolError(Exception):
    """Something stops the command; the message says what, and what to do about it."""

    exit_code = 1


class UsageError(ToolError):
    """The command line or the config cannot be used."""

    exit_code = 2
