"""Plans what would be sent for a prompt: the size of its frames and its token budget, or why it is
refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from backend.config import Estimator, Fit, Profile, Upsampling, load_profile
from backend.errors import InputError, MediaError, UpsampleError
from backend.sizes import Bound, Size
from backend.specs.media import choose_media
from backend.specs.misplaced_media import where_media_is, with_place
from backend.specs.model import Spec
from backend.tokens import LINEAR, Budget, TextCounter, VisionRule, fit
from backend.video import Frame, FrameSampling, MediaKind, Video, probe
from backend.video.frame_choice import without_rate
from remote.protocol import FrameInfo, Request, Sampling

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
    control: Video | None = None
    """A second video, whose frames are sent after those of the first and at the same size."""
    control_frames: int = 0
    """How many of `frames` are of the control video."""

    @property
    def warning(self) -> str:
        """What may be wrong with the frames, though they can be sent; empty when nothing is."""
        for video in (self.video, self.control):
            if video and video.is_perhaps_hdr:
                return unnamed_hdr(video.path)
            if video and video.gaps:
                return with_gaps(video)
        return ""


class Planner:
    """Makes plans with one set of settings. Threads may share it."""

    def __init__(
        self,
        settings: Upsampling,
        counter: TextCounter,
        probe: Callable[[Path], Video] = probe,
    ) -> None:
        self.settings = settings
        self.profile: Profile = load_profile(settings.profile)
        self._counter = counter
        self._probe = probe

    @property
    def system(self) -> str:
        """The system prompt that is sent: the user's own, or else the profile's; empty for none."""
        return self.settings.system_prompt or self.profile.template.system

    @property
    def rule(self) -> VisionRule:
        """The rule that counts vision tokens: the model's own, or the rule of thumb."""
        linear = self.settings.estimator is Estimator.LINEAR
        return LINEAR if linear else self.profile.family.rule

    def plan_spec(self, spec: Spec) -> Plan:
        """Plan a spec with the videos that the model is shown. See `plan`."""
        shown = choose_media(spec, self.settings.media)
        plan = self.plan(spec.prompt, shown.video, shown.control)
        if isinstance(plan.refusal, MediaError) and plan.video is None:
            with suppress(OSError):  # the working directory may be gone
                place = where_media_is(spec, self.settings.media, Path.cwd())
                return replace(plan, refusal=with_place(plan.refusal, place)) if place else plan
        return plan

    def plan(self, prompt: str, path: Path | None, control: Path | None = None) -> Plan:
        """Plan a prompt with its video or image, and with a second one that is shown at the same size.

        Reads the videos' headers and, at the first call, the tokenizer. A problem of the spec becomes the
        plan's refusal and is never raised.
        """
        if path is None:
            return self._without_video(prompt)
        try:
            video = self._probe(path)
            second = self._probe(control) if control else None
        except UpsampleError as error:
            return Plan(prompt, None, None, 0, None, 0, error)
        return self._with_video(prompt, video, second)

    def plan_anew(self, plan: Plan) -> Plan:
        """Make a plan again that was made with other settings. Reads no file."""
        if plan.budget is None:
            return plan  # a video that cannot be read is refused with all settings
        text = self.text_tokens(plan.prompt)
        return self.plan_read(plan.prompt, plan.video, plan.control, text)

    def plan_read(self, prompt: str, video: Video | None, control: Video | None, text: int) -> Plan:
        """Plan a prompt whose videos are probed and whose text is counted already (see `text_tokens`).

        It only calculates, which takes some µs.
        """
        if video is None:
            return self._without_video(prompt, text)
        return self._with_video(prompt, video, control, text)

    def text_tokens(self, prompt: str | None) -> int:
        """Count the tokens of the text that is sent for a prompt, including the system prompt.

        None counts no prompt at all, in order to count pictures alone; an empty prompt is replaced by a
        stand-in text, which costs tokens.
        """
        sent = "" if prompt is None else self.profile.sent_prompt(prompt)
        return self.profile.family.text_tokens(self._counter, self.system, sent)

    def frames_of(self, video: Video, wanted: int | None = None) -> int:
        """Return how many frames of a video are sent; `wanted` replaces frames_to_extract."""
        return min(wanted or self.settings.frames_to_extract, video.frames)

    def weigh(self, text: int, size: Size | None, frames: int, limit: int | None = None) -> Budget:
        """Compute the budget of `text` tokens and frames of this size; `limit` replaces max_tokens."""
        return Budget(
            limit=limit or self.settings.max_tokens,
            reserve=self.settings.reserve,
            text=text,
            vision=self.rule.vision_tokens(size, frames) if size else 0,
            overhead=self.profile.family.overhead_around(self.system),
            estimated=self.profile.family.estimated,
        )

    def largest(
        self,
        source: Size,
        text: int,
        frames: int,
        *,
        bound: Bound | None = None,
        limit: int | None = None,
    ) -> Size | None:
        """Find the largest size that fits and that the model looks at.

        `bound` and `limit` replace those of the settings.
        """
        best = fit(
            source,
            text=text,
            limit=limit or self.settings.max_tokens,
            reserve=self.settings.reserve,
            frames=frames,
            rule=self.rule,
            bound=bound or self.settings.bound,
            overhead=self.profile.family.overhead_around(self.system),
        )
        return self.seen_size(best) if best else None

    def seen_size(self, size: Size) -> Size:
        """Return the size to send a picture at that is not made smaller to fit.

        The model would make a larger picture smaller itself, so the tokens are the same. A photograph of
        48 million pixels is 100 MB as a PNG, which no message holds.
        """
        return self.profile.family.rule.seen_size(size)

    def _without_video(self, prompt: str, text: int | None = None) -> Plan:
        text = self.text_tokens(prompt) if text is None else text
        budget = self.weigh(text, None, 0)
        sendable = budget.fits or not self.settings.enforce_budget
        refusal = None if sendable else _too_long(budget, None, None)
        return Plan(prompt, None, None, 0, budget, 0, refusal)

    def _with_video(
        self, prompt: str, video: Video, control: Video | None, text: int | None = None
    ) -> Plan:
        control_frames = self.frames_of(control) if control else 0
        frames = self.frames_of(video) + control_frames
        text = self.text_tokens(prompt) if text is None else text
        size, refusal = self._choose_size(video, text, frames)
        if self.settings.frame_sampling is FrameSampling.FPS:
            timeless = [v for v in (video, control) if v and v.kind is MediaKind.SEQUENCE]
            refusal = refusal or (without_rate(timeless[0]) if timeless else None)
        shown = size or video.size
        return Plan(
            prompt=prompt,
            video=video,
            size=size,
            frames=frames,
            budget=self.weigh(text, shown, frames),
            linear=LINEAR.vision_tokens(shown, frames),
            refusal=refusal,
            control=control,
            control_frames=control_frames,
        )

    def _choose_size(
        self, video: Video, text: int, frames: int
    ) -> tuple[Size | None, UpsampleError | None]:
        settings = self.settings
        bound = settings.bound
        if settings.auto_resize and settings.fit is Fit.SAFE:
            bound = _within_both(bound, settings.safe_bound)
        if not self.profile.family.rule.accepts(video.size):
            return None, _too_thin(video)
        best = self.largest(video.size, text, frames, bound=bound)
        if settings.auto_resize:
            if best is None and not settings.enforce_budget:
                best = self.largest(video.size, text, frames, bound=bound, limit=_ANY_LENGTH)
        elif not bound.allows(video.size):
            return None, _above_bound(video, bound)
        elif best == self.seen_size(video.size) or not settings.enforce_budget:
            return self.seen_size(video.size), None
        if best is None or not settings.auto_resize:
            return None, _too_long(self.weigh(text, video.size, frames), video.size, best)
        return best, None


def make_request(
    plan: Plan, frames: Sequence[Frame], planner: Planner, model: str, seed: int, candidate: int
) -> Request:
    """Make the request that is sent to a box for this plan; `frames` is empty for a prompt without a video.

    Candidates differ by their seed: candidate `c` has `seed + c`.
    """
    profile = planner.profile
    return Request(
        profile=profile.name,
        model=model,
        system=planner.system,
        prompt=profile.sent_prompt(plan.prompt),
        frames=tuple(FrameInfo(f.sha256, f.width, f.height, f.time) for f in frames),
        sampling=Sampling(
            temperature=profile.sampling.temperature,
            max_tokens=planner.settings.reserve,
            seed=seed + candidate,
        ),
        candidate=candidate,
    )


def unnamed_hdr(path: Path) -> str:
    """Return the warning for a video that may be HDR and does not say so."""
    return (
        f"{path} says BT.2020 and not whether it is HDR; if it is, its frames are pale. Export it "
        "again, or tag it: ffmpeg -i IN -c copy -bsf:v "
        "hevc_metadata=colour_primaries=9:transfer_characteristics=18 OUT (18 is HLG, 16 is PQ)."
    )


def with_gaps(video: Video) -> str:
    """Return the warning for a sequence of pictures in which numbers are missing."""
    are = "number is" if video.gaps == 1 else "numbers are"
    return (
        f"{video.path}: {video.gaps:,} {are} missing between the first of its {video.frames:,} pictures "
        "and the last; its frames are chosen of those that are there."
    )


def _within_both(one: Bound, other: Bound) -> Bound:
    return Bound(
        width=_smaller(one.width, other.width),
        height=_smaller(one.height, other.height),
        shorter=_smaller(one.shorter, other.shorter),
    )


def _smaller(one: int | None, other: int | None) -> int | None:
    limits = [limit for limit in (one, other) if limit is not None]
    return min(limits, default=None)


def _too_long(budget: Budget, size: Size | None, best: Size | None) -> InputError:
    what = f"at {size}, the prompt and its frames take" if size else "the prompt takes"
    problem = (
        f"{what} {budget.prompt_tokens:,} tokens; with {budget.reserve:,} kept for the answer "
        f"that is {budget.needed:,} of {budget.limit:,}"
    )
    if best is not None:
        return InputError(problem, f"{best} would fit: use --resize auto.")
    return InputError(problem, "Shorten the prompt, send fewer frames, or raise max_tokens.")


def _too_thin(video: Video) -> InputError:
    return InputError(
        f"{video.path} is a strip of {video.size}, which is too thin for this model",
        "Crop the video, or show another one.",
    )


def _above_bound(video: Video, bound: Bound) -> InputError:
    return InputError(
        f"{video.size} is larger than max_upsample_resolution ({bound})", "Use --resize auto."
    )
