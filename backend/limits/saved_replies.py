"""What a box has answered so far, on this machine's disk, so that an interrupted measurement goes on.

One line of JSON a reply, after a line that says what is measured. The requests of a measurement have a
seed of its own: a box answers equal requests from its journal, and a new measurement wants new answers.
Everything here blocks.
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
"""An interrupted measurement that is older is begun anew: the box may be another one by now."""

_REPLY = TypeAdapter(Reply)


class SavedReplies:
    """The replies of one measurement."""

    def __init__(self, file: Path, subject: str) -> None:
        """Go on with what `file` has of the same subject, or begin. Raises ResultError.

        `subject` differs whenever an earlier reply would not hold any more: box, model, settings.
        """
        self._file = file
        self._replies: dict[str, Reply] = {}
        self.seed, self.began = secrets.randbelow(GREATEST_SEED), time.time()
        lines = _whole_lines(file)
        if not self._goes_on(lines[:1], subject):
            head = {"subject": subject, "seed": self.seed, "began": self.began}
            self._write(json.dumps(head), mode="w")
            return
        for line in lines[1:]:
            try:
                note = json.loads(line)
                self._replies[note["request"]] = _REPLY.validate_python(note["reply"])
            except (ValueError, LookupError, TypeError):
                continue  # it is asked again

    @property
    def count(self) -> int:
        """Replies that there are."""
        return len(self._replies)

    def reply(self, request: str) -> Reply | None:
        """What was said to the request of this id; None when it was not asked yet."""
        return self._replies.get(request)

    def keep(self, request: str, reply: Reply) -> None:
        """Write a reply down. Raises ResultError."""
        self._replies[request] = reply
        self._write(json.dumps({"request": request, "reply": asdict(reply)}), mode="a")

    def _goes_on(self, head: list[str], subject: str) -> bool:
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


def _whole_lines(file: Path) -> list[str]:
    """Without the last one where a crash has torn it."""
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip("\n") for line in text.splitlines(keepends=True) if line.endswith("\n")]
