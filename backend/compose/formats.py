"""Writes a prompt and its clip as a new spec, in each format that is read.

Only keys that the format's own programs know are written, and nothing that a user would want to choose
differently, but for a control: a transfer has to have one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from types import MappingProxyType

from backend.errors import InputError
from backend.specs.model import Mode, SpecFormat
from backend.specs.quoting import json_spelled
from backend.specs.source import lines
from remote.protocol import Json


class Arrangement(Enum):
    """The way in which specs of a format are divided into files."""

    FILES = "a file for each"
    LINES = "one file, with an object on each line"
    ARRAY = "one file, a list of objects"
    TABLE = "one file, a table"


_ENDINGS = {
    Arrangement.FILES: ".json",
    Arrangement.LINES: ".jsonl",
    Arrangement.ARRAY: ".json",
    Arrangement.TABLE: ".csv",
}


class Takes(Enum):
    """The clips that a format has a place for."""

    NOTHING = "no clip"
    ANY = "a video, a picture, or none"
    SOME = "a video or a picture"
    VIDEO = "a video"


@dataclass(frozen=True, slots=True)
class Parts:
    """What one spec is made of."""

    name: str
    prompt: str
    clip: str = ""
    """The path of the clip as it is written; empty for none."""
    is_picture: bool = False
    control: str = ""
    """The control of a transfer."""
    date: str = ""
    """The time at which the spec is made, by ISO 8601."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format in which specs are written."""

    name: SpecFormat
    arrangement: Arrangement
    takes: Takes
    paths_from_file: bool
    """Whether relative paths start at the spec file, and not at the working directory."""
    members: Callable[[Parts], dict[str, Json]]
    """Makes the object of one spec; of a table the row, by column."""

    @property
    def suffix(self) -> str:
        """The ending of its files."""
        return ".txt" if self.name is SpecFormat.TEXT else _ENDINGS[self.arrangement]

    @property
    def is_one_file(self) -> bool:
        """Whether one file holds all specs."""
        return self.arrangement is not Arrangement.FILES

    def text(self, parts: Parts) -> str:
        """Return the text of one spec: of a whole file, or of its part of one."""
        if self.name is SpecFormat.TEXT:
            return _as_text(parts.prompt) + "\n"
        members = self.members(parts)
        match self.arrangement:
            case Arrangement.FILES:
                return f"{{\n{_laid_out(members, '  ')}\n}}\n"
            case Arrangement.ARRAY:
                return f"  {{\n{_laid_out(members, '    ')}\n  }}"
            case Arrangement.LINES:
                return json_spelled(members) + "\n"
            case Arrangement.TABLE:
                return _row(list(members.values()))

    @property
    def start(self) -> str:
        """The beginning of a file that holds all specs."""
        if self.arrangement is Arrangement.TABLE:
            return _row(list(self.members(Parts("", ""))))
        return "[\n" if self.arrangement is Arrangement.ARRAY else ""

    @property
    def between(self) -> str:
        """What stands between two specs in such a file."""
        return ",\n" if self.arrangement is Arrangement.ARRAY else ""

    @property
    def end(self) -> str:
        """The end of such a file."""
        return "\n]\n" if self.arrangement is Arrangement.ARRAY else ""


def _prompt_spec(parts: Parts) -> dict[str, Json]:
    key = "\0".join((parts.name, parts.prompt, parts.clip))
    return {
        "id": f"ps_{sha256(key.encode()).hexdigest()[:12]}",
        "name": parts.name,
        "prompt": parts.prompt,
        "negative_prompt": "",
        "input_video_path": parts.clip,
        "control_inputs": {},
        "timestamp": parts.date,
        "is_upsampled": False,
        "parent_prompt_text": None,
        "metadata": {},
    }


def _transfer1(parts: Parts) -> dict[str, Json]:
    return {
        "prompt": parts.prompt,
        "input_video_path": parts.clip,
        parts.control: {"control_weight": 1.0},
    }


def _transfer1_batch(parts: Parts) -> dict[str, Json]:
    return {"visual_input": parts.clip, "prompt": parts.prompt}


def _upsampler_batch(parts: Parts) -> dict[str, Json]:
    clip = {"video_path": parts.clip} if parts.clip else {}
    return {"spec_id": parts.name, "name": parts.name, "prompt": parts.prompt, **clip}


def _transfer25(parts: Parts) -> dict[str, Json]:
    return {
        "name": parts.name,
        "prompt": parts.prompt,
        "video_path": parts.clip,
        parts.control: {"control_weight": 1.0},
    }


def _cosmos3(parts: Parts) -> dict[str, Json]:
    with_clip = Mode.IMAGE2VIDEO if parts.is_picture else Mode.VIDEO2VIDEO
    mode = with_clip if parts.clip else Mode.TEXT2VIDEO
    clip = {"vision_path": parts.clip} if parts.clip else {}
    return {"name": parts.name, "model_mode": mode.value, "prompt": parts.prompt, **clip}


def _predict2(parts: Parts) -> dict[str, Json]:
    clip = {"input_video": parts.clip} if parts.clip else {}
    return {"prompt": parts.prompt, **clip, "output_video": f"{parts.name}.mp4"}


def _predict25(parts: Parts) -> dict[str, Json]:
    with_clip = "image2world" if parts.is_picture else "video2world"
    kind = with_clip if parts.clip else "text2world"
    clip = {"input_path": parts.clip} if parts.clip else {}
    return {"inference_type": kind, "name": parts.name, "prompt": parts.prompt, **clip}


def _prompt(parts: Parts) -> dict[str, Json]:
    return {"name": parts.name, "prompt": parts.prompt}


def _table(parts: Parts) -> dict[str, Json]:
    return {"name": parts.name, "prompt": parts.prompt, "video": parts.clip}


def _pipeline_prompt(parts: Parts) -> dict[str, Json]:
    inputs: dict[str, Json] = {"video": parts.clip} if parts.clip else {}
    return {"id": parts.name, "prompt_text": parts.prompt, "inputs": inputs}


_FILES, _ARRAY = Arrangement.FILES, Arrangement.ARRAY
FORMATS: Mapping[SpecFormat, Format] = MappingProxyType(
    {
        made.name: made
        for made in (
            Format(SpecFormat.TRANSFER25, _FILES, Takes.VIDEO, True, _transfer25),
            Format(SpecFormat.TRANSFER1, _FILES, Takes.VIDEO, False, _transfer1),
            Format(
                SpecFormat.TRANSFER1_BATCH, Arrangement.LINES, Takes.SOME, False, _transfer1_batch
            ),
            Format(SpecFormat.COSMOS3, _FILES, Takes.ANY, True, _cosmos3),
            Format(SpecFormat.PREDICT25, _FILES, Takes.ANY, True, _predict25),
            Format(SpecFormat.PREDICT2, _ARRAY, Takes.ANY, False, _predict2),
            Format(SpecFormat.PROMPT_SPEC, _FILES, Takes.ANY, False, _prompt_spec),
            Format(SpecFormat.UPSAMPLER_BATCH, _ARRAY, Takes.ANY, False, _upsampler_batch),
            Format(SpecFormat.PIPELINE_PROMPT, _FILES, Takes.ANY, False, _pipeline_prompt),
            Format(SpecFormat.TABLE, Arrangement.TABLE, Takes.ANY, True, _table),
            Format(SpecFormat.PROMPT, _FILES, Takes.NOTHING, False, _prompt),
            Format(SpecFormat.TEXT, _FILES, Takes.NOTHING, False, _prompt),
        )
    }
)
"""Every format that is read, in the order in which it is offered."""
CONTROLS = ("edge", "vis", "depth", "seg")
"""The controls that both Transfer1 and Transfer2.5 compute from the video itself."""


def fitting_format(*, has_clips: bool, has_pictures: bool) -> SpecFormat:
    """Return the format that specs are written in where the user names none."""
    return SpecFormat.TRANSFER25 if has_clips and not has_pictures else SpecFormat.COSMOS3


def format_named(name: str) -> Format:
    """Return the format with this name. Raises InputError."""
    for each in FORMATS.values():
        if each.name.value == name:
            return each
    known = ", ".join(each.value for each in FORMATS)
    raise InputError(f"there is no format {name!r}", f"There are: {known}.")


def _laid_out(members: Mapping[str, Json], indent: str) -> str:
    # The standard library's own layout takes five times as long.
    spelled = (f'{indent}"{key}": {json_spelled(value)}' for key, value in members.items())
    return ",\n".join(spelled)


def _row(cells: list[Json]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _as_text(prompt: str) -> str:
    """Return a prompt as the whole of a text: on one line, unless blank lines make one prompt of it."""
    parts = [prompt[line.start : line.end].strip() for line in lines(prompt)]
    return " ".join(parts) if all(parts) else prompt
