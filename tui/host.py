"""What pages, dialogs and widgets know of the app.

They work with this protocol and not with the app's class, because the app imports them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from textual.message_pump import MessagePump
from textual.signal import Signal

if TYPE_CHECKING:
    from backend.box.asker import Asker
    from backend.config import Settings
    from backend.dispatch.runs.runner import QueueRunner
    from backend.store import Store
    from tui.log.recorder import LogRecorder
    from tui.send.draft import Chosen
    from tui.shell.desk import Desk
    from tui.state.live import Live
    from tui.state.memory import Memory


class AppHost(Protocol):
    """The app as its parts see it: what it knows, and what it does for them."""

    desk: Desk
    settings: Settings
    """The settings that hold now."""
    settings_changed: Signal[Settings]
    live_changed: Signal[None]
    """Is published when `live` or `recorder` have something new, several times a second at most."""
    runner: QueueRunner | None
    """Works on the queue; None before the queue is open, and when it cannot be opened."""
    store: Store | None
    """The open queue; None before it is open."""
    queue_trouble: str
    """Why the queue cannot be worked on; empty when it can."""
    holder: str
    """The other process that works on the queue, in words; empty when this one does."""
    log_job: int | None
    """The job whose log is looked at; None before any job has started."""
    memory: Memory
    to_review: tuple[Path, int] | None
    """The spec (its absolute file, and its entry) whose result the review shows first."""
    first_frame: asyncio.Event
    """Is set once anything has been drawn."""
    specs_shown: asyncio.Event
    """Is set once the first specs have been drawn, or there are none."""

    @property
    def asker(self) -> Asker:
        """Asks the user what reaching a box needs to know."""

    @property
    def pages(self) -> Sequence[str]:
        """The names of the pages, in the order of their keys."""

    @property
    def live(self) -> Live:
        """What happens at the moment."""

    @property
    def recorder(self) -> LogRecorder:
        """Collects the lines of the log."""

    @property
    def is_whole(self) -> bool:
        """Whether the settings are read, and with them everything that the first frame did without."""

    async def make_whole(self) -> None:
        """Read the settings and the like, unless that is done. The app ends if they cannot be read."""

    def change_settings(self, settings: Settings) -> None:
        """Use these settings from now on."""

    def ask_to_upsample(
        self, chosen: Sequence[Chosen], queued: Callable[[], object], *, include_upsampled: bool
    ) -> None:
        """Open the dialog on these specs; `queued` is called once they are in the queue.

        With `include_upsampled`, prompts that are upsampled already are not left alone.
        """

    def review_spec(self, file: Path, entry: int) -> None:
        """Go to the review, and there to the newest result of this spec."""

    def tell_defect(self, error: BaseException) -> None:
        """Tell the user that work behind a page broke, and log where it broke."""


def host_of(node: MessagePump) -> AppHost:
    """Return the app that the page, dialog or widget is part of."""
    return cast("AppHost", node.app)
