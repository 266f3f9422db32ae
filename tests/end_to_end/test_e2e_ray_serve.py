"""A batch behind Ray Serve, whose replicas are killed and which is started anew meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartSshd
from tests.support.laptop import Laptop, Running, journal_records
from tests.support.ray_serve import ray_serve

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(300)]

_COUNT = 48


def test_ray_serve_loses_no_job_when_replicas_die_and_when_it_is_started_anew(
    start_sshd: StartSshd, laptop: Laptop, box_root: Path, tmp_path: Path
) -> None:
    sshd = start_sshd()
    laptop.add_host("testbox", sshd.port)
    laptop.trust(sshd.port, sshd.host_key)
    prompts = [f"scene number {n:02} by the sea" for n in range(_COUNT)]
    spec = laptop.cwd / "prompts.txt"
    spec.write_text("\n".join(prompts) + "\n")
    with ray_serve(tmp_path) as server:
        laptop.configure(
            'box = "test"\n[upsampling]\nprofile = "generic"\nsystem_prompt = "Rewrite it."\n'
            f'[boxes.test]\nhost = "testbox"\nroot = "{box_root}"\n{server.engine(slots=8)}'
        )
        with laptop.started(spec) as run:
            run.started(8)
            server.kill_a_replica()
            _until_done(run, 8)
            server.kill_a_replica()
            _until_done(run, 8)
            server.start_anew()
            assert run.end() == 0, run.errors

    assert laptop.states() == {"done": _COUNT}
    assert [event for event in run.events if event["type"] == "failed"] == []
    finished = journal_records(box_root, "finished")
    assert len(finished) == len(set(finished)) == _COUNT
    (sidecar,) = (laptop.cwd / "outputs").glob(".upsample/*.upsample.json")
    results = json.loads(sidecar.read_text())["results"]
    assert sorted(result["prompt"] for result in results) == prompts
    written = (laptop.cwd / "outputs" / spec.name).read_text()
    assert all(prompt in written for prompt in prompts)


def _until_done(run: Running, count: int) -> None:
    for _ in range(count):
        run.until("done")
