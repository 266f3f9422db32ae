"""Cancelling from a second process, over a real sshd: the slot goes to the next job, others go on.

The model server is a stand-in that answers each prompt when it is let, so that a job is running for as
long as a test needs it. With a real one it is done in test_e2e_vllm.py.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from backend.dispatch.sending.courier import SENT_AHEAD
from tests.support.laptop import Laptop, journal_kinds, journal_records
from tests.support.patient_server import PatientServer
from tests.support.specs import write_spec
from tests.support.sshd import Sshd, free_port
from tests.support.waiting import wait_until

_SLOTS = 3
_JOBS = 9


@pytest.fixture
def box(server: PatientServer, laptop: Laptop, trusted: Sshd, box_root: Path) -> Path:
    """The root of the box, which asks the server."""
    _configure(laptop, server, "testbox", box_root)
    return box_root


def _configure(laptop: Laptop, server: PatientServer, host: str, root: Path) -> None:
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "{host}"\nroot = "{root}"\n{server.engine(_SLOTS)}'
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
    with laptop.started("--no-hand-over", *batch) as run:
        for begun in range(_SLOTS, _JOBS + 1):
            # In one look: a prompt has begun a moment before it counts as running.
            wait_until(lambda: (len(server.begun), len(server.running)) == (begun, _SLOTS))  # noqa: B023
            there = min(_JOBS, begun + SENT_AHEAD)
            wait_until(lambda: len(journal_records(box, "accepted")) == there)  # noqa: B023
            server.let(server.running[0])
        server.let_all()
        assert run.end() == 0, run.errors

    assert laptop.states() == {"done": _JOBS}


def test_without_a_run_the_box_itself_is_told(
    laptop: Laptop, server: PatientServer, box: Path, batch: list[Path]
) -> None:
    with laptop.started("--no-hand-over", *batch) as run:
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
