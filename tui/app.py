"""The terminal app. It owns what outlives a page: the settings, the queue's runner, and what was heard of
jobs and boxes.

What the first frame does not show is imported when it is needed, because the user waits for that frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.signal import Signal

from backend.config.places import user_file
from backend.errors import UpsampleError
from tui.shell.defects import TellsDefects, describe_defect
from tui.shell.desk import Desk
from tui.shell.pages import PAGES
from tui.shell.steady_app import CHANGES
from tui.shell.two_step_app import PAINTED_WITHIN, TwoStepApp
from tui.shell.work import start_work
from tui.state.asker import AppAsker
from tui.state.memory import Memory
from tui.text import one_line, paragraphs
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.page import Page

if TYPE_CHECKING:
    from backend.config import Settings
    from backend.dispatch.runs.runner import QueueRunner
    from backend.events import Event
    from backend.store import Store
    from tui.dialogs.first_run import Begin
    from tui.send.draft import Chosen, ToSend

_THREADS = 32
"""Threads of the default executor. Some of them stay as long as the app (watching files, planning), and
others hang for long (a dead disk). With asyncio's own count, six on two cores, the queue would have to wait
for them."""
LIVE_HZ = 12
"""How many times a second pages are told of news, at most."""
ASK_AGAIN_SECONDS = 300.0
"""Seconds after an unanswered question until it is put again."""

_LOOKS: list[str | PurePath] = [
    "widgets/page.tcss",
    "widgets/status_bar.tcss",
    "outline/outline_view.tcss",
    "specs/screen.tcss",
    "specs/spec_list.tcss",
    "specs/spec_detail.tcss",
    "queue/job_list.tcss",
    "queue/queue_pane.tcss",
    "log/tail.tcss",
]
"""The style sheets of every page and of the first one. The other pages bring their own, and each time all
style sheets are parsed again."""


class UpsampleApp(TellsDefects, TwoStepApp):
    """The app that `upsample` opens without `--no-ui`. `AppHost` describes what pages use of it."""

    TITLE = "upsample"
    CSS_PATH = _LOOKS
    DEFAULT_MODE = "specs"
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "app",
        Binding("1", "page('specs')", "specs", show=False),
        Binding("2", "page('queue')", "queue", show=False),
        Binding("3", "page('log')", "log", show=False),
        Binding("l", "log", "log of the job", show=False),
        Binding("4", "page('review')", "review", show=False),
        Binding("5", "page('settings')", "settings", show=False),
        Binding("comma", "settings", "the settings", show=False),
        Binding("ctrl+p", "command_palette", "palette", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "suspend", show=False),
        Binding("q", "quit", "quit"),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.live_changed: Signal[None] = Signal(self, "live_changed")
        self.settings_changed: Signal[Settings] = Signal(self, "settings_changed")
        self.runner: QueueRunner | None = None
        self.store: Store | None = None
        self.queue_trouble = ""
        self.holder = ""
        self.log_job: int | None = None
        self.asker = AppAsker(self, self._ask_again_later)
        self.memory = Memory.load(desk.memory)
        self.to_review: tuple[Path, int] | None = None
        self.first_frame = asyncio.Event()
        self._shown = (0, 0)
        for name in PAGES:
            self.add_mode(name, partial(self._make_page, name))

    def _make_page(self, name: str) -> Page:
        return PAGES[name](self.desk)

    @property
    def pages(self) -> tuple[str, ...]:
        return tuple(PAGES)

    def on_mount(self) -> None:
        """Show the specs, and all else only after them."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
        self.take_up_themes()
        self.begin()
        page = self.memory.recall("page", self.DEFAULT_MODE)
        if page in PAGES and not self.desk.source.paths:
            self.switch_mode(page)
        if self._is_first_run():
            from tui.dialogs.first_run import FirstRunScreen

            self.push_screen(FirstRunScreen(), self._begin)
        if not self.desk.source.paths:
            self.specs_shown.set()

    def take_up_rest(self) -> None:
        """Begin to write the log and to tell pages of news, and open the queue."""
        if self.desk.log_file is not None:
            self.recorder.open_file(self.desk.log_file, self._tell_of_log_file)
        self.set_interval(1 / LIVE_HZ, self._tell_pages)
        if self.desk.queue is not None:
            # A worker of the app: jobs go on whatever page is shown.
            self.call_after_refresh(
                lambda path: start_work(self, partial(self._work_on, path)),
                self.desk.queue,
            )

    def on_ready(self) -> None:
        self.first_frame.set()

    def on_unmount(self) -> None:
        """Save how the app was left, and let the log lines reach their file."""
        self.memory.save()
        if self.is_whole:
            self.recorder.close()

    def action_page(self, name: str) -> None:
        """Go to another page, which is as the user left it."""
        self.switch_mode(name)
        self.remember("page", name)

    def action_settings(self) -> None:
        """Go to the settings."""
        self.action_page("settings")

    async def action_log(self) -> None:
        """Go to the log; if the page is about a job, to the log of that job."""
        from tui.log.screen import LogPage

        page = self.screen
        job = page.current_job if isinstance(page, Page) else None
        await self.switch_mode("log")
        if job is not None and isinstance(self.screen, LogPage):
            self.log_job = job
            self.screen.show_job(job)

    def review_spec(self, file: Path, entry: int) -> None:
        self.to_review = file.absolute(), entry
        self.switch_mode("review")

    def action_help_quit(self) -> None:
        """Explain ctrl+c, which ends nothing because people press it to copy."""
        self.notify(f"{key_of('app.quit')} quits; ctrl+c does not.", markup=False)

    def change_settings(self, settings: Settings) -> None:
        """Use these settings from now on. Jobs in the queue keep those with which they were queued."""
        self.settings = settings
        self.settings_changed.publish(settings)

    def ask_to_upsample(
        self, chosen: Sequence[Chosen], queued: Callable[[], object], *, include_upsampled: bool
    ) -> None:
        from tui.send.dialog import UpsampleDialog

        if not chosen:
            self.notify("There is no spec to upsample.", markup=False)
        elif self.runner is None or self.store is None:
            why = self.queue_trouble or "The queue is not open yet; try again in a moment."
            self.notify(paragraphs(why), title="The queue", severity="warning", markup=False)
        else:

            def send(to_send: ToSend | None) -> None:
                if to_send is not None:
                    start_work(self, partial(self._queue, to_send, queued), CHANGES)

            dialog = UpsampleDialog(chosen, self.store, include_upsampled=include_upsampled)
            self.push_screen(dialog, send)

    async def _queue(self, to_send: ToSend, queued: Callable[[], object]) -> None:
        from tui.send.draft import queue_orders

        if self.runner is None:
            self.notify(
                paragraphs(self.queue_trouble or "The queue is closed."),
                title="Not queued",
                severity="error",
                markup=False,
            )
            return
        try:
            text = await queue_orders(self.runner, self.live, to_send)
        except UpsampleError as error:
            self.notify(paragraphs(str(error)), severity="error", markup=False)
            return
        queued()
        self.notify(text, markup=False)

    def hear(self, event: Event) -> None:
        """Take note of an event of a box or a job. Pages are told of news several times a second."""
        from backend.events import (
            BoxLog,
            DispatcherChanged,
            EstimateCorrected,
            JobStarted,
            QueueChanged,
        )
        from tui.state.notices import notice_of

        if isinstance(event, QueueChanged):
            start_work(self, partial(self._learn, event.jobs))
        elif isinstance(event, DispatcherChanged):
            self.holder = event.holder
        elif isinstance(event, EstimateCorrected):
            self.change_settings(self.settings)  # so that all specs are planned anew
        elif isinstance(event, JobStarted):
            self.log_job = event.job
        self.announce_if_worth(event)
        if told := notice_of(event):
            self.notify(
                told.text,
                title=told.title,
                severity=told.severity,
                timeout=told.seconds,
                markup=False,
            )
        if not isinstance(event, BoxLog):
            self.live.hear(event)
        self.recorder.hear(event)

    async def _learn(self, numbers: Sequence[int]) -> None:
        """Show what other processes did to jobs, and which jobs they added."""
        if self.store is None or self.runner is None:
            return
        jobs = await asyncio.to_thread(self.store.jobs, numbers)
        self.live.learn(jobs, are_told=self.runner.is_dispatching)

    def _tell_of_log_file(self, trouble: str) -> None:
        # In the writer's thread; the app may be ending.
        with suppress(RuntimeError):
            self.call_later(
                self.notify, one_line(trouble), title="The log", severity="warning", markup=False
            )

    async def _work_on(self, path: Path) -> None:
        """Work on the queue for as long as the app is open."""
        # SSH takes its time to import, and nobody waits for it before the first paint.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.specs_shown.wait(), PAINTED_WITHIN)
        from backend.events import LinkChanged, LinkState
        from tui.state.queue_session import queue_session

        try:
            async with queue_session(path, self.desk.reload, self.hear, self.asker) as (
                store,
                runner,
            ):
                self.store, self.runner = store, runner
                if store.set_aside is not None:
                    self.notify(
                        paragraphs(store.set_aside.describe()),
                        title="The queue",
                        severity="warning",
                        timeout=60,
                        markup=False,
                    )
                self.live.take_up(await asyncio.to_thread(store.unended))
                await runner.run()
        except UpsampleError as error:
            self.queue_trouble = str(error)
            self.notify(paragraphs(str(error)), title="The queue", severity="error", markup=False)
        except Exception as error:
            self.queue_trouble = f"{describe_defect(error)}\nNothing is lost: open upsample again."
            raise
        finally:
            self.runner = self.store = None
            for box in self.live.boxes:
                self.live.hear(LinkChanged(box, LinkState.CLOSED, ""))

    def tell_defect(self, error: BaseException) -> None:
        self.recorder.record_defect(error)
        text = paragraphs(describe_defect(error))
        self.notify(text, severity="error", timeout=60, markup=False)

    # --- questions ---

    def _ask_again_later(self) -> None:
        self.set_timer(ASK_AGAIN_SECONDS, self._try_stopped_again)

    def _try_stopped_again(self) -> None:
        from backend.events import LinkState

        for name, box in self.live.boxes.items():
            if box.link is LinkState.STOPPED and self.runner is not None:
                self.runner.try_again(name)

    # --- what is remembered, and where to begin ---

    def _is_first_run(self) -> bool:
        can_open = self.desk.open_source is not None
        return can_open and not self.desk.source.paths and not user_file().exists()

    def _begin(self, where: Begin | None) -> None:
        from tui.dialogs.first_run import Begin

        match where:
            case Begin.DEMO:
                self.action_open_demo()
            case Begin.FOLDER:
                self.action_open_folder()
            case Begin.BOX:
                self.add_box()

    def add_box(self) -> None:
        """Go to the settings page and ask there for a new box."""
        self.action_page("settings")
        self.call_after_refresh(self.run_action, "screen.add_box")

    def action_doctor(self) -> None:
        """Examine the box that is used."""
        from tui.dialogs.doctor import DoctorScreen

        self.push_screen(DoctorScreen(self.settings.box, self.asker, start=False))

    def action_open_folder(self) -> None:
        """Ask for a folder whose specs the app lists next."""
        from tui.dialogs.open_folder import OpenFolderDialog

        self.push_screen(
            OpenFolderDialog(self.desk.source.cwd),
            lambda path: self.open_paths([path]) if path is not None else None,
        )

    def action_open_demo(self) -> None:
        """Draw three clips in a thread, and list their specs."""

        from tui.dialogs.demo import make_demo

        def make() -> None:
            try:
                folder = make_demo()
            except (UpsampleError, OSError) as error:
                self.call_from_thread(
                    self.notify,
                    paragraphs(str(error)),
                    title="The demo",
                    severity="error",
                    markup=False,
                )
            else:
                self.call_from_thread(self.open_paths, [folder])

        self.notify("Drawing three clips …", markup=False)
        self.run_worker(make, thread=True, group="demo", exclusive=True, exit_on_error=False)

    def open_paths(self, paths: Sequence[Path]) -> None:
        """List the specs of these files and folders in place of those listed now."""
        if self.desk.open_source is None:
            self.notify("Nothing else can be opened here.", markup=False)
            return
        source = self.desk.open_source(paths)
        self.desk = replace(self.desk, source=source, settings=self.settings)
        self.switch_mode("settings")
        self.remove_mode("specs")
        self.add_mode("specs", partial(self._make_page, "specs"))
        self.action_page("specs")

    def _tell_pages(self) -> None:
        now = (self.live.version, self.recorder.book.count)
        if now != self._shown:
            self._shown = now
            self.live_changed.publish(None)
