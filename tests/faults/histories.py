"""Histories that a kill at a random moment does not make: what somebody changed between two runs, a box that
came back from a snapshot, another laptop, a model server or a login that is away for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from dataclasses import asdict, dataclass
from random import Random

from remote.jobs.records import encode_record
from tests.faults.field import House
from tests.faults.hand_over import HAND_OVER, HandOver
from tests.faults.kind import Act, Hit, Kind, Side
from tests.faults.order import Obey
from tests.faults.waiting import comes_true

_SECONDS = 3.0
"""That are waited for the moment in which a history can begin."""
_END_SECONDS = 15.0
"""That a daemon may take to end in order."""


@dataclass(frozen=True)
class NameAnotherEngine:
    """The config names another model, or another server, before the next run."""

    how: signal.Signals
    same_server: bool

    async def do(self, hit: Hit, number: int) -> bool:
        if not hit.is_at_work:
            return False
        async with hit.between_runs(self.how) as is_between:
            if is_between:
                known = _known(hit.house)
                hit.note_switch(hit.house.name_another_engine(same_server=self.same_server), known)
            return is_between


@dataclass(frozen=True)
class ReplaceWeights:
    """The same model has other weights when its server starts again."""

    how: signal.Signals
    ends_daemon: bool

    async def do(self, hit: Hit, number: int) -> bool:
        if not hit.is_at_work:
            return False
        async with hit.between_runs(self.how) as is_between:
            if not is_between:
                return False
            if self.ends_daemon:
                await _end(hit.house, "daemon", signal.SIGKILL)
            # Stopped first, so that none of it is answered with the old weights after the change.
            for pid in hit.house.pids("engine"):
                _send(pid, signal.SIGSTOP)
            known = _known(hit.house)
            hit.note_switch(hit.house.replace_weights(), known)
            await _end(hit.house, "engine", signal.SIGKILL)
            return True


@dataclass(frozen=True)
class MoveSource:
    """A picture is moved away after its job was accepted, and the next daemon mends its journal."""

    how: signal.Signals

    async def do(self, hit: Hit, number: int) -> bool:
        if not await comes_true(lambda: bool(_unfinished(hit)), _SECONDS):
            return False
        async with hit.between_runs(self.how) as is_between:
            prompts = _unfinished(hit)
            if not is_between or not prompts:
                return False
            await _end(hit.house, "daemon", signal.SIGTERM)
            torn = encode_record({"seq": 1 << 40, "type": "waiting", "job": "torn"})[:-9]
            try:
                with hit.house.place.journal.open("ab") as journal:
                    journal.write(torn)
            except OSError:
                return False  # the box's disk is full for another fault
            for prompt in prompts:
                hit.move_away(hit.sources[prompt])
            return True


@dataclass(frozen=True)
class Restore:
    """The box's root is set back to what it was a moment ago, and the box is started anew."""

    seconds: float

    async def do(self, hit: Hit, number: int) -> bool:
        house = hit.house
        snapshot = house.site.folder / f"{house.root.name}-snapshot"
        daemons = house.pids("daemon")
        if not daemons or not hit.is_at_work or not house.unfinished():
            return False
        try:
            # A snapshot is of one moment.
            for pid in daemons:
                _send(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(0.02)
                shutil.copytree(house.root, snapshot, symlinks=True)
            finally:
                for pid in daemons:
                    _send(pid, signal.SIGCONT)
            await asyncio.sleep(self.seconds)
            if hit.app is None or not house.unfinished():
                return False
            silence = asyncio.create_task(house.site.wire.swallow(60))
            try:
                await asyncio.sleep(0.1)  # what is on its way to the box arrives
                for role in ("relay", "daemon", "engine"):
                    await _end(house, role, signal.SIGKILL)
                shutil.rmtree(house.root)
                shutil.copytree(snapshot, house.root, symlinks=True)
                house.site.wire.reset()
            finally:
                silence.cancel()
                await asyncio.gather(silence, return_exceptions=True)
            return True
        except OSError:
            return False  # the box's disk is full for another fault
        finally:
            shutil.rmtree(snapshot, ignore_errors=True)


@dataclass(frozen=True)
class Invite:
    """A second laptop, with a queue of its own, works on the same box; half of its prompts are the same."""

    seed: int

    async def do(self, hit: Hit, number: int) -> bool:
        return hit.invite(self.seed)


@dataclass(frozen=True)
class KillAfterRetry:
    """An entry fails, its file is written with the others, and `queue retry` does the entry; then the run is
    killed after that is done and before the file is written again.
    """

    choice: float
    kill: Obey

    async def do(self, hit: Hit, number: int) -> bool:
        house = hit.house
        begun = {line.get("prompt") for line in house.engine_told()}
        left = sorted(set(hit.prompts) - begun)
        if not left:
            return False
        prompt = left[int(self.choice * len(left))]
        house.refuse_once(prompt)
        if not await comes_true(lambda: not house.is_refusing, 2 * _SECONDS):
            house.refuse_none()
            return False
        async with hit.between_runs(None) as is_between:
            file, _ = hit.prompts[prompt]
            if not is_between or not file.exists():
                return False
            await asyncio.to_thread(house.laptop.run, "queue", "retry", "--failed")
            house.site.laptop_orders.give("app", {"id": number, **asdict(self.kill)})
            hit.go_on_next()
        return True


@dataclass(frozen=True)
class Outage:
    """The model server refuses connections for a while, then it says for a while that it loads."""

    refuses: float
    loads: float

    async def do(self, hit: Hit, number: int) -> bool:
        server = hit.house.server
        if server is None or not server.is_running or not hit.house.unfinished():
            return False
        server.kill()

        async def come_back() -> None:
            try:
                await asyncio.sleep(self.refuses)
            finally:
                server.start(self.loads)

        hit.owe(asyncio.create_task(come_back()))
        return True


@dataclass(frozen=True)
class RefuseLogin:
    """The link of a run that is at work breaks, and sshd lets nobody in for a while."""

    seconds: float

    async def do(self, hit: Hit, number: int) -> bool:
        site = hit.house.site
        if site.is_refusing or not hit.is_at_work:
            return False

        async def refuse() -> None:
            with site.refusing():
                site.wire.reset()
                await asyncio.sleep(self.seconds)

        hit.owe(asyncio.create_task(refuse()))
        return True


def _known(house: House) -> set[str]:
    """The prompts that the box may answer with the engine that it has now, as it has them already."""
    return {*house.prompts_of_jobs().values(), *(str(t.get("prompt")) for t in house.engine_told())}


def _unfinished(hit: Hit) -> set[str]:
    """The prompts with a picture that the box has accepted and not finished, and the picture still there."""
    finished = {record["job"] for record in hit.house.journaled() if record["type"] == "finished"}
    accepted = hit.house.prompts_of_jobs()
    waits = {prompt for job, prompt in accepted.items() if job not in finished}
    return {prompt for prompt, source in hit.sources.items() if prompt in waits and source.exists()}


async def _end(house: House, role: str, how: signal.Signals) -> None:
    """End the processes of a role; those that stay are killed."""
    for pid in house.pids(role):
        _send(pid, how)
    if not await comes_true(lambda: not house.pids(role), _END_SECONDS):
        for pid in house.pids(role):
            _send(pid, signal.SIGKILL)
        await comes_true(lambda: not house.pids(role), _END_SECONDS)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _how(random: Random) -> signal.Signals:
    """A user's Ctrl-C, or a kill."""
    return random.choice([signal.SIGINT, signal.SIGKILL])


def _kill_after_retry(random: Random) -> Act:
    point = random.choice(["fsync", "rename"])
    return KillAfterRetry(random.random(), Obey("app", point, "outputs", "before"))


HISTORIES: tuple[Kind, ...] = (
    Kind(
        "history: another engine in the config",
        Side.LAPTOP,
        lambda r: NameAnotherEngine(_how(r), same_server=r.random() < 0.5),
        is_history=True,
    ),
    Kind(
        "history: other weights, daemon and server end",
        Side.BOX,
        lambda r: ReplaceWeights(_how(r), ends_daemon=True),
        needs="vllm",
        is_history=True,
    ),
    Kind(
        "history: other weights, only the server ends",
        Side.BOX,
        lambda r: ReplaceWeights(_how(r), ends_daemon=False),
        needs="vllm",
        is_history=True,
    ),
    Kind(
        "history: another journal, source moved",
        Side.BOX,
        lambda r: MoveSource(_how(r)),
        is_history=True,
    ),
    Kind(
        "history: box set back to a snapshot",
        Side.BOX,
        lambda r: Restore(r.uniform(0.2, 1.5)),
        forgets=True,
        is_history=True,
    ),
    Kind(
        "history: a second laptop",
        Side.LINK,
        lambda r: Invite(r.randrange(1 << 30)),
        is_history=True,
    ),
    Kind(
        "history: killed at the write of a retried entry",
        Side.LAPTOP,
        _kill_after_retry,
        is_ordered=True,
        is_history=True,
    ),
    Kind(
        "history: model server away",
        Side.BOX,
        lambda r: Outage(r.uniform(0.3, 4.0), r.uniform(0.3, 3.0)),
        needs="openai",
        is_history=True,
    ),
    Kind(
        HAND_OVER,
        Side.LAPTOP,
        lambda r: HandOver(_how(r), silent=r.random() < 0.5),
        is_history=True,
    ),
    Kind(
        "history: login refused",
        Side.LINK,
        lambda r: RefuseLogin(r.uniform(0.5, 5.0)),
        is_history=True,
    ),
)
