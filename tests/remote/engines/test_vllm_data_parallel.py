"""Several engines behind one vLLM: how many there are, which versions can, and what they take at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines.vllm import engine
from remote.engines.vllm.container import find_run_line
from remote.engines.vllm.data_parallel import TooOldError, count_engines
from remote.engines.vllm.flags import Address, serve_command
from remote.engines.vllm.installation import Version
from remote.protocol import VllmSetup
from tests.remote.engines.openai_asking import pieces_of
from tests.remote.engines.vllm_bench import ANSWER, Bench, away_of, closing
from tests.support.nvidia_smi import FakeSmi

SETUP = VllmSetup(("vllm", "serve"), "auto", 4096, 16, 2, 1, 0.9)
FOUR = [f"GPU {number}: NVIDIA H100 80GB HBM3 (UUID: GPU-{number})" for number in range(4)]
NEW: Version = (0, 33, 0)


@pytest.mark.parametrize(
    ("command", "engines", "added"),
    [
        (("vllm", "serve"), 1, []),
        (("vllm", "serve"), 2, ["2"]),
        # Flags of the user's own count more.
        (("vllm", "serve", "--data_parallel_size=4"), 2, []),
        (("vllm", "serve", "-dp", "4"), 2, []),
    ],
)
def test_the_flag_is_added_where_there_are_several(
    command: tuple[str, ...], engines: int, added: list[str]
) -> None:
    setup = replace(SETUP, command=command, data_parallel_size=engines)
    whole = serve_command(setup, "/m", NEW, Address(Path("/s")))
    flags = [at for at, word in enumerate(whole) if word == "--data-parallel-size"]
    assert [whole[at + 1] for at in flags] == added


@pytest.mark.parametrize(
    ("asked", "sharing", "devices", "line", "engines"),
    [
        (3, 1, "", "", 3),  # more than there are: vLLM and doctor say so
        (0, 1, "", "", 4),
        (0, 2, "", "", 2),
        (0, 3, "", "", 1),
        (0, 8, "", "", 1),
        (0, 1, "0,2", "", 2),
        (0, 1, "MIG-1,MIG-2,MIG-3", "", 3),
        (0, 1, "", "docker run --gpus all image", 4),
        (0, 1, "", "docker run image", 4),
        (0, 1, "", "docker run --gpus 2 image", 2),
        (0, 1, "", 'docker run --gpus "device=1,2,3" image', 3),
        (0, 1, "0", 'docker run --gpus "device=1,2,3" image', 1),
    ],
)
async def test_there_are_as_many_engines_as_asked_for_or_as_the_gpus_allow(
    tmp_path: Path, asked: int, sharing: int, devices: str, line: str, engines: int
) -> None:
    smi = FakeSmi(tmp_path)
    smi.prints(*FOUR)
    environment = {"PATH": f"{tmp_path}:/bin:/usr/bin", "CUDA_VISIBLE_DEVICES": devices}
    setup = replace(SETUP, data_parallel_size=asked, tensor_parallel_size=sharing)
    found = find_run_line(line.split()) if line else None
    assert await count_engines(setup, found, NEW, environment) == engines


async def test_without_nvidia_smi_there_is_one(tmp_path: Path) -> None:
    setup = replace(SETUP, data_parallel_size=0)
    assert await count_engines(setup, None, NEW, {"PATH": str(tmp_path)}) == 1


@pytest.mark.parametrize("version", [(0, 8, 1), (0, 9, 0), (0, 9, 1)])
async def test_a_version_that_is_too_old_has_one_engine_and_refuses_more(version: Version) -> None:
    is_old = version < (0, 9, 1)
    environment = {"CUDA_VISIBLE_DEVICES": "0,1"}
    for asked, engines in ((1, 1), (0, 1 if is_old else 2)):
        setup = replace(SETUP, data_parallel_size=asked)
        assert await count_engines(setup, None, version, environment) == engines
    two = replace(SETUP, data_parallel_size=2)
    if not is_old:
        assert await count_engines(two, None, version, environment) == 2
        return
    with pytest.raises(TooOldError, match=r"cannot have 2 engines .*; 0\.9\.1 and newer can"):
        await count_engines(two, None, version, environment)


async def test_a_server_that_is_too_old_is_not_started_and_the_reason_is_a_verdict(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def old(_command: Sequence[str], _environment: Mapping[str, str]) -> Version:
        return (0, 8, 5)

    monkeypatch.setattr(engine, "find_version", old)
    bench.setup = replace(bench.setup, data_parallel_size=2)
    async with closing(bench.engine()) as made:
        away = await away_of(made)
    assert str(away).startswith("vLLM 0.8.5 cannot have 2 engines behind one server")
    assert away.for_good
    assert bench.starts == []


async def test_all_engines_together_take_as_many_requests_as_they_have_slots(bench: Bench) -> None:
    """Where the GPUs decide, that is known as soon as the server starts, and told with its stages."""
    bench.setup = replace(bench.setup, data_parallel_size=3)
    assert bench.engine().slots == 12
    bench.setup = replace(bench.setup, data_parallel_size=0)
    async with closing(bench.engine()) as made:  # its GPUs are 1 and 3
        assert made.slots == 4
        assert await pieces_of(made) == ANSWER
        assert made.slots == 8
        assert bench.stages[-1] == "ready"
        counters = Path(bench.starts[0]["environment"]["PROMETHEUS_MULTIPROC_DIR"])
        assert counters.parent == bench.place.run
        assert counters in bench.place.run.iterdir()
    assert not list(bench.place.run.iterdir())
    arguments = bench.starts[0]["arguments"]
    assert arguments[arguments.index("--data-parallel-size") + 1] == "2"
