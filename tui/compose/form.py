"""The fields of the dialog that composes specs, and the request that they stand for. No widgets."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.compose.clips import SourceClip, clip_of
from backend.compose.prompts import Prompt, prompts_of
from backend.compose.request import ComposeRequest
from backend.compose.styles import ALL, PLAIN
from backend.errors import InputError
from backend.specs.model import Spec
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns
from tui.widgets.amounts import counted

WORDS = "words"
A_FILE = "a file"
A_PATH = "a folder or list"
AS_THEY_ARE = "as they are"
FITTING = "what fits"


@dataclass(frozen=True, slots=True)
class MarkedSources:
    """The specs that the user marked, and what the dialog can take of them."""

    prompts: tuple[Prompt, ...]
    clips: tuple[SourceClip, ...]

    @classmethod
    def of(cls, specs: Sequence[Spec], cwd: Path) -> MarkedSources:
        """Take the prompts and the videos of the specs. No two of the prompts are alike."""
        prompts = {prompt.text: prompt for prompt in prompts_of(specs, cwd)}
        clips = (clip_of(cwd / spec.video, cwd) for spec in specs if spec.video is not None)
        return cls(tuple(prompts.values()), tuple({clip.path: clip for clip in clips}.values()))

    @property
    def prompt_words(self) -> str:
        """The prompts as a choice; empty where there are none."""
        return counted(len(self.prompts), "chosen prompt") if self.prompts else ""

    @property
    def clip_words(self) -> str:
        """The clips as a choice; empty where there are none."""
        return counted(len(self.clips), "chosen video") if self.clips else ""

    @property
    def prompt_choices(self) -> tuple[str, ...]:
        """The places that prompts can come from."""
        return (*filter(None, (self.prompt_words,)), WORDS, A_FILE)

    @property
    def clip_choices(self) -> tuple[str, ...]:
        """The places that clips can come from."""
        return (*filter(None, (self.clip_words,)), A_PATH, AS_THEY_ARE)


@dataclass(frozen=True, slots=True)
class ComposeForm:
    """What is filled in."""

    prompts: str
    """One of `MarkedSources.prompt_choices`."""
    prompt_text: str
    """The words, or the path of the file."""
    clips: str
    """One of `MarkedSources.clip_choices`."""
    clip_path: str
    style: str
    """PLAIN, ALL, or the name of a style."""
    format: str
    """FITTING, or the name of a format."""
    pattern: str
    control: str
    folder: str
    """Empty for the usual one."""
    force: bool

    def request(
        self, chosen: MarkedSources, cwd: Path, columns: WantedColumns = ANY_COLUMNS
    ) -> ComposeRequest:
        """Return the request. Raises InputError where a path is missing."""
        takes_marked_prompts = self.prompts == chosen.prompt_words
        takes_marked_clips = self.clips == chosen.clip_words
        prompts = chosen.prompts if takes_marked_prompts else ()
        text = self.prompt_text.strip()
        return ComposeRequest(
            cwd,
            words=(text,) if self.prompts == WORDS and text else (),
            prompt_files=_paths(text, "prompts") if self.prompts == A_FILE else (),
            prompts=prompts,
            clip_paths=_paths(self.clip_path, "clips") if self.clips == A_PATH else (),
            clips=chosen.clips if takes_marked_clips else (),
            styles=() if self.style == PLAIN else (self.style,),
            format=None if self.format == FITTING else self.format,
            pattern=self.pattern.strip(),
            control=self.control,
            folder=Path(self.folder.strip()).expanduser() if self.folder.strip() else None,
            columns=columns,
        )


def style_choices(names: Sequence[str]) -> tuple[str, ...]:
    """Return the styles to choose from, where the config has some with these names."""
    return (PLAIN, *names, *((ALL,) if len(names) > 1 else ()))


def _paths(text: str, what: str) -> tuple[Path, ...]:
    """Return the paths that a line names, as a shell divides it. Raises InputError."""
    if not text.strip():
        raise InputError(f"no {what} yet", "Type a path; several stand side by side.")
    try:
        words = shlex.split(text)
    except ValueError:  # a quotation mark without its partner is still being typed
        words = [text.strip()]
    try:
        return tuple(Path(word).expanduser() for word in words)
    except RuntimeError as error:  # the home of an unknown user
        raise InputError(str(error), "Write the whole path.") from None
