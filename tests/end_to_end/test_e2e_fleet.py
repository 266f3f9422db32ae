"""Two boxes that are reached by a real sshd share one batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartSshd
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
    said = {
        json.loads(file.read_text())["box"]
        for file in (laptop.cwd / "outputs").rglob("*.json")
        if "box" in json.loads(file.read_text())
    }
    assert said <= {"h100", "a100"}
