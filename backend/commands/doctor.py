"""`upsample doctor`: check everything that a batch needs, and say how to mend what is wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.status import Status
from rich.table import Table
from rich.text import Text

from backend.box.asker import TerminalAsker
from backend.console import err, out, safe, say, write_json
from backend.doctor import Diagnosis, ExaminationWatchers, examine
from backend.errors import BoxRefusedLogin, BoxUnreachable, BoxUntrusted, ConfigError
from backend.exit_codes import ExitCode
from remote.protocol import FAILED, OK, SKIPPED, WARNING, Finding, Json

_SIGNS = {OK: "✓", WARNING: "!", FAILED: "✗", SKIPPED: "-"}
_STYLES = {OK: "green", WARNING: "yellow", FAILED: "bold red", SKIPPED: "dim"}
_VERDICT_WIDTH = 9
_NAME_WIDTH = 11
_NOT_CHECKED = "Not checked: whether the model really loads and answers. --start tries it."


def run_doctor(name: str | None, fingerprint: str, *, start: bool, as_json: bool) -> ExitCode:
    """Check everything, and show each finding at once."""
    screen = _Screen(as_json=as_json)
    asker = TerminalAsker(fingerprint, screen.paused)
    with screen.shown():
        diagnosis = asyncio.run(
            examine(name, asker, ExaminationWatchers(screen.tell, screen.doing), start=start)
        )
    exit_code = _exit_code(diagnosis)
    if as_json:
        write_json(_summary(diagnosis, exit_code))
    else:
        _conclude(diagnosis, start=start)
    return exit_code


def _exit_code(diagnosis: Diagnosis) -> ExitCode:
    match diagnosis.hindrance:
        case ConfigError():
            return ExitCode.USAGE
        case BoxUnreachable() | BoxUntrusted() | BoxRefusedLogin():
            return ExitCode.BOX
    failed = diagnosis.hindrance is not None or diagnosis.count(FAILED)
    return ExitCode.SOME_FAILED if failed else ExitCode.OK


class _Screen:
    """Prints each finding to stdout, and below them a status line that says what is being checked."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._area = ""
        self._rows = out()
        # If stdout and stderr are one terminal, one console draws to both; two would write over each other.
        console = self._rows if sys.stdout.isatty() else err()
        self._status: Status | None = None
        if console.is_terminal and not (as_json and sys.stdout.isatty()):
            self._status = console.status("")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the status line inside the `with` block."""
        if self._status is None:
            yield
            return
        with self._status:
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the status line inside the `with` block, so that somebody else can use the terminal."""
        if self._status is None:
            yield
            return
        self._status.stop()
        try:
            yield
        finally:
            self._status.start()

    def doing(self, text: str) -> None:
        """Show `text` in the status line."""
        if self._status is not None:
            self._status.update(Text(safe(text)))
        elif not self._json:
            say(f"… {text}")

    def tell(self, finding: Finding) -> None:
        """Print a finding."""
        if self._json:
            write_json(_as_json(finding))
            return
        if finding.area != self._area:
            self._area = finding.area
            self._rows.print(Text(safe(finding.area), "bold"))
        self._rows.print(_row(finding, self._rows))
        if not sys.stdout.isatty():
            sys.stdout.flush()


def _row(finding: Finding, console: Console) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=0)
    row.add_column(width=_VERDICT_WIDTH, no_wrap=True)
    row.add_column(width=_NAME_WIDTH, no_wrap=True)
    row.add_column(overflow="fold")
    style = _STYLES.get(finding.verdict, "")
    verdict = Text(f"{_SIGNS.get(finding.verdict, '?')} {safe(finding.verdict)}", style)
    lines = [Text(safe(finding.detail), "dim" if finding.verdict == SKIPPED else "")]
    if finding.remedy:
        lines.append(Text("→ " + safe(finding.remedy), "cyan"))
    row.add_row("", verdict, Text(safe(finding.name)), Group(*lines))
    return row


def _conclude(diagnosis: Diagnosis, *, start: bool) -> None:
    counts = [
        f"{diagnosis.count(verdict)} {verdict}"
        for verdict in (OK, WARNING, FAILED, SKIPPED)
        if diagnosis.count(verdict)
    ]
    say(f"{', '.join(counts)}; {diagnosis.seconds:.1f} s.")
    if not start and diagnosis.hindrance is None:
        say(_NOT_CHECKED)


def _as_json(finding: Finding) -> dict[str, Json]:
    return {
        "type": finding.type,
        "area": finding.area,
        "name": finding.name,
        "verdict": finding.verdict,
        "detail": finding.detail,
        "remedy": finding.remedy,
        "time": finding.time,
    }


def _summary(diagnosis: Diagnosis, exit_code: ExitCode) -> dict[str, Json]:
    return {
        "type": "summary",
        **{verdict: diagnosis.count(verdict) for verdict in (OK, WARNING, FAILED, SKIPPED)},
        "seconds": diagnosis.seconds,
        "exit_code": int(exit_code),
    }
