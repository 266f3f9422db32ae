"""A queue and a box that an earlier version left half done are taken over, and every job is done once.

The version of schema 8 and protocol 4 made the files in `half_done_by_schema_8`; the top of `queue.sql`
says how far each job had come.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from remote.jobs.records import scan
from remote.paths import make_daemon_paths
from remote.protocol import Json, Request, parse
from tests.support.laptop import Laptop

HALF_DONE = Path(__file__).parent / "half_done_by_schema_8"
"""The folder's name is @FOLDER@ in the queue."""
ANSWERED = {"written0", "written1", "unwritten", "scene00", "scene01", "scene02"}
"""The jobs that the box had finished."""
TOLD_TO_CANCEL, PAUSED, FAILED = "scene05", "scene08", "scene09"
UNHEARD = "scene06"
"""A job that the box had accepted, which the app had not heard."""
DONE = {*ANSWERED, "scene03", "scene04", UNHEARD, "scene07"}


@pytest.fixture
def root(laptop: Laptop, tmp_path: Path) -> Path:
    """The box's root. Queue, specs, results, journal and pictures are as the earlier version left them."""
    shutil.copytree(HALF_DONE / "work", laptop.cwd, dirs_exist_ok=True)
    laptop.queue_file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(laptop.queue_file)) as db:
        dump = (HALF_DONE / "queue.sql").read_text()
        db.executescript(dump.replace("@FOLDER@", str(tmp_path)))
    box = tmp_path / "box"
    paths = make_daemon_paths(str(box))
    shutil.copy(HALF_DONE / "journal", paths.journal)
    shutil.copytree(HALF_DONE / "images", paths.images, dirs_exist_ok=True)
    laptop.configure(
        f'box = "local"\n[boxes.local]\nroot = "{box}"\nengine = "sketch"\n'
        "idle_timeout = 2\nkeep_days = 0\n"
    )
    return box


def prompts(root: Path, kind: str) -> Counter[str]:
    """How many records of this kind the journal has for each prompt."""
    (journal,) = root.glob("*/journal")
    records, damages = scan(journal.read_bytes())
    assert damages == []
    of_job: dict[Json, str] = {}
    for record in records:
        if record.body["type"] == "accepted":
            of_job[record.body["job"]] = parse(Request, record.body["request"]).prompt
    return Counter(of_job[r.body["job"]] for r in records if r.body["type"] == kind)


def states(laptop: Laptop) -> dict[str, str]:
    return {job.name: str(job.state) for job in laptop.jobs()}


def results(laptop: Laptop) -> dict[str, bytes]:
    files = (laptop.cwd / "outputs").iterdir()
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def go_on(laptop: Laptop) -> None:
    ended = laptop.batch()
    assert ended.returncode == 0, ended.stderr


def test_what_an_earlier_version_left_half_done_is_done_once_and_written(
    laptop: Laptop, root: Path
) -> None:
    before, started_before = results(laptop), prompts(root, "started")
    of_name = {job.name: job.prompt for job in laptop.jobs()}

    go_on(laptop)

    stands = states(laptop)
    told = stands.pop(TOLD_TO_CANCEL)
    assert stands == dict.fromkeys(DONE, "done") | {PAUSED: "paused", FAILED: "failed"}
    after = results(laptop)
    assert before.items() <= after.items()
    assert {f"{name}.json" for name in DONE} <= after.keys()
    started, finished = prompts(root, "started"), prompts(root, "finished")
    assert {name: started[of_name[name]] for name in ANSWERED} == {
        name: started_before[of_name[name]] for name in ANSWERED
    }
    # Its request named no engine, and the one that the job is prepared with now does. So both are answered.
    assert finished.pop(of_name[UNHEARD]) == 2
    # The engine may be quicker than the app, which has to reach the box first.
    ends = (finished.pop(of_name[TOLD_TO_CANCEL], 0), prompts(root, "cancelled").total())
    assert (told, *ends) in {("cancelled", 0, 1), ("done", 1, 0)}
    assert finished == Counter(of_name[name] for name in DONE - {UNHEARD})


def test_what_an_earlier_version_left_paused_or_failed_can_be_done_now(
    laptop: Laptop, root: Path
) -> None:
    assert laptop.run("queue", "resume", "--all").returncode == 0
    assert laptop.run("queue", "retry", "--failed").returncode == 0

    go_on(laptop)

    assert states(laptop).items() >= {PAUSED: "done", FAILED: "done"}.items()
    assert {f"{PAUSED}.json", f"{FAILED}.json"} <= results(laptop).keys()
    finished = prompts(root, "finished")
    assert [finished[job.prompt] for job in laptop.jobs() if job.name in (PAUSED, FAILED)] == [1, 1]
