"""Two commands from a Ray cluster to its first results. Ray is real, GPUs and vLLM of its nodes are not."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartSshd
from tests.remote.engines import vllm_stand_in
from tests.support.laptop import Laptop
from tests.support.ray_clusters import ray_cluster
from tests.support.ray_environment import RAY
from tests.support.safetensors_files import write_safetensors
from tests.support.stand_in_programs import StandInGpu, put_nvidia_smi, put_vllm

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(300)]


def test_a_ray_that_runs_is_found_and_a_batch_is_done_on_its_nodes(
    start_sshd: StartSshd,
    laptop: Laptop,
    box_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs, notes, model = tmp_path / "programs", tmp_path / "notes", tmp_path / "Cosmos"
    for folder in (programs, notes, model):
        folder.mkdir()
    put_nvidia_smi(programs, StandInGpu())
    put_vllm(programs)
    (model / "params.json").write_text("{}")
    (model / "tekken.json").write_text("{}")
    write_safetensors(model / "consolidated.safetensors")
    path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
    monkeypatch.setenv("PATH", f"{path}:{os.environ['PATH']}")
    monkeypatch.setenv(vllm_stand_in.FOLDER, str(notes))
    sshd = start_sshd(path=path)
    laptop.configure("[box_defaults]\nidle_timeout = 60\n")  # to join a cluster takes seconds
    laptop.add_host("lab-head", sshd.port)
    laptop.trust(sshd.port, sshd.host_key)
    prompts = laptop.cwd / "prompts.txt"
    prompts.write_text("one\ntwo\nthree\nfour\n")
    with ray_cluster(tmp_path, nodes=2) as cluster:
        # Other tests may have a Ray on this machine, so this one is named.
        found = (
            "--engine",
            cluster.address,
            "--model",
            str(model),
            "--yes",
            "--root",
            str(box_root),
        )
        added = laptop.run("box", "add", "lab", "--host", "lab-head", *found)
        assert added.returncode == 0, added.stderr
        assert "Ray 2.60.0, 2 nodes, 2 GPUs" in added.stderr
        done = laptop.batch(prompts)
        assert done.returncode == 0, done.stderr
        assert laptop.run("box", "stop").returncode == 0
    box = tomllib.loads(laptop.config.read_text())["boxes"]["lab"]
    assert box["engine"] == "ray"
    assert box["ray"]["python"] == str(RAY.program("python"))
    assert laptop.states() == {"done": 4}
