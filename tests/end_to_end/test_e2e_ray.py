"""A box behind a real sshd whose replicas are real vLLMs with a tiny Pixtral on a real Ray cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remote.paths import make_daemon_paths
from tests.support.laptop import journal_records
from tests.support.ray_clusters import is_alive, ray_cluster, replicas
from tests.support.ray_environment import RAY
from tests.support.tiny_pixtral import TinyPixtral, make_tiny_pixtral
from tests.support.vllm_box import (
    check_done_once,
    events_of,
    provenance,
    serving_vllm,
    write_texts,
)
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.ray,
    pytest.mark.vllm,
    pytest.mark.xdist_group("vllm"),
    pytest.mark.timeout(600),
]

_JOBS = 24


@pytest.fixture
def tiny(tmp_path: Path) -> TinyPixtral:
    return make_tiny_pixtral(tmp_path / "tiny")


def test_a_batch_goes_on_when_a_node_with_real_vllm_is_killed(
    tmp_path: Path, tiny: TinyPixtral
) -> None:
    python = RAY.program("python")
    with ray_cluster(tmp_path, nodes=2) as cluster:
        address = json.dumps(cluster.address)
        more = f'[boxes.tiny.ray]\naddress = {address}\nreplica = "vllm"\npython = "{python}"\n'
        with serving_vllm(
            tmp_path, tiny, tiny.command, engine="ray", box=more, vllm="max_num_seqs = 4"
        ) as bench:
            spec = write_texts(bench, "scenes", _JOBS)
            with bench.upsample(spec, reserve=400) as run:
                run.until("done")
                servers = _servers(bench.root)
                cluster.kill_node(1)
                assert run.end() == 0
            check_done_once(bench, run, spec)
            assert len(events_of(run, "done")) == _JOBS
            assert len(journal_records(bench.root, "finished")) == _JOBS
            engines = {result["engine"] for result in provenance(bench, spec)}
            assert engines == {"ray 2.60.0 · vllm 0.32.0"}
            bench.laptop.run("box", "stop", "tiny")
            wait_until(lambda: not replicas() and not any(map(is_alive, servers)))
            for place in (bench.root / "replicas").glob("*"):
                make_daemon_paths(str(place)).lock.unlink(missing_ok=True)


def _servers(root: Path) -> list[int]:
    """The process groups of the replicas' model servers."""
    notes = [json.loads(note.read_text()) for note in root.glob("replicas/*/*/vllm.json")]
    return [note["group"] for note in notes if note["group"]]
