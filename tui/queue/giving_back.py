"""Gives back the GPU of a box whose model is loaded and idle."""

from __future__ import annotations

from functools import partial

from textual.content import Content

from backend.box.idle_model import idle_words, is_idle
from backend.config import BoxSettings, Settings
from backend.errors import UpsampleError
from tui.host import AppHost
from tui.shell.steady_app import CHANGES
from tui.shell.work import start_work
from tui.state.live import Live, LiveBox
from tui.text import one_line, paragraphs
from tui.widgets.own_keys import key_of
from tui.widgets.page import Page


def idle_hint(box: LiveBox, settings: BoxSettings | None, now: float) -> Content:
    """Say that the model of a box is idle, and the key that gives its GPU back; empty when it is not."""
    if box.idle_since is None or settings is None:
        return Content()
    seconds = now - box.idle_since
    if not is_idle(settings, seconds):
        return Content()
    text = (
        f"  {key_of('queue.give-the-gpu-back')} gives the GPU back: {idle_words(settings, seconds)}"
    )
    return Content.styled(text, "$text-warning")


def idle_boxes(live: Live, settings: Settings) -> list[str]:
    """Return the names of the boxes whose model is idle for so long that it is said."""
    return [
        name
        for name, box in live.boxes.items()
        if name in settings.boxes and idle_hint(box, settings.boxes[name], live.clock()).plain
    ]


async def give_gpu_back(host: AppHost, name: str) -> None:
    """End the daemon of this box, and its model with it, unless it has got work. Raises BoxError."""
    # They bring SSH with them.
    from backend.box.setup import make_box
    from backend.box.stopping import stop_box

    box = make_box(name, host.settings.boxes[name], host.settings)
    await stop_box(box, host.asker, only_idle=True)
    host.live.box(name).idle_since = None


class GivingBackPage(Page):
    """A page whose key gives GPUs back. The work is the app's, so that it goes on whatever page is shown."""

    def action_give_back(self) -> None:
        """End the idle models, so that their boxes' GPUs are free."""
        names = idle_boxes(self.host.live, self.host.settings)
        if not names:
            self.notify("No box that this app has used holds an idle model.", markup=False)
        for name in names:
            start_work(self.app, partial(self._give_back, name), CHANGES)

    async def _give_back(self, name: str) -> None:
        try:
            await give_gpu_back(self.host, name)
        except UpsampleError as error:
            self.app.notify(paragraphs(str(error)), severity="error", markup=False)
        else:
            self.app.notify(f"The GPU of {one_line(name)} is given back.", markup=False)
