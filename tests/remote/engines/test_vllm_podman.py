"""The engine over a server in a container that real podman runs; only the server is a stand-in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines import EngineError
from remote.engines.vllm import end_leftover_server
from remote.engines.vllm.installation import find_version
from tests.remote.engines.openai_asking import pieces_of, request
from tests.remote.engines.podman_bench import PYTHON, PodmanBench, by_either_name
from tests.remote.engines.test_vllm_process import is_alive
from tests.remote.engines.vllm_bench import ANSWER, begun, closing
from tests.support.podman import PODMAN, Podman
from tests.support.waiting import PATIENCE, until

pytestmark = [
    pytest.mark.containers,
    pytest.mark.xdist_group("containers"),
    pytest.mark.timeout(300),
]


@by_either_name
async def test_a_server_answers_from_its_container_with_its_variables_and_no_trace_is_left(
    contained: PodmanBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vllm")
    async with closing(contained.engine()) as made:
        assert await pieces_of(made) == ANSWER
        (name,) = contained.containers
        assert name.startswith(f"upsample-{contained.place.key}-")
        (start,) = contained.starts
        seen = start["environment"]
        assert seen["SEEN"] == "yes"
        assert "HOME" in seen
        assert "CONTAINERS_CONF" not in seen  # the box's own environment stays outside
        key = seen["VLLM_API_KEY"].encode()
        lines = _command_lines()
        assert any(name.encode() in line for line in lines)
        assert not any(key in line for line in lines)
        port = start["arguments"][start["arguments"].index("--port") + 1]
        assert _hears(f"127.0.0.1:{port}")
        assert not _hears(f"{_outer_address()}:{port}")
        client = contained.client
    assert contained.containers == set()
    assert not is_alive(client)
    assert not (contained.place.state / "vllm.json").exists()
    assert "Loading safetensors checkpoint shards" in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def _command_lines() -> list[bytes]:
    """Those of all processes on this machine."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            found.append(file.read_bytes())
    return found


def _hears(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as knocking:
        knocking.settimeout(1.0)
        return knocking.connect_ex((host, int(port))) == 0


def _outer_address() -> str:
    """An address of this machine by which others reach it. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        address: str = probe.getsockname()[0]
        return address


async def test_an_idle_container_gives_the_gpu_back_and_the_next_request_starts_another(
    contained: PodmanBench,
) -> None:
    async with closing(contained.engine(idle_timeout=0.5)) as made:
        assert await pieces_of(made) == ANSWER
        await until(lambda: not contained.containers)
        assert made.stage == "idle"
        assert await pieces_of(made) == ANSWER
    assert contained.containers == set()
    assert len(contained.starts) == 2


@by_either_name
async def test_a_crash_inside_is_told_in_its_own_words_and_followed_by_another_container(
    contained: PodmanBench,
) -> None:
    async with closing(contained.engine()) as made:
        contained.order(request="crash")
        with pytest.raises(EngineError, match="EngineCore encountered a fatal error"):
            await pieces_of(made)
        contained.order()
        assert await pieces_of(made) == ANSWER
    assert contained.containers == set()


async def test_a_container_whose_client_was_killed_is_removed_and_replaced(
    contained: PodmanBench,
) -> None:
    async with closing(contained.engine()) as made:
        await pieces_of(made)
        first = contained.containers
        contained.kill_client()
        async with asyncio.timeout(PATIENCE):
            # Until its end is noticed, requests are answered as before.
            while contained.containers == first:
                assert await pieces_of(made) == ANSWER
        assert len(contained.containers) == 1
    assert contained.containers == set()


@by_either_name
async def test_what_a_killed_daemon_left_is_removed_before_the_next_start(
    contained: PodmanBench,
) -> None:
    killed = contained.engine()
    await pieces_of(killed)
    left = contained.containers
    contained.kill_client()  # with the daemon, as systemd would
    assert contained.containers == left

    async with closing(contained.engine()) as made:
        assert await pieces_of(made) == ANSWER
        assert not left & contained.containers
        assert len(contained.containers) == 1
    await killed.close()
    assert contained.containers == set()


async def test_a_leftover_container_is_looked_for_where_it_was_started(
    contained: PodmanBench, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    contained.use(env=tuple(f"{name}={value}" for name, value in podman.environment.items()))
    for name in podman.environment:
        monkeypatch.delenv(name)
    killed = contained.engine()
    await pieces_of(killed)
    contained.kill_client()
    assert contained.containers
    await end_leftover_server(contained.place)  # by a daemon whose settings name another engine
    assert contained.containers == set()
    await killed.close()


async def test_an_engine_that_ends_while_its_container_starts_leaves_none(
    contained: PodmanBench, caplog: pytest.LogCaptureFixture
) -> None:
    contained.order(start_seconds=60)
    for seconds in (0.05, 0.5):
        made = contained.engine()
        asking = asyncio.create_task(pieces_of(made))
        await asyncio.sleep(seconds)
        await made.close()
        assert contained.containers == set(), seconds
        assert (await asyncio.gather(asking, return_exceptions=True))[0]
        assert not (contained.place.state / "vllm.json").exists()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_server_that_does_not_heed_sigterm_is_ended_as_well(contained: PodmanBench) -> None:
    async with closing(contained.engine()) as made:
        contained.order(request="hang")
        asking = await begun(made)
        contained.podman.run(
            "pause", *contained.containers
        )  # as one that hangs in the GPU's driver
        await made.close()
        await asyncio.gather(asking, return_exceptions=True)
    assert contained.containers == set()


async def test_the_boxs_network_is_listened_to_on_loopback(contained: PodmanBench) -> None:
    contained.use("--net=host")
    async with closing(contained.engine()) as made:
        assert await pieces_of(made) == ANSWER
    assert contained.containers == set()


async def test_a_model_of_the_box_is_seen_inside_and_cannot_be_written(
    contained: PodmanBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = tmp_path_factory.mktemp("models") / "pixtral, and more"
    model.mkdir()
    (model / "params.json").write_text("{}")
    async with closing(contained.engine(model=str(model))) as made:
        await pieces_of(made, replace(request(), model=str(model)))
        (name,) = contained.containers
        seen = contained.podman.run("exec", name, "cat", str(model / "params.json"))
        assert seen.stdout == "{}"
        refused = contained.podman.run("exec", name, "touch", str(model / "new"), check=False)
        assert "Read-only file system" in refused.stderr
    assert not (model / "new").exists()


async def test_an_image_whose_tag_tells_nothing_is_asked_with_what_the_line_mounts(
    contained: PodmanBench, tmp_path: Path
) -> None:
    metadata = tmp_path / "site" / "vllm-0.8.1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.8.1\n")
    contained.podman.import_image("localhost/mine")
    site = ("-v", f"{tmp_path}:{tmp_path}", "-e", f"PYTHONPATH={metadata.parent.parent}")
    line = [PODMAN, "run", *contained.podman.mounts, *site, "localhost/mine"]
    for command in ([], ["vllm", "serve"], ["/opt/nowhere/vllm", "serve"], [PYTHON, "-m", "vllm"]):
        assert await find_version([*line, *command]) == (0, 8, 1), command
    assert await find_version([PODMAN, "run", "localhost/mine", "vllm", "serve"]) is None
    assert contained.containers == set()


@pytest.fixture
def listed_gpu() -> Iterator[None]:
    """A list of devices that names a GPU: a variable, by which a container shows that it was given."""
    folder = Path("/run/cdi")
    was_there = folder.exists()
    folder.mkdir(exist_ok=True)
    file = folder / "nvidia-of-a-test.json"
    gpu = {"name": "all", "containerEdits": {"env": ["GPU=given"]}}
    file.write_text(json.dumps({"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [gpu]}))
    yield
    file.unlink()
    if not was_there:
        folder.rmdir()


@by_either_name
async def test_a_gpu_that_the_line_asks_for_in_dockers_words_is_given(
    contained: PodmanBench, listed_gpu: None
) -> None:
    contained.use("--gpus", "all")
    async with closing(contained.engine()) as made:
        await pieces_of(made)
    assert contained.starts[0]["environment"]["GPU"] == "given"
