"""The log on the laptop's disk: a text file of bounded size, written by a thread of its own; and files that
the user saves lines in.

Lines are made harmless before they are written, because people look at such files with `cat`.
"""

from __future__ import annotations

import fcntl
import io
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import platformdirs

from backend.files import write_whole
from tui.log.book import LogLine
from tui.log.line_text import plain

MOST_BYTES = 20_000_000
"""Size of the log file at which it is renamed, in place of the older one."""

MOST_WAITING = 200_000
"""Lines that may wait for a slow disk. Further ones are counted and left out."""

_BATCH = 5_000
_PIECE_BYTES = 1_000_000
_END_SECONDS = 2.0


def default_log_file() -> Path:
    """Return the path of the app's log file."""
    return platformdirs.user_log_path("upsample") / "boxes.log"


class LogFile:
    """Appends lines to `path`, and renames it to `path`.1 when it is full. Writing to it never blocks the
    caller.
    """

    def __init__(
        self, path: Path, tell: Callable[[str], None], most_bytes: int = MOST_BYTES
    ) -> None:
        """`tell` is called once at most, in another thread, with the reason why writing failed."""
        self.path = path
        self._tell = tell
        self._most_bytes = most_bytes
        self._waiting: queue.SimpleQueue[Sequence[LogLine] | None] = queue.SimpleQueue()
        self._left_out = 0
        self._told = False
        # A daemon: a disk that hangs shall not keep the app from ending.
        self._thread = threading.Thread(target=self._write_all, name="log file", daemon=True)
        self._thread.start()

    def write(self, lines: Sequence[LogLine]) -> None:
        """Queue the lines for the writing thread."""
        if self._waiting.qsize() > MOST_WAITING:
            self._left_out += len(lines)
            return
        if self._left_out:
            more, self._left_out = self._left_out, 0
            last = lines[0]
            text = f"+{more:,} lines left out: the disk was too slow"
            self._waiting.put([LogLine("", last.time, "warning", "log", text)])
        self._waiting.put(lines)

    def close(self) -> None:
        """Write the waiting lines, and give up after a few seconds."""
        self._waiting.put(None)
        self._thread.join(_END_SECONDS)

    def _write_all(self) -> None:
        going = True
        while going:
            lines: list[LogLine] = []
            more = self._waiting.get()
            while more is not None:
                lines += more
                if len(lines) >= _BATCH or self._waiting.empty():
                    break
                more = self._waiting.get()
            going = more is not None
            if lines:
                self._try_to_append(lines)

    def _try_to_append(self, lines: Sequence[LogLine]) -> None:
        try:
            for piece in self._pieces(lines):
                self._append(piece)
        except OSError as error:
            # Tried again with what comes next: the disk may have room then.
            if not self._told:
                self._told = True
                self._tell(f"{self.path} cannot be written: {error.strerror or error}")

    def _pieces(self, lines: Sequence[LogLine]) -> Iterator[bytes]:
        """Yield the lines as bytes, in pieces that fit into the file. A single line may be larger."""
        piece = bytearray()
        for line in lines:
            data = f"{plain(line)}\n".encode("utf-8", "backslashreplace")
            if piece and len(piece) + len(data) > min(self._most_bytes, _PIECE_BYTES):
                yield bytes(piece)
                piece.clear()
            piece += data
        yield bytes(piece)

    def _append(self, data: bytes) -> None:
        # Opened each time: another app may have moved it, and both write to the same file.
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            with io.FileIO(os.open(self.path, flags, 0o600), "a") as file:
                # Who has the lock of the file that is at `path` now may write it, or move it.
                fcntl.flock(file, fcntl.LOCK_EX)
                if not self._is_at_path(file):
                    continue
                size = file.seek(0, os.SEEK_END)
                if size and size + len(data) > self._most_bytes:
                    self.path.replace(self.path.with_name(f"{self.path.name}.1"))
                    continue
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                return

    def _is_at_path(self, file: io.FileIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False


def as_text(lines: Iterable[LogLine]) -> str:
    """Return the lines as the text that is copied and saved."""
    return "".join(f"{plain(line)}\n" for line in lines)


def save_lines(lines: Iterable[LogLine], path: Path, *, replace: bool) -> None:
    """Write the lines to a file of the user's. Blocks. Raises OSError, which is FileExistsError when the file
    exists and `replace` is false.
    """
    data = as_text(lines).encode("utf-8", "backslashreplace")
    if not replace:
        with path.open("xb") as file:
            file.write(data)
        return
    write_whole(path, data)
