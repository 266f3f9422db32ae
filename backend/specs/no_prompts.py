"""Tells which texts in a folder are no prompts to be sent, and why. One that the user names is always taken.

Folders hold `.txt` files for people and for other programs: licences, requirements, camera paths, negative
prompts. Each line of one that is taken for prompts is a job. So a text counts as prompts only when it reads
like prose, and neither its name nor its folder says otherwise. A file of prompts without media, a text or a
JSON, is left alone where its prompts belong to media that it does not name: see `unnamed_media`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from backend.specs.media_names import MEDIA_SUFFIXES, OTHER_SUFFIXES, suffix_of
from backend.specs.model import Skipped, Spec
from backend.specs.reading import Finding
from backend.specs.unnamed_media import UnnamedMedia, words_of
from backend.specs.upsampled import is_json_object

_LICENCE = frozenset({"license", "licence", "licenses", "licences", "unlicense", "copying"})
_LICENCES = frozenset({"mit", "apache", "bsd", "gpl", "lgpl", "agpl", "mpl", "cc", "cc0", "isc"})
_PACKAGES = frozenset({"requirements", "constraints"})
_NEGATIVE = frozenset({"negative", "negatives", "neg"})
_WHOLE_NAMES = {
    "notice": "a licence",
    "changelog": "a changelog",
    "cmakelists": "a file of CMake",
    "robots": "a file for web crawlers",
}
_ROLE = re.compile(
    r"You are (?:an?|the) (?:[\w'-]+ ){0,6}?"
    r"(?:experts?|assistant|engineer|captioner|annotator|upsampler|rewriter|model)\b"
)
_PLACEHOLDER = re.compile(r"\$[a-z]+_[a-z_]+\b")
_PACKAGE = re.compile(r"[\w.\[\],-]+(?:[=~<>!]=|@|[<>])\S*|-[er]|--\S+")
_NUMBER = re.compile(r"[\[(]*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[\]),;:]*", re.IGNORECASE)
_UNSPACED = "\u0e00"
"""The first character of the scripts that are written without spaces: Thai, Chinese, Japanese and others."""
_FILE_SUFFIXES = MEDIA_SUFFIXES | OTHER_SUFFIXES
_MOST_PROMPTS = 200
_MOST_CHARACTERS = 20_000
"""The most of one file, and of one prompt, that is looked at."""
_LIST = 3
"""The fewest lines of a list of single words."""


class FolderTexts:
    """Judges the texts that a scan finds in the folders that the user named."""

    def __init__(self, named: Sequence[Path], cwd: Path) -> None:
        self._named = named
        self._cwd = cwd
        self._places = {self._place(path) for path in named}
        self._unnamed_media = UnnamedMedia(cwd)

    def judge(
        self, file: Path, parts: Iterable[tuple[Finding, ...]]
    ) -> Iterator[tuple[Finding, ...]]:
        """Yield the findings of a `.txt`, which come in parts; or only a Skipped, if it holds none."""
        if self._place(file) in self._places:
            yield from parts
            return
        reading = iter(parts)
        why = self._why_by_name(file)
        first: tuple[Finding, ...] = ()
        if not why:
            first = next(reading, ())
            why = _why_by_text(first)
        if why:
            yield (Skipped(file, f"{why}, not a prompt; to have it taken, name the file itself"),)
            return
        yield self.without_unnamed_media(file, first)
        yield from reading

    def without_unnamed_media(
        self, file: Path, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """Return the findings of a file; or only a Skipped, if its prompts belong to unnamed media."""
        why = self._unnamed_media.why(file, self._folders, findings)
        if not why or self._place(file) in self._places:
            return findings
        return (Skipped(file, f"{why}; to have it sent without, name the file itself"),)

    def _why_by_name(self, file: Path) -> str:
        words = words_of(file.stem) or [""]
        ends = {words[0], words[-1]}
        # A license plate is something to film.
        if words[-1] in _LICENCE or (words[0] in _LICENCE and words[1] in _LICENCES):
            return "a licence"
        if "readme" in words:
            return "a README"
        if ends & _PACKAGES:
            return "a list of packages"
        if ends & _NEGATIVE or any(
            _NEGATIVE & set(words_of(folder)) for folder in self._folders(file)
        ):
            return "a negative prompt"
        return _WHOLE_NAMES.get("".join(words), "")

    def _folders(self, file: Path) -> tuple[str, ...]:
        """Return the names of the folders between the named one and the file."""
        below = (file.relative_to(each) for each in self._named if file.is_relative_to(each))
        return next((path.parent.parts for path in below), ())

    def _place(self, path: Path) -> str:
        # Not resolve(), which would follow links.
        return os.path.abspath(os.path.join(self._cwd, path))  # noqa: PTH100, PTH118


def why_no_prose(text: str) -> str:
    """Say what a text is that does not read like prose; empty when it does.

    A word is mostly of letters, and neither a file's name nor a pinned package. A line reads like prose when
    at least half of it are words, and a text when that is so of more than half of its lines. Three lines or
    more with a single word each are a list.
    """
    lines = [tokens for line in text[:_MOST_CHARACTERS].splitlines() if (tokens := line.split())]
    prose = sum(2 * sum(map(_is_word, tokens)) >= len(tokens) for tokens in lines)
    if 2 * prose > len(lines):
        is_list = len(lines) >= _LIST and all(map(_is_single_word, lines))
        return "a list of single words" if is_list else ""
    tokens = [token for line in lines for token in line]
    for name, is_such in (
        ("numbers", _NUMBER.fullmatch),
        ("a list of packages", _PACKAGE.fullmatch),
        ("a list of files", _names_file),
    ):
        if 2 * sum(bool(is_such(token)) for token in tokens) >= len(tokens):
            return name
    return "a text with hardly any words"


def _why_by_text(findings: Sequence[Finding]) -> str:
    prompts = [found.prompt for found in findings[:_MOST_PROMPTS] if isinstance(found, Spec)]
    if not prompts or any(map(is_json_object, prompts)):
        return ""
    return why_instructions(prompts[0]) or why_no_prose("\n".join(prompts))


def why_instructions(text: str) -> str:
    """Say that a text tells a model what to do, as a template for prompts does; empty when it does not."""
    start = text[:_MOST_CHARACTERS].lstrip()
    is_such = _ROLE.match(start) or start.startswith("<instructions>") or _PLACEHOLDER.search(start)
    return "instructions to a model" if is_such else ""


def _is_word(token: str) -> bool:
    if token.isalpha():
        return True
    letters = sum(
        character.isalpha() or unicodedata.category(character)[0] == "M" for character in token
    )
    return 2 * letters > len(token) and not _names_file(token) and not _PACKAGE.fullmatch(token)


def _is_single_word(tokens: Sequence[str]) -> bool:
    return len(tokens) == 1 and max(tokens[0]) < _UNSPACED


def _names_file(token: str) -> bool:
    return "." in token and suffix_of(token.strip("\"',;()")) in _FILE_SUFFIXES
