"""Plans what would be sent for a prompt: the size of its frames and its token budget, or why it is
refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from backend.config import Estimator, Fit, Profile, Upsampling, load_profile
from backend.config.profiles import AUTO
from backend.config.profiles.fitting import spec_kind
from backend.config.profiles.template import PLAIN
from backend.errors import MediaError, UpsampleError
from backend.generation import Generation
from backend.planning.box_counts import BoxCounts
from backend.planning.clips import is_clip, own_rule, why_no_clip
from backend.planning.generation import generation_of
from backend.planning.message import ShownFrames, plain_message, user_message
from backend.planning.plan_words import above_bound, doubts_about, timeless, too_long, too_thin
from backend.sizes import Bound, Size
from backend.specs.media import ShownMedia, choose_media
from backend.specs.misplaced_media import where_media_is, with_place
from backend.specs.model import UNSAID, Mode, Spec, Target
from backend.tokens import LINEAR, PIXTRAL, Budget, Family, TextCounter, VisionRule, fit
from backend.tokens.clip_tokens import ShownRule
from backend.video import FrameSampling, MediaKind, Video, probe
from backend.video.kept_media import NotFetched

_ANY_LENGTH = 1 << 40
"""A context length in tokens in which everything fits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent for a prompt and its video, and what it costs of the context length."""

    prompt: str
    """The prompt as it is in the spec."""
    video: Video | None
    """The video; None for a prompt without one."""
    size: Size | None
    """The size to send frames at; None when there is no video or no size fits."""
    frames: int
    """How many frames are sent."""
    budget: Budget | None
    """The token budget at `size`, or at the video's own size when the spec is refused; None when the video
    cannot be read."""
    linear: int
    """Vision tokens by the rule of thumb at the same size, for comparison."""
    refusal: UpsampleError | None
    """Why the spec cannot be sent; None when it can."""
    controls: tuple[Video, ...] = ()
    """Further videos, whose frames are sent after those of the first and at the same size."""
    control_frames: tuple[int, ...] = ()
    """How many of `frames` are of each of `controls`."""
    names: str = ""
    """The kinds of the videos, as `ShownMedia.names`."""
    target: Target = UNSAID
    """What the spec says of the video that is to be made."""
    to_fetch: tuple[str, ...] = ()
    """The addresses that must be fetched first; where there are some, there is no video and no budget."""
    profile: str = ""
    """The profile with which the prompt is asked."""
    format: str = ""
    """The format of the spec's file, by which, with the mode, the profile was chosen; empty for a prompt
    without a spec."""
    rule: VisionRule = PIXTRAL
    """The model's own rule for pictures, corrected where its counts are measured."""

    @property
    def frames_of_each(self) -> tuple[int, ...]:
        """How many frames are sent of each video."""
        return tuple(frames for _, frames in self.shown)

    @property
    def shown(self) -> tuple[tuple[Video, int], ...]:
        """The videos that are shown, each with the number of its frames."""
        if self.video is None:
            return ()
        of_controls = zip(self.controls, self.control_frames, strict=True)
        return ((self.video, self.frames - sum(self.control_frames)), *of_controls)

    @property
    def generation(self) -> Generation:
        """What is to be made with the prompt."""
        shows_source = self.names.partition("+")[0] == "rgb"
        follows = self.controls[0] if self.controls and shows_source else self.video
        if self.target.mode is not Mode.TRANSFER or self.video is None or not shows_source:
            return generation_of(self.target, follows)
        is_still = self.video.kind is MediaKind.IMAGE
        return generation_of(self.target, follows, "image" if is_still else "video")

    @property
    def warning(self) -> str:
        """What may be wrong with the frames, though they can be sent; empty when nothing is."""
        return doubts_about(video for video, _ in self.shown)


class Planner:
    """Makes plans with one set of settings. Threads may share it."""

    def __init__(
        self,
        settings: Upsampling,
        counter: TextCounter,
        probe: Callable[[Path], Video] = probe,
        counts: BoxCounts | None = None,
        *,
        counted: Mapping[tuple[str, str], int] = MappingProxyType({}),
        fetch_media: bool = False,
    ) -> None:
        """`counts` are what the box has counted, which corrects the profile's rules where they do not fit.

        `counted` are the tokens of system prompts with their user messages, the chat template included, as
        the model server counts them. With `fetch_media`, an address is no refusal, because it is fetched
        before the plan is needed.
        """
        self.settings = settings
        self._fetch_media = fetch_media
        self.profile: Profile = load_profile(settings.profile)
        self.family: Family = self.profile.family
        """The rules that count tokens: those of the profile, corrected where they are measured."""
        if counts is not None and settings.estimator is not Estimator.LINEAR:
            self.family = counts.family_of(self.family, has_system=bool(self.system))
        self._counts = counts
        self._counted = counted
        self._template = 0
        """Tokens of the chat template that `family` does not add, because what is counted has them."""
        if counted:
            self._template = self.family.overhead_around(self.system)
            self.family = self.family.with_exact_texts()
        self._counter = counter
        self._probe = probe
        self._by_profile: dict[str, Planner] = {}
        self._by_kind: dict[str, Planner] = {}
        """The planners for specs of each kind, where the profile depends on it."""

    @property
    def system(self) -> str:
        """The system prompt that is sent: the user's own, or else the profile's; empty for none."""
        return self.settings.system_prompt or self.profile.template.system

    @property
    def rule(self) -> VisionRule:
        """The rule that counts vision tokens: the model's own, or the rule of thumb."""
        return self._rule_for(())

    def _rule_for(self, shown: tuple[int, ...]) -> VisionRule:
        """Return the rule for so many frames of each video; () are all frames of one video."""
        linear = self.settings.estimator is Estimator.LINEAR
        return LINEAR if linear else own_rule(self.settings, self.family, shown)

    def for_spec(self, format_name: str, mode: Mode | None) -> Planner:
        """Return the planner for specs of this format and mode; this one, unless the profile is AUTO."""
        if self.settings.profile != AUTO:
            return self
        kind = spec_kind(format_name, mode)
        if kind not in self._by_kind:
            own = self.settings.for_spec(format_name, mode)
            known = self._by_profile.get(own.profile) or self._like_this(own, self._counted)
            self._by_kind[kind] = self._by_profile[own.profile] = known
        return self._by_kind[kind]

    def _like_this(self, settings: Upsampling, counted: Mapping[tuple[str, str], int]) -> Planner:
        return Planner(
            settings,
            self._counter,
            self._probe,
            self._counts,
            counted=counted,
            fetch_media=self._fetch_media,
        )

    def plan_spec(self, spec: Spec) -> Plan:
        """Plan a spec with the videos that the model is shown, and with the profile that fits it."""
        name = spec.format.value
        return replace(self.for_spec(name, spec.target.mode)._plan_spec(spec), format=name)

    def _plan_spec(self, spec: Spec) -> Plan:
        shown = choose_media(spec, self.settings.media)
        plan = self.plan(spec.prompt, shown, spec.target)
        if isinstance(plan.refusal, MediaError) and plan.video is None:
            with suppress(OSError):  # the working directory may be gone
                place = where_media_is(spec, self.settings.media, Path.cwd())
                return replace(plan, refusal=with_place(plan.refusal, place)) if place else plan
        return plan

    def plan(self, prompt: str, shown: ShownMedia, target: Target = UNSAID) -> Plan:
        """Plan a prompt with the videos or images that are shown, all at the size that fits the first.

        Reads the videos' headers and, at the first call, the tokenizer. A problem of the spec becomes the
        plan's refusal and is never raised.
        """
        unread = Plan(prompt, None, None, 0, None, 0, None, profile=self.profile.name)
        videos: list[Video] = []
        to_fetch: list[str] = []
        for path in shown.paths:
            try:
                videos.append(self._probe(path))
            except UpsampleError as error:
                if not (self._fetch_media and isinstance(error, NotFetched)):
                    return replace(unread, refusal=error.without_trace())
                to_fetch.append(error.address)
        if to_fetch:
            return replace(unread, to_fetch=tuple(to_fetch))
        return self.plan_read(prompt, tuple(videos), names=shown.names, target=target)

    def plan_anew(self, plan: Plan) -> Plan:
        """Make a plan again that was made with other settings. Reads no file."""
        if plan.budget is None:
            return plan  # a video that cannot be read is refused with all settings
        videos = tuple(video for video, _ in plan.shown)
        planner = self.for_spec(plan.format, plan.target.mode) if plan.format else self
        again = planner.plan_read(plan.prompt, videos, names=plan.names, target=plan.target)
        return replace(again, format=plan.format)

    def plan_read(
        self,
        prompt: str,
        videos: tuple[Video, ...],
        text: int | None = None,
        *,
        names: str = "",
        target: Target = UNSAID,
    ) -> Plan:
        """Plan a prompt whose videos are probed. `names` are their kinds, as `ShownMedia.names`.

        With `text`, what `text_tokens` has counted, it only calculates, which takes some µs.
        """
        videos = tuple(video.with_rate(target.fps) for video in videos)
        frames = tuple(map(self.frames_of, videos))
        first = videos[0] if videos else None
        plan = Plan(
            prompt=prompt,
            video=first,
            size=None,
            frames=sum(frames),
            budget=None,
            linear=0,
            refusal=None,
            controls=videos[1:],
            control_frames=frames[1:],
            names=names,
            target=target,
            profile=self.profile.name,
            rule=self.family.rule,
        )
        text = self._count(self.message(plan)) if text is None else text
        return (
            self._without_video(plan, text) if first is None else self._weighed(plan, first, text)
        )

    def message(self, plan: Plan) -> str:
        """Return the text that is sent after the pictures."""
        language = self.settings.answer_language
        if not self.profile.uses_target:  # what is to be made need not be worked out
            return plain_message(self.profile, plan.prompt, language)
        names = plan.names.split("+")
        shown = [
            ShownFrames(name, frames, video.kind is MediaKind.IMAGE, is_clip(self.settings, frames))
            for name, (video, frames) in zip(names, plan.shown, strict=False)
        ]
        return user_message(self.profile, plan.prompt, plan.generation, shown, language)

    def sent_texts(self, plan: Plan) -> tuple[str, str]:
        """Return the system prompt and the user message that are sent for a plan of `plan_spec`."""
        planner = self.for_spec(plan.format, plan.target.mode)
        return planner.system, planner.message(plan)

    def recounted(self, counted: Mapping[tuple[str, str], int]) -> Planner:
        """Return such a planner that knows what the model server has counted."""
        return self._like_this(self.settings, counted)

    def text_tokens(self, prompt: str | None) -> int:
        """Count the tokens of the text that is sent for a prompt without media, with the system prompt.

        None counts no prompt at all, in order to count pictures alone; an empty prompt is replaced by a
        stand-in text, which costs tokens.
        """
        if prompt is None and self.profile.template.user == PLAIN:
            return self._count("")
        return self._count(self.message(Plan(prompt or "", None, None, 0, None, 0, None)))

    def _count(self, message: str) -> int:
        counted = self._counted.get((self.system, message))
        if counted is not None:
            return counted
        return self._template + self.family.text_tokens(self._counter, self.system, message)

    def frames_of(self, video: Video, wanted: int | None = None) -> int:
        """Return how many frames of a video are sent; `wanted` replaces frames_to_extract."""
        return min(wanted or self.settings.frames_to_extract, video.frames)

    def weigh(
        self,
        text: int,
        size: Size | None,
        frames: int,
        limit: int | None = None,
        shown: tuple[int, ...] = (),
    ) -> Budget:
        """Compute the budget of `text` tokens and frames of this size; `limit` replaces max_tokens.

        `shown` are the frames of each video, where they are not all of one.
        """
        rule = self._rule_for(shown)
        return Budget(
            limit=limit or self.settings.max_tokens,
            reserve=self.settings.reserve,
            text=text,
            vision=rule.vision_tokens(size, frames) if size else 0,
            overhead=self.family.overhead_around(self.system),
            estimated=self.family.estimated or (isinstance(rule, ShownRule) and rule.is_estimated),
            measured=self.family.measured,
        )

    def largest(
        self,
        source: Size,
        text: int,
        frames: int,
        *,
        bound: Bound | None = None,
        limit: int | None = None,
        shown: tuple[int, ...] = (),
    ) -> Size | None:
        """Find the largest size that fits and that the model looks at.

        `bound` and `limit` replace those of the settings; `shown` is as in `weigh`.
        """
        best = fit(
            source,
            text=text,
            limit=limit or self.settings.max_tokens,
            reserve=self.settings.reserve,
            frames=frames,
            rule=self._rule_for(shown),
            bound=bound or self.settings.bound,
            overhead=self.family.overhead_around(self.system),
        )
        return self.seen_size(best, shown) if best else None

    def seen_size(self, size: Size, shown: tuple[int, ...] = ()) -> Size:
        """Return the size to send a picture at that is not made smaller to fit.

        The model would make a larger picture smaller itself, so the tokens are the same. A photograph of
        48 million pixels is 100 MB as a PNG, which no message holds.
        """
        return own_rule(self.settings, self.family, shown).seen_size(size)

    def _without_video(self, plan: Plan, text: int) -> Plan:
        budget = self.weigh(text, None, 0)
        sendable = budget.fits or not self.settings.enforce_budget
        return replace(
            plan, budget=budget, refusal=None if sendable else too_long(budget, None, None)
        )

    def _weighed(self, plan: Plan, first: Video, text: int) -> Plan:
        """Return the plan with the size at which its frames are sent, and what that costs."""
        shown = plan.frames_of_each
        size, refusal = self._choose_size(first, text, shown)
        refusal = why_no_clip(self.settings, self.profile, shown) or refusal
        if self.settings.frame_sampling is FrameSampling.FPS and refusal is None:
            refusal = timeless(video for video, _ in plan.shown)
        seen = size or first.size
        return replace(
            plan,
            size=size,
            budget=self.weigh(text, seen, plan.frames, shown=shown),
            linear=LINEAR.vision_tokens(seen, plan.frames),
            refusal=refusal,
        )

    def _choose_size(
        self, video: Video, text: int, shown: tuple[int, ...]
    ) -> tuple[Size | None, UpsampleError | None]:
        settings, frames = self.settings, sum(shown)
        bound = settings.bound
        if settings.auto_resize and settings.fit is Fit.SAFE:
            bound = bound.and_within(settings.safe_bound)
        if not self.family.rule.accepts(video.size):
            return None, too_thin(video)
        best = self.largest(video.size, text, frames, bound=bound, shown=shown)
        if settings.auto_resize:
            if best is None and not settings.enforce_budget:
                best = self.largest(
                    video.size, text, frames, bound=bound, limit=_ANY_LENGTH, shown=shown
                )
        elif not bound.allows(video.size):
            return None, above_bound(video, bound)
        elif best == self.seen_size(video.size, shown) or not settings.enforce_budget:
            return self.seen_size(video.size, shown), None
        if best is None or not settings.auto_resize:
            return None, too_long(
                self.weigh(text, video.size, frames, shown=shown), video.size, best
            )
        return best, None
