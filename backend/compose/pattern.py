"""Names of files by a pattern such as `{video}_{prompt}_{n:03}`.

A name that a pattern makes is a safe name on every file system: letters, digits, `-` and `_` alone, of any
script, in a bounded number of bytes. It holds no dot, so it is neither hidden nor changes the file's ending.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backend.errors import InputError
from backend.specs.quoting import quoted

MOST_NAME_BYTES = 208
"""The most bytes of a name without its ending. File systems allow 255, and the endings of results and of the
files that are written beside them take up to 45."""

_TEXT_FIELDS: Mapping[str, int] = {"video": 64, "prompt": 48, "style": 32, "id": 48}
"""The fields that stand for words, and the most bytes of each."""
_NUMBER_FIELDS = ("n", "prompt_n", "video_n")
_MOST_DIGITS = 9
_FIELD = re.compile(r"\{([^{}]*)\}|[{}]")
_DIGITS = re.compile(r"0?([1-9])")
_RESERVED = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)))
)
"""Names that Windows keeps for devices."""


@dataclass(frozen=True, slots=True)
class Field:
    """A place in a pattern where something is put in."""

    name: str
    digits: int = 0
    """The fewest digits of a number, which is filled with zeros; 0 for as many as it has."""


@dataclass(frozen=True, slots=True)
class NameParts:
    """What stands in the fields of one name. The words are those that `slug` returns."""

    n: int
    """The number of the spec among all that are made, from 1."""
    prompt_n: int = 1
    video_n: int = 1
    prompt: str = ""
    video: str = ""
    style: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that `parse_pattern` has checked."""

    text: str
    parts: tuple[str | Field, ...]

    @property
    def fields(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(part.name for part in self.parts if isinstance(part, Field))

    def name_for(self, parts: NameParts) -> str:
        """Return the name, without an ending."""
        made = "".join(
            part if isinstance(part, str) else _filled(part, parts) for part in self.parts
        )
        return f"{made}_" if made.casefold() in _RESERVED else made


def parse_pattern(text: str) -> Pattern:
    """Check a pattern. Raises InputError, which says what is wrong and at which character."""
    parts = tuple(_parts(text))
    if not parts:
        raise _wrong(text, "it is empty", "Write one as in {video}_{prompt}_{n:03}.")
    first = parts[0]
    if isinstance(first, str) and first.startswith("-"):
        raise _wrong(
            text, "names would begin with -, which makes options of them", "Begin with a field."
        )
    if all(isinstance(part, str) for part in parts) and text.casefold() in _RESERVED:
        raise _wrong(text, "Windows keeps that name for a device", "Choose another name.")
    most = sum(len(part.encode()) if isinstance(part, str) else _most_bytes(part) for part in parts)
    if most > MOST_NAME_BYTES:
        raise _wrong(
            text,
            f"names may have {most} bytes, and {MOST_NAME_BYTES} is the most",
            "Leave something out.",
        )
    return Pattern(text, parts)


def slug(text: str, field: str) -> str:
    """Return the first words of a text, as far as a field with this name has room for them.

    Letters, digits and `_` stay, marks stay on their letters, and all else becomes `-`. Never empty.
    """
    most = _TEXT_FIELDS[field]
    # Every character takes a byte at least, and nothing behind the most of them is needed.
    start = unicodedata.normalize("NFC", text[: 8 * most])
    if field == "prompt":
        start = start.lower()
    words = "".join(character if _is_safe(character) else "-" for character in start)
    words = re.sub("-{2,}", "-", words).strip("-")
    return _cut(words, most).strip("-_") or field


def default_pattern(*, has_videos: bool, has_styles: bool) -> str:
    """Return the pattern for names where the user gives none."""
    fields = ("{video}" if has_videos else "", "{prompt}", "{style}" if has_styles else "")
    return "_".join((*filter(None, fields), "{n:03}"))


class UniqueNames:
    """Makes names differ, also where a file system takes no account of case: the second is called NAME_2."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}
        """The last number that was put behind a name which was taken already."""

    def unique(self, name: str) -> str:
        """Return the name, or else the name with the next number behind it."""
        key = name.casefold()
        if key not in self._taken:
            self._taken.add(key)
            return name
        number = self._last.get(key, 1) + 1
        while f"{key}_{number}" in self._taken:
            number += 1
        self._last[key] = number
        self._taken.add(f"{key}_{number}")
        return f"{name}_{number}"


def _parts(text: str) -> Iterator[str | Field]:
    position = 0
    for found in _FIELD.finditer(text):
        if found.start() > position:
            yield _checked(text, position, found.start())
        yield _field(text, found)
        position = found.end()
    if position < len(text):
        yield _checked(text, position, len(text))


def _checked(text: str, start: int, end: int) -> str:
    """Return what stands between fields. Raises InputError where it has no place in a name."""
    literal = unicodedata.normalize("NFC", text[start:end])
    for position, character in enumerate(literal, start + 1):
        if character in "/\\":
            remedy = "Names hold no folders: --save-dir names the folder."
        elif character == ".":
            remedy = "Leave the ending out: it follows from the format."
        elif _is_safe(character) or character == "-":
            continue
        else:
            remedy = "Letters, digits, - and _ may stand between the fields."
        raise _wrong(text, f"{quoted(character)} (character {position}) is not for names", remedy)
    return literal


def _field(text: str, found: re.Match[str]) -> Field:
    if found[1] is None:
        place = f"character {found.start() + 1}"
        raise _wrong(
            text, f"{found[0]} ({place}) has no partner", "A field is written as {prompt}."
        )
    name, colon, digits = found[1].partition(":")
    if name not in _TEXT_FIELDS and name not in _NUMBER_FIELDS:
        raise _wrong(text, f"there is no field {quoted(found[0])}", f"There are: {_known()}.")
    if not colon:
        return Field(name)
    width = _DIGITS.fullmatch(digits) if name in _NUMBER_FIELDS else None
    if width is None:
        what = "as in {n:03}" if name in _NUMBER_FIELDS else "for numbers alone"
        raise _wrong(
            text,
            f"{quoted(found[0])} is no field",
            f"What stands behind the colon is the number of digits, {what}.",
        )
    return Field(name, int(width[1]))


def _filled(field: Field, parts: NameParts) -> str:
    value: str | int = getattr(parts, field.name)
    return value if isinstance(value, str) else f"{value:0{field.digits}d}"


def _most_bytes(field: Field) -> int:
    return _TEXT_FIELDS.get(field.name, _MOST_DIGITS)


def _is_safe(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def _cut(words: str, most: int) -> str:
    """Return the words that take at most so many bytes; the beginning of the first, if it takes more."""
    data = words.encode()
    if len(data) <= most:
        return words
    kept = data[:most].decode(errors="ignore")
    whole, hyphen, _ = kept.rpartition("-")
    is_between = words[len(kept)] == "-"
    return kept if is_between or not hyphen or len(whole.encode()) < most // 2 else whole


def _known() -> str:
    return ", ".join(f"{{{name}}}" for name in (*_TEXT_FIELDS, *_NUMBER_FIELDS))


def _wrong(text: str, problem: str, remedy: str) -> InputError:
    return InputError(f"the pattern {quoted(text)} cannot be used: {problem}", remedy)
