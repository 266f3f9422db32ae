"""The looks in which screens are drawn: three sizes, a light theme, and a terminal without colours.

The main state of each page is drawn in all of them, by the marker `looks`; everything else in one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How a terminal shows the app."""

    size: tuple[int, int]
    theme: str = "textual-dark"
    colours: bool = True

    def __str__(self) -> str:
        theme = "" if self.theme == "textual-dark" else f"-{self.theme}"
        return f"{self.size[0]}x{self.size[1]}{theme}{'' if self.colours else '-no-colour'}"


MEDIUM = (120, 40)
"""The size in which a state is drawn that is drawn once."""

LOOKS = (
    Look(MEDIUM),
    Look((80, 24)),
    Look((200, 50)),
    Look(MEDIUM, "textual-light"),
    Look(MEDIUM, colours=False),
)
"""The first one is the look that `make test` compares."""
