"""Saves the replies of a box on disk, so that an interrupted measurement can go on.

The file has one line of JSON for each reply, after a first line that says what is measured. Each measurement
has its own seed, because a box answers equal requests from its journal, and a new measurement needs new
answers. Everything here blocks.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from backend.errors import ResultError
from backend.limits.reply import Reply
from backend.planning.orders import GREATEST_SEED

_FRESH_SECONDS = 24 * 3600.0
"""An older measurement is started again, because the box may have changed."""

_REPLY = TypeAdapter(Reply)


class SavedReplies:
    """The saved replies of one measurement."""

    def __init__(self, file: Path, subject: str) -> None:
        """Load the replies in `file` where it has the same subject, or start a new file. Raises ResultError.

        `subject` identifies what is measured (box, model, settings). For another one, old replies
        are invalid.
        """
        self._file = file
        self._replies: dict[str, Reply] = {}
        self.seed, self.began = secrets.randbelow(GREATEST_SEED), time.time()
        lines = _read_complete_lines(file)
        if not self._continues(lines[:1], subject):
            head = {"subject": subject, "seed": self.seed, "began": self.began}
            self._write(json.dumps(head), mode="w")
            return
        for line in lines[1:]:
            try:
                note = json.loads(line)
                self._replies[note["request"]] = _REPLY.validate_python(note["reply"])
            except (ValueError, LookupError, TypeError):
                continue  # a damaged line is skipped, and its question asked again

    @property
    def count(self) -> int:
        """The number of saved replies."""
        return len(self._replies)

    def reply(self, request: str) -> Reply | None:
        """Return the reply to the request with this id; None when there is none yet."""
        return self._replies.get(request)

    def keep(self, request: str, reply: Reply) -> None:
        """Save a reply. Raises ResultError."""
        self._replies[request] = reply
        self._write(json.dumps({"request": request, "reply": asdict(reply)}), mode="a")

    def _continues(self, head: list[str], subject: str) -> bool:
        try:
            first = json.loads(head[0])
            seed, began = int(first["seed"]), float(first["began"])
        except (ValueError, LookupError, TypeError):
            return False
        if first.get("subject") != subject or time.time() - began > _FRESH_SECONDS:
            return False
        self.seed, self.began = seed, began
        return True

    def _write(self, line: str, *, mode: str) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open(mode, encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ResultError(f"{self._file} cannot be written: {error.strerror}") from error


def _read_complete_lines(file: Path) -> list[str]:
    """Read the complete lines of a file. A crash may have left the last one incomplete."""
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip("\n") for line in text.splitlines(keepends=True) if line.endswith("\n")]
