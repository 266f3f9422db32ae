"""The output of a run without the app: a bar on stderr, events or file names on stdout, totals at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from backend.box.status_text import (
    FIRST_STAGE,
    answered_twice_words,
    away_words,
    hand_over_words,
    link_words,
    stage_words,
    status_parts,
    work_text,
)
from backend.commands.fleet_report import FleetReport, count_alike, done_by_box, reassign_words
from backend.commands.progress_bar import Bar
from backend.config import EngineName
from backend.console import safe, say, told, write_json, write_line
from backend.events import (
    AnsweredTwice,
    BoxLog,
    BoxStatus,
    DispatcherChanged,
    EngineStarting,
    EstimateCorrected,
    Event,
    HandedOver,
    HandingOver,
    JobCancelled,
    JobDone,
    JobDrawnAgain,
    JobFailed,
    JobPaused,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    LinkChanged,
    LinkState,
    ResultsWritten,
    TextWritten,
    WritingFailed,
    event_json,
)
from backend.exit_codes import ExitCode
from backend.planning.costs import cost_text
from backend.planning.pace import Pace, together
from backend.store import Job, State
from backend.troubles.explain import explain_away
from remote.protocol import money

_QUIET_SECONDS = 5.0
"""The least seconds between two progress lines, which replace the bar when stderr is not a terminal."""
_COUNTERS_WIDTH = 50
"""The least number of columns that the bar and its counters take; the description gets the rest."""


class BatchReport:
    """Receives the events of a batch, shows its progress, and computes the exit code."""

    def __init__(self, *, as_json: bool = False, refused: int = 0) -> None:
        """`refused` is the number of orders and specs that were refused, with a warning, before queueing."""
        self.interrupted = False
        self._json = as_json
        self._refused = refused
        self._troubles = 0
        self._expected = 0
        self._ended = 0
        self._states: Counter[State] = Counter()
        self._on_box: set[int] = set()
        """Jobs that wait on the box."""
        self._running: set[int] = set()
        self._paused: set[int] = set()
        self._sketched = 0
        """How many jobs the engine sketch did."""
        self._warned: set[str] = set()
        self._files: list[str] = []
        self._cost: Decimal | None = None
        """What was paid so far; None where nothing has a price."""
        self._hand_over = ""
        """How far the jobs are handed over to the box; empty while that is not done, and once all are."""
        self._status: dict[str, list[str]] = {}
        """By box: the parts of its last status that do not count jobs; each is a few words."""
        self._fleet = FleetReport()
        self._said = time.monotonic()
        self.bar = Bar(
            SpinnerColumn(),
            _WordsColumn(),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            _TimeLeftColumn(),
        )
        self._task = self.bar.add_task("", total=None)
        self._paces: dict[str, Pace] = {}
        """By box: its pace, with the slots that it told last."""

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        troubled = self._troubles or self._refused or self._paused
        return ExitCode.SOME_FAILED if troubled else ExitCode.OK

    def expect(self, jobs: Sequence[Job], paces: Mapping[str, Pace]) -> None:
        """Set the total of the bar from the jobs of the run. `paces` are those of their boxes, by name."""
        self._expected = sum(not job.state.ended for job in jobs)
        self._paces = dict(paces)
        self._fleet.expect(jobs, tuple(paces))
        self.bar.update(self._task, total=self._expected, paces=tuple(paces.values()))

    def hear(self, event: Event) -> None:
        """Handle an event of the dispatcher: count it and show it."""
        if self._json:
            write_json(event_json(event))
        self._add_cost(event)
        self._fleet.hear(event)
        match event:
            case LinkChanged():
                self._tell_link(event)
            case EngineStarting() | TextWritten():
                self._note_engine(event)
            case BoxStatus():
                self._tell_status(event)
            case DispatcherChanged() | HandingOver() | HandedOver():
                self._tell_work(event)
            case (
                JobSent()
                | JobStarted()
                | JobPaused()
                | JobDone()
                | JobFailed()
                | JobCancelled()
                | JobPostponed()
                | JobDrawnAgain()
            ):
                self._note_job(event)
            case ResultsWritten():
                self._note_file(str(event.file))
            case WritingFailed():
                self._troubles += 1
                self._complain(event.error)
            case JobPrepared() | BoxLog() | EstimateCorrected() | AnsweredTwice():
                self._note_warning(event)

    def conclude(self, jobs: Sequence[Job]) -> None:
        """Print how the run ended. `jobs` are the jobs of the run in their present states."""
        for file in self._files:
            write_line(file)
        if self._cost is not None and self._json:
            write_json({"type": "cost", "cost": float(self._cost)})
        counts = count_alike(jobs)
        states: Counter[State] = Counter()
        for job, count in counts:
            states[job.state] += count
        parts = [f"{count} {state}" for state, count in sorted(states.items()) if count]
        if self._refused:
            parts.append(f"{self._refused} refused")
        say(("Interrupted. " if self.interrupted else "") + ", ".join(parts) + ".")
        if self._sketched:
            say(
                f"The engine sketch wrote {self._sketched:,} from what it measured in the frames; it is no "
                "language model. `upsample box add` sets up a box with one."
            )
        if by_box := done_by_box(counts):
            say(f"By box: {by_box}.")
        if self._cost is not None:
            say(f"Cost: {cost_text(self._cost)}.")
        left = [(job, count) for job, count in counts if not job.state.ended]
        if left:
            total = sum(count for _, count in left)
            on_box = sum(count for job, count in left if job.state.on_box)
            there = f", {on_box} of them on the box, which goes on" if on_box else ""
            stay = "stays" if total == 1 else "stay"
            boxes = dict.fromkeys(box for job, _ in left for box in job.boxes)
            again = f"`upsample --no-ui --box {safe(','.join(boxes))}`"
            say(f"{total} {stay} in the queue{there}. {again} goes on with that.")
            if give_away := reassign_words(left, tuple(self._paces)):
                say(give_away)

    def _add_cost(self, event: Event) -> None:
        if isinstance(event, JobDone | JobFailed | JobDrawnAgain) and event.cost is not None:
            self._cost = (self._cost or Decimal(0)) + money(event.cost)

    def _note_job(
        self,
        event: JobSent
        | JobStarted
        | JobPaused
        | JobDone
        | JobFailed
        | JobCancelled
        | JobPostponed
        | JobDrawnAgain,
    ) -> None:
        for jobs in (self._on_box, self._running, self._paused):
            jobs.discard(event.job)
        self._ended += not isinstance(event, JobSent | JobStarted | JobPaused | JobDrawnAgain)
        self._sketched += isinstance(event, JobDone) and event.engine.startswith(EngineName.SKETCH)
        match event:
            case JobSent():
                self._on_box.add(event.job)
            case JobStarted():
                self._running.add(event.job)
                if event.reason:
                    again = f"attempt {event.attempt} begins; the one before failed"
                    self._complain(f"{event.name}: {again}: {event.reason}")
            case JobDone() if event.finish_reason == "length":
                self._complain(f"{event.name}: the answer was cut off at the token limit")
            case JobPaused():
                self._paused.add(event.job)
                resume = f"`upsample queue resume {event.job}` lets it go on"
                self._complain(f"{event.name} is paused: {resume}")
            case JobFailed():
                self._troubles += 1
                self._complain(f"{event.name}: {event.error}", "✗ ")
            case JobDrawnAgain():
                self._complain(
                    f"{event.name}: {event.reason}; drawn again ({event.draw} of {event.most})"
                )
            case JobPostponed():
                self._troubles += 1
                self._complain(f"{event.name} stays in the queue: {event.reason}")
        self._draw()

    def _note_warning(
        self, event: JobPrepared | BoxLog | EstimateCorrected | AnsweredTwice
    ) -> None:
        match event:
            case AnsweredTwice():
                self._complain(answered_twice_words(event))
            case EstimateCorrected() if event.text:
                self._complain(event.text)
            case JobPrepared() if event.warning:
                self._warn_once(event.warning)  # jobs that share a video share its warning
            case BoxLog() if event.level != "info":
                self._complain(f"{event.box}: {event.text}")

    def _warn_once(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            self._complain(warning)

    def _note_file(self, file: str) -> None:
        if self._json:
            return
        if sys.stdout.isatty():
            self._files.append(file)  # printed at the end, because it would break the bar now
        else:
            write_line(file)

    def _tell_link(self, event: LinkChanged) -> None:
        if event.state is not LinkState.LIVE:
            self._status.pop(event.box, None)
        words = link_words(event.state, event.seconds)
        what = event.detail if event.state is LinkState.LIVE else words
        counted = _Counted(event, time.monotonic())
        self._describe(event.box, what, counted)
        match event.state:
            case LinkState.STALE | LinkState.WAITING:
                self._complain(f"{event.box}: {words}")
            case LinkState.RETRYING:
                self._complain(f"{event.detail}; {words}")

    def _note_engine(self, event: EngineStarting | TextWritten) -> None:
        if isinstance(event, EngineStarting):
            self._tell_engine(event)
        elif event.job in self._on_box:
            # It went on through an outage that other jobs have met, or waited for a start.
            self._on_box.discard(event.job)
            self._running.add(event.job)

    def _tell_engine(self, event: EngineStarting) -> None:
        away = away_words(event.stage)
        if away or event.stage == FIRST_STAGE:
            self._on_box |= self._running
            self._running.clear()
        if away and (trouble := explain_away(away, event.box)):
            self._warn_once(f"{event.box}: {trouble.what} {trouble.why}\n  {trouble.do}")
        words = stage_words(event.stage)
        self._describe(event.box, words)
        if self.bar.disable:
            say(f"{event.box} · {words}")

    def _tell_status(self, event: BoxStatus) -> None:
        self._status[event.box] = [safe(part) for part in status_parts(event, jobs=False)]
        pace = self._paces.get(event.box)
        if event.slots and pace is not None and pace.slots != event.slots:
            self._paces[event.box] = replace(pace, slots=event.slots)
            self.bar.update(self._task, paces=tuple(self._paces.values()))
        room = self.bar.console.width - _COUNTERS_WIDTH
        shown: list[str] = []
        parts = status_parts(event)
        for part in [self._hand_over, *parts] if self._hand_over else parts:
            if len(" · ".join([event.box, *shown])) + len(part) > room:
                break
            shown.append(part)
        if shown:
            self._describe(event.box, " · ".join(shown))

    def _tell_work(self, event: DispatcherChanged | HandingOver | HandedOver) -> None:
        if isinstance(event, HandingOver):
            self._hand_over = hand_over_words(event)
            self._describe(event.box, self._hand_over)
            self._draw()
        else:
            self._hand_over = ""
            say(safe(work_text(event)))

    def _describe(self, box: str, what: str, counted: _Counted | None = None) -> None:
        text = safe(self._fleet.describe(box, what) or f"{box} · {what}")
        self.bar.update(self._task, description=text, counted=counted)

    def _draw(self) -> None:
        self.bar.update(self._task, completed=self._ended)
        now = time.monotonic()
        if self.bar.disable and now - self._said > _QUIET_SECONDS:
            self._said = now
            done = f"{self._ended} of {self._expected} done, {len(self._running)} running"
            if self._hand_over:
                done += f", {self._hand_over}"
            elif self._on_box:
                done += f", {len(self._on_box)} waiting on the box"
            parts = [part for parts in self._status.values() for part in parts]
            say(" · ".join([done, *(self._fleet.progress(self._status) or parts)]))

    def _complain(self, text: str, glyph: str = "! ") -> None:
        style = "bold red" if glyph == "✗ " else "bold yellow"
        self.bar.console.print(Text(glyph, style) + Text(told(text)), soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A state of the link whose seconds count on, and the moment when it was reported."""

    event: LinkChanged
    since: float

    def words(self, now: float) -> str:
        """Return the state with the seconds at `now`; empty for a state without seconds."""
        if self.event.seconds is None:
            return ""
        passed = now - self.since
        sign = -1 if self.event.state is LinkState.RETRYING else 1
        words = link_words(self.event.state, self.event.seconds + sign * passed)
        return safe(f"{self.event.box} · {words}")


class _WordsColumn(ProgressColumn):
    """Shows what is being done. While the link is stale or broken, it also counts the seconds."""

    def render(self, task: Task) -> Text:
        counted = task.fields.get("counted")
        words = counted.words(time.monotonic()) if isinstance(counted, _Counted) else ""
        return Text(words or task.description)


class _TimeLeftColumn(TimeRemainingColumn):
    """Shows how long the rest will take: by the speed of this run, and before that is known, by the earlier
    answers of the boxes.
    """

    def render(self, task: Task) -> Text:
        paces = task.fields.get("paces")
        if task.time_remaining is None and task.remaining and paces:
            seconds = together(paces).seconds_for(round(task.remaining))
            if seconds is not None:
                return Text(str(timedelta(seconds=round(seconds))), "progress.remaining")
        return super().render(task)


class _RateColumn(ProgressColumn):
    """Shows how many jobs end in a minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed * 60:,.0f}/min" if speed else "", "cyan")
