"""Decodes server-sent events from the bytes of a body."""

from __future__ import annotations

from collections.abc import Iterator

MOST_EVENT = 1 << 20
"""Bytes that one event may have."""


class EventTooLong(Exception):
    """An event is longer than MOST_EVENT; the stream cannot be read on."""


class EventDecoder:
    """Cuts a byte stream into the data of its events, however the bytes arrive.

    Comments, and every field but `data`, are ignored. An event without a blank line after it is ignored, too.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._first_line = True

    def feed(self, data: bytes) -> Iterator[str]:
        """Add received bytes, and yield the data of the events that are complete now. Raises EventTooLong."""
        if not data:
            return
        if self._after_cr:
            # A CR ends a line at once; an LF that comes right after it belongs to it.
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        for part in data.splitlines(keepends=True):
            self._line += part
            if self._size + len(self._line) > MOST_EVENT:
                raise EventTooLong(f"an event is over {MOST_EVENT:,} bytes")
            if part.endswith((b"\r", b"\n")):
                line = self._take_line()
                if line:
                    self._take_field(line)
                elif self._data:
                    yield self._take_event()

    def _take_line(self) -> bytes:
        line = bytes(self._line).rstrip(b"\r\n")
        self._line.clear()
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        return line

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value) + 1

    def _take_event(self) -> str:
        # Lines are whole, so no character is cut; bytes that are not UTF-8 are the server's fault.
        text = b"\n".join(self._data).decode("utf-8", "replace")
        self._data.clear()
        self._size = 0
        return text
