"""Tells which texts of an entry name media or other files, by the key, the file name ending, or both.

Two rules use it: an entry that names media is never sent without a picture, and a result that stands in
another folder leads to the same files as its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from backend.addresses import is_address
from remote.protocol import Json

MEDIA_SUFFIXES = frozenset(
    (
        *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".ts", ".mpg"),
        *(".mpeg", ".wmv", ".flv", ".ogv", ".y4m", ".mxf", ".h264", ".h265"),
        *(".hevc", ".gif", ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif"),
        *(".tiff", ".exr", ".hdr", ".heic", ".avif", ".ppm", ".pgm", ".jxl", ".dng"),
    )
)
"""Endings of videos and pictures, in lower case, whether or not they can be read here."""

OTHER_SUFFIXES = frozenset(
    (
        *(".json", ".jsonl", ".txt", ".yaml", ".yml", ".csv", ".tsv", ".parquet"),
        *(".npz", ".npy", ".pt", ".pth", ".ckpt", ".safetensors", ".pkl", ".wav"),
        *(".mp3", ".flac", ".m4a", ".ogg", ".ply", ".obj", ".usd", ".usda"),
        *(".usdz", ".zip", ".tar", ".gz"),
    )
)
"""Endings of other files that specs name, in lower case."""
_MEDIA_KEY = re.compile(
    r"(?:^|_)(?:video|image|vision|visual|frame|picture|img|media|clip|mask|control|input)s?"
    r"_(?:input|path|file|url|dir|folder)s?$"
    r"|^(?:visual_input|input_(?:video|image|control|frame)s?)$"
)
_PATH_KEY = re.compile(r"_(?:path|dir|folder|root)s?$")
_FILE_KEY = re.compile(r"_(?:path|file)s?$")
_ABSOLUTE = re.compile(r"([A-Za-z]:)?[/\\]")
_FRAME_NUMBER = re.compile(r"\$(?:F[0-9]?(?![A-Za-z0-9_])|\{F[0-9]?\})")
_TEXT_KEYS = frozenset({"name", "id", "spec_id", "caption", "description", "title", "text"})
_FREE_KEYS = frozenset({"extra", "metadata"})
"""Objects in which users keep what they like. The tools do not read them."""
_LONGEST_PATH = 1024


@dataclass(frozen=True, slots=True)
class NamedText:
    """A text inside an entry, and the keys that lead to it."""

    keys: tuple[str, ...]
    """From the entry's own key to the innermost one; positions in lists are left out."""
    text: str

    @property
    def key(self) -> str:
        """The innermost key."""
        return self.keys[-1] if self.keys else ""


def texts_in(value: Json, keys: tuple[str, ...] = ()) -> Iterator[NamedText]:
    """Yield every text inside a JSON value, at any depth."""
    if isinstance(value, str):
        yield NamedText(keys, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_in(inner, (*keys, key))
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner, keys)


def named_media(fields: dict[str, Json]) -> NamedText | None:
    """Return the first text of an entry that names a video or picture which a tool would read."""
    tool_reads = {key: value for key, value in fields.items() if key not in _FREE_KEYS}
    return next((each for each in texts_in(tool_reads) if is_media(each.key, each.text)), None)


def is_media(key: str, text: str) -> bool:
    """Whether the text under this key names a video or picture that is an input."""
    if not _may_be_path(key, text) or "output" in key.lower() or key.lower().startswith("save"):
        return False
    suffix = suffix_of(text)
    is_named_by_key = _MEDIA_KEY.search(key.lower()) is not None
    return suffix in MEDIA_SUFFIXES or (is_named_by_key and suffix not in OTHER_SUFFIXES)


def is_certain_path(key: str, text: str) -> bool:
    """Whether the text is a path even if no such file exists."""
    return _may_be_path(key, text) and (is_media(key, text) or _PATH_KEY.search(key) is not None)


def is_possible_path(key: str, text: str) -> bool:
    """Whether the text is a path if there is such a file."""
    looks_like_one = "/" in text or "\\" in text or suffix_of(text) != ""
    return _may_be_path(key, text) and looks_like_one


def is_relative(written: str) -> bool:
    """Whether a path from a file is relative, by the rules of POSIX and of Windows.

    An address such as https://… is not, nor is a path that begins with ~ or with a variable. Houdini's $F4
    is the place of a number.
    """
    if _FRAME_NUMBER.match(written):
        return True
    return not (is_absolute(written) or is_address(written) or written.startswith(("~", "$")))


def is_absolute(written: str) -> bool:
    """Whether a path from a file is absolute, by the rules of POSIX or of Windows."""
    return _ABSOLUTE.match(written) is not None


def suffix_of(text: str) -> str:
    """Return the file name ending in lower case; of an address without its query."""
    path = text.split("?")[0].split("#")[0] if is_address(text) else text
    return PurePosixPath(path.replace("\\", "/").rstrip()).suffix.lower()


def _may_be_path(key: str, text: str) -> bool:
    if not text.strip() or len(text) > _LONGEST_PATH or "\n" in text or "\0" in text:
        return False
    is_prompt = "prompt" in key and _FILE_KEY.search(key) is None
    return not is_prompt and key not in _TEXT_KEYS
