"""The costs of the current spec under other settings. It reads and draws nothing.

`read_subject` does what takes time (headers, the tokenizer, the profiles) once; every change after that is
arithmetic.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from backend.config import Layer, Upsampling, check_layers, load_profile, profile_names
from backend.errors import ConfigError, UpsampleError
from backend.limits.calibration import Calibration
from backend.limits.sampled_sizes import CONTEXT_LENGTHS
from backend.planning.box_counts import BoxCounts
from backend.planning.plan import Plan, Planner
from backend.planning.size_costs import CategoryRow, category_matrix, sizes_for
from backend.sizes import Size
from backend.specs.media import Media, choose_media
from backend.specs.model import Spec
from backend.tokens import Budget, TextCounter
from backend.video import MediaKind, Video, probe

RESERVES = (100, 200, 300, 500, 1000, 2000, 4000)
BOUNDS = ("", "720", "512", "480", "256")
"""Bounds for the shorter side; "" is no bound."""


@dataclass(frozen=True, slots=True)
class MeasuredSpec:
    """A spec, with all that had to be read and counted to plan it under any settings."""

    spec: Spec
    videos: Mapping[Path, Video]
    """The videos that can be read, by path."""
    troubles: Mapping[Path, UpsampleError]
    """Why the other videos cannot be read, by path."""
    text: Mapping[str, int]
    """Tokens of the text that is sent, by profile."""
    fresh: Mapping[str, Upsampling]
    """The shipped settings with each profile's own, by profile."""
    calibration: Calibration | None = None
    """The measurements of the box that would be used; None when there are none."""
    counts: BoxCounts | None = None
    """What that box has counted for earlier requests; None when nothing is kept of it."""

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that can be used, sorted."""
        return tuple(self.text)


def read_subject(
    spec: Spec, config: Upsampling, counter: TextCounter, counts: BoxCounts | None = None
) -> MeasuredSpec:
    """Read the headers of the videos that may be sent, and count the text as each profile sends it. Blocks.

    Raises ConfigError when the tokenizer cannot be read.
    """
    videos: dict[Path, Video] = {}
    troubles: dict[Path, UpsampleError] = {}
    for media in Media:
        shown = choose_media(spec, media)
        for path in shown.paths:
            if path in videos or path in troubles:
                continue
            try:
                videos[path] = probe(path)
            except UpsampleError as error:
                troubles[path] = error
    text: dict[str, int] = {}
    fresh: dict[str, Upsampling] = {}
    for name in profile_names():
        try:
            own = dict(load_profile(name).upsampling) | {"profile": name}
            fresh[name] = check_layers(
                [Layer(f"the profile {name}", {"upsampling": own})]
            ).upsampling
        except ConfigError:
            # A profile of the user's that is wrong is for `upsample config profiles` to tell.
            continue
        asked = {
            "profile": name,
            "system_prompt": config.system_prompt,
            "answer_language": config.answer_language or fresh[name].answer_language,
        }
        planner = Planner(fresh[name].model_copy(update=asked), counter, counts=counts)
        text[name] = _text_tokens(planner, spec, videos)
    return MeasuredSpec(spec, videos, troubles, text, fresh, counts=counts)


def _text_tokens(planner: Planner, spec: Spec, videos: Mapping[Path, Video]) -> int:
    """Count the text that is sent with the profile's own media, some of which may not be there."""
    shown = choose_media(spec, planner.settings.media)
    there = tuple(videos[path] for path in shown.paths if path in videos)
    names = shown.names if len(there) == len(shown.paths) else ""
    plan = planner.plan_read(spec.prompt, there, names=names, target=spec.target)
    return plan.budget.text if plan.budget else planner.text_tokens(spec.prompt)


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that differs from the config."""

    key: str
    was: object
    now: object

    @property
    def command(self) -> str:
        """The command line that writes it into the config."""
        value = str(self.now).lower() if isinstance(self.now, bool) else str(self.now)
        return shlex.join(["upsample", "config", "set", f"upsampling.{self.key}", value])


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A spec under settings that may differ from the config. Each `with_` method returns another one."""

    subject: MeasuredSpec
    config: Upsampling
    """The settings of the app."""
    settings: Upsampling
    """The settings that are tried."""

    @classmethod
    def of(cls, subject: MeasuredSpec, config: Upsampling) -> WhatIf:
        """Return the spec under the settings of the config."""
        own = config.for_spec(subject.spec.format.value, subject.spec.target.mode)
        return cls(subject, own, own)

    # --- what comes of it

    @property
    def plan(self) -> Plan:
        """The plan: what would be sent."""
        shown = choose_media(self.subject.spec, self.settings.media)
        planner, prompt = self._planner, self.subject.spec.prompt
        for path in shown.paths:
            if path in self.subject.troubles:
                return Plan(prompt, None, None, 0, None, 0, self.subject.troubles[path])
        videos = tuple(self.subject.videos[path] for path in shown.paths)
        target = self.subject.spec.target
        return planner.plan_read(prompt, videos, self.text, names=shown.names, target=target)

    @property
    def text(self) -> int:
        """Tokens of the text that is sent."""
        return self.subject.text[self.settings.profile]

    @property
    def frames(self) -> int:
        """The number of frames for the matrix: those that are sent, or, without a video, those asked for."""
        return self.plan.frames or self.settings.frames_to_extract

    @property
    def original(self) -> Budget | None:
        """The budget of the video at its own size; None without a video."""
        plan = self.plan
        return self._planner.weigh(self.text, plan.video.size, plan.frames) if plan.video else None

    @property
    def largest(self) -> Size | None:
        """The largest size that fits, whatever would be sent; None without a video, or when no size fits."""
        plan = self.plan
        if plan.video is None:
            return None
        return self._planner.largest(plan.video.size, self.text, plan.frames)

    @property
    def seen(self) -> Size | None:
        """The size at which the model looks at the video where everything fits; None without a video."""
        video = self.plan.video
        return self._planner.seen_size(video.size) if video else None

    @property
    def calibration(self) -> Calibration | None:
        """The measurements under the profile that is tried."""
        found = self.subject.calibration
        return found if found and found.profile == self.settings.profile else None

    @property
    def matrix(self) -> tuple[CategoryRow, ...]:
        """The budgets of the sizes that the spec's generator makes."""
        planner = self._planner
        return category_matrix(
            text=self.text,
            limit=self.settings.max_tokens,
            reserve=self.settings.reserve,
            frames=self.frames,
            rule=planner.family.rule,
            overhead=planner.family.overhead_around(planner.system),
            table=sizes_for(self.subject.spec.format),
        )

    @property
    def estimated(self) -> bool:
        """Whether the profile's counts are upper estimates."""
        return self._planner.family.estimated

    @property
    def is_measured(self) -> bool:
        """Whether the counts are corrected by what the box has counted."""
        return self._planner.family.measured

    @property
    def changes(self) -> tuple[SettingChange, ...]:
        """The settings that differ from the config, in its order."""
        return tuple(
            SettingChange(key, getattr(self.config, key), getattr(self.settings, key))
            for key in _differing(self.config, self.settings)
        )

    @property
    def commands(self) -> tuple[str, ...]:
        """The command lines that write the differences into the config. A profile brings its own settings
        along.
        """
        brought = self._under(self.settings.profile)
        kept = {*_differing(brought, self.settings), "profile"}
        return tuple(change.command for change in self.changes if change.key in kept)

    def applied_to(self, settings: Upsampling) -> Upsampling:
        """Return the settings of the app with what was changed; of AUTO, for specs of every kind."""
        return settings.changed({change.key: change.now for change in self.changes})

    # --- changing it

    def with_frames(self, step: int) -> WhatIf:
        """Change the number of frames by `step`, but not below 1."""
        return self._with(frames_to_extract=self.settings.frames_to_extract + step)

    def with_limit(self, step: int) -> WhatIf:
        """Take the next or the previous of CONTEXT_LENGTHS; at the ends nothing changes."""
        return self._with(max_tokens=_next(CONTEXT_LENGTHS, self.settings.max_tokens, step))

    def with_reserve(self, step: int) -> WhatIf:
        """Take the next or the previous of RESERVES; at the ends nothing changes."""
        return self._with(reserve=_next(RESERVES, self.settings.reserve, step))

    def with_bound(self, step: int) -> WhatIf:
        """Take the next smaller or larger of BOUNDS, going around the ends."""
        bounds = list(dict.fromkeys((*BOUNDS, self.config.max_upsample_resolution)))
        at = bounds.index(self.settings.max_upsample_resolution)
        return self._with(max_upsample_resolution=bounds[(at + step) % len(bounds)])

    def with_resize(self) -> WhatIf:
        """Switch between the size that fits and the original one."""
        return self._with(auto_resize=not self.settings.auto_resize)

    def with_media(self) -> WhatIf:
        """Take the next of the kinds of media, going around the end."""
        kinds = [it for it in Media if it is not Media.NONE or it is self.settings.media]
        return self._with(media=kinds[(kinds.index(self.settings.media) + 1) % len(kinds)])

    def with_profile(self, step: int) -> WhatIf:
        """Take the next profile with its settings, going around the end."""
        names = self.subject.profiles
        name = names[(names.index(self.settings.profile) + step) % len(names)]
        return replace(self, settings=self._under(name))

    def reset(self) -> WhatIf:
        """Return to the settings of the config."""
        return replace(self, settings=self.config)

    def why_not(self, what: str) -> str:
        """Return why changing `what` ("frames", "media", "size") has no effect on this spec; "" if it has
        one.
        """
        spec = self.subject.spec
        if choose_media(spec, self.settings.media).video is None:
            return "This spec has no video: only its text is sent."
        if what == "media" and len(self.subject.videos.keys() | self.subject.troubles.keys()) < 2:
            return "This spec has one video: there is nothing else to show."
        video = self.plan.video
        if what == "frames" and video is not None and video.kind is MediaKind.IMAGE:
            return "A still picture is one frame, whatever is asked for."
        return ""

    def _under(self, profile: str) -> Upsampling:
        """Return the settings of the config under another profile.

        Settings of the user stay. A value counts as the user's when neither the defaults nor a profile
        would give it.
        """
        if profile == self.config.profile:
            return self.config
        own = set(_differing(self.subject.fresh[self.config.profile], self.config)) - {"profile"}
        stay = {key: getattr(self.config, key) for key in own}
        return self.subject.fresh[profile].model_copy(update=stay)

    @property
    def _planner(self) -> Planner:
        # A counter that never counts: the text is counted already.
        return Planner(self.settings, TextCounter(), counts=self.subject.counts)

    def _with(self, **changes: object) -> WhatIf:
        """Return the spec under changed settings; if the config would not allow them, nothing changes."""
        try:
            settings = Upsampling.model_validate(self.settings.model_dump() | changes)
        except ValidationError:
            return self
        return replace(self, settings=settings)


def _differing(one: Upsampling, other: Upsampling) -> list[str]:
    return [k for k in Upsampling.model_fields if getattr(one, k) != getattr(other, k)]


def _next(values: tuple[int, ...], now: int, step: int) -> int:
    """Return the value after `now`, or before it; at the ends `now` itself."""
    beyond = [value for value in values if (value > now if step > 0 else value < now)]
    if not beyond:
        return now
    return min(beyond) if step > 0 else max(beyond)
