"""`upsample fit`: find the largest size of a video that fits the context."""

from __future__ import annotations

from pathlib import Path

from backend.config import Settings, load_settings
from backend.console import say, warn, write_json, write_line
from backend.errors import InputError
from backend.exit_codes import ExitCode
from backend.limits.calibration import find_calibration
from backend.planning.box_planner import make_planner
from backend.planning.plan import Planner
from backend.planning.plan_words import unnamed_hdr
from backend.sizes import Size
from backend.tokens import TextCounter
from backend.video import probe
from backend.video.missing import is_numbered


def show_fit(source: str, frames: int | None, prompt: str, *, as_json: bool) -> ExitCode:
    """Print the size to stdout and its token counts to stderr; with `as_json`, both to stdout."""
    settings = load_settings()
    upsampling = settings.upsampling
    wanted = frames_wanted(frames, settings)
    size, available = _measure(source)
    count = min(wanted, available or wanted)
    planner = make_planner(settings, TextCounter())
    # Without --prompt the user asks about pictures alone: only a system prompt is counted as text.
    text = planner.text_tokens(prompt or None)
    limit, reserve = planner.settings.max_tokens, upsampling.reserve
    best = planner.largest(size, text, count)
    if best is None:
        raise InputError(
            f"no size of {source} fits {limit:,} tokens with {reserve} kept for the answer",
            "Send fewer frames (--frames), shorten the prompt, or raise max_tokens.",
        )
    budget = planner.weigh(text, best, count)
    calibration = find_calibration(settings)
    measured = calibration.prompt_tokens(best, count, budget) if calibration else None
    if calibration and (warning := calibration.warning()):
        warn(warning)
    if as_json:
        write_json(
            {
                "source": str(size),
                "fit": str(best),
                "frames": count,
                "prompt_tokens": budget.prompt_tokens,
                "limit": limit,
                "reserve": reserve,
                "free": budget.free,
                "estimated": budget.estimated,
                "measured": budget.measured,
                "measured_tokens": measured,
            }
        )
        return ExitCode.OK
    write_line(str(best))
    about = "about " if budget.estimated else ""
    say(
        f"{about}{budget.prompt_tokens:,} prompt tokens of {limit:,}, "
        f"{reserve} kept for the answer, "
        f"{budget.free:,} to spare{_whole(planner, size, best)}"
    )
    if budget.measured:
        say(f"measured: the tokens are corrected by what {settings.box} has counted")
    if measured is not None and calibration is not None:
        say(f"{measured:,} were measured ({calibration.source})")
    return ExitCode.OK


def _whole(planner: Planner, size: Size, best: Size) -> str:
    """Say that a source of this size is not made smaller to fit, where that is so."""
    if best == size:
        return ": it fits as it is"
    return ": the model looks at no more" if best == planner.seen_size(size) else ""


def frames_wanted(frames: int | None, settings: Settings) -> int:
    """Return `frames`, the value of --frames, or the setting if it is None. Raises InputError below 1."""
    if frames is None:
        return settings.upsampling.frames_to_extract
    if frames < 1:
        raise InputError(f"{frames} frames cannot be sent", "Ask for 1 or more.")
    return frames


def _measure(source: str) -> tuple[Size, int | None]:
    """Return the size and the number of frames of a file. For a size like 1280x720 the number is None."""
    path = Path(source)
    if not path.exists() and not is_numbered(path):
        try:
            return Size.parse(source), None
        except InputError:
            raise InputError(
                f"{source} is neither a file nor a size", "Name a video, or a size as in 1280x720."
            ) from None
    video = probe(path)
    if video.is_perhaps_hdr:
        warn(unnamed_hdr(video.called))
    return video.size, video.frames
