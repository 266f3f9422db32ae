"""Cancelling from a second process, over a real sshd: the slot goes to the next job, others go on.

The model server is a stand-in that answers each prompt when it is let, so that a job is running for as
long as a test needs it. With a real one it is done in test_e2e_vllm.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.dispatch import SENT_AHEAD
from tests.remote.engines.openai_stand_in import (
    DONE,
    Visit,
    delta,
    standing_in,
    streamed,
    usage,
    whole,
)
from tests.support.laptop import JsonObject, Laptop, journal_kinds, journal_records
from tests.support.specs import write_spec
from tests.support.sshd import BOUND, Sshd, free_port
from tests.support.waiting import wait_until

_SLOTS = 3
_JOBS = 9


class PatientServer:
    """A chat server in a thread of its own, that answers each prompt when it is let."""

    def __init__(self) -> None:
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
        assert self._listens.wait(BOUND)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(BOUND)
        self._loop.close()

    def let(self, prompt: str) -> None:
        """Answer this one."""
        self._loop.call_soon_threadsafe(self._let[prompt].set)

    def let_all(self) -> None:
        """Answer everything from now on."""
        self._loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        self._is_all = True
        for event in self._let.values():
            event.set()

    async def _serve(self) -> None:
        async with standing_in(self._answer, path="/v1") as stand_in:
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
            await asyncio.wait({leaving, letting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.running.remove(prompt)
            letting.cancel()
            leaving.cancel()
            await asyncio.gather(leaving, letting, return_exceptions=True)
        if not self._let[prompt].is_set():
            self.given_up.append(prompt)
            return
        words = delta(f"A long {prompt}."), delta("", "stop"), usage(7, 5)
        await visit.send(streamed(*words, DONE))


def _prompt(asked: JsonObject) -> str:
    (message,) = asked["messages"]
    content = message["content"]
    return str(content if isinstance(content, str) else content[-1]["text"])


async def _left(visit: Visit) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await visit.left()
            return


@pytest.fixture
def server() -> Iterator[PatientServer]:
    made = PatientServer()
    made.start()
    yield made
    made.let_all()
    made.stop()


@pytest.fixture
def box(server: PatientServer, laptop: Laptop, trusted: Sshd, box_root: Path) -> Path:
    """The root of the box, which asks the server."""
    _configure(laptop, server, "testbox", box_root)
    return box_root


def _configure(laptop: Laptop, server: PatientServer, host: str, root: Path) -> None:
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "{host}"\nroot = "{root}"\nengine = "openai"\n'
        f'model = "m"\nidle_timeout = 2\n'
        f'[boxes.test.openai]\nbase_url = "{server.url}"\nslots = {_SLOTS}\n'
    )


@pytest.fixture
def batch(laptop: Laptop) -> list[Path]:
    return [
        write_spec(
            laptop.cwd / f"spec{n}.json", [{"prompt": f"scene {n}", "output_video": "o.mp4"}]
        )
        for n in range(_JOBS)
    ]


def _told(ended: str) -> dict[int, str]:
    return {each["job"]: each["outcome"] for each in map(json.loads, ended.splitlines())}


def test_a_job_cancelled_by_a_second_process_makes_room_for_the_next(
    laptop: Laptop, server: PatientServer, box: Path, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        running = run.started(_SLOTS)
        victim = running[1]

        cancelled = laptop.run("queue", "cancel", str(victim), "--json")

        assert cancelled.returncode == 0, cancelled.stderr
        assert _told(cancelled.stdout) == {victim: "cancelled"}
        run.until("cancelled", job=victim)
        *_, following = run.started(_SLOTS + 1)
        assert following not in running
        server.let_all()
        assert run.end() == 0, run.errors

    assert laptop.states() == {"done": _JOBS - 1, "cancelled": 1}
    done = Counter(event["job"] for event in run.events if event["type"] == "done")
    assert done == Counter(job.number for job in laptop.jobs() if job.number != victim)
    # The server was told, and nobody else was disturbed.
    assert len(server.given_up) == 1
    assert Counter(server.begun) == Counter(f"scene {n}" for n in range(_JOBS))
    assert len(journal_records(box, "cancelled")) == 1
    kinds = journal_kinds(box)
    starts = [place for place, kind in enumerate(kinds) if kind == "started"]
    assert starts[_SLOTS - 1] < kinds.index("cancelled") < starts[_SLOTS]


def test_the_next_jobs_wait_on_the_box_before_a_slot_is_free(
    laptop: Laptop, server: PatientServer, box: Path, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        for begun in range(_SLOTS, _JOBS + 1):
            wait_until(lambda: len(server.begun) == begun)  # noqa: B023 - looked at in this round
            assert len(server.running) == _SLOTS
            there = min(_JOBS, begun + SENT_AHEAD)
            wait_until(lambda: len(journal_records(box, "accepted")) == there)  # noqa: B023
            server.let(server.running[0])
        server.let_all()
        assert run.end() == 0, run.errors

    assert laptop.states() == {"done": _JOBS}


def test_without_a_run_the_box_itself_is_told(
    laptop: Laptop, server: PatientServer, box: Path, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        running = run.started(_SLOTS)
        run.interrupt()
        assert run.end() == 130
    unsent = [job.number for job in laptop.jobs() if job.state == "queued"]
    asked = [running[0], unsent[0]]

    cancelled = laptop.run("queue", "cancel", *map(str, asked), "--json")

    assert cancelled.returncode == 0, cancelled.stderr
    assert _told(cancelled.stdout) == dict.fromkeys(asked, "cancelled")
    wait_until(lambda: len(server.given_up) == 1)
    server.let_all()
    again = laptop.batch()
    assert again.returncode == 0, again.stderr
    assert laptop.states() == {"done": _JOBS - 2, "cancelled": 2}
    assert len(journal_records(box, "cancelled")) == 1

    # What was cancelled and is wanted after all begins anew.
    retried = laptop.run("queue", "retry", *map(str, asked))
    assert retried.returncode == 0, retried.stderr
    assert laptop.batch().returncode == 0
    assert laptop.states() == {"done": _JOBS}
    finished = journal_records(box, "finished")
    assert len(finished) == len(set(finished)) == _JOBS


def test_a_box_out_of_reach_is_told_by_the_next_run(
    laptop: Laptop, server: PatientServer, box: Path, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        victim = run.started(_SLOTS)[0]
        run.interrupt()
        assert run.end() == 130
    laptop.add_host("nowhere", free_port())
    _configure(laptop, server, "nowhere", box)

    cancelled = laptop.run("queue", "cancel", str(victim), "--json")

    assert cancelled.returncode == 3
    assert "The request stays" in cancelled.stderr
    assert "will be cancelled" in _told(cancelled.stdout)[victim]
    assert server.given_up == []

    _configure(laptop, server, "testbox", box)
    with laptop.started() as run:
        run.until("cancelled", job=victim)
        server.let_all()
        assert run.end() == 0, run.errors

    assert laptop.states() == {"done": _JOBS - 1, "cancelled": 1}
    assert len(server.given_up) == 1
