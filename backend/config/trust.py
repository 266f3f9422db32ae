"""Says which settings a ./config.toml may decide. The folder may come from somebody else, as an archive does.

It may decide how the folder's prompts are upsampled, and which of the user's boxes is used. It may not decide
anything about a box, because others use the box, too; nor about the queue, which holds the jobs of all
folders. Otherwise the author of the folder could run programs, send a secret of the box to another server,
read the user's prompts, or have the box forget other people's results.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType

BOX = "boxes.NAME"
"""The beginning of the keys of each box in KEYS. It also stands for [box_defaults]."""


class Decider(StrEnum):
    """Whose files may set a key. The value is the word for it in docs/security.md."""

    FOLDER = "the folder, too"
    WITHIN = "the folder, too, to a place below it"
    USER = "you alone"


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may set a key, and why."""

    decider: Decider
    effect: str
    """What the key does, as the end of a sentence that begins with the key."""


def _keys(decider: Decider, effect: str, *keys: str) -> dict[str, Trust]:
    return dict.fromkeys(keys, Trust(decider, effect))


KEYS: Mapping[str, Trust] = MappingProxyType(
    {
        **_keys(Decider.FOLDER, "chooses among the boxes that you set up", "box"),
        **_keys(
            Decider.FOLDER,
            "says how the folder's prompts are upsampled",
            "upsampling.max_tokens",
            "upsampling.reserve",
            "upsampling.frames_to_extract",
            "upsampling.frame_sampling",
            "upsampling.send",
            "upsampling.frame_format",
            "upsampling.jpeg_quality",
            "upsampling.safe_resolution",
            "upsampling.auto_resize",
            "upsampling.fit",
            "upsampling.max_upsample_resolution",
            "upsampling.media",
            "upsampling.system_prompt",
            "upsampling.answer_language",
            "upsampling.enforce_budget",
            "upsampling.estimator",
            "specs.upsampled_words",
        ),
        **_keys(Decider.FOLDER, "offers words to add to prompts", "compose.styles"),
        **_keys(Decider.FOLDER, "chooses among the profiles that you have", "upsampling.profile"),
        **_keys(Decider.WITHIN, "says where pictures are written", "upsampling.hint_video_dir"),
        **_keys(
            Decider.USER,
            "is about the whole queue, with the jobs of other folders",
            "queue.give_up_after",
            "queue.ahead",
        ),
        **_keys(
            Decider.USER,
            "says what is removed from your disk",
            "cache.hint_videos_gb",
            "cache.fetched_gb",
        ),
        **_keys(
            Decider.USER,
            "lets specs have this machine ask others for files",
            "specs.fetch_media",
        ),
        **_keys(
            Decider.USER,
            "is about the terminal that you work in",
            "announce.after",
            "announce.terminal",
            "announce.desktop",
            "announce.bell",
            "keys",
        ),
        **_keys(
            Decider.USER,
            "says where work is done, or what is run",
            "app.player",
            "announce.command",
            f"{BOX}.host",
            f"{BOX}.root",
            f"{BOX}.engine",
            f"{BOX}.model",
            f"{BOX}.vllm.command",
            f"{BOX}.vllm.env",
            f"{BOX}.openai.base_url",
            f"{BOX}.openai.api_key_env",
            f"{BOX}.openai.ca_file",
            f"{BOX}.llama.python",
            f"{BOX}.llama.mmproj",
            f"{BOX}.ray.address",
            f"{BOX}.ray.replica",
            f"{BOX}.ray.python",
        ),
        **_keys(
            Decider.USER,
            "says what is spent",
            f"{BOX}.openai.price_in",
            f"{BOX}.openai.price_out",
            f"{BOX}.openai.spend_limit",
        ),
        **_keys(
            Decider.USER,
            "says what a box remembers, for all who use it",
            f"{BOX}.keep_days",
        ),
        **_keys(
            Decider.USER,
            "says when a box ends its model server",
            f"{BOX}.idle_timeout",
            f"{BOX}.first_token_timeout",
            f"{BOX}.next_token_timeout",
        ),
        **_keys(
            Decider.USER,
            "says how much of a box is taken",
            f"{BOX}.max_tokens",
            f"{BOX}.vllm.tensor_parallel_size",
            f"{BOX}.vllm.data_parallel_size",
            f"{BOX}.vllm.gpu_memory_utilization",
            f"{BOX}.vllm.max_num_seqs",
            f"{BOX}.vllm.cuda_visible_devices",
            f"{BOX}.openai.slots",
            f"{BOX}.llama.slots",
            f"{BOX}.llama.context",
            f"{BOX}.ray.replicas",
        ),
    }
)
"""Every setting. A test fails when one is missing here, or in the table of docs/security.md."""

_WITH_DRIVE_OR_ROOT = re.compile(r"[~/\\]|[A-Za-z]:")


def drop_repeats(table: Mapping[str, object], shipped: Mapping[str, object]) -> dict[str, object]:
    """Return the table without the user's own keys whose value is the shipped one, as in a checkout."""
    kept = copy.deepcopy(dict(table))
    for key, trust, value in _settings_in(table):
        if trust.decider is Decider.USER and _at(shipped, key) == value:
            _remove(kept, key)
    return kept


def forbidden_decisions(table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the keys that a ./config.toml must not set, each with what the setting does."""
    for key, trust, value in _settings_in(table):
        if trust.decider is Decider.USER:
            yield ".".join(key), trust.effect
        elif trust.decider is Decider.WITHIN and isinstance(value, str) and not _lies_within(value):
            yield ".".join(key), "leads out of the folder"
    boxes = table.get("boxes")
    for name, box in boxes.items() if isinstance(boxes, Mapping) else ():
        if box == {}:
            yield f"boxes.{name}", "adds a box"


def _settings_in(table: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], Trust, object]]:
    """Yield the settings that the table holds, each with its key. What is no setting is refused later."""
    for known, trust in KEYS.items():
        for key in _spelled(known, table):
            value = _at(table, key)
            if value is not None:
                yield key, trust, value


def _spelled(known: str, table: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    """Yield the keys that a key of KEYS stands for: one for each box, and one for their defaults."""
    if not known.startswith(BOX):
        yield tuple(known.split("."))
        return
    rest = known.removeprefix(f"{BOX}.").split(".")
    yield ("box_defaults", *rest)
    boxes = table.get("boxes")
    for name in boxes if isinstance(boxes, Mapping) else ():
        yield ("boxes", name, *rest)


def _at(table: object, key: tuple[str, ...]) -> object:
    for part in key:
        table = table.get(part) if isinstance(table, Mapping) else None
    return table


def _remove(table: dict[str, object], key: tuple[str, ...]) -> None:
    """Remove a key that is there, and the tables that are empty without it."""
    first, *rest = key
    inner = table[first]
    if rest and isinstance(inner, dict):
        _remove(inner, tuple(rest))
        if inner:
            return
    del table[first]


def _lies_within(folder: str) -> bool:
    return not _WITH_DRIVE_OR_ROOT.match(folder) and ".." not in PurePath(folder).parts
