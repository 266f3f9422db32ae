"""Runs checks one after the other. Each has a time limit, and an error in one does not stop the others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from remote.protocol import FAILED, OK, SKIPPED, WARNING, Finding

T = TypeVar("T")

_SECONDS = 30.0
_FAREWELL_SECONDS = 2.0
_MOST_OUTPUT = 1 << 20


class Wrong(Exception):
    """Raised by a check that failed. It says what is wrong and what the user can do."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


class NotCheckedError(Exception):
    """Raised by a check that does not apply; the message says why."""


@dataclass(frozen=True)
class Good(Generic[T]):
    """The result of a check that succeeded, perhaps with a warning."""

    value: T
    """A value for the checks after it."""
    detail: str
    remedy: str = ""
    """What the user can do; if it is not empty, the finding is a warning."""


class Examination:
    """Runs checks and reports each finding at once."""

    def __init__(self, tell: Callable[[Finding], None]) -> None:
        """`tell` is called in the event loop with each finding."""
        self._tell = tell
        self.failures: list[str] = []
        """The names of the checks that failed."""

    async def check(
        self,
        area: str,
        name: str,
        look: Callable[[], Awaitable[Good[T]]],
        seconds: float = _SECONDS,
    ) -> T | None:
        """Run one check. Returns its value; None when it failed or does not apply."""
        looking = asyncio.ensure_future(look())
        try:
            await asyncio.wait({looking}, timeout=seconds)
            if not looking.done():
                raise Wrong(
                    f"no answer within {seconds:.0f} s",
                    "Something hangs there: a disk out of reach, a driver, a server. Try it by hand.",
                )
            good = looking.result()
        except Wrong as wrong:
            self._say(area, name, FAILED, wrong.detail, wrong.remedy)
        except NotCheckedError as why:
            self.skip(area, str(why), name)
        except Exception as error:  # noqa: BLE001 - the other checks still have something to say
            self._say(
                area, name, FAILED, f"{type(error).__name__}: {error}",
                "This was not foreseen; the message is all that is known.",
            )  # fmt: skip
        else:
            verdict = WARNING if good.remedy else OK
            self._say(area, name, verdict, good.detail, good.remedy)
            return good.value
        finally:
            looking.cancel()
            await asyncio.wait({looking}, timeout=_FAREWELL_SECONDS)
        return None

    def skip(self, area: str, why: str, *names: str) -> None:
        """Report that these checks are skipped."""
        for name in names:
            self._say(area, name, SKIPPED, why)

    def _say(self, area: str, name: str, verdict: str, detail: str, remedy: str = "") -> None:
        if verdict == FAILED:
            self.failures.append(name)
        self._tell(Finding(time.time(), area, name, verdict, detail, remedy))


async def in_thread(function: Callable[[], T]) -> T:
    """Run a blocking function in a daemon thread. If it hangs, even the end of the process does not wait."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, error = None, None
        try:
            result = function()
        except Exception as raised:  # noqa: BLE001 - it is raised again where it is awaited
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended before the function returned
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, daemon=True).start()
    return await future


@dataclass(frozen=True)
class ProgramResult:
    """Exit status and output of a program."""

    code: int
    output: str
    errors: str

    @property
    def last_words(self) -> str:
        """The last line of its errors, or else of its output."""
        lines = (self.errors.strip() or self.output.strip()).splitlines()
        return lines[-1].strip() if lines else f"exit status {self.code}"


async def run_program(command: Sequence[str], environment: Mapping[str, str]) -> ProgramResult:
    """Run a program to its end; a cancel kills its process group. Raises OSError if it cannot be started."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        cwd="/",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    code = process.returncode
    return ProgramResult(1 if code is None else code, _text(output), _text(errors))


def _text(data: bytes) -> str:
    return data[-_MOST_OUTPUT:].decode(errors="replace")


def gib(size: float) -> str:
    """Format a number of bytes for people: "1.5 GiB"."""
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} bytes"
