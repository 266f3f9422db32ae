"""Several upsample processes on one queue: one works on it, the others look on, ask, and take over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.laptop import Laptop, journal_records
from tests.support.patient_server import PatientServer
from tests.support.specs import write_batch

_SLOTS = 4


@pytest.fixture
def batch(laptop: Laptop, server: PatientServer, small_clips: list[Path]) -> list[Path]:
    """Specs that keep the embedded box busy until its server is let."""
    laptop.configure(f"[boxes.local]\n{server.engine(_SLOTS)}")
    return write_batch(laptop.cwd, small_clips, 20)


def root_of(laptop: Laptop) -> Path:
    return laptop.home / ".cache" / "upsample"


def outcomes(laptop: Laptop, *arguments: str) -> dict[int, str]:
    ended = laptop.run("queue", *arguments, "--json")
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    return {each["job"]: each["outcome"] for each in told}


def test_a_second_run_looks_on_while_the_first_does_its_jobs(
    laptop: Laptop, server: PatientServer, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        run.until("started")
        with laptop.started(*batch) as second:
            assert f"process {run.process.pid}" in second.until("dispatcher")["holder"]
            server.let_all()
            assert second.end() == 0, second.errors
        assert run.end() == 0, run.errors
    assert "works on the queue" in second.errors
    kinds = [event["type"] for event in second.events]
    assert kinds.count("written") == len(batch)
    assert ("link", "live") in {(e["type"], e.get("state")) for e in second.events}
    for kind in ("accepted", "started", "finished"):
        assert len(journal_records(root_of(laptop), kind)) == len(batch)


def test_what_the_first_does_not_do_the_second_does_after_it(
    laptop: Laptop, server: PatientServer, batch: list[Path]
) -> None:
    with laptop.started(*batch[:-2]) as run:
        run.until("started")
        with laptop.started(*batch[-2:]) as second:
            second.until("dispatcher")
            server.let_all()
            assert run.end() == 0, run.errors
            assert second.until("dispatcher")["holder"] == ""
            assert second.end() == 0, second.errors
    assert laptop.states() == {"done": len(batch)}
    assert len(journal_records(root_of(laptop), "started")) == len(batch)


def test_when_the_first_is_killed_the_second_takes_its_jobs_over(
    laptop: Laptop, server: PatientServer, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        run.until("started")
        with laptop.started(*batch) as second:
            second.until("dispatcher")
            run.kill()
            second.until("dispatcher", holder="")
            server.let_all()
            assert second.end() == 0, second.errors
    assert laptop.states() == {"done": len(batch)}
    assert len(journal_records(root_of(laptop), "finished")) == len(batch)


def test_looking_on_can_be_left_and_the_jobs_stay(
    laptop: Laptop, server: PatientServer, batch: list[Path]
) -> None:
    with laptop.started(*batch[:-2]) as run:
        run.until("started")
        with laptop.started(*batch[-2:]) as second:
            second.until("dispatcher")
            second.interrupt()
            assert second.end() == 130
            assert "2 stay in the queue" in second.errors
        server.let_all()
        assert run.end() == 0, run.errors
    assert laptop.states() == {"done": len(batch) - 2, "queued": 2}


def test_a_run_heeds_what_is_asked_of_its_jobs(
    laptop: Laptop, server: PatientServer, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        run.until("started")
        last, before = len(batch), len(batch) - 1
        assert outcomes(laptop, "pause", str(last), str(before)) == {
            last: "paused",
            before: "paused",
        }
        assert run.until("paused")["job"] in (last, before)
        assert outcomes(laptop, "resume", str(last)) == {last: "goes on"}
        server.let_all()
        assert run.end() == 1
    assert f"queue resume {before}" in run.errors
    assert laptop.states() == {"done": len(batch) - 1, "paused": 1}
    assert laptop.run("queue", "resume", "--all").returncode == 0
    assert laptop.batch().returncode == 0
    assert laptop.states() == {"done": len(batch)}
