"""The engine over a server in a container. Docker is a stand-in here, and so is the server; the processes
are real, and the container's outlive their client. `test_vllm_podman.py` has real podman.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote.engines import EngineError
from remote.engines.catalog import NoEngineError, make_engine
from remote.engines.vllm import installation
from remote.protocol import Setup
from tests.remote.engines.docker_stand_in import FOLDER, write_docker
from tests.remote.engines.openai_asking import MODEL, pieces_of
from tests.remote.engines.test_vllm_process import is_alive
from tests.remote.engines.vllm_bench import ANSWER, Bench, closing, failure_of
from tests.support.waiting import PATIENCE, until

IMAGE = "vllm/vllm-openai:v0.8.1"


class DockerBench(Bench):
    """Engines whose servers run in containers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.setup = replace(
            self.setup,
            command=("docker", "run", "--gpus", "all", IMAGE),
            env=("HF_TOKEN=hf_secret", "SEEN=yes"),
        )

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What docker was told, in order."""
        return [json.loads(file.read_text()) for file in sorted(self.folder.glob("docker-1*"))]

    @property
    def runs(self) -> list[list[str]]:
        return [call["words"] for call in self.calls if call["words"][0] == "run"]

    @property
    def containers(self) -> list[str]:
        """Those that run."""
        return [file.name for file in (self.folder / "containers").glob("*")]


@pytest.fixture
def docker(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerBench]:
    write_docker(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv(FOLDER, str(tmp_path))
    made = DockerBench(tmp_path)
    yield made
    for file in (tmp_path / "containers").glob("*"):  # of a test that failed
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(file.read_text()), signal.SIGKILL)


async def test_it_answers_from_its_container_which_is_removed_at_the_end(
    docker: DockerBench,
) -> None:
    async with closing(docker.engine()) as made:
        assert await pieces_of(made) == ANSWER
        assert len(docker.containers) == 1
        assert docker.containers[0].startswith(f"upsample-{docker.place.key}-")
    assert docker.containers == []
    assert docker.alive == []
    assert not (docker.place.state / "vllm.json").exists()


async def test_it_listens_on_a_port_that_only_the_box_sees(docker: DockerBench) -> None:
    async with closing(docker.engine()) as made:
        await pieces_of(made)
    (words,) = docker.runs
    inside = words[words.index(IMAGE) + 1 :]
    port = inside[inside.index("--port") + 1]
    assert inside[:2] == ["--model", MODEL]
    assert inside[inside.index("--host") + 1] == "0.0.0.0"  # noqa: S104
    assert f"--publish=127.0.0.1:{port}:{port}" in words
    assert "--uds" not in words


async def test_the_hosts_network_is_listened_to_on_loopback(docker: DockerBench) -> None:
    docker.setup = replace(docker.setup, command=("docker", "run", "--net=host", IMAGE))
    async with closing(docker.engine()) as made:
        assert await pieces_of(made) == ANSWER
    (words,) = docker.runs
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert not any(word.startswith("--publish") for word in words)


async def test_a_command_in_the_image_gets_the_flags(docker: DockerBench) -> None:
    line = ("docker", "run", "-it", "--gpus", "all", "cosmos-transfer1:latest", "vllm", "serve")
    docker.setup = replace(docker.setup, command=line)
    async with closing(docker.engine()) as made:
        assert await pieces_of(made) == ANSWER
    words = docker.runs[-1]
    at = words.index("cosmos-transfer1:latest")
    assert words[at + 1 : at + 4] == ["vllm", "serve", MODEL]
    assert not {"-it", "--interactive", "--tty"} & set(words)


async def test_no_secret_is_in_a_command_line(docker: DockerBench) -> None:
    async with closing(docker.engine()) as made:
        await pieces_of(made)  # the stand-in wants the key
    found = docker.starts[0]["environment"]
    assert found["VLLM_WORKER_MULTIPROC_METHOD"] == "spawn"
    assert (found["HF_TOKEN"], found["SEEN"]) == ("hf_secret", "yes")
    for call in docker.calls:
        assert not any(found["VLLM_API_KEY"] in word for word in call["words"])
        assert not any("hf_secret" in word for word in call["words"])


async def test_a_value_that_the_line_gives_is_not_logged(
    docker: DockerBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vllm")
    line = ("docker", "run", "-e", "HF_TOKEN=hf_of_the_line", IMAGE)
    docker.setup = replace(docker.setup, command=line, env=())
    async with closing(docker.engine()) as made:
        await pieces_of(made)
    assert "--env=HF_TOKEN=… " in caplog.text
    assert "hf_of_the_line" not in caplog.text


async def test_the_boxs_own_environment_stays_outside(
    docker: DockerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMETHING", "of the box")
    async with closing(docker.engine()) as made:
        await pieces_of(made)
    assert "SOMETHING" not in docker.starts[0]["environment"]


# --- the end ---------------------------------------------------------------------------------------


async def test_an_idle_container_gives_the_gpu_back(docker: DockerBench) -> None:
    async with closing(docker.engine(idle_timeout=0.2)) as made:
        await pieces_of(made)
        await until(lambda: not docker.containers)
        await until(lambda: not docker.alive)


async def test_a_container_whose_client_was_killed_is_removed_and_replaced(
    docker: DockerBench,
) -> None:
    async with closing(docker.engine()) as made:
        await pieces_of(made)
        first = docker.containers
        client = json.loads((docker.place.state / "vllm.json").read_text())["group"]
        os.kill(client, signal.SIGKILL)
        await until(lambda: not is_alive(client))
        assert docker.alive  # it went on without its client
        async with asyncio.timeout(PATIENCE):
            while (
                docker.containers == first
            ):  # until it is noticed, requests are answered as before
                assert await pieces_of(made) == ANSWER
        assert len(docker.containers) == 1


async def test_a_crash_inside_is_followed_by_a_container_of_its_own(docker: DockerBench) -> None:
    async with closing(docker.engine()) as made:
        docker.order(request="crash")
        with pytest.raises(EngineError, match="EngineCore encountered a fatal error"):
            await pieces_of(made)
        docker.order()
        assert await pieces_of(made) == ANSWER
    names = [next(w for w in words if w.startswith("--name=")) for words in docker.runs]
    assert len(set(names)) == 2
    assert docker.containers == []


async def test_what_a_killed_daemon_left_is_removed_before_the_next_start(
    docker: DockerBench,
) -> None:
    killed = docker.engine()
    await pieces_of(killed)
    left = docker.containers
    client = json.loads((docker.place.state / "vllm.json").read_text())["group"]
    os.kill(client, signal.SIGKILL)  # with the daemon, as systemd would
    await until(lambda: not is_alive(client))
    assert docker.alive

    async with closing(docker.engine()) as made:
        assert await pieces_of(made) == ANSWER
        assert not set(left) & set(docker.containers)
        assert set(docker.alive) == {docker.starts[1]["pid"], docker.starts[1]["child"]}

    await killed.close()


async def test_what_a_killed_daemon_left_is_removed_even_when_nothing_is_asked_any_more(
    docker: DockerBench,
) -> None:
    killed = docker.engine()
    await pieces_of(killed)
    await docker.engine().close()
    assert docker.containers == []
    await until(lambda: not docker.alive)
    await killed.close()


async def test_a_container_is_found_that_the_daemon_was_killed_while_starting(
    docker: DockerBench,
) -> None:
    name = "upsample-half-started"
    program = str(docker.folder / "bin" / "docker")
    note = {"group": None, "started": "", "container": {"program": [program], "name": name}}
    (docker.place.state / "vllm.json").write_text(json.dumps(note))
    async with closing(docker.engine()) as made:
        assert await pieces_of(made) == ANSWER
    assert docker.calls[0]["words"] == ["rm", "--force", name]


async def test_a_container_that_stays_is_told_and_remembered(
    docker: DockerBench, caplog: pytest.LogCaptureFixture
) -> None:
    made = docker.engine()
    await pieces_of(made)
    (docker.folder / "docker-is-ill").touch()
    left = docker.containers
    await made.close()
    assert f"the container {left[0]} cannot be removed" in caplog.text

    other = docker.engine()
    with pytest.raises(EngineError, match="cannot be removed: Error response from daemon"):
        await pieces_of(other)
    await other.close()

    (docker.folder / "docker-is-ill").unlink()
    async with closing(docker.engine()) as well:
        assert await pieces_of(well) == ANSWER
    assert docker.containers == []


async def test_docker_that_was_away_at_the_start_holds_nothing_up_once_it_is_there(
    docker: DockerBench,
) -> None:
    (docker.folder / "docker-is-away").touch()
    async with closing(docker.engine()) as made:
        assert "Cannot connect to the Docker daemon" in await failure_of(made)
    assert not (docker.place.state / "vllm.json").exists()
    (docker.folder / "docker-is-away").unlink()
    async with closing(docker.engine()) as made:
        assert await pieces_of(made) == ANSWER


async def test_a_note_that_names_another_program_runs_nothing(docker: DockerBench) -> None:
    harmful = docker.folder / "harmful"
    harmful.write_text(f"#!/bin/sh\ntouch {docker.folder}/harm\n")
    harmful.chmod(0o755)
    note = {"group": None, "started": "", "container": {"program": [str(harmful)], "name": "x"}}
    (docker.place.state / "vllm.json").write_text(json.dumps(note))
    async with closing(docker.engine()) as made:
        assert await pieces_of(made) == ANSWER
    assert not (docker.folder / "harm").exists()


# --- which vLLM ------------------------------------------------------------------------------------


async def test_an_image_whose_tag_tells_nothing_is_asked(
    docker: DockerBench, tmp_path: Path
) -> None:
    metadata = tmp_path / "packages" / "vllm-0.8.1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.8.1\n")
    options = ["--gpus", "all", "-p", "8000:8000", "-v", "/models:/models", "-e", "PYTHONPATH=/x"]
    command = ["docker", "run", *options, "cosmos-transfer1:latest", "vllm", "serve"]
    assert await installation.find_version(command) == (0, 8, 1)
    (words,) = docker.runs
    assert {"--volume=/models:/models", "--env=PYTHONPATH=/x"} <= set(words)
    assert not any(word.startswith("--publish") for word in words)
    assert words[words.index("--pull") + 1] == "never"
    assert "--gpus" not in words


async def test_an_image_that_does_not_answer_in_time_leaves_no_container(
    docker: DockerBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "_ASK_SECONDS", 5.0)
    monkeypatch.setattr(installation, "_ASK", "import time; time.sleep(60)")
    assert await installation.find_version(["docker", "run", "cosmos-transfer1:latest"]) is None
    assert docker.containers == []
    assert len(docker.runs) == 1


# --- what is refused -------------------------------------------------------------------------------


def test_a_detached_line_is_refused_before_anything_starts(docker: DockerBench) -> None:
    vllm = replace(docker.setup, command=("docker", "run", "-d", IMAGE))
    setup = Setup(str(docker.folder / "root"), "vllm", MODEL, 60.0, vllm)
    with pytest.raises(NoEngineError, match=r"vllm.command of the box: --detach \(-d\)"):
        make_engine(setup, docker.place, docker.hear)
    assert docker.calls == []
