"""Tells which prompts belong to pictures or videos that they do not name.

NVIDIA's programs take some prompts and their pictures from two places: a text of prompts and a list of
pictures, a prompt file and an option, a folder of captions and one of clips. Such prompts would be sent
without what they are about. The names say it, or the picture that lies beside the prompt.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from backend.specs.media_names import MEDIA_SUFFIXES, suffix_of
from backend.specs.model import Spec, SpecFormat
from backend.specs.quoting import printable
from backend.specs.reading import Finding

_OF_MEDIA = frozenset(
    (
        *("i2v", "ti2v", "i2i", "v2v", "i2w", "v2w", "image2video", "image2image", "video2video"),
        *("image2world", "video2world", "img2img", "img2vid", "img2video", "vid2vid"),
        *("caption", "captions", "metas"),
    )
)
_OF_TEXT = frozenset({"t2v", "t2i", "t2w", "text2video", "text2image", "text2world"})
_WITHOUT_MEDIA = frozenset({SpecFormat.PROMPT, SpecFormat.TEXT})
_PROMPTS_FOR_MEDIA = "prompts for pictures or videos that it does not name"
_SEPARATOR = re.compile(r"[\W_]+")


class UnnamedMedia:
    """Judges files by their names and by what lies beside them."""

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd
        self._folder: Path | None = None
        self._beside: dict[str, str] = {}
        """The pictures and videos of the last folder, by their names without the ending."""

    def why(
        self,
        file: Path,
        folders_of: Callable[[Path], Sequence[str]],
        findings: Sequence[Finding],
    ) -> str:
        """Say why the prompts of a file belong to media that they do not name; empty when they do not.

        `folders_of` returns the names of the folders around it that count; few files need them.
        """
        bare = [found for found in findings if isinstance(found, Spec) and _is_bare(found)]
        if not bare or len(bare) < len(findings):
            return ""
        words = words_of(file.stem)
        word = _first_of(_OF_MEDIA, words)
        if word and not _OF_TEXT.intersection(words):
            return f'its name says "{word}": {_PROMPTS_FOR_MEDIA}'
        for folder in folders_of(file):
            if word := _first_of(_OF_MEDIA, words_of(folder)):
                return f'the name of its folder says "{word}": {_PROMPTS_FOR_MEDIA}'
        is_alone = len(bare) == 1 and bare[0].entry == 0
        beside = self._media_beside(file) if is_alone else ""
        return (
            f"the prompt of {printable(beside)} beside it, which it does not name" if beside else ""
        )

    def _media_beside(self, file: Path) -> str:
        if file.parent != self._folder:
            self._folder, self._beside = file.parent, _media_in(self._cwd / file.parent)
        return self._beside.get(file.stem, "")


def words_of(name: str) -> list[str]:
    """Return the words of a file's name, in lower case."""
    return [word for word in _SEPARATOR.split(name.casefold()) if word]


def _is_bare(spec: Spec) -> bool:
    return spec.format in _WITHOUT_MEDIA and spec.video is None


def _first_of(wanted: frozenset[str], words: Iterable[str]) -> str:
    return next((word for word in words if word in wanted), "")


def _media_in(folder: Path) -> dict[str, str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - faster, and a folder may hold 100,000 files
    except OSError:
        return {}
    return {os.path.splitext(n)[0]: n for n in sorted(names) if suffix_of(n) in MEDIA_SUFFIXES}  # noqa: PTH122
