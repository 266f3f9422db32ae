"""What is said about GPUs. There is none here: a stand-in prints what nvidia-smi would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remote.checks.examination import NotCheckedError, Wrong
from remote.checks.gpu import (
    FoundGpu,
    environment_of,
    find_driver,
    find_free,
    find_gpus,
    find_processes,
    find_room,
    find_visible,
)
from remote.protocol import VllmSetup
from tests.support.stand_in_programs import StandInGpu, put_nvidia_smi

_GIB = 1 << 30


def _setup(
    visible: str = "", sharing: int = 1, share: float = 0.9, env: tuple[str, ...] = ()
) -> VllmSetup:
    return VllmSetup(
        command=("vllm", "serve"),
        format="mistral",
        max_model_len=4096,
        max_num_seqs=16,
        images=2,
        tensor_parallel_size=sharing,
        gpu_memory_utilization=share,
        cuda_visible_devices=visible,
        env=env,
    )


def _gpu(index: int = 0, used: int = 0, total: int = 80 * _GIB) -> FoundGpu:
    return FoundGpu(index, StandInGpu(index).uuid, "H100", used, total, "550")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of the PATH, beside what a shell script needs."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


async def test_gpus_are_named_with_their_memory(programs: Path) -> None:
    put_nvidia_smi(programs, StandInGpu(0), StandInGpu(1, used=2048))
    found = await find_gpus()
    assert [gpu.index for gpu in found.value] == [0, 1]
    assert "1: NVIDIA H100 80GB HBM3, 2.0 GiB of 80.0 GiB used" in found.detail
    assert (await find_driver(found.value)).detail == "550.54.15, for CUDA up to 12.4"


async def test_who_holds_the_memory_is_named(programs: Path) -> None:
    gpu = StandInGpu(0)
    put_nvidia_smi(programs, gpu, processes=f"{gpu.uuid}, 4711, /usr/bin/python3, 62669")
    found = await find_gpus()
    detail = (await find_processes(found.value)).detail
    assert detail == "python3 (pid 4711) 61.2 GiB on GPU 0"


async def test_a_machine_without_nvidia_smi_has_no_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises((Wrong, NotCheckedError), match="no nvidia-smi"):
        await find_gpus()


async def test_a_broken_driver_is_told_in_its_words(programs: Path) -> None:
    put_nvidia_smi(programs, fails="Failed to initialize NVML: Driver/library version mismatch")
    with pytest.raises(Wrong, match="version mismatch"):
        await find_gpus()


@pytest.mark.parametrize(
    ("visible", "seen"), [("", [0, 1]), ("1", [1]), ("1,0", [1, 0]), ("GPU-00000001", [1])]
)
async def test_the_gpus_that_vllm_may_see(visible: str, seen: list[int]) -> None:
    setup = _setup(visible)
    found = await find_visible([_gpu(0), _gpu(1)], setup, environment_of(setup))
    assert [gpu.index for gpu in found.value] == seen


async def test_a_gpu_that_does_not_exist_is_wrong() -> None:
    setup = _setup("0,7")
    with pytest.raises(Wrong, match="names '7'; there are: 0"):
        await find_visible([_gpu(0)], setup, environment_of(setup))


async def test_more_gpus_than_there_are_cannot_share_a_model() -> None:
    setup = _setup(sharing=2)
    with pytest.raises(Wrong, match="tensor_parallel_size = 2, and vLLM sees 1 GPU"):
        await find_visible([_gpu(0)], setup, environment_of(setup))


async def test_each_engine_needs_gpus_of_its_own() -> None:
    four = [_gpu(number) for number in range(4)]
    two = replace(_setup(sharing=2), data_parallel_size=2)
    assert (await find_visible(four, two, {})).detail.endswith("2 engines (data_parallel_size)")
    with pytest.raises(Wrong, match=r"2 engines .* of 2 GPUs each .* need 4, and vLLM sees 3 GPUs"):
        await find_visible(four[:3], two, {})
    as_many_as_fit = replace(two, data_parallel_size=0)
    assert "1 engines" not in (await find_visible(four[:3], as_many_as_fit, {})).detail


def test_each_engine_has_the_weights_and_its_own_share_of_memory() -> None:
    """A small GPU anywhere, or one in use, stops the server, and not only one of the first engine's."""
    two = replace(_setup(), data_parallel_size=2)
    found = find_room(70 * _GIB, [_gpu(0), _gpu(1)], two)
    assert "for each of 2 engines, which have the weights once each" in found.detail
    assert found.remedy
    used = [_gpu(0), _gpu(1, used=60 * _GIB)]
    assert "GPU 1 has 20.0 GiB free" in find_free(used, two, is_loaded=False).detail
    assert "GPU 1" not in find_free(used, _setup(), is_loaded=False).detail


async def test_the_environment_of_the_box_counts_more_than_the_setting() -> None:
    setup = _setup("0", env=("CUDA_VISIBLE_DEVICES=1",))
    found = await find_visible([_gpu(0), _gpu(1)], setup, environment_of(setup))
    assert [gpu.index for gpu in found.value] == [1]


@pytest.mark.parametrize(
    ("weights", "sharing", "fits"), [(24, 1, True), (70, 1, False), (70, 2, True), (140, 2, False)]
)
def test_weights_must_fit_into_the_share_of_all_gpus(
    weights: int, sharing: int, fits: bool
) -> None:
    found = find_room(weights * _GIB, [_gpu(0), _gpu(1)], _setup(sharing=sharing))
    assert (found.remedy == "") is fits


def test_memory_that_others_hold_is_a_warning_with_the_share_that_would_fit() -> None:
    found = find_free([_gpu(used=60 * _GIB)], _setup(), is_loaded=False)
    assert "GPU 0 has 20.0 GiB free; vLLM would take 72.0 GiB" in found.detail
    assert "to 0.25" in found.remedy


def test_memory_that_our_own_vllm_holds_is_fine() -> None:
    assert find_free([_gpu(used=75 * _GIB)], _setup(), is_loaded=True).remedy == ""
