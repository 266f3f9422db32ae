"""The combinations of prompts, clips and styles: what would be written, where, and under which names.

Nothing is held of the combinations but their names, so that a million of them need little memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from backend.compose.clips import SourceClip, clip_of
from backend.compose.formats import FORMATS, Format, Parts, Takes
from backend.compose.pattern import NameParts, Pattern, UniqueNames, slug
from backend.compose.prompts import Prompt
from backend.compose.styles import PLAIN, Style
from backend.errors import InputError
from backend.specs.model import Skipped, Spec, SpecFormat
from backend.specs.no_prompts import FolderTexts
from backend.specs.quoting import printable

MOST_SPECS = 1_000_000
"""The most specs that are made at once."""
DEFAULT_FOLDER = Path("composed")
"""Where specs are written when the user names no folder."""
ONE_FILE = "composed"
"""The name, without its ending, of a file that holds all specs."""
PREVIEWED = 10
"""How many specs a preview shows."""
_UNSTYLED = (Style(PLAIN, ""),)


@dataclass(frozen=True, slots=True)
class NewSpec:
    """A spec that is to be written."""

    name: str
    """Its name, which is that of its file without the ending, where it has one of its own."""
    prompt: str
    clip: SourceClip | None
    style: str
    """The name of the style; empty where no styles were chosen."""


@dataclass(frozen=True, slots=True)
class Composition:
    """Prompts, clips and styles, and how they are combined."""

    prompts: tuple[Prompt, ...]
    clips: tuple[SourceClip, ...]
    """Each prompt is combined with each of them; where there are none, it has the video beside it, if any."""
    styles: tuple[Style, ...]
    """Each prompt is written in each of them; where there are none, as it is."""
    format: Format
    pattern: Pattern
    folder: Path
    """The folder for the files: absolute and free of links."""
    cwd: Path
    """The working directory, free of links."""
    control: str = "edge"
    date: str = ""
    """The time at which the specs are made, by ISO 8601."""

    @property
    def count(self) -> int:
        """How many specs are made."""
        return len(self.prompts) * max(1, len(self.clips)) * max(1, len(self.styles))

    @property
    def files(self) -> int:
        """How many files are made."""
        return 1 if self.format.is_one_file else self.count

    @property
    def one_file(self) -> str:
        """The name of the file that holds all specs, where the format has one."""
        return ONE_FILE + self.format.suffix

    def file_of(self, spec: NewSpec) -> str:
        """Return the name of the file that holds a spec."""
        return self.one_file if self.format.is_one_file else spec.name + self.format.suffix

    def specs(self) -> Iterator[NewSpec]:
        """Yield the specs: for each clip each prompt, and each prompt in each style."""
        names = UniqueNames()
        prompts = [(slug(prompt.text, "prompt"), _id_of(prompt), prompt) for prompt in self.prompts]
        styles = [(slug(style.name, "style"), style) for style in self.styles or _UNSTYLED]
        n = 0
        for video_n, given in enumerate(self.clips or (None,), 1):
            video = slug(given.name, "video") if given is not None else ""
            for prompt_n, (words, own, prompt) in enumerate(prompts, 1):
                clip = given
                if clip is None and prompt.video is not None:
                    clip = clip_of(prompt.video, self.cwd)
                    video = slug(clip.name, "video")
                for style_words, style in styles:
                    n += 1
                    parts = NameParts(n, prompt_n, video_n, words, video, style_words, own)
                    name = names.unique(self.pattern.name_for(parts))
                    styled = style.of(prompt.text)
                    yield NewSpec(name, styled, clip, style.name if self.styles else "")

    def texts(self) -> Iterator[tuple[NewSpec, str]]:
        """Yield the specs with their texts. Raises InputError for a clip that cannot be named."""
        clip: SourceClip | None = None
        written = ""
        for spec in self.specs():
            if spec.clip is not clip:
                clip = spec.clip
                written = "" if clip is None else self.written(clip)
            is_picture = clip is not None and clip.is_picture
            parts = Parts(spec.name, spec.prompt, written, is_picture, self.control, self.date)
            yield spec, self.format.text(parts)

    def preview(self, most: int = PREVIEWED) -> tuple[NewSpec, ...]:
        """Return the first specs."""
        return tuple(islice(self.specs(), most))

    def written(self, clip: SourceClip) -> str:
        """Return the path of a clip as a spec names it. Raises InputError for one that cannot be named."""
        return clip.written(self.folder, self.cwd, from_file=self.format.paths_from_file)


def check(composition: Composition) -> None:
    """Raise InputError where prompts, clips, styles, format and pattern do not go together."""
    if not composition.prompts:
        raise InputError("there are no prompts to compose", "Give some, or a file: --prompts FILE.")
    if composition.count > MOST_SPECS:
        raise InputError(
            f"{composition.count:,} specs are more than are made at once, {MOST_SPECS:,}",
            "Take fewer prompts, clips or styles.",
        )
    _check_clips(composition)
    for prompt in composition.prompts:
        for style in composition.styles:
            style.of(prompt.text)
    has_own = any(prompt.video is not None for prompt in composition.prompts)
    for field, there, what in (
        ("video", composition.clips or has_own, "no videos are given"),
        ("style", composition.styles, "no styles are chosen"),
    ):
        if field in composition.pattern.fields and not there:
            raise InputError(
                f"the pattern has {{{field}}}, and {what}", "Leave the field out of the pattern."
            )


def left_alone(composition: Composition) -> Iterator[str]:
    """Yield why specs would be left alone when their folder is opened, each as NAME: reason.

    That happens to texts and prompts without media alone, which are judged by their words and names.
    """
    kind = composition.format.name
    if kind not in (SpecFormat.TEXT, SpecFormat.PROMPT):
        return
    judge = FolderTexts([composition.folder], composition.cwd)
    for new in composition.specs():
        file = composition.folder / composition.file_of(new)
        spec = Spec(kind, file, 0, 1, new.name, new.prompt)
        if kind is SpecFormat.TEXT:
            found = next(iter(judge.judge(file, ((spec,),))), ())
        else:
            found = judge.without_unnamed_media(file, (spec,))
        for each in found:
            if isinstance(each, Skipped):
                yield f"{printable(file.name)}: {each.reason}"


def fits(kind: SpecFormat, clips: Sequence[SourceClip | None]) -> bool:
    """Whether specs of this format can hold these clips; None is a prompt without one."""
    return all(_has_place(FORMATS[kind].takes, clip) for clip in clips)


def _check_clips(composition: Composition) -> None:
    takes = composition.format.takes
    own = (
        None if prompt.video is None else clip_of(prompt.video, composition.cwd)
        for prompt in composition.prompts
    )
    for clip in composition.clips or own:
        if _has_place(takes, clip):
            if clip is not None:
                composition.written(clip)
            continue
        name = composition.format.name.value
        if clip is None:
            raise InputError(
                f"{name} takes {takes.value}, and no clips are given",
                "Name some (--videos), or choose another format: cosmos3, predict2.5, prompt, text.",
            )
        other = "" if takes is Takes.NOTHING else " or predict2.5"
        raise InputError(
            f"{name} takes {takes.value}, and {printable(clip.path.name)} is given",
            f"Choose a format for it: cosmos3{other}.",
        )


def _has_place(takes: Takes, clip: SourceClip | None) -> bool:
    if clip is None:
        return takes in (Takes.NOTHING, Takes.ANY)
    return takes is not Takes.NOTHING and not (takes is Takes.VIDEO and clip.is_picture)


def _id_of(prompt: Prompt) -> str:
    return slug(prompt.name, "id")
