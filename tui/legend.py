"""What the glyphs mean, for the help: everywhere a glyph stands with its word and its colour."""

from __future__ import annotations

from textual.content import Content

from backend.events import LinkState
from tui.lines import link_text
from tui.settings_rows import OVERRULED
from tui.verdicts import Standing

_WIDTH = 14
_VERDICTS = {
    Standing.FITS: "prompt, frames and answer fit the limit",
    Standing.NEAR: "they fit, and take nine tenths of it or more",
    Standing.EXCEEDS: "they do not fit, at any size that may be sent",
    Standing.REFUSED: "it cannot be sent for another reason",
}
_LINKS = {
    LinkState.CONNECTING: "the box is being reached",
    LinkState.LIVE: "it answers",
    LinkState.RETRYING: "it could not be reached; it is tried again",
    LinkState.STOPPED: "not before you did something: the detail says what",
}


def legend(page: str) -> dict[str, list[Content]]:
    """The groups of glyphs that a page has."""
    groups: dict[str, list[Content]] = {}
    if page == "specs":
        groups["Verdicts"] = [
            _line(Content.styled(standing.text, standing.colour), what)
            for standing, what in _VERDICTS.items()
        ]
    groups["Boxes"] = [_line(link_text(state), what) for state, what in _LINKS.items()]
    if page == "settings":
        groups["Settings"] = [
            _line(Content.styled("■ □", "bold"), "yes, no"),
            _line(Content.styled(OVERRULED, "$text-warning"), "counts more than your own file"),
        ]
    return groups


def _line(glyph: Content, what: str) -> Content:
    return Content.assemble(glyph, " " * max(1, _WIDTH - glyph.cell_length), what)
