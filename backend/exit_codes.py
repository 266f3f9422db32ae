"""What the `upsample` command exits with. Scripts rely on these, so they are an interface."""

from __future__ import annotations

from enum import IntEnum

from backend.errors import BoxError, OutputLost, UpsampleError


class ExitCode(IntEnum):
    """One line each; the README repeats them."""

    OK = 0
    """Everything was done."""
    SOME_FAILED = 1
    """Some jobs failed, or are still in the queue, or a result could not be written."""
    USAGE = 2
    """The command line, the config, or the input cannot be used."""
    BOX = 3
    """The box could not be reached, trusted or used."""
    OUTPUT = 4
    """What the command says could not be written (a full disk, a closed pipe). Its work may be done."""
    INTERRUPTED = 130
    """Ctrl-C; the queue keeps what was left."""


def exit_code_of(error: UpsampleError) -> ExitCode:
    """The exit code for trouble that ends a command."""
    if isinstance(error, OutputLost):
        return ExitCode.OUTPUT
    return ExitCode.BOX if isinstance(error, BoxError) else ExitCode.USAGE
