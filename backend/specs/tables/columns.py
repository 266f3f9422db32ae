"""Finds the columns with the prompt, the media and the name, by common names or as the user names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.errors import InputError
from backend.specs.quoting import printable, quoted
from backend.specs.tables.rows import NoTableOfPrompts, TableFault

_PROMPT = (
    *("prompt", "prompts", "short_prompt", "input_prompt", "original_prompt", "prompt_text"),
    *("caption", "text", "description"),
)
_VIDEO = (
    *("video", "video_path", "input_video_path", "input_video", "video_file", "videos"),
    *("visual_input", "vision_path", "input_path", "media", "media_path", "clip", "clip_path"),
    *("image", "image_path", "image_file", "file_name", "filename", "filepath", "file_path"),
    *("file", "path"),
)
_NAME = ("id", "name", "spec_id", "video_id", "clip_id", "uid", "key")
_UNNAMED = re.compile(r"[\s-]+")
_MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class WantedColumns:
    """The columns as the user names them (`--columns`); empty where they are found by their names."""

    prompt: str = ""
    video: str = ""
    id: str = ""

    def __str__(self) -> str:
        """Return what `parse_columns` understands; empty where no column is named."""
        named = {"prompt": self.prompt, "video": self.video, "id": self.id}
        return ",".join(f"{key}={printable(column)}" for key, column in named.items() if column)


ANY_COLUMNS = WantedColumns()
"""All columns are found by their names."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of columns in a table, from 0."""

    prompt: int
    video: int | None
    name: int | None


def parse_columns(written: str) -> WantedColumns:
    """Parse `prompt=…,video=…,id=…`. Raises InputError."""
    wanted: dict[str, str] = {}
    for part in filter(None, written.split(",")):
        key, equals, column = (text.strip() for text in part.partition("="))
        if not equals or key not in ("prompt", "video", "id") or not column or key in wanted:
            raise InputError(
                f"--columns does not understand {quoted(part)}",
                "Write --columns prompt=NAME,video=NAME,id=NAME with the table's own names, each once.",
            )
        wanted[key] = column
    return WantedColumns(**wanted)


def choose_columns(header: Sequence[str], wanted: WantedColumns) -> Columns:
    """Find the columns. Raises NoTableOfPrompts and TableFault."""
    names = _as_common(header)
    prompt = _find(header, names, wanted.prompt, _PROMPT)
    if prompt is None and not header:
        raise NoTableOfPrompts("no table of prompts: none of its columns holds text")
    if prompt is None:
        raise NoTableOfPrompts(
            "no table of prompts: none of its columns is called prompt, caption or text "
            f"({_shown(header)}); --columns prompt=NAME names it"
        )
    video = _find(header, names, wanted.video, _VIDEO)
    return Columns(prompt, video, _find(header, names, wanted.id, _NAME))


def video_column(header: Sequence[str]) -> int | None:
    """Return the position of the first column with a common name for the media; None where there is none."""
    names = _as_common(header)
    return next((names.index(name) for name in _VIDEO if name in names), None)


def _as_common(header: Sequence[str]) -> list[str]:
    """Return the names of the columns, spelled as the common ones are."""
    return [_UNNAMED.sub("_", name.strip().casefold()) for name in header]


def _find(
    header: Sequence[str], names: Sequence[str], wanted: str, common: Sequence[str]
) -> int | None:
    """Return the position of the wanted column, or else of the first that has a common name.

    `names` are those of the header as `common` spells them.
    """
    if wanted:
        found = [position for position, name in enumerate(header) if name == wanted]
        if not found:
            raise TableFault(f"no column is called {quoted(wanted)} ({_shown(header)})", 1)
        return _only(found, wanted)
    for name in common:
        if name in names:
            found = [position for position, each in enumerate(names) if each == name]
            return _only(found, header[found[0]])
    return None


def _only(found: Sequence[int], name: str) -> int:
    if len(found) > 1:
        raise TableFault(f"{len(found)} columns are called {quoted(name)}: rename one of them", 1)
    return found[0]


def _shown(header: Sequence[str]) -> str:
    shown = ", ".join(quoted(name) for name in header[:_MOST_SHOWN])
    more = f" and {len(header) - _MOST_SHOWN} more" if len(header) > _MOST_SHOWN else ""
    return f"its columns: {shown}{more}"
