"""A Ray in an allocation of Slurm is a box: reached through the login node, it ends with the allocation."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartSshd
from tests.support.laptop import Laptop, journal_records
from tests.support.patient_server import PatientServer
from tests.support.ray_environment import RAY
from tests.support.slurm import slurm_cluster
from tests.support.sshd import LOOPBACK, free_port, prepare_sshd

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(300)]


@pytest.fixture
def ray_files() -> Iterator[Path]:
    """A folder for Ray's files; its sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        yield Path(folder)


def _write_script(folder: Path, ray_files: Path, address: str, sshd: list[str]) -> Path:
    """A batch script that starts Ray on all nodes of its allocation, and an sshd on the first one.

    It has a process namespace of its own: `ray symmetric-run` does not start beside another Ray of the
    machine, and ends all of them when it ends.
    """
    ray = RAY.program("ray")
    script = folder / "box.sh"
    start = [
        "ray", "symmetric-run", "--address", address, "--min-nodes", "1",
        "--temp-dir", str(ray_files), "--num-cpus", "1", "--object-store-memory", "80000000",
        "--include-dashboard", "false",
        "--", *sshd,
    ]  # fmt: skip
    script.write_text(
        "#!/bin/bash\n#SBATCH --job-name=box\n"
        f"export PATH={ray.parent}:$PATH\n"
        f"unshare --pid --fork --mount-proc {shlex.join(start)}\n"
    )
    return script


def test_an_allocation_that_ends_costs_no_job_and_the_next_one_goes_on(
    start_sshd: StartSshd,
    laptop: Laptop,
    box_root: Path,
    server: PatientServer,
    ray_files: Path,
    tmp_path: Path,
) -> None:
    login, port, address = start_sshd(), free_port(), f"{LOOPBACK}:{free_port()}"
    node = prepare_sshd(tmp_path / "node", laptop.public_key)
    script = _write_script(tmp_path, ray_files, address, [*node.command, "-p", str(port)])
    laptop.add_host("login", login.port)
    laptop.add_host("node", port, more="ProxyJump login")
    laptop.trust(login.port, login.host_key)
    laptop.trust(port, node.host_key)
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "node"\nroot = "{box_root}"\nengine = "ray"\nmodel = "m"\n'
        f'ray = {{ address = "{address}", replica = "openai", python = "{RAY.program("python")}" }}\n'
        f'openai = {{ base_url = "{server.url}", slots = 2 }}\n'
    )
    prompts = laptop.cwd / "prompts.txt"
    prompts.write_text("one\ntwo\nthree\nfour\n")
    with slurm_cluster(tmp_path / "slurm") as slurm:
        job = slurm.submit(script)
        slurm.wait_for(job, node.log)
        with laptop.started(prompts) as run:
            run.started(2)
            server.let(server.running[0])
            run.until("done")
            slurm.cancel(job)
            run.until("link", state="retrying")
            slurm.submit(script)
            run.until("link", state="live")
            server.let_all()
            assert run.end() == 0, run.errors
            assert laptop.run("box", "stop").returncode == 0
    assert laptop.states() == {"done": 4}
    assert [event for event in run.events if event["type"] == "failed"] == []
    finished = journal_records(box_root, "finished")
    assert len(finished) == len(set(finished)) == 4
