"""Decides what is sent as a clip: a video of a few frames, in place of the frames themselves."""

from __future__ import annotations

from collections.abc import Collection

from backend.config import EngineName, Profile, Send, Upsampling
from backend.errors import InputError
from backend.tokens import Family, VisionRule
from backend.tokens.clip_tokens import MOST_CLIP_FRAMES, ShownRule


def is_clip(settings: Upsampling, frames: int) -> bool:
    """Whether so many frames of one video are sent as a clip. One alone is sent as a picture."""
    return settings.send is Send.CLIP and frames > 1


def own_rule(settings: Upsampling, family: Family, shown: tuple[int, ...] = ()) -> VisionRule:
    """Return the model's own rule for a request that shows so many frames of each video or image.

    Without `shown`, the frames that the rule is asked about are those of one video.
    """
    if settings.send is Send.FRAMES or family.clips is None:
        return family.rule
    return ShownRule(family.clips, family.rule, shown)


def why_no_clip(
    settings: Upsampling, profile: Profile, shown: Collection[int]
) -> InputError | None:
    """Return why clips of so many frames cannot be sent; None where they can, or where none is to be."""
    longest = max(shown, default=0)
    if not is_clip(settings, longest):
        return None
    if profile.family.clips is None:
        return InputError(
            f'upsampling.send is "clip", and the family of the profile {profile.name}, '
            f"{profile.family.name}, takes no clips",
            'Set upsampling.send to "frames", or choose a profile of the family qwen2-vl or qwen3-vl.',
        )
    if longest > MOST_CLIP_FRAMES:
        return InputError(
            f"a clip of {longest} frames is too long: a model server looks at {MOST_CLIP_FRAMES}",
            f'Set frames_to_extract to at most {MOST_CLIP_FRAMES}, or upsampling.send to "frames".',
        )
    return None


def refuse_clip_on(settings: Upsampling, engine: str, box: str) -> None:
    """Raise InputError if clips are to be sent to a box whose engine takes pictures alone."""
    if settings.send is Send.CLIP and engine in (EngineName.SKETCH, EngineName.LLAMA):
        raise InputError(
            f'the engine of {box} ({engine}) takes no clips, and upsampling.send is "clip"',
            "Choose another box, or `upsample config set upsampling.send frames`.",
        )
