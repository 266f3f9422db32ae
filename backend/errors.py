"""Defines an exception class for each kind of trouble that callers treat differently.

Each message says what happened to which file, job or box; `remedy` says what to do about it. One module,
`backend.exit_codes`, decides which exit code each class becomes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self


class UpsampleError(Exception):
    """An error that is explained to the user instead of being shown as a traceback."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        """What happened, naming the file, job or box."""
        self.remedy = remedy
        """What the user can do; empty when `problem` says it."""

    def __str__(self) -> str:
        return f"{self.problem}\n  {self.remedy}" if self.remedy else self.problem

    def without_trace(self) -> Self:
        """Return the error without the calls that it came through, which take 4 kB where it is kept."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class ConfigError(UpsampleError):
    """A setting is unknown, has a wrong value, or its file cannot be read."""


class InputError(UpsampleError):
    """A path, spec, prompt or option given by the user cannot be used."""


class MediaError(InputError):
    """A video or image cannot be read, or holds nothing that a model could look at."""


class AnswerError(UpsampleError):
    """An answer arrived that contains no upsampled prompt."""


class ResultError(UpsampleError):
    """A result cannot be written where it belongs."""


class LinkError(ResultError):
    """Links lead from a folder that is to be written out of the working directory."""

    def __init__(self, folder: Path, place: Path) -> None:
        super().__init__(
            f"{folder} leads out of the folder where you work, through a link to {place}",
            f"If files are to be written there, name that place itself: {place}",
        )


class OutputLost(UpsampleError):
    """What a command says cannot be written: the disk is full, or nobody reads the pipe any more."""


class QueueError(UpsampleError):
    """The local queue cannot be opened, or another process is working on it."""


class QueueTaken(QueueError):
    """Another process holds the lock of the queue."""

    def __init__(self, holder: str, remedy: str = "", mark: str = "") -> None:
        """`holder` describes the process in words; `mark` is `Holder.mark`."""
        super().__init__(f"{holder} is working on the queue", remedy)
        self.holder = holder
        self.mark = mark


class BoxError(UpsampleError):
    """The box could not be reached, trusted or used."""


class BoxUnreachable(BoxError):
    """The box could not be connected, or the connection was lost. A later try may succeed."""


class BoxUntrusted(BoxError):
    """The host key is unknown and was not accepted, or it differs from the known one."""


class BoxRefusedLogin(BoxError):
    """The box was reached and is the right one, but no key or password was accepted."""


class BoxUnusable(BoxError):
    """The box was reached, but the runner cannot work there (no Python, disk full, wrong engine)."""


class BoxOutdated(BoxError):
    """The program on the box is too old for a request, and is replaced when its work is done."""


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group of tasks, which is the one that ended the other tasks."""
    error = errors.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else error
