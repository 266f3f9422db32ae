"""`upsample uninstall`: remove what is kept on this machine and on the boxes, but not results.

It first looks everywhere and says what there is, then asks, and then removes. A box that is not reached does
not hold up the rest. The program itself is left to whatever installed it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from backend.box.asker import TerminalAsker
from backend.box.links.link import Box
from backend.box.setup import make_box
from backend.box.ssh.connecting import find_known_hosts_files
from backend.commands.cache import bytes_text
from backend.commands.questions import Question, Questioner
from backend.commands.uninstall_boxes import BoxTraces, by_hand, clear_boxes, look_at_boxes
from backend.commands.uninstall_here import LocalTrace, find_local_traces, own_folders
from backend.config import load_settings
from backend.console import out, safe, say, table, warn, write_json
from backend.dispatch.runs.lock import dispatcher_lock
from backend.errors import BoxError, ConfigError, QueueError
from backend.exit_codes import ExitCode
from backend.store import Job, Store, default_path
from remote.protocol import FAILED, OK, SKIPPED, Json, Trace

_PACKAGE = "cosmos-upsample"
_HERE = "here"
"""Stands for the user's machine where a box would be named."""
_OUTCOMES = {OK: "removed", SKIPPED: "stays", FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class UninstallOptions:
    """The options of `upsample uninstall`."""

    yes: bool = False
    """Ask nothing."""
    dry_run: bool = False
    """Say what would be removed, and remove nothing."""
    only_here: bool = False
    """Leave the boxes alone that are reached by SSH."""
    force: bool = False
    """Go on although somebody works on the queue or jobs are on a box."""
    fingerprint: str = ""
    """Of an unknown host key that is accepted."""
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class _Queue:
    """What the queue tells. Its file is closed by then."""

    jobs: tuple[Job, ...]
    hindrance: str
    """Why nobody should take the queue away now; empty if nothing is against it."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A line for the user about one path."""

    where: str
    path: str
    size: int
    what: str
    outcome: str
    """"would go", "removed", "stays" or "failed"."""


def uninstall_upsample(options: UninstallOptions) -> ExitCode:
    """Say what is kept, ask, and remove it. Raises UpsampleError when something is against it."""
    with ExitStack() as held:
        queue = _read_queue(held)
        boxes = _boxes(options)
        asker = TerminalAsker(options.fingerprint, contextlib.nullcontext)
        found = asyncio.run(look_at_boxes(boxes, asker))
        here = find_local_traces(queue.jobs, _known_hosts_files(boxes))
        hindrances = [*_hindrances(queue, found)]
        if options.dry_run or not options.yes:
            _show([*map(_would_go, here), *_told_of(found, "would go")], as_json=options.as_json)
            _say_what_stays()
        if options.dry_run:
            for hindrance in hindrances:
                warn(f"{hindrance}: without --force, nothing would be removed.")
            _tell_unreached(found, as_json=options.as_json)
            return _exit_code(found, ())
        if hindrances and not options.force:
            raise QueueError(
                "; ".join(hindrances) + ". Nothing was removed",
                "Wait until that is done, or end it (`upsample queue cancel --all`); or add --force.",
            )
        if not options.yes and not _is_confirmed():
            say("Nothing was removed.")
            return ExitCode.OK
        cleared = asyncio.run(clear_boxes(found, asker))
        told = [*_told_of(cleared, ""), *map(_remove, here)]
    _show(told, as_json=options.as_json)
    _tell_unreached(cleared, as_json=options.as_json)
    if options.yes:
        _say_what_stays()
    _tell_program(as_json=options.as_json)
    return _exit_code(cleared, told)


def _read_queue(held: ExitStack) -> _Queue:
    """Read the queue's jobs, and take its lock until `held` ends. None is made where there is none."""
    if not default_path().exists():
        return _Queue((), "")
    jobs: tuple[Job, ...] = ()
    try:
        with contextlib.closing(Store(default_path())) as store:
            jobs = tuple(store.jobs())
            held.enter_context(dispatcher_lock(store))
    except QueueError as error:
        return _Queue(jobs, error.problem)
    return _Queue(jobs, "")


def _boxes(options: UninstallOptions) -> list[Box]:
    """Return the boxes to clear, each place once. Raises ConfigError."""
    try:
        settings = load_settings()
    except ConfigError as error:
        if options.only_here:
            warn(f"{error.problem}. So the embedded box is not looked at.")
            return []
        raise ConfigError(
            error.problem, f"{error.remedy} Or add --only-here, which needs no settings.".strip()
        ) from error
    places: dict[tuple[str, str], Box] = {}
    for name, box in settings.boxes.items():
        if box.host and options.only_here:
            continue
        made = make_box(name, box, settings)
        if made.host or Path(made.setup.root).exists():
            places.setdefault((made.host, made.setup.root), made)
    return list(places.values())


def _known_hosts_files(boxes: Sequence[Box]) -> list[Path]:
    files = [Path("~/.ssh/known_hosts").expanduser()]
    for box in boxes:
        if box.host:
            with contextlib.suppress(BoxError):
                files += asyncio.run(find_known_hosts_files(box.host))
    return files


def _hindrances(queue: _Queue, found: Sequence[BoxTraces]) -> Iterator[str]:
    if queue.hindrance:
        yield queue.hindrance
    on_box = Counter(job.box for job in queue.jobs if job.state.on_box)
    on_box.update({each.box.name: each.jobs - on_box[each.box.name] for each in found if each.jobs})
    for box, count in sorted(on_box.items()):
        yield f"1 job is on {box}" if count == 1 else f"{count:,} jobs are on {box}"


def _is_confirmed() -> bool:
    question = Question("Remove all this? There is no way back. yes or no", "--yes", "no")
    questioner = Questioner(takes_suggestions=False)
    return questioner.answer(question).lower() in ("y", "yes")


def _remove(trace: LocalTrace) -> _Told:
    try:
        trace.remove()
    except OSError as error:
        what = f"{trace.what}: {error.strerror}"
        return _Told(_HERE, str(trace.path), trace.size, what, "failed")
    return _Told(_HERE, str(trace.path), trace.size, trace.what, "removed")


def _would_go(trace: LocalTrace) -> _Told:
    return _Told(_HERE, str(trace.path), trace.size, trace.what, "would go")


def _told_of(boxes: Sequence[BoxTraces], outcome: str) -> list[_Told]:
    """Return a line for each path on the boxes. `outcome` is said instead of "removed", if given."""
    return [
        _told_trace(each.box.name, trace, outcome)
        for each in boxes
        for trace in each.traces
        if each.box.host or trace.verdict == FAILED or not _lies_in_own_folder(trace)
    ]


def _lies_in_own_folder(trace: Trace) -> bool:
    """Whether this is told by the line of one of our own folders, as what the embedded box keeps there is."""
    path = Path(trace.path)
    return any(path.is_relative_to(folder.resolve()) for folder in own_folders())


def _told_trace(box: str, trace: Trace, outcome: str) -> _Told:
    said = _OUTCOMES.get(trace.verdict, "failed")
    if said == "removed" and outcome:
        said = outcome
    jobs = "1 unfinished job" if trace.jobs == 1 else f"{trace.jobs:,} unfinished jobs"
    return _Told(box, trace.path, trace.size, trace.detail or (jobs if trace.jobs else ""), said)


def _show(told: Sequence[_Told], *, as_json: bool) -> None:
    if as_json:
        for each in told:
            write_json(
                {
                    "where": each.where,
                    "path": each.path,
                    "bytes": each.size,
                    "what": each.what,
                    "outcome": each.outcome,
                }
            )
        return
    if not told:
        say("Nothing is kept here, nor on a box that was reached.")
        return
    shown = table("where", "path", "size", "", "what", right=("size",), long=("path", "what"))
    for each in told:
        size = bytes_text(each.size) if each.size else ""
        line = (each.where, each.path, size, each.outcome, each.what)
        shown.add_row(*(Text(safe(cell)) for cell in line))
    out().print(shown)


def _say_what_stays() -> None:
    say(
        "Results are yours: outputs/ and the like stay where you have them, with `.upsample/` in them, which "
        "says how they were made."
    )


def _tell_unreached(boxes: Sequence[BoxTraces], *, as_json: bool) -> None:
    for each in boxes:
        if each.error is None:
            continue
        command = by_hand(each.box)
        if as_json:
            unreached: dict[str, Json] = {
                "where": each.box.name,
                "outcome": "unreached",
                "what": each.error.problem,
                "by_hand": command,
            }
            write_json(unreached)
        else:
            warn(f"{each.box.name} was left as it is: {each.error}")
            say(f"  By hand, in a shell there: {command}")


def _tell_program(*, as_json: bool) -> None:
    command = _command_for_program()
    if as_json:
        write_json({"where": _HERE, "path": sys.prefix, "outcome": "stays", "by_hand": command})
    else:
        say(f"The program itself goes by: {command}")


def _command_for_program() -> str:
    """Return the command that removes the program, by the folder that it is installed in."""
    parts = Path(sys.prefix).parts
    if "pipx" in parts:
        return f"pipx uninstall {_PACKAGE}"
    if "uv" in parts and "tools" in parts:
        return f"uv tool uninstall {_PACKAGE}"
    return shlex.join([sys.executable, "-m", "pip", "uninstall", _PACKAGE])


def _exit_code(boxes: Sequence[BoxTraces], told: Sequence[_Told]) -> ExitCode:
    if any(each.error for each in boxes):
        return ExitCode.BOX
    return ExitCode.SOME_FAILED if any(each.outcome == "failed" for each in told) else ExitCode.OK
