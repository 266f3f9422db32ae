"""The state of a link to a box in words and colours, and the box and the limit in the status bar."""

from __future__ import annotations

from textual.content import Content

from backend.box.idle_model import is_idle
from backend.box.status_text import LINK_SIGNS, link_words, short_hand_over
from backend.config import BoxSettings, Settings
from backend.events import LinkState
from tui.state.live import LiveBox
from tui.text import one_line

_LINK_COLOURS = {
    LinkState.CONNECTING: "$text-warning",
    LinkState.WAITING: "bold $text-warning",
    LinkState.LIVE: "$text-success",
    LinkState.STALE: "$text-warning",
    LinkState.RETRYING: "$text-warning",
    LinkState.STOPPED: "$text-error",
    LinkState.CLOSED: "$foreground-muted",
}


def link_text(state: LinkState) -> Content:
    """Return the glyph and word for the state of a link, in its colour."""
    sign = LINK_SIGNS[state]
    return Content.styled(f"{sign.glyph} {sign.word}", _LINK_COLOURS[state])


def link_parts(box: LiveBox | None, now: float) -> tuple[str, str, str]:
    """Return the glyph, the words with their countdown by the clock of `Live`, and the colour of both."""
    if box is None or box.link is None:  # nothing was heard of it yet
        return "○", "", "$foreground-muted"
    words = link_words(box.link, box.seconds(now))
    return LINK_SIGNS[box.link].glyph, words, _LINK_COLOURS[box.link]


def engine_text(box: BoxSettings) -> str:
    """Return the engine and model of a box in words."""
    # A model in a folder is known by the folder's name.
    model = box.model.rstrip("/").rpartition("/")[2]
    return " · ".join(one_line(part) for part in (box.engine, model) if part)


def box_line(settings: Settings, live: LiveBox | None, now: float) -> Content:
    """Return the box that would be used, the state of its link, and its engine, or how far jobs are handed
    over to it.

    Raises ConfigError when there is no such box.
    """
    name, box = settings.box_named(None)
    glyph, words, colour = link_parts(live, now)
    return Content.assemble(
        (" upsample ", "bold $primary"),
        "  ",
        (glyph, colour),
        " ",
        (one_line(name), "bold"),
        (f" {words}", colour),
        (
            f"  {_hand_over_text(live) or _idle_text(live, box, now) or engine_text(box)}",
            "$foreground-muted",
        ),
    )


def _idle_text(live: LiveBox | None, box: BoxSettings, now: float) -> str:
    if live is None or live.idle_since is None or not is_idle(box, now - live.idle_since):
        return ""
    return "holds its GPU, idle"


def _hand_over_text(live: LiveBox | None) -> str:
    return "" if live is None or live.hand_over is None else short_hand_over(live.hand_over)


def limit_line(settings: Settings) -> Content:
    """Return the limit of every budget, or also that of profiles which are taken where they fit."""
    limits = settings.upsampling
    others = [it for it in limits.of_fitting_profiles if it.max_tokens != limits.max_tokens]
    more = f", reserve {limits.reserve:,} "
    if len(others) == 1:
        more = f", {one_line(others[0].profile)}: {others[0].max_tokens:,} "
    elif others:
        more = ", others by profile "
    return Content.assemble(f"{limits.max_tokens:,} tokens", (more, "$foreground-muted"))
