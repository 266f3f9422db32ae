"""A user without a plan: keys, mouse and resizes at random, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from textual import events
from textual.geometry import Size
from textual.pilot import Pilot

from tui.app import UpsampleApp
from tui.specs.listing import Listing

KEYS = (
    *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/?,.<>[]+-:!\"'漢é",
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "enter", "escape"),
    *("tab", "shift+tab", "space", "backspace", "delete", "ctrl+d", "ctrl+u", "ctrl+p", "ctrl+c"),
    *("ctrl+a", "ctrl+z", "ctrl+left", "ctrl+w", "f1", "f5", "shift+down", "alt+x"),
)
"""What is bound anywhere, and much that is not."""
OFTEN = ("up", "down", "enter", "escape", "tab", "j", "k", "space")
MARKING = {"space", "a", "i", "v", "A", "U", "enter", "mouse_up"}
"""Only these may change which specs are marked."""
SIZES = ((1, 1), (20, 60), (59, 15), (60, 16), (80, 24), (110, 36), (120, 40), (160, 12), (160, 45))
LONGEST_BURST = 12
"""Events that come at once, as over a slow line."""

Step = str | tuple[str, int, int]
"""A key, or what the mouse or the window did and where or to which size."""


@dataclass
class Wandering:
    """One walk; the same seed gives the same one."""

    random: Random
    left: int
    """Events still to come."""
    listing: Listing = field(default_factory=Listing)
    """Whose marks stay; that of the app that is open."""
    behind: list[Step] = field(default_factory=list)
    """Those that came."""

    async def until_quit(self, app: UpsampleApp, pilot: Pilot[None]) -> None:
        """Go on until the events are spent or one of them quits; marks stay all the way."""
        while self.left > 0 and not app._exit:
            before = set(self.listing.marked)
            burst = list(self._burst())
            for step in burst:
                _send(app, step)
            await pilot.pause()
            if app._exception is not None:
                return
            kinds = {step if isinstance(step, str) else step[0] for step in burst}
            if not kinds & MARKING:
                assert self.listing.marked == before, "marks were lost"

    def _burst(self) -> Iterator[Step]:
        for _ in range(min(self.left, self.random.randint(1, LONGEST_BURST))):
            self.left -= 1
            step = self._step()
            self.behind.append(step)
            yield step

    def _step(self) -> Step:
        draw = self.random.random()
        if draw < 0.04:
            return ("resize", *self.random.choice(SIZES))
        if draw < 0.25:
            kind = self.random.choice(list(_MOUSE))
            return (kind, self.random.randrange(160), self.random.randrange(45))
        keys: tuple[str, ...] = OFTEN if draw < 0.5 else KEYS
        return self.random.choice(keys)


_MOUSE: dict[str, tuple[type[events.MouseEvent], ...]] = {
    "mouse_up": (events.MouseDown, events.MouseUp),
    "mouse_down": (events.MouseDown,),
    "mouse_move": (events.MouseMove,),
    "wheel_down": (events.MouseScrollDown,),
    "wheel_up": (events.MouseScrollUp,),
}


def _send(app: UpsampleApp, step: Step) -> None:
    for event in _events(app, step):
        app.post_message(event)


def _events(app: UpsampleApp, step: Step) -> Iterator[events.Event]:
    if isinstance(step, str):
        character = " " if step == "space" else step if len(step) == 1 else None
        yield events.Key(_NAMES.get(step, step), character)
        return
    kind, x, y = step
    if kind == "resize":
        size = Size(x, y)
        # As Textual's own pilot does it: without a terminal, nobody else knows the size.
        app._driver._size = size  # type: ignore[union-attr]
        yield events.Resize(size, size)
        return
    x, y = x % max(1, app.size.width), y % max(1, app.size.height)
    button = 1 if kind in ("mouse_up", "mouse_down") else 0
    for made in _MOUSE[kind]:
        yield made(None, x, y, 0, 0, button, False, False, False, screen_x=x, screen_y=y)


_NAMES = {
    "/": "slash",
    "?": "question_mark",
    ",": "comma",
    ".": "full_stop",
    "<": "less_than_sign",
    ">": "greater_than_sign",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "+": "plus",
    "-": "minus",
    ":": "colon",
    "!": "exclamation_mark",
    '"': "quotation_mark",
    "'": "apostrophe",
}
