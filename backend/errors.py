"""The kinds of trouble that a caller treats differently.

Every message says what happened to which file, job or box; `remedy` says what to do about it. Which
exit code a kind becomes is decided in one place, `backend.exit_codes`.
"""

from __future__ import annotations


class UpsampleError(Exception):
    """Trouble that is explained to the user instead of being shown as a traceback."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        """What happened, naming the file, job or box."""
        self.remedy = remedy
        """What the user can do; empty when the problem says it."""

    def __str__(self) -> str:
        return f"{self.problem}\n  {self.remedy}" if self.remedy else self.problem


class ConfigError(UpsampleError):
    """A setting is unknown, has a wrong value, or its file cannot be read."""


class InputError(UpsampleError):
    """A path, spec, prompt or option given by the user cannot be used."""


class MediaError(InputError):
    """A video or image cannot be read, or holds nothing that a model could look at."""


class AnswerError(UpsampleError):
    """An answer came, and there is no upsampled prompt in it."""


class ResultError(UpsampleError):
    """A result cannot be written where it belongs."""


class QueueError(UpsampleError):
    """The local queue cannot be opened, or somebody else is working on it."""


class QueueTaken(QueueError):
    """Another process is working on the queue."""

    def __init__(self, holder: str, remedy: str = "") -> None:
        """`holder` is who that is, in words."""
        super().__init__(f"{holder} is working on the queue", remedy)
        self.holder = holder


class BoxError(UpsampleError):
    """The box could not be reached, trusted or used."""


class BoxUnreachable(BoxError):
    """No connection, or it was lost. Trying again later may help."""


class BoxUntrusted(BoxError):
    """The host key is unknown and was not accepted, or it is not the known one."""


class BoxRefusedLogin(BoxError):
    """The box was reached and is the right one, but no key or password was accepted."""


class BoxUnusable(BoxError):
    """The box was reached, but the runner cannot work there (no Python, disk full, wrong engine)."""


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first in a group of tasks, and so ended the others."""
    error = errors.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else error
