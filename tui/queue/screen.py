"""The queue page: the jobs that run and wait, the text as it is written, and the keys that change jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from backend.dispatch.runs.reorder import Move
from backend.errors import UpsampleError
from backend.store import Job, State
from tui.queue.giving_back import GivingBackPage, idle_hint
from tui.queue.help import HELP
from tui.queue.job_list import JobHeadings, JobList, JobMarksChanged
from tui.queue.job_text import box_words, pace, queue_title, replicas_hint
from tui.queue.listing import JobListing
from tui.queue.live_view import LiveView
from tui.replicas.listing import ReplicaListing, rows_of
from tui.shell.desk import Desk
from tui.shell.steady_app import CHANGES
from tui.shell.work import start_work
from tui.state.live import Live, LiveJob
from tui.text import one_line, paragraphs
from tui.widgets.amounts import counted
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.page import HELP_KEY
from tui.widgets.plain_text import PlainText
from tui.widgets.row_list import CurrentChanged

if TYPE_CHECKING:
    from backend.dispatch.runs.runner import QueueRunner
    from backend.store import Store
    from tui.queue.reassign_dialog import Reassignment

_LOOKS: list[str | PurePath] = [
    "screen.tcss",
    "job_list.tcss",
    "live_view.tcss",
]
_MOST_BOXES = 4
"""How many boxes have a line, at most."""

QueueChange = Callable[["QueueRunner", Collection[int]], Awaitable[Iterable[Job] | None]]


class QueuePage(GivingBackPage):
    """Shows the list and the live view. Its keys call the app's runner, and events tell of the results."""

    AUTO_FOCUS = "JobList"
    HELP_GROUPS = HELP
    LIST = JobList
    CSS_PATH = _LOOKS
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "queue",
        Binding("enter", "read", "read", show=False),
        Binding("c", "cancel", "cancel"),
        Binding("p", "pause", "pause"),
        Binding("P", "hold", "hold all", show=False),
        Binding("r", "retry", "retry"),
        Binding("K,less_than_sign", "arrange('up')", "up", show=False),
        Binding("J,greater_than_sign", "arrange('down')", "down", show=False),
        Binding("t", "arrange('top')", "to the top", show=False),
        Binding("x", "clear", "clear"),
        Binding("f", "follow", "follow", show=False),
        Binding("R", "try_again", "reconnect", show=False),
        Binding("b", "replicas", "replicas of the box", show=False),
        Binding("o", "reassign", "to another box", show=False),
        Binding("S", "give_back", "give the GPU back", show=False),
        Binding("escape", "back", "back", show=False),
        HELP_KEY,
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._cwd = desk.source.cwd
        self.listing: JobListing | None = None

    def compose_body(self) -> ComposeResult:
        self.listing = JobListing(self.host.live)
        with Vertical(classes="body"):
            yield PlainText(id="title")
            with Horizontal(id="line"):
                yield PlainText(id="boxes")
                yield PlainText(id="pace")
            yield PlainText(id="empty")
            with Horizontal(id="panes"):
                with Vertical(id="jobs"):
                    yield JobHeadings()
                    yield JobList(self.listing, id="list")
                yield LiveView(self.host.live, self._cwd)

    @property
    def job_list(self) -> JobList:
        return self.query_one(JobList)

    @property
    def live_view(self) -> LiveView:
        return self.query_one(LiveView)

    @property
    def jobs(self) -> JobListing:
        """The listing that the list shows."""
        assert self.listing is not None  # noqa: S101 - made before anything is shown
        return self.listing

    @property
    def current_job(self) -> int | None:
        """The number of the job that the cursor is on."""
        job = self.jobs.current
        return None if job is None else job.job.number

    def on_mount(self) -> None:
        """Show the jobs, and keep clocks and countdowns going."""
        self.set_interval(1, self._tick)
        self.show_live()

    def on_screen_resume(self) -> None:
        """Draw what came while another page was shown."""
        self.call_after_refresh(self.show_live)

    @on(events.Resize)
    def wrap_lines(self) -> None:
        """Wrap the lines to the new width."""
        self.call_after_refresh(self.show_live)

    def _tick(self) -> None:
        if self.jobs.shown:
            self.show_live()

    @on(JobMarksChanged)
    def show_live(self) -> None:
        """Draw everything that may have changed, if the page is shown."""
        if not self.is_shown:
            return
        self.job_list.show_jobs()
        self.set_class(not self.jobs.shown, "-empty")
        runner = self.host.runner
        held = runner is not None and not runner.may_send
        self.query_one("#title", PlainText).update(queue_title(self.jobs, held=held))
        self.query_one("#pace", PlainText).update(pace(self.host.live))
        self.query_one("#boxes", PlainText).update(self._boxes())
        if not self.jobs.shown:
            self.query_one("#empty", PlainText).update(self._empty_text())
        self._show_current()

    @on(CurrentChanged)
    def _show_current(self) -> None:
        self.live_view.show(self.jobs.current)

    def _boxes(self) -> Content:
        live = self.host.live
        with_work = _boxes_of(live)
        heard_of = [box for name, box in live.boxes.items() if name in with_work or box.link]
        lines = [
            box_words(box, live.clock())
            + (replicas_hint() if rows_of(box) else "")
            + idle_hint(box, self.host.settings.boxes.get(box.name), live.clock())
            for box in heard_of[:_MOST_BOXES]
        ]
        if self.host.holder:
            who = (
                f"{one_line(self.host.holder)} works on this; what is asked for here is done there"
            )
            lines.insert(0, Content.styled(who, "$text-warning"))
        return Content("\n").join(lines)

    def _empty_text(self) -> Content:
        trouble = self.host.queue_trouble
        if trouble:
            return Content.assemble(
                ("The queue cannot be worked on from here.", "bold"), "\n\n", paragraphs(trouble)
            )
        return Content.assemble(
            ("Nothing is in the queue.", "bold"),
            f"\n\n{key_of('app.specs')} goes to the specs: mark some with {key_of('specs.mark')}, and press "
            f"{key_of('specs.send')} to upsample them.",
            "\n",
            (
                "Jobs go on on their box when the app is closed; they are here again when it is opened.",
                "$foreground-muted",
            ),
        )

    # --- keys ---

    def action_read(self) -> None:
        """Focus the text, so that keys scroll it."""
        if self.jobs.shown:
            self.live_view.answer.focus()

    def action_back(self) -> None:
        """Focus the list; from there, remove the marks."""
        if self.job_list.has_focus:
            self.jobs.unmark()
            self.show_live()
        self.job_list.focus()

    def action_follow(self) -> None:
        """Let the cursor follow the running jobs, as it did at first."""
        self.jobs.follows = True
        self.host.live.note_changed(())
        self.show_live()

    def action_cancel(self) -> None:
        """Cancel the marked jobs, or the current one, wherever they are."""
        self._change(
            lambda job: not job.state.ended,
            "Only what has not ended can be cancelled.",
            lambda runner, numbers: runner.cancel(numbers),
        )

    def action_retry(self) -> None:
        """Queue those jobs again that failed or were cancelled."""
        self._change(
            lambda job: job.state in (State.FAILED, State.CANCELLED),
            "Only what failed or was cancelled can be tried again.",
            lambda runner, numbers: runner.retry(numbers),
            anew=True,
        )

    def action_pause(self) -> None:
        """Pause the jobs that wait, here or on their box; if all of them are paused, resume them."""
        chosen = [job for job in self.jobs.chosen if job.state.waits]
        if chosen and all(job.state is State.PAUSED for job in chosen):
            self._change(
                lambda job: job.state is State.PAUSED,
                "",
                lambda runner, numbers: runner.resume(numbers),
            )
        else:
            self._change(
                lambda job: job.state.waits,
                f"What an engine works on can be cancelled ({key_of('queue.cancel')}), not paused.",
                lambda runner, numbers: runner.pause(numbers),
            )

    def action_arrange(self, where: str) -> None:
        """Send the chosen jobs earlier or later."""
        move = Move(where)
        self._change(
            lambda job: job.state.waits,
            "Only what still waits can be moved.",
            lambda runner, numbers: runner.move(numbers, move),
            keep_marks=True,
        )

    def action_hold(self) -> None:
        """Hold the queue, so that no new job is sent; if it is held, let it go on."""
        runner = self._runner()
        if runner is None:
            return
        if not runner.is_dispatching:
            pause = key_of("queue.pause")
            self.notify(f"Another upsample sends the jobs: {pause} pauses them.", markup=False)
        elif not runner.may_send:
            runner.resume_sending()
            self.notify("Jobs are sent again.", markup=False)
        else:
            runner.stop_sending()
            again = f"until {key_of('queue.hold-all')} is pressed again"
            self.notify(f"Held: what runs goes on, nothing new is sent {again}.", markup=False)
        self.show_live()

    def action_clear(self) -> None:
        """Remove the jobs that have ended from the list."""
        live = self.host.live
        ended = [number for number, job in live.jobs.items() if job.state.ended]
        if not ended:
            self.notify("Nothing has ended yet.", markup=False)
            return
        live.forget(ended)
        self.show_live()
        self.notify(
            f"{counted(len(ended), 'job')} cleared from the list; results and files stay.",
            markup=False,
        )

    def action_try_again(self) -> None:
        """Reach the boxes with work now, without waiting for the next try."""
        runner = self._runner()
        if runner is not None:
            for box in _boxes_of(self.host.live):
                runner.try_again(box)

    def action_reassign(self) -> None:
        """Ask which other box is to have the chosen jobs, or all that their box has."""
        from tui.queue.reassign_dialog import boxes_by_likeness

        chosen = [job.job for job in self.jobs.chosen if not job.state.ended]
        store = self.host.store
        if not chosen:
            self.notify("Only what has not ended can be given to another box.", markup=False)
        elif not boxes_by_likeness(self.host.settings, chosen):
            self.notify("There is no other box: `upsample box add` adds one.", markup=False)
        elif store is not None and self._runner() is not None:
            start_work(self.app, partial(self._ask_for_box, store, chosen))

    async def _ask_for_box(self, store: Store, chosen: Sequence[Job]) -> None:
        from tui.queue.reassign_dialog import ReassignDialog

        boxes = {job.box for job in chosen}
        try:
            had = await asyncio.to_thread(store.had_by, chosen[0].box) if len(boxes) == 1 else []
        except UpsampleError as error:
            self.app.notify(one_line(str(error)), severity="error", markup=False)
            return

        def give(wanted: Reassignment | None) -> None:
            runner = self._runner() if wanted is not None else None
            if wanted is not None and runner is not None:
                self._start(
                    runner, wanted.numbers, lambda runner, jobs: runner.reassign(jobs, wanted.box)
                )

        self.app.push_screen(ReassignDialog(self.host.settings, chosen, had), give)

    def action_replicas(self) -> None:
        """Show the replicas of a box: that of the current job, if it has some."""
        from tui.replicas.screen import ReplicasScreen

        live, job = self.host.live, self.jobs.current
        box = job.job.box if job is not None else next(iter(live.boxes), "")
        if not box:
            self.notify("No box is in use at the moment.", markup=False)
            return
        self.app.push_screen(ReplicasScreen(ReplicaListing(live, box)))

    def _runner(self) -> QueueRunner | None:
        runner = self.host.runner
        if runner is None:
            why = self.host.queue_trouble or "The queue is not open yet."
            self.notify(paragraphs(why), severity="warning", markup=False)
        return runner

    def _change(
        self,
        can: Callable[[LiveJob], bool],
        why_not: str,
        change: QueueChange,
        *,
        anew: bool = False,
        keep_marks: bool = False,
    ) -> None:
        """Have the runner change those of the chosen jobs that it can; say why it leaves others out."""
        chosen = self.jobs.chosen
        numbers = [job.job.number for job in chosen if can(job)]
        if not numbers:
            self.notify(why_not if chosen else "There is no job.", markup=False)
            return
        if len(numbers) < len(chosen) and why_not:
            passed = counted(len(chosen) - len(numbers), "job")
            self.notify(f"{passed} left as they are: {why_not}", markup=False)
        runner = self._runner()
        if runner is None:
            return
        self._start(runner, numbers, change, anew=anew, keep_marks=keep_marks)

    def _start(
        self,
        runner: QueueRunner,
        numbers: Collection[int],
        change: QueueChange,
        *,
        anew: bool = False,
        keep_marks: bool = False,
    ) -> None:
        if not keep_marks:
            self.jobs.unmark()
        # The app's, so that it goes on whatever page is shown.
        asking = partial(self._ask, runner, numbers, change, anew=anew)
        start_work(self.app, asking, CHANGES)

    async def _ask(
        self, runner: QueueRunner, numbers: Collection[int], change: QueueChange, *, anew: bool
    ) -> None:
        live = self.host.live
        try:
            jobs = await change(runner, numbers)
        except UpsampleError as error:
            self.app.notify(one_line(str(error)), severity="error", markup=False)
            return
        if jobs is not None and anew:
            live.take_up(jobs)
        elif jobs is not None:
            live.note_changed(jobs)


def _boxes_of(live: Live) -> set[str]:
    """Return the boxes that have jobs which have not ended, or may take such jobs."""
    going = (job.job for job in live.jobs.values() if not job.state.ended)
    return {box for job in going for box in job.boxes}
