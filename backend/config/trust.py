"""Says which settings a ./config.toml may decide. The folder may come from somebody else, as an archive does.

It may decide how prompts are upsampled, and which of the user's boxes is used. It may not decide where a box
is, what is run there, which model is loaded, or which server gets an API key. Otherwise the author of the
folder could run programs, send a secret of the box to another server, or read the user's prompts.
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
    """Return the table without those BOX_KEYS whose value equals the shipped file's, as in a checkout."""
    kept = copy.deepcopy(dict(table))
    for place, box in _boxes(kept):
        for key in BOX_KEYS:
            *names, last = key
            section, same = _at(box, names), _at(shipped, (*place, *key))
            if isinstance(section, dict) and last in section and section[last] == same:
                del section[last]
    return kept


def forbidden_decisions(table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the keys that a ./config.toml must not set, each with what the setting does."""
    for place, box in _boxes(table):
        for key in BOX_KEYS:
            if _at(box, key) is not None:
                yield ".".join((*place, *key)), "says where work is done, or what is run"
    folder = _at(table, ("upsampling", "hint_video_dir"))
    if isinstance(folder, str) and not _lies_within(folder):
        yield "upsampling.hint_video_dir", "leads out of the folder"


def _boxes(table: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the tables about boxes, each with its key."""
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
