"""What ./config.toml may decide. The folder where one works may be somebody else's: an archive, a checkout.

It may say how prompts are upsampled, and which box of the user's is used. Where a box is, what is run there,
which model is loaded and which key is sent to whom are the user's alone: whoever wrote the folder could
otherwise run programs, have a secret of the box sent to a server of theirs, or read what is upsampled.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

BOX_KEYS = (
    ("host",),
    ("root",),
    ("engine",),
    ("model",),
    ("vllm", "command"),
    ("vllm", "env"),
    ("openai", "base_url"),
    ("openai", "api_key_env"),
)
"""The keys of a box that only the user's own file may set."""

_WITH_DRIVE_OR_ROOT = re.compile(r"[~/\\]|[A-Za-z]:")


def drop_repeats(table: Mapping[str, object], shipped: Mapping[str, object]) -> dict[str, object]:
    """The settings without those of BOX_KEYS that repeat the shipped file, as a checkout's do: no wishes."""
    kept = copy.deepcopy(dict(table))
    for place, box in _boxes(kept):
        for key in BOX_KEYS:
            *names, last = key
            section, same = _at(box, names), _at(shipped, (*place, *key))
            if isinstance(section, dict) and last in section and section[last] == same:
                del section[last]
    return kept


def forbidden_decisions(table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The keys of a foreign folder's settings that it may not decide about, each with what it does."""
    for place, box in _boxes(table):
        for key in BOX_KEYS:
            if _at(box, key) is not None:
                yield ".".join((*place, *key)), "says where work is done, or what is run"
    folder = _at(table, ("upsampling", "hint_video_dir"))
    if isinstance(folder, str) and not _lies_within(folder):
        yield "upsampling.hint_video_dir", "leads out of the folder"


def _boxes(table: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], object]]:
    """What is said of boxes, with its place in the table."""
    yield ("box_defaults",), table.get("box_defaults")
    boxes = table.get("boxes")
    for name, box in boxes.items() if isinstance(boxes, Mapping) else ():
        yield ("boxes", name), box


def _at(table: object, key: Iterable[str]) -> object:
    for part in key:
        table = table.get(part) if isinstance(table, Mapping) else None
    return table


def _lies_within(folder: str) -> bool:
    return not _WITH_DRIVE_OR_ROOT.match(folder) and ".." not in PurePath(folder).parts
