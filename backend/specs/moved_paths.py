"""Makes the relative paths of a file lead to the same files from another folder.

It serves the formats whose paths are relative to the spec file, and tables. A text is taken for a path by its
key, or because such a file exists; see `media_names`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from backend.specs.json_edit import Edit, set_item, set_value
from backend.specs.json_spans import Node, items, members
from backend.specs.media_names import is_certain_path, is_possible_path, is_relative
from backend.specs.source import SourceText


def move_paths(source: SourceText, node: Node, folder: Path) -> Iterator[Edit]:
    """Yield the edits that make the relative paths inside `node` right for a file in `folder`."""
    here, there = source.place.parent.resolve(), folder.resolve()
    if here != there:
        yield from _Mover(source, here, there).edits(node, "")


class _Mover:
    """Rewrites the paths of one text from the folder `here` to the folder `there`."""

    def __init__(self, source: SourceText, here: Path, there: Path) -> None:
        self._source = source
        self._here = here
        self._there = there

    def edits(self, node: Node, key: str) -> Iterator[Edit]:
        """Yield the edits inside an object or a list; `key` is the one that leads to it."""
        text = self._source.text
        if isinstance(node.value, dict):
            for member in members(text, node):
                moved = self._moved(member.key, member.node)
                if moved is None:
                    yield from self.edits(member.node, member.key)
                else:
                    yield from set_value(self._source, node, member, moved)
        elif isinstance(node.value, list):
            for item in items(text, node):
                moved = self._moved(key, item)
                if moved is None:
                    yield from self.edits(item, key)
                else:
                    yield from set_item(self._source, item, moved)

    def _moved(self, key: str, node: Node) -> str | None:
        """Return the path as it is written from `there`; None where the value is no relative path."""
        written = node.value
        return (
            moved_path(written, key, self._here, self._there) if isinstance(written, str) else None
        )


def moved_path(
    written: str, key: str, here: Path, there: Path, *, is_path: bool = False
) -> str | None:
    """Return a path that counts from the folder `here` as it is written from `there`.

    None where the text is no relative path; `is_path` says that it is a path, absolute or not.
    """
    if not is_relative(written):
        return None
    place = here / written.replace("\\", "/")
    if not (is_path or is_certain_path(key, written)) and not (
        is_possible_path(key, written) and os.path.lexists(place)
    ):
        return None
    return Path(os.path.relpath(place, there)).as_posix()
