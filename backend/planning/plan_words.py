"""Says what is wrong with a plan, or may be: refusals and warnings in words, with what to do."""

from __future__ import annotations

from collections.abc import Iterable

from backend.errors import InputError
from backend.sizes import Bound, Size
from backend.tokens import Budget
from backend.video import MediaKind, Video
from backend.video.frame_choice import without_rate


def doubts_about(videos: Iterable[Video]) -> str:
    """Return what may be wrong with the frames of the first of these videos of which that is known."""
    for video in videos:
        if video.is_perhaps_hdr:
            return unnamed_hdr(video.called)
        if video.gaps:
            return with_gaps(video)
    return ""


def timeless(videos: Iterable[Video]) -> InputError | None:
    """Return the refusal of the first sequence of pictures whose frame rate is not known."""
    for video in videos:
        if video.kind is MediaKind.SEQUENCE and not video.fps:
            return without_rate(video)
    return None


def unnamed_hdr(video: str) -> str:
    """Return the warning for a video, by its path or address, that may be HDR and does not say so."""
    return (
        f"{video} says BT.2020 and not whether it is HDR; if it is, its frames are pale. Export it "
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


def too_long(budget: Budget, size: Size | None, best: Size | None) -> InputError:
    """Return the refusal of what does not fit the context; `best` is the size that would, if one does."""
    what = f"at {size}, the prompt and its frames take" if size else "the prompt takes"
    problem = (
        f"{what} {budget.prompt_tokens:,} tokens; with {budget.reserve:,} kept for the answer "
        f"that is {budget.needed:,} of {budget.limit:,}"
    )
    if best is not None:
        return InputError(problem, f"{best} would fit: use --resize auto.")
    enough = -(-budget.needed // 1024) * 1024
    return InputError(
        problem,
        f"Shorten the prompt, send fewer frames, or raise max_tokens to {enough:,} or more "
        "(and the server's own context, if that is shorter).",
    )


def too_thin(video: Video) -> InputError:
    """Return the refusal of a picture whose sides differ more than the model takes."""
    return InputError(
        f"{video.called} is a strip of {video.size}, which is too thin for this model",
        "Crop the video, or show another one.",
    )


def above_bound(video: Video, bound: Bound) -> InputError:
    """Return the refusal of a video above the user's own bound."""
    return InputError(
        f"{video.size} is larger than max_upsample_resolution ({bound})", "Use --resize auto."
    )
