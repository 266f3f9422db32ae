"""A box whose vLLM runs in a container, behind a real sshd.

Docker and the server in it are stand-ins; the daemon, the processes and the way to them are real.
`test_e2e_podman.py` has real podman, and once real vLLM.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.engines.docker_stand_in import FOLDER, write_docker
from tests.remote.engines.vllm_stand_in import end_servers
from tests.support.daemons import daemons_below, end_daemons
from tests.support.laptop import Laptop, journal_records
from tests.support.specs import write_spec
from tests.support.sshd import Sshd
from tests.support.waiting import wait_until

_COUNT = 24
_IMAGE = "vllm/vllm-openai:v0.8.1"


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Path]:
    """The folder of the stand-in's orders, notes and containers."""
    folder = tmp_path / "docker"
    folder.mkdir()
    write_docker(folder)
    (folder / "orders").write_text(json.dumps({"meek": True, "request_seconds": 0.5}))
    yield folder
    end_daemons(tmp_path)  # with their servers, which outlive a daemon that is killed
    end_servers(folder)


def configure(laptop: Laptop, root: Path, docker: Path, *options: str) -> None:
    command = [str(docker / "bin" / "docker"), "run", *options, _IMAGE]
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "testbox"\nroot = "{root}"\nengine = "vllm"\n'
        'model = "/models/pixtral"\nidle_timeout = 2\n'
        f"[boxes.test.vllm]\ncommand = {json.dumps(command)}\nmax_num_seqs = 2\n"
        f'env = {{ {FOLDER} = "{docker}" }}\n'
    )


@pytest.fixture
def texts(laptop: Laptop) -> Path:
    entries = [{"prompt": f"scene {n}", "output_video": f"{n}.mp4"} for n in range(_COUNT)]
    return write_spec(laptop.cwd / "texts.json", entries)


def containers(docker: Path) -> set[str]:
    return {file.name for file in (docker / "containers").glob("*")}


def _last_run(calls: list[list[str]]) -> int:
    return max(at for at, words in enumerate(calls) if words[0] == "run")


def test_a_killed_daemons_container_is_removed_by_the_next_and_the_batch_completes(
    laptop: Laptop, trusted: Sshd, box_root: Path, docker: Path, texts: Path
) -> None:
    configure(laptop, box_root, docker, "--gpus", "all")

    with laptop.started(texts) as run:
        run.until("done")
        first = containers(docker)
        (daemon,) = daemons_below(box_root)
        os.kill(daemon, signal.SIGKILL)
        run.until("link", state="retrying")
        assert run.end() == 0, run.errors

    calls = [json.loads(file.read_text())["words"] for file in sorted(docker.glob("docker-*"))]
    (left,) = first
    removed, started = calls.index(["rm", "--force", left]), _last_run(calls)
    assert removed < started
    assert f"--name={left}" not in calls[started]
    done = Counter(event["job"] for event in run.events if event["type"] == "done")
    assert len(done) == _COUNT
    assert set(Counter(journal_records(box_root, "finished")).values()) == {1}
    wait_until(lambda: not containers(docker))  # idle: the GPU is given back


def test_a_detached_line_is_refused_before_anything_is_sent(
    laptop: Laptop, trusted: Sshd, box_root: Path, docker: Path, texts: Path
) -> None:
    configure(laptop, box_root, docker, "-d", "--gpus", "all")

    ended = laptop.batch(texts)

    assert ended.returncode != 0
    assert "vllm.command of the box: --detach (-d)" in ended.stderr
    assert containers(docker) == set()
    assert laptop.states()["done"] == 0
