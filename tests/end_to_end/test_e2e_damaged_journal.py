"""A box whose disk damaged its journal: what it had acknowledged and lost is done, and nothing is doubled."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from backend.store import State, Store
from remote.jobs.records import Record, scan
from tests.support.daemons import daemons_below
from tests.support.laptop import Laptop
from tests.support.specs import write_batch
from tests.support.sshd import BOUND, Sshd
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

_JOBS = 24
"""More than are done before this process has stopped a run that has begun."""


@pytest.fixture
def batch(laptop: Laptop, large_clips: list[Path]) -> list[Path]:
    """Specs that keep the box busy for some seconds."""
    return write_batch(laptop.cwd, large_clips, _JOBS)


def _signal_daemon(root: Path, number: int) -> None:
    for process in daemons_below(root):
        os.kill(process, number)


def _is_stopped_at_work(root: Path) -> bool:
    """Stop the daemon, if it has something left to do."""
    _signal_daemon(root, signal.SIGSTOP)
    if len(_of_kind(root, "accepted")) > len(_of_kind(root, "finished")) + 1:
        return True
    _signal_daemon(root, signal.SIGCONT)
    return False


def _kill_daemon(root: Path) -> None:
    _signal_daemon(root, signal.SIGKILL)
    wait_until(lambda: not daemons_below(root))


def _damage(journal: Path, records: list[Record]) -> None:
    data = bytearray(journal.read_bytes())
    for record in records:
        data[record.end - 5] ^= 0x10
    journal.write_bytes(data)


def _results(laptop: Laptop) -> dict[str, bytes]:
    files = (laptop.cwd / "outputs").iterdir()
    # A kill in the middle of a write leaves a hidden part of a file.
    return {file.name: file.read_bytes() for file in files if not file.name.startswith(".")}


def _stop_midway(laptop: Laptop, root: Path, batch: list[Path], *, daemon_goes_on: bool) -> Path:
    """Kill app and daemon when some jobs are done; returns the journal."""
    with laptop.started(*batch) as run:
        for _ in range(3):
            run.until("written")
        # What it has left to do then, no app will have heard of.
        wait_until(lambda: _is_stopped_at_work(root))
        run.kill()
        run.process.wait(BOUND)
        if daemon_goes_on:
            _signal_daemon(root, signal.SIGCONT)
            wait_until(lambda: len(_of_kind(root, "finished")) == len(_of_kind(root, "accepted")))
        _kill_daemon(root)
        run.end()
    assert 3 <= laptop.states()["done"] < _JOBS, "the batch was over too soon: make it larger"
    (journal,) = root.glob("*/journal")
    return journal


def _of_kind(root: Path, kind: str) -> list[Record]:
    (journal,) = root.glob("*/journal")
    return [record for record in scan(journal.read_bytes())[0] if record.body["type"] == kind]


def _go_on(laptop: Laptop, batch: list[Path], journal: Path, lost: list[Record]) -> Counter[str]:
    """Lose these records and run again; returns how often the journal says that each job is finished."""
    _damage(journal, lost)
    before = _results(laptop)
    with laptop.started(*batch) as again:
        assert again.end() == 0, again.errors
    assert "the journal had" in again.errors
    assert laptop.states() == {"done": _JOBS}
    after = _results(laptop)
    assert len([name for name in after if "upsample" not in name]) == _JOBS
    assert before.items() <= after.items()
    assert not scan(journal.read_bytes())[1]
    aside = [file.read_bytes() for file in journal.parent.glob("journal.damaged-*")]
    assert sorted(map(len, aside)) == sorted(record.size for record in lost)
    return Counter(str(r.body["job"]) for r in _of_kind(journal.parent.parent, "finished"))


def test_what_was_accepted_and_lost_is_done_and_what_is_done_stays_as_it_is(
    laptop: Laptop, trusted: Sshd, box_root: Path, batch: list[Path]
) -> None:
    journal = _stop_midway(laptop, box_root, batch, daemon_goes_on=False)
    finished = _of_kind(box_root, "finished")
    ended = {record.body["job"] for record in finished}
    begun = [r for r in _of_kind(box_root, "accepted") if r.body["job"] not in ended]
    done = {job.identity for job in laptop.jobs() if job.state is State.DONE}
    known = next(record for record in finished if record.body["job"] in done)

    ends = _go_on(laptop, batch, journal, [begun[0], known])

    # The box may make what it lost again, where other jobs keep the pictures there; nobody waits for it.
    forgotten = str(known.body["job"])
    others = {job.identity for job in laptop.jobs()} - {forgotten}
    assert ends - Counter([forgotten]) == Counter(others)


def test_a_result_that_was_lost_before_the_app_heard_of_it_is_made_again(
    laptop: Laptop, trusted: Sshd, box_root: Path, batch: list[Path]
) -> None:
    journal = _stop_midway(laptop, box_root, batch, daemon_goes_on=True)
    finished = _of_kind(box_root, "finished")
    # An answer is kept a moment before its job is done.
    with closing(Store(laptop.queue_file)) as store:
        unheard = [r for r in finished if store.answer(str(r.body["job"]), "test") is None]

    ends = _go_on(laptop, batch, journal, unheard[:1])

    assert ends == Counter(job.identity for job in laptop.jobs())
