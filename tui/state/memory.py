"""How the app was left: theme, page, panes, and which spec was looked at. A small file of the user's.

It is worth nothing but comfort: what cannot be read of it is forgotten without a word, and what cannot be
written is not remembered.
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
"""No file of ours is that large."""

Fact = str | int | bool
F = TypeVar("F", str, int, bool)


def default_memory() -> Path:
    """Where the user's memory is kept."""
    return platformdirs.user_state_path("upsample") / "app.json"


@dataclass(slots=True)
class Memory:
    """Facts by name ("theme", "specs.detail")."""

    file: Path | None
    """None remembers for this session alone."""
    facts: dict[str, Fact] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path | None) -> Memory:
        """What was remembered; nothing when the file is damaged, or of another version."""
        return cls(file, _read(file) if file is not None else {})

    def recall(self, name: str, default: F) -> F:
        """What is remembered, if it is of the default's type."""
        fact = self.facts.get(name, default)
        return fact if type(fact) is type(default) else default

    def note(self, name: str, fact: Fact) -> None:
        """Keep this from the next writing on: what changes with every key is not worth one."""
        self.facts[name] = fact

    def remember(self, name: str, fact: Fact) -> None:
        """Keep this from now on. Blocks for as long as a small file takes to write."""
        if self.facts.get(name) != fact:
            self.facts[name] = fact
            self.save()

    def save(self) -> None:
        """Write everything, for the user's eyes alone."""
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
