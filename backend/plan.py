"""What would be sent for a prompt, decided before anything is: the size, the budget, or why it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.config import Estimator, Fit, Upsampling
from backend.errors import InputError, UpsampleError
from backend.profiles import Profile, load_profile
from backend.resolutions import Bound, Size
from backend.tokens import LINEAR, Budget, TextCounter, VisionRule, fit
from backend.video import Prepared, Video, probe
from remote.protocol import FrameInfo, Request, Sampling


@dataclass(frozen=True, slots=True)
class Plan:
    """A prompt and its video, weighed against the context length."""

    prompt: str
    """As the spec has it."""
    video: Video | None
    """None for a prompt without a video."""
    size: Size | None
    """The size to send frames at; None when there is no video or nothing fits."""
    frames: int
    """How many frames are sent."""
    budget: Budget | None
    """At `size`, or at the source's size where that is refused; None when the video cannot be read."""
    linear: int
    """Vision tokens by the rule of thumb at the same size, for comparison."""
    refusal: UpsampleError | None
    """Why the spec cannot be sent; None when it can."""


class Planner:
    """Makes plans under one set of settings. Safe to share between threads."""

    def __init__(self, settings: Upsampling, counter: TextCounter) -> None:
        self.settings = settings
        self.profile: Profile = load_profile(settings.profile)
        self._counter = counter

    def plan(self, prompt: str, path: Path | None) -> Plan:
        """Weigh a prompt and its video or image.

        Reads the video's header and, the first time, the tokenizer. What is wrong with the spec is
        the plan's refusal, and never raised.
        """
        if path is None:
            return self._without_video(prompt)
        try:
            video = probe(path)
        except UpsampleError as error:
            return Plan(prompt, None, None, 0, None, 0, error)
        return self._with_video(prompt, video)

    def text_tokens(self, prompt: str) -> int:
        """Tokens of the text that is sent for a prompt."""
        template = self.profile.template
        return sum(
            self._counter.count(text)
            for text in (template.system, self.profile.sent_prompt(prompt))
            if text
        )

    def _without_video(self, prompt: str) -> Plan:
        budget = self._budget(self.text_tokens(prompt), None, 0)
        refusal = None if budget.fits else _too_long(budget, None, None)
        return Plan(prompt, None, None, 0, budget, 0, refusal)

    def _with_video(self, prompt: str, video: Video) -> Plan:
        frames = min(self.settings.frames_to_extract, video.frames)
        text = self.text_tokens(prompt)
        size, refusal = self._choose_size(video, text, frames)
        shown = size or video.size
        budget = self._budget(text, shown, frames)
        return Plan(
            prompt, video, size, frames, budget, LINEAR.vision_tokens(shown, frames), refusal
        )

    def _choose_size(
        self, video: Video, text: int, frames: int
    ) -> tuple[Size | None, UpsampleError | None]:
        settings = self.settings
        bound = settings.bound
        if settings.auto_resize and settings.fit is Fit.SAFE:
            bound = _within_both(bound, settings.safe_bound)
        best = self._largest(video, text, frames, bound)
        if not settings.auto_resize:
            if best == video.size:
                return best, None
            if not settings.bound.allows(video.size):
                return None, _above_bound(video, settings.bound)
            return None, _too_long(self._budget(text, video.size, frames), video.size, best)
        if best is None:
            return None, _too_long(self._budget(text, video.size, frames), video.size, None)
        return best, None

    def _largest(self, video: Video, text: int, frames: int, bound: Bound) -> Size | None:
        return fit(
            video.size,
            text=text,
            limit=self.settings.max_tokens,
            reserve=self.settings.reserve,
            frames=frames,
            rule=self.rule,
            bound=bound,
        )

    def _budget(self, text: int, size: Size | None, frames: int) -> Budget:
        vision = self.rule.vision_tokens(size, frames) if size else 0
        return Budget(self.settings.max_tokens, self.settings.reserve, text, vision)

    @property
    def rule(self) -> VisionRule:
        """How vision tokens are counted: as the model does, or by the rule of thumb."""
        linear = self.settings.estimator is Estimator.LINEAR
        return LINEAR if linear else self.profile.vision.rule


def make_request(
    plan: Plan, prepared: Prepared | None, planner: Planner, model: str, seed: int, candidate: int
) -> Request:
    """The request that a box is sent for this plan; `prepared` is None for a prompt without a video.

    Candidates differ by their seed: candidate `c` is drawn with `seed + c`.
    """
    profile = planner.profile
    frames = prepared.frames if prepared else ()
    return Request(
        profile=profile.name,
        model=model,
        system=profile.template.system,
        prompt=profile.sent_prompt(plan.prompt),
        frames=tuple(FrameInfo(f.sha256, f.width, f.height, f.time) for f in frames),
        sampling=Sampling(
            temperature=profile.sampling.temperature,
            max_tokens=planner.settings.reserve,
            seed=seed + candidate,
        ),
        candidate=candidate,
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


def _above_bound(video: Video, bound: Bound) -> InputError:
    return InputError(
        f"{video.size} is larger than max_upsample_resolution ({bound})", "Use --resize auto."
    )
