"""What a vLLM server is started with, and what an earlier one leaves to the next."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines.openai import Limits
from remote.engines.vllm import VllmEngine, engine, installation, launch, listeners
from remote.engines.vllm.last_start import last_start_file, read_last_start
from remote.engines.vllm.listeners import find_foreign_listener
from tests.remote.engines import vllm_stand_in
from tests.remote.engines.openai_asking import MODEL, pieces_of, request
from tests.remote.engines.vllm_bench import ANSWER, Bench, away_of, closing


async def test_its_environment_is_set_before_it_starts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_RUN_ID"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("VLLM_API_KEY", "somebody's")
    monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", "fork")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("KEPT", "as it is")
    async with closing(bench.engine()) as made:
        await pieces_of(made)
    found = bench.starts[0]["environment"]
    assert not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_RUN_ID"} & found.keys()
    assert found["VLLM_WORKER_MULTIPROC_METHOD"] == "spawn"
    assert found["CUDA_VISIBLE_DEVICES"] == "1,3"
    assert found["HF_HOME"] == "/data/hf=x"
    assert found["KEPT"] == "as it is"


async def test_homes_in_the_command_and_the_model_are_the_boxs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(bench.folder))
    (bench.folder / "python").symlink_to(sys.executable)
    command = ("~/python", vllm_stand_in.__file__)
    bench.setup = replace(bench.setup, command=command, format="auto-or-mistral")
    model = bench.folder / "models" / "pixtral"
    model.mkdir(parents=True)
    (model / "params.json").write_text("{}")
    asked = replace(request(), model="~/models/pixtral")
    limits = Limits(connect=10.0, first=30.0, between=30.0, question=1.0)
    engine_ = VllmEngine(bench.setup, asked.model, 60.0, bench.place, bench.hear, limits)
    async with closing(engine_) as made:
        assert await pieces_of(made, asked) == ANSWER
    arguments = bench.starts[0]["arguments"]
    assert arguments[:2] == ["--model", f"{bench.folder}/models/pixtral"]
    assert arguments[arguments.index("--served-model-name") + 1] == "~/models/pixtral"
    assert arguments[arguments.index("--config-format") + 1] == "mistral"


async def test_no_visible_devices_leave_those_of_the_box(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    bench.setup = replace(bench.setup, cuda_visible_devices="")
    async with closing(bench.engine()) as made:
        await pieces_of(made)
    assert bench.starts[0]["environment"]["CUDA_VISIBLE_DEVICES"] == "0"


async def test_each_server_has_a_key_of_its_own_that_nobody_else_sees(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(2):
        async with closing(bench.engine()) as made:
            await pieces_of(made)  # the stand-in wants the key
    keys = [start["environment"]["VLLM_API_KEY"] for start in bench.starts]
    assert len(set(keys)) == 2
    for key, start in zip(keys, bench.starts, strict=True):
        assert len(key) >= 24
        assert not any(key in argument for argument in start["arguments"])
        assert key not in caplog.text


async def test_its_log_is_ours_but_for_the_requests_that_went_well(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vllm")
    async with closing(bench.engine()) as made:
        await pieces_of(made)
    assert all(line in caplog.messages for line in vllm_stand_in.LOG)
    assert "/health" not in caplog.text


async def test_a_version_without_unix_sockets_listens_on_loopback(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = bench.folder / "packages" / "vllm-0.8.1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.8.1\n")
    monkeypatch.setenv("PYTHONPATH", str(metadata.parent.parent))
    monkeypatch.setattr(engine, "find_version", installation.find_version)
    async with closing(bench.engine()) as made:
        assert made.name == "vllm"
        assert await pieces_of(made) == ANSWER
        assert made.name == "vllm 0.8.1"
    arguments = bench.starts[0]["arguments"]
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    assert "--uds" not in arguments


async def test_nobody_who_takes_the_port_before_the_server_is_asked_anything(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port stands in the command line, and is free until vLLM has loaded its libraries."""
    monkeypatch.setattr(engine, "find_version", installation.find_version)
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    impostor = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = impostor.sockets[0].getsockname()[1]
    monkeypatch.setattr(launch, "_free_port", lambda: port)
    monkeypatch.setattr(launch, "has_unix_socket", lambda _: False)
    monkeypatch.setattr(engine, "find_foreign_listener", {port: 4242}.get)
    bench.order(start_seconds=30)
    async with impostor, closing(bench.engine()) as made:
        assert f"user 4242 listens on port {port} of this box" in str(await away_of(made))
    assert {line.split()[1] for line in asked} == {b"/health"}
    assert bench.alive == []


def test_whoever_listens_on_a_port_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path("/proc/net/tcp").exists():
        with socket.create_server(("127.0.0.1", 0)) as ours:
            port = ours.getsockname()[1]
            assert list(listeners._listeners(port)) == [os.getuid()]
            assert find_foreign_listener(port) is None
    table = tmp_path / "tcp"
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
    row = "   0: 0100007F:{port:04X} 00000000:0000 {state} 0:0 00:00000000 00000000  {user}  0 6 1"
    rows = [(8000, "01", 4242), (8001, "0A", 0), (8002, "0A", os.getuid()), (8003, "0A", 4242)]
    lines = [row.format(port=port, state=state, user=user) for port, state, user in rows]
    table.write_text("\n".join([head, *lines, "damaged"]) + "\n")
    monkeypatch.setattr(listeners, "_TABLES", (tmp_path / "none", table))
    found = [find_foreign_listener(port) for port in range(8000, 8005)]
    assert found == [None, None, None, 4242, None]


async def test_a_stale_socket_does_not_keep_it_from_starting(bench: Bench) -> None:
    socket = bench.place.run / f"{bench.place.key}.vllm"
    socket.touch()
    async with closing(bench.engine()) as made:
        assert await pieces_of(made) == ANSWER


async def test_a_server_that_a_killed_daemon_left_is_swept_first(bench: Bench) -> None:
    killed = bench.engine()
    await pieces_of(killed)
    assert len(bench.alive) == 2
    async with closing(bench.engine()) as made:
        assert await pieces_of(made) == ANSWER
        assert set(bench.alive) == {bench.starts[1]["pid"], bench.starts[1]["child"]}
    await killed.close()


async def test_the_socket_that_a_killed_daemon_left_goes_even_when_nothing_is_asked(
    bench: Bench,
) -> None:
    killed = bench.engine()
    await pieces_of(killed)
    left = bench.place.run / f"{bench.place.key}.vllm"
    assert left.exists()
    await bench.engine().close()
    assert bench.alive == []
    assert not left.exists()
    await killed.close()


async def test_how_long_a_start_took_is_remembered(bench: Bench) -> None:
    file = last_start_file(bench.place)
    async with closing(bench.engine()) as made:
        assert read_last_start(file) is None
        await pieces_of(made)
    last = read_last_start(file)
    assert last is not None
    assert last.seconds > 0
    assert (last.model, last.engine) == (MODEL, "vllm")
