"""Two boxes that are reached by a real sshd share one batch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.planning.sharing import TAKEN_AHEAD
from backend.store import Job
from tests.end_to_end.conftest import StartSshd
from tests.support.daemons import end_daemons
from tests.support.laptop import Laptop, journal_records
from tests.support.patient_server import PatientServer, serving_patiently
from tests.support.specs import write_batch
from tests.support.sshd import Sshd
from tests.support.waiting import wait_until

_SLOTS = 2
_JOBS = 20


@dataclass
class FleetBox:
    """A box, its model server, and the sshd that leads to it."""

    name: str
    server: PatientServer
    sshd: Sshd
    root: Path

    def accepted(self) -> list[str]:
        return journal_records(self.root, "accepted")


@pytest.fixture
def fleet(laptop: Laptop, start_sshd: StartSshd, tmp_path: Path) -> Iterator[list[FleetBox]]:
    """The boxes `h100` and `a100` with two slots each, whose servers answer when the test lets them."""
    with serving_patiently() as first, serving_patiently() as second:
        boxes = [
            FleetBox(name, server, start_sshd(), tmp_path / name)
            for name, server in (("h100", first), ("a100", second))
        ]
        config = ['box = ["h100", "a100"]']
        for box in boxes:
            laptop.add_host(box.name, box.sshd.port)
            laptop.trust(box.sshd.port, box.sshd.host_key)
            config.append(f'[boxes.{box.name}]\nhost = "{box.name}"\nroot = "{box.root}"')
            config.append(box.server.engine(_SLOTS))
        laptop.configure("\n".join(config))
        yield boxes


def test_two_boxes_share_a_batch_and_each_result_says_which_answered(
    laptop: Laptop, fleet: list[FleetBox], small_clips: list[Path]
) -> None:
    h100, a100 = fleet
    specs = write_batch(laptop.cwd, small_clips, _JOBS)
    with laptop.started(*specs) as run:
        wait_until(lambda: len(h100.server.running) == len(a100.server.running) == _SLOTS)
        a100.server.let_all()
        # The busy one keeps its own, and the other does the rest.
        wait_until(lambda: len(a100.accepted()) + len(h100.accepted()) == _JOBS)
        h100.server.let_all()
        assert run.end() == 0, run.errors
    done = {job.number: job.box for job in laptop.jobs()}
    assert laptop.states() == {"done": _JOBS}
    assert len(h100.server.begun) + len(a100.server.begun) == _JOBS
    assert len(a100.server.begun) > len(h100.server.begun) >= _SLOTS
    by_box = {box: list(done.values()).count(box) for box in ("a100", "h100")}
    assert f"By box: a100 {by_box['a100']}, h100 {by_box['h100']}." in run.errors
    sidecars = sorted((laptop.cwd / "outputs" / ".upsample").iterdir())
    provenance = [json.loads(file.read_text())["results"] for file in sidecars]
    said = [result["box"] for results in provenance for result in results]
    assert Counter(said) == by_box


def test_what_a_box_had_that_died_for_good_is_done_by_another_one(
    laptop: Laptop, fleet: list[FleetBox], small_clips: list[Path]
) -> None:
    h100, a100 = fleet
    specs = write_batch(laptop.cwd, small_clips, _JOBS)
    with laptop.started(*specs) as run:
        wait_until(lambda: len(h100.server.running) == len(a100.server.running) == _SLOTS)
        with h100.sshd.refusing():
            end_daemons(h100.root)
            a100.server.let_all()
            wait_until(lambda: laptop.states()["done"] >= _JOBS - _SLOTS - TAKEN_AHEAD)
            wait_until(lambda: {job.box for job in left(laptop)} == {"h100"})
            stuck = left(laptop)
            ended = laptop.run("queue", "reassign", "--from", "h100", "--box", "a100", "--json")
            assert ended.returncode == 0, ended.stderr
            told = [json.loads(line) for line in ended.stdout.splitlines()]
            assert [each["job"] for each in told] == [job.number for job in stuck]
            assert {each["outcome"] for each in told} == {"given to a100, from h100"}
            assert run.end() == 0, run.errors
    assert laptop.states() == {"done": _JOBS}
    done = [event["job"] for event in run.events if event["type"] == "done"]
    assert sorted(done) == sorted({*done})
    assert len(done) == _JOBS
    assert len(list((laptop.cwd / "outputs").glob("*.json"))) == _JOBS
    # What was begun there is begun again, and nothing else.
    assert len(a100.server.begun) == len(set(a100.server.begun))
    assert set(h100.server.begun) & set(a100.server.begun) <= {job.prompt for job in stuck}
    said = Counter(job.box for job in laptop.jobs())
    assert said == {"a100": _JOBS}


def left(laptop: Laptop) -> list[Job]:
    return [job for job in laptop.jobs() if not job.state.ended]
