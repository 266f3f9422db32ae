"""Chooses which of a spec's videos are shown to the model, and explains why one is missing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backend.specs.fields import CONTROLS
from backend.specs.model import Spec, SpecFormat

_RGB = "rgb"
_FROM_FILE = frozenset(
    {SpecFormat.TRANSFER25, SpecFormat.COSMOS3, SpecFormat.PREDICT25, SpecFormat.TABLE}
)


class Media(StrEnum):
    """The values of the setting `media`."""

    RGB = "rgb"
    """The RGB video; where there is none, a control video in its place."""
    CONTROL = "control"
    """The first control video (vis, edge, seg, depth …); where there is none, the RGB video."""
    BOTH = "both"
    """Frames of the RGB video, then the same number of frames of the control video."""
    NONE = "none"
    """No video at all, for a model that reads text alone."""
    ALL = "all"
    """Frames of the RGB video, if there is one, then the same number of each control video."""


@dataclass(frozen=True, slots=True)
class ShownMedia:
    """The videos that are shown to the model."""

    video: Path | None
    """None for a prompt without a video."""
    controls: tuple[Path, ...] = ()
    """Further videos, shown after the first one and at its size; none in most cases."""
    names: str = ""
    """The kinds of the videos: "rgb", the name of a control, or several, as in "rgb+edge". Empty for none."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """All the videos, in the order in which they are shown."""
        return () if self.video is None else (self.video, *self.controls)


NO_MEDIA = ShownMedia(None)


def choose_media(spec: Spec, media: Media) -> ShownMedia:
    """Return the videos of a spec that this setting shows to the model."""
    if media is Media.NONE:
        return NO_MEDIA
    if media is Media.ALL:
        return _all_media(spec)
    control = next((name for name in CONTROLS if name in spec.controls), None)
    if spec.video is None or control is None:
        return ShownMedia(spec.video, names=_RGB if spec.video else "")
    first = spec.controls[control]
    if media is Media.CONTROL or spec.video == first:
        # Where `video` is the control video, the spec has no RGB video.
        return ShownMedia(first, names=control)
    if media is Media.BOTH:
        return ShownMedia(spec.video, (first,), f"{_RGB}+{control}")
    return ShownMedia(spec.video, names=_RGB)


def _all_media(spec: Spec) -> ShownMedia:
    """Return the RGB video and all controls, in the order of the spec's format."""
    shown = dict(spec.controls)
    if spec.video is not None and spec.video not in shown.values():
        shown = {_RGB: spec.video, **shown}
    if not shown:
        return ShownMedia(spec.video, names=_RGB if spec.video else "")
    first, *others = shown.values()
    return ShownMedia(first, tuple(others), "+".join(shown))


def missing_media_hint(spec: Spec, cwd: Path) -> Path | None:
    """Return the folder in which the command would find the spec's video, where `cwd` is the wrong one.

    In most cases, the command was run in the wrong folder. Only the folders above the spec file are tried.
    Returns None also where the video exists, and where the working directory does not matter: for absolute
    paths and for formats whose paths are relative to the spec file.
    """
    if spec.video is None or spec.format in _FROM_FILE or _exists(spec.video):
        return None
    try:
        written = spec.video.relative_to(cwd)
    except ValueError:
        return None
    place = os.path.abspath(cwd / spec.file)  # noqa: PTH100 - resolve() would follow links
    for folder in Path(place).parents:
        if _exists(folder / written):
            return folder
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # for example, the name is too long
        return False
