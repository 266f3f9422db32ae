"""A chat server that answers each prompt when it is let, so that a job runs for as long as a test needs it.

It is asked over HTTP as a real one is, by whichever process; a real one cannot be held up on demand.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator

from tests.remote.engines.openai_stand_in import (
    DONE,
    END,
    EVENTS,
    Visit,
    chunk,
    delta,
    standing_in,
    usage,
    whole,
)
from tests.support.laptop import IDLE_SECONDS, JsonObject
from tests.support.waiting import PATIENCE

_HELD_SECONDS = 900
"""Longer than any test holds a job up."""


class PatientServer:
    """The server, in a thread of its own. Use `serving_patiently`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """With `tls`, it speaks https."""
        self._tls = tls
        self.url = ""
        self.begun: list[str] = []
        """Prompts in the order in which they came."""
        self.given_up: list[str] = []
        """Prompts whose connection was closed before they were answered."""
        self.running: list[str] = []
        """Prompts that are worked on, the oldest first."""
        self._let: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._is_all = False
        self._loop = asyncio.new_event_loop()
        self._is_over = asyncio.Event()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])

    def start(self) -> None:
        self._thread.start()
        assert self._listens.wait(PATIENCE), "it does not listen"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(PATIENCE)
        self._loop.close()

    def engine(self, slots: int) -> str:
        """What a box's table in config.toml says for this to be its engine; with nothing after it that is
        not a table of its own. Its requests are this many at once."""
        return (
            f'engine = "openai"\nmodel = "m"\nidle_timeout = {IDLE_SECONDS}\n'
            f"first_token_timeout = {_HELD_SECONDS}\nnext_token_timeout = {_HELD_SECONDS}\n"
            f'openai = {{ base_url = "{self.url}", slots = {slots} }}\n'
        )

    def let(self, prompt: str) -> None:
        """Answer this one."""
        self._loop.call_soon_threadsafe(self._open, prompt)

    def let_all(self) -> None:
        """Answer everything from now on."""
        self._loop.call_soon_threadsafe(self._open_all)

    def _open(self, prompt: str) -> None:
        self._let[prompt].set()

    def _open_all(self) -> None:
        self._is_all = True
        for event in self._let.values():
            event.set()

    async def _serve(self) -> None:
        async with standing_in(self._answer, path="/v1", tls=self._tls) as stand_in:
            self.url = stand_in.server.base_url
            self._listens.set()
            await self._is_over.wait()

    async def _answer(self, visit: Visit) -> None:
        if visit.method != "POST":
            await visit.send(whole(b"{}", "404 Not Found"))  # it tells nothing of itself
            return
        prompt = _prompt(visit.json)
        self.begun.append(prompt)
        self.running.append(prompt)
        if self._is_all:
            self._let[prompt].set()
        leaving = asyncio.create_task(_left(visit))
        letting = asyncio.create_task(self._let[prompt].wait())
        try:
            with contextlib.suppress(ConnectionError):  # then it has left
                await visit.send(EVENTS, chunk(delta(f"A long {prompt}")))
            await asyncio.wait({leaving, letting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.running.remove(prompt)
            letting.cancel()
            leaving.cancel()
            await asyncio.gather(leaving, letting, return_exceptions=True)
        if not self._let[prompt].is_set():
            self.given_up.append(prompt)
            return
        rest = delta("."), delta("", "stop"), usage(7, 5), DONE
        await visit.send(b"".join(map(chunk, rest)) + END)


def _prompt(asked: JsonObject) -> str:
    (message,) = asked["messages"]
    content = message["content"]
    return str(content if isinstance(content, str) else content[-1]["text"])


async def _left(visit: Visit) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await visit.left()
            return


@contextlib.contextmanager
def serving_patiently(tls: ssl.SSLContext | None = None) -> Iterator[PatientServer]:
    """A server; at the end, whatever still waits is answered."""
    made = PatientServer(tls)
    made.start()
    try:
        yield made
    finally:
        made.let_all()
        made.stop()
