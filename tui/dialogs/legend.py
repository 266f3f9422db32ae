"""The legend of the help: it explains each glyph beside its word and colour."""

from __future__ import annotations

from textual.content import Content

from backend.events import LinkState
from backend.store import State
from backend.tokens import NEAR_MEANS
from tui.queue.state_signs import shown_state
from tui.settings.rows import OVERRULED
from tui.text import CHOSEN
from tui.tokens.verdicts import Standing
from tui.widgets.status_text import link_text

_WIDTH = 18
_VERDICTS = {
    Standing.FITS: "prompt, frames and the reserve for the answer fit the limit",
    Standing.NEAR: f"they fit, with {NEAR_MEANS}",
    Standing.EXCEEDS: "they do not fit, at any size that may be sent",
    Standing.REFUSED: "it cannot be sent for another reason",
}
_JOBS = {
    State.QUEUED: "it waits for its turn",
    State.PAUSED: "it waits until you let it go on",
    State.PREPARING: "its frames are being drawn",
    State.SENT: "the box has it, and does it whether you are there or not",
    State.RUNNING: "the engine works on it",
    State.DONE: "its result is there",
    State.FAILED: "it says why",
    State.CANCELLED: "you took it back",
}
_LINKS = {
    LinkState.CONNECTING: "the box is being reached",
    LinkState.WAITING: "a question is open: a host key, a password",
    LinkState.LIVE: "it answers",
    LinkState.STALE: "nothing comes any more; soon it is tried anew",
    LinkState.RETRYING: "it could not be reached; it is tried again",
    LinkState.STOPPED: "until you did what the detail says",
    LinkState.CLOSED: "all is done there; more opens it again",
}


def legend(page: str) -> dict[str, list[Content]]:
    """Return the glyphs of a page, in lines by the title of their group."""
    groups: dict[str, list[Content]] = {}
    if page == "specs":
        groups["Verdicts"] = [
            _line(Content.styled(standing.text, standing.colour), what)
            for standing, what in _VERDICTS.items()
        ]
    if page in ("specs", "queue"):
        groups["Jobs"] = [
            _line(Content.styled(shown_state(state).text, shown_state(state).colour), what)
            for state, what in _JOBS.items()
        ]
    groups["Boxes"] = [_line(link_text(state), what) for state, what in _LINKS.items()]
    if page == "settings":
        groups["Settings"] = [
            _line(Content.styled("■ □", "bold"), "yes, no"),
            _line(Content.styled(CHOSEN, "bold $primary"), "the box or the value that is used"),
            _line(Content.styled(OVERRULED, "$text-warning"), "counts more than your own file"),
        ]
    return groups


def _line(glyph: Content, what: str) -> Content:
    return Content.assemble(glyph, " " * max(1, _WIDTH - glyph.cell_length), what)
