"""Checks, run one after the other: each is bounded in time, and none can end the others."""

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
    """A check that failed: what is wrong, and what to do."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


class NotCheckedError(Exception):
    """A check that had nothing to look at; the message says why."""


@dataclass(frozen=True)
class Good(Generic[T]):
    """A check that went well."""

    value: T
    """What the checks after it build on."""
    detail: str
    remedy: str = ""
    """Not empty makes it a warning: what to do about it."""


class Examination:
    """Tells each finding as it is made."""

    def __init__(self, tell: Callable[[Finding], None]) -> None:
        """`tell` is called from the event loop."""
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
        """Run one check; what it found, or None when it failed or had nothing to look at."""
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
            self.skip(area, name, str(why))
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

    def skip(self, area: str, name: str, why: str) -> None:
        """Say that something is not looked at."""
        self._say(area, name, SKIPPED, why)

    def _say(self, area: str, name: str, verdict: str, detail: str, remedy: str = "") -> None:
        if verdict == FAILED:
            self.failures.append(name)
        self._tell(Finding(time.time(), area, name, verdict, detail, remedy))


async def in_thread(function: Callable[[], T]) -> T:
    """The result of something that blocks. When it hangs, nobody waits for it, not even Python's end."""
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
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, daemon=True).start()
    return await future


@dataclass(frozen=True)
class ProgramResult:
    """A program that ran to its end."""

    code: int
    output: str
    errors: str

    @property
    def last_words(self) -> str:
        """The last line that it complained with."""
        lines = (self.errors.strip() or self.output.strip()).splitlines()
        return lines[-1].strip() if lines else f"exit status {self.code}"


async def run_program(command: Sequence[str], environment: Mapping[str, str]) -> ProgramResult:
    """Run it to its end, or until it is cancelled. Raises OSError."""
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
    """Bytes as people read them."""
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} bytes"
