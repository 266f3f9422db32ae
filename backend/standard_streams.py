"""stdout and stderr that may stop taking what is written to them, because the disk under a log is full or
nobody reads a pipe any more.

From then on, everything goes to the null device, and the process exits with ExitCode.OUTPUT instead of a
success. When stdout is lost, a command ends, unless its work is more than its output: then the work goes on.
When only stderr is lost, the command goes on in any case, because its data is on stdout.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from backend.errors import OutputLost

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Streams:
    """What is known of the two streams of this process."""

    def __init__(self) -> None:
        self.lost: dict[str, str] = {}
        """By the name of a stream that is lost: a sentence that says why."""
        self.works = False
        """Whether the command has work that goes on without output."""
        self.has_data = False
        """Whether stdout holds data that programs read."""


_streams = _Streams()


def guard_streams() -> None:
    """Replace stdout and stderr by streams that notice when they are lost."""
    sys.stdout = _guarded(sys.stdout, "stdout")
    sys.stderr = _guarded(sys.stderr, "stderr")


def output_is_lost() -> bool:
    """Return whether a part of the output could not be written."""
    return bool(_streams.lost)


def note_data() -> None:
    """Note that stdout holds data that programs read, so that no message is written there."""
    _streams.has_data = True


@contextmanager
def working() -> Iterator[None]:
    """Go on with the work of the block when stdout is lost."""
    _streams.works = True
    try:
        yield
    finally:
        _streams.works = False


def tell_on_stdout() -> None:
    """Say on stdout that stderr is lost, unless programs read it. It may be lost by that, too."""
    told = _streams.lost.get("stderr")
    if told and "stdout" not in _streams.lost and not _streams.has_data:
        with suppress(OutputLost):
            sys.stdout.write(f"upsample: {told}\n")
            sys.stdout.flush()


class _Outlet(io.FileIO):
    """The file descriptor of a stream. After the first error it is the null device."""

    def __init__(self, descriptor: int, stream: str) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._stream = stream

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self._lose(error)
            return memoryview(data).nbytes

    def _lose(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        told = f"{self._stream} cannot be written: {os.strerror(error.errno or 0)}"
        if error.errno == errno.EPIPE:
            told = f"nobody reads {self._stream} any more"
        _streams.lost[self._stream] = told
        if self._stream == "stderr":
            return
        if not _streams.works:
            raise OutputLost(told)
        sys.stderr.write(f"upsample: {told}; the work goes on\n")
        sys.stderr.flush()


def _guarded(stream: TextIO | None, name: str) -> io.TextIOWrapper:
    """Return a guarded stream in place of `stream`, which is None where its descriptor is closed."""
    if not isinstance(stream, io.TextIOWrapper):
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - Path is slow to import
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlet(stream.fileno(), name)),
        encoding=stream.encoding,
        # A terminal whose encoding has no ✓ shows an escape instead of a traceback.
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
