"""What a command ends with: a sentence for people, a number for scripts."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit code of a command that asks a running bot."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    UNAUTHORIZED = 4
    UNAVAILABLE = 5
    PENDING = 6


class CommandError(Exception):
    """A command that failed for a reason that a user can put right."""

    def __init__(self, message: str, code: ExitCode = ExitCode.REFUSED) -> None:
        super().__init__(message)
        self.code = code
