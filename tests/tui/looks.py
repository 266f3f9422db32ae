"""The looks in which every screen is drawn: three sizes, a light theme, and a terminal without colours."""

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


LOOKS = (
    Look((80, 24)),
    Look((120, 40)),
    Look((200, 50)),
    Look((120, 40), "textual-light"),
    Look((120, 40), colours=False),
)
