"""Batches that are stopped, killed, cut off or met by another one: all is done in the end, and once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from backend.exit_codes import ExitCode
from tests.end_to_end.conftest import Here, StartSshd
from tests.support.laptop import Laptop, Running, journal_records
from tests.support.proxy import cuttable
from tests.support.specs import write_batch
from tests.support.sshd import Sshd, free_port

pytestmark = pytest.mark.timeout(300)

_JOBS = 40
"""More than are done before this process has stopped a run that has begun."""


@pytest.fixture
def batch(laptop: Laptop, large_clips: list[Path]) -> list[Path]:
    """Specs that keep the box busy for some seconds."""
    return write_batch(laptop.cwd, large_clips, _JOBS)


def _check_that_all_was_done_once(laptop: Laptop, root: Path) -> None:
    assert laptop.states() == {"done": _JOBS}
    for kind in ("accepted", "started", "finished"):
        jobs = journal_records(root, kind)
        assert len(jobs) == len(set(jobs)) == _JOBS, (kind, Counter(jobs))
    assert {job.identity for job in laptop.jobs()} == set(journal_records(root, "finished"))
    results = [f for f in (laptop.cwd / "outputs").iterdir() if "upsample" not in f.name]
    assert len(results) == _JOBS


def _left_over(run: Running, laptop: Laptop) -> None:
    done = sum(event["type"] == "done" for event in run.events)
    assert 1 <= done < _JOBS, "the batch was over before it was stopped: make it larger"
    assert laptop.states()["done"] < _JOBS


def _finish(laptop: Laptop, *specs: Path) -> None:
    """One more run, to its end; each of its events may take a while."""
    with laptop.started(*specs) as again:
        assert again.end() == 0, again.errors


def _text_of(run: Running, job: int) -> str:
    """The text as a reader of the events has it, who heeds their offsets."""
    text = ""
    for event in run.events:
        if event["type"] == "text" and event["job"] == job and event["offset"] <= len(text):
            text = text[: event["offset"]] + event["text"]
    return text


def test_ctrl_c_keeps_the_rest_in_the_queue_and_the_next_run_finishes_it(
    laptop: Laptop, trusted: Sshd, box_root: Path, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        run.until("done")
        run.interrupt()
        assert run.end() == 130
        assert "stay in the queue" in run.errors
        assert "Traceback" not in run.errors
        _left_over(run, laptop)

    _finish(laptop)

    _check_that_all_was_done_once(laptop, box_root)


def test_a_killed_run_is_taken_up_by_the_same_command(
    laptop: Laptop, trusted: Sshd, box_root: Path, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        run.until("done")
        run.kill()
        run.end()
        _left_over(run, laptop)

    _finish(laptop, *batch)

    _check_that_all_was_done_once(laptop, box_root)


@pytest.mark.campaign
def test_a_run_on_the_embedded_box_is_taken_up_too(laptop: Laptop, batch: list[Path]) -> None:
    with laptop.started(*batch) as run:
        run.until("done")
        run.interrupt()
        assert run.end() == 130
        _left_over(run, laptop)

    _finish(laptop)

    _check_that_all_was_done_once(laptop, laptop.home / ".cache" / "upsample")


def test_a_result_that_was_never_written_is_written_by_the_next_run(
    laptop: Laptop, here: Here, small_clips: list[Path]
) -> None:
    first, second = write_batch(laptop.cwd, small_clips, 2)
    assert here(first).code == 0
    # As if the run had been killed between the answer and the file.
    result = laptop.cwd / "outputs" / first.name
    result.unlink()
    with closing(sqlite3.connect(laptop.queue_file)) as queue:
        queue.execute("DELETE FROM written WHERE path = ?", (str(result),))
        queue.commit()

    ended = here(second)

    assert ended.code == 0, ended.err
    assert result.exists()
    assert str(result) in ended.out.splitlines()


def test_a_link_that_drops_is_made_again_and_the_batch_goes_on(
    laptop: Laptop, start_sshd: StartSshd, box_root: Path, batch: list[Path]
) -> None:
    server = start_sshd()
    with cuttable(server.port) as proxy:
        laptop.add_host("testbox", proxy.port)
        laptop.add_box("testbox", box_root)
        laptop.trust(proxy.port, server.host_key)
        with laptop.started(*batch) as run:
            run.until("done")
            proxy.cut()
            run.until("link", state="retrying")
            run.until("link", state="live")
            assert run.end() == 0, run.errors

    _check_that_all_was_done_once(laptop, box_root)
    for done in (event for event in run.events if event["type"] == "done"):
        assert _text_of(run, done["job"]).strip() == done["prompt"]


def test_a_box_that_is_away_at_the_start_is_exit_3_and_says_what_it_has(
    laptop: Laptop, trusted: Sshd, box_root: Path, batch: list[Path]
) -> None:
    with laptop.started(*batch) as run:
        run.until("done")
        run.kill()
        run.end()
        _left_over(run, laptop)
    config = laptop.home / ".ssh" / "config"
    config.write_text(config.read_text().replace(str(trusted.port), str(free_port())))

    ended = laptop.batch()

    assert ended.returncode == 3
    assert "testbox cannot be reached" in ended.stderr
    assert "of them on the box, which goes on" in ended.stderr
    assert "`upsample --no-ui --box test` goes on with that" in ended.stderr


def test_a_run_whose_output_is_lost_goes_on_to_its_end(
    laptop: Laptop, small_clips: list[Path]
) -> None:
    specs = write_batch(laptop.cwd, small_clips, 3)
    with Path("/dev/full").open("wb") as disk:
        ended = laptop.run("--no-ui", "--json", *specs, stdout=disk)
    assert ended.returncode == ExitCode.OUTPUT
    told = "upsample: stdout cannot be written: No space left on device; the work goes on\n"
    assert ended.stderr.count(told) == ended.stderr.count("cannot be written") == 1
    assert laptop.states() == {"done": 3}
