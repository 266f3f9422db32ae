"""How the app was left: its theme, page and panes, and the spec that was looked at.

A small file of the user's keeps it. It serves comfort only, so errors of reading and writing it are
ignored.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import platformdirs

from backend.files import write_whole

VERSION = 1
_MOST_BYTES = 64 * 1024
"""The size beyond which a file cannot be ours."""

Fact = str | int | bool
F = TypeVar("F", str, int, bool)


def default_memory() -> Path:
    """Return the path of the user's file."""
    return platformdirs.user_state_path("upsample") / "app.json"


@dataclass(slots=True)
class Memory:
    """Facts about how the app was left, by name ("theme", "specs.detail")."""

    file: Path | None
    """The file; None remembers for this session only."""
    facts: dict[str, Fact] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path | None) -> Memory:
        """Load the file; a damaged one, or one of another version, counts as empty."""
        return cls(file, _read(file) if file is not None else {})

    def recall(self, name: str, default: F) -> F:
        """Return the remembered fact if it has the type of the default, and the default otherwise."""
        fact = self.facts.get(name, default)
        return fact if type(fact) is type(default) else default

    def note(self, name: str, fact: Fact) -> None:
        """Note a fact that changes with every key, and so waits for the next writing."""
        self.facts[name] = fact

    def remember(self, name: str, fact: Fact) -> None:
        """Note a fact, and write the file. Blocks for as long as a small file takes to write."""
        if self.facts.get(name) != fact:
            self.facts[name] = fact
            self.save()

    def save(self) -> None:
        """Write the file so that only the user can read it."""
        if self.file is not None:
            # A disk that is full, or read only, keeps nobody from working.
            with contextlib.suppress(OSError):
                _write(self.file, json.dumps({"version": VERSION, "facts": self.facts}) + "\n")


def _read(file: Path) -> dict[str, Fact]:
    try:
        with file.open("rb") as opened:
            kept = json.loads(opened.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(kept, dict) or kept.get("version") != VERSION:
        return {}
    facts = kept.get("facts")
    if not isinstance(facts, dict):
        return {}
    return {name: fact for name, fact in facts.items() if isinstance(fact, Fact)}


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(file, text.encode(), private=True)
