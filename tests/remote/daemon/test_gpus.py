"""Whatever nvidia-smi prints or does, there are GPUs or there are none, and the box goes on.

nvidia-smi is a stand-in here that notes its calls: tests/support/nvidia_smi.py.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from remote.daemon import gpus as module
from remote.daemon.gpus import NvidiaSmi, read_rows, visible_devices, visible_gpus
from remote.protocol import Gpu, Setup, VllmSetup
from tests.remote.engines.test_vllm_process import is_alive
from tests.support.nvidia_smi import H100, IDLE_H100, FakeSmi

MIB = 1 << 20
BUSY = Gpu(0, "NVIDIA H100 80GB HBM3", 63488 * MIB, 81559 * MIB, 71.0)
IDLE = Gpu(1, "NVIDIA H100 80GB HBM3", 4 * MIB, 81559 * MIB, 0.0)


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSmi:
    made = FakeSmi(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
    return made


def test_a_gpu_has_a_name_memory_and_how_busy_it_is() -> None:
    rows = read_rows(f"{H100}\n{IDLE_H100}\n")
    assert [row.gpu for row in rows] == [BUSY, IDLE]


@pytest.mark.parametrize(
    ("line", "gpu"),
    [
        # Shared memory, as on Grace and Jetson; MIG; a card of 2012; a lost one.
        ("0, GPU-1, NVIDIA GB10, [N/A], [N/A], 3", Gpu(0, "NVIDIA GB10", None, None, 3.0)),
        ("0, GPU-1, NVIDIA A100, 30, 40536, [N/A]", Gpu(0, "NVIDIA A100", 30 * MIB, 40536 * MIB)),
        ("7, GPU-1, Tesla K10, 30, 40, [Not Supported]", Gpu(7, "Tesla K10", 30 * MIB, 40 * MIB)),
        ("0, GPU-1, Odd, Inc., 1, 2, 3", Gpu(0, "Odd, Inc.", MIB, 2 * MIB, 3.0)),
        ("0, GPU-1, X, [Unknown Error], [GPU requires reset], ERR!", Gpu(0, "X")),
        ("0, GPU-1, X, nan, inf, 101", Gpu(0, "X")),
        ("0, GPU-1, X, -1, 1e999, -5", Gpu(0, "X")),
    ],
)
def test_what_a_driver_does_not_tell_is_none(line: str, gpu: Gpu) -> None:
    assert [row.gpu for row in read_rows(line)] == [gpu]


@pytest.mark.parametrize(
    "output",
    [
        "",
        "No devices were found\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
        "Unable to determine the device handle for GPU 0000:00:1E.0: Unknown Error, a, b, c, d, e\n",
        "x, GPU-1, name, 1, 2, 3\n",
        "-1, GPU-1, name, 1, 2, 3\n",
        "²,GPU-1,name,1,2,3\n" + "9" * 5000 + ", GPU-1, name, 1, 2, 3\n",
        "0, GPU-1, 1, 2\n",
        "\x00\x1b[2J,,,,,\n",
    ],
)
def test_nonsense_is_no_gpu(output: str) -> None:
    assert read_rows(output) == ()


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        ("", [0, 1]),
        ("1", [1]),
        (" 1 , 0 ", [0, 1]),
        ("GPU-8f6e", [0]),
        ("MIG-GPU-1/2/3", [0, 1]),
        ("7", [0, 1]),
        ("0,7", [0, 1]),
    ],
)
def test_those_that_the_engine_may_use_are_shown_or_all_when_that_is_unclear(
    visible: str, indices: list[int]
) -> None:
    rows = read_rows(f"{H100}\n{IDLE_H100}")
    assert [gpu.index for gpu in visible_gpus(rows, visible)] == indices


def test_the_engines_own_variable_decides_which_gpus_it_may_use() -> None:
    def visible(setting: str, *env: str) -> str:
        vllm = VllmSetup(("vllm",), "auto", 1, 1, 1, 1, 0.9, setting, env)
        setup = Setup("/root", "vllm", "m", 1.0, vllm)
        return visible_devices(setup, {"CUDA_VISIBLE_DEVICES": "5"})

    assert visible("") == "5"
    assert visible("2,3") == "2,3"
    assert visible("2,3", "A=b=c", "CUDA_VISIBLE_DEVICES=4") == "4"
    assert visible_devices(Setup("/root", "openai", "m", 1.0), {"CUDA_VISIBLE_DEVICES": "5"}) == ""


async def test_nvidia_smi_is_asked_each_time_and_without_a_shell(smi: FakeSmi) -> None:
    smi.prints(H100, IDLE_H100)
    asked = NvidiaSmi("0")
    assert await asked.read() == (BUSY,)
    smi.prints(H100.replace("71", "72"))
    assert [gpu.utilisation for gpu in await asked.read()] == [72.0]
    assert (
        smi.calls
        == [
            "--query-gpu=index,uuid,name,memory.used,memory.total,utilization.gpu "
            "--format=csv,noheader,nounits"
        ]
        * 2
    )


async def test_a_box_without_nvidia_smi_has_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await NvidiaSmi().read() == ()
    (tmp_path / "nvidia-smi").write_text("no program")
    assert await NvidiaSmi().read() == ()


async def test_one_that_fails_gives_no_gpu_and_is_left_alone_for_a_while(smi: FakeSmi) -> None:
    smi.prints(H100, status=9)
    asked = NvidiaSmi()
    for _ in range(5):
        assert await asked.read() == ()
    assert len(smi.calls) == 1


async def test_one_that_works_again_is_heard_again(
    smi: FakeSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.0)
    smi.prints("No devices were found", status=6)
    asked = NvidiaSmi()
    assert await asked.read() == ()
    smi.prints(H100)
    assert await asked.read() == (BUSY,)


async def test_one_that_hangs_is_killed_with_its_children(
    smi: FakeSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 4.0)
    smi.hangs()
    assert await NvidiaSmi().read() == ()
    assert smi.pids
    await gone(smi)


async def test_one_that_does_not_stop_printing_is_killed(smi: FakeSmi) -> None:
    smi.babbles()
    assert await NvidiaSmi().read() == ()
    await gone(smi)


async def test_a_cancelled_look_leaves_no_process(smi: FakeSmi) -> None:
    smi.hangs()
    looking = asyncio.create_task(NvidiaSmi().read())
    await asyncio.to_thread(smi.wait_for_calls, 1)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    await gone(smi)


async def gone(smi: FakeSmi) -> None:
    """Return when no run of the script lives any more."""
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in smi.pids):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
