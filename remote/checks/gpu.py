"""Checks the GPUs by nvidia-smi, and whether the settings and the model's weights fit them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote.checks.examination import Good, NotCheckedError, Wrong, gib, run_program
from remote.protocol import VllmSetup

_MIB = 1 << 20
_ROOM = 1.1
"""The least memory for a model, as a multiple of its weights: activations and a little cache included."""
_QUERY = "index,uuid,name,memory.used,memory.total,driver_version"
_PROCESSES = "gpu_uuid,pid,process_name,used_memory"
_CUDA = re.compile(r"CUDA (?:UMD )?Version\s*:\s*(\d+\.\d+)")
_AMD = Path("/dev/kfd")
_INSTALL = (
    "Is this the machine with the GPU? Then install NVIDIA's driver, which brings nvidia-smi. Without one, "
    "use another box, or the engine sketch, which needs no model."
)


@dataclass(frozen=True)
class FoundGpu:
    """One GPU."""

    index: int
    uuid: str
    name: str
    used: int
    total: int
    """Bytes of its memory; `used` and `total` are 0 if nvidia-smi does not report them."""
    driver: str

    @property
    def free(self) -> int:
        return self.total - self.used


def environment_of(setup: VllmSetup) -> dict[str, str]:
    """The environment that vLLM is started with, as far as a check needs it."""
    environment = dict(os.environ)
    if setup.cuda_visible_devices:
        environment["CUDA_VISIBLE_DEVICES"] = setup.cuda_visible_devices
    return environment | dict(entry.split("=", 1) for entry in setup.env)


async def find_gpus() -> Good[tuple[FoundGpu, ...]]:
    """Find the GPUs and how much of their memory is used."""
    if not (output := await _ask(f"--query-gpu={_QUERY}")).strip():
        raise Wrong("nvidia-smi names no GPU", _INSTALL)
    gpus = tuple(_gpu(fields) for fields in _rows(output, 6))
    return Good(gpus, "; ".join(_described(gpu) for gpu in gpus))


async def find_driver(gpus: Sequence[FoundGpu]) -> Good[None]:
    """Find the driver's version, and the newest CUDA that it can run."""
    found = _CUDA.search(await _run_smi())
    cuda = f", for CUDA up to {found[1]}" if found else ", CUDA version not told"
    return Good(None, f"{gpus[0].driver}{cuda}")


async def find_processes(gpus: Sequence[FoundGpu]) -> Good[tuple[str, ...]]:
    """Find the processes that use the GPUs' memory; processes in containers are hidden."""
    indices = {gpu.uuid: gpu.index for gpu in gpus}
    rows = _rows(await _ask(f"--query-compute-apps={_PROCESSES}"), 4)
    users = tuple(
        f"{Path(name).name} (pid {pid}) {_told(used)} on GPU {indices.get(uuid, '?')}"
        for uuid, pid, name, used in rows
    )
    used = sum(gpu.used for gpu in gpus)
    return Good(users, "; ".join(users) or f"none that nvidia-smi can see ({gib(used)} in use)")


async def find_visible(
    gpus: Sequence[FoundGpu], setup: VllmSetup, environment: Mapping[str, str]
) -> Good[tuple[FoundGpu, ...]]:
    """Find the GPUs that vLLM may use, and check that there are enough."""
    named = environment.get("CUDA_VISIBLE_DEVICES", "")
    entries = [entry.strip() for entry in named.split(",") if entry.strip()]
    if any(entry.startswith("MIG-") for entry in entries):
        raise NotCheckedError(f"{named} names parts of GPUs (MIG), which are not looked at")
    seen = tuple(_named(entry, gpus, named) for entry in entries) if entries else tuple(gpus)
    sharing, engines = setup.tensor_parallel_size, _engines(setup, seen)
    if sharing > len(seen):
        raise Wrong(
            f"tensor_parallel_size = {sharing}, and vLLM sees {_count(len(seen))}",
            f"Set vllm.tensor_parallel_size of the box to {len(seen)} or less, or show it more GPUs.",
        )
    if engines * sharing > len(seen):
        raise Wrong(
            f"{engines} engines (data_parallel_size) of {_count(sharing)} each (tensor_parallel_size) need "
            f"{engines * sharing}, and vLLM sees {_count(len(seen))}",
            f"Set vllm.data_parallel_size of the box to {len(seen) // sharing} or less (0: as many as "
            "there are GPUs for), or show it more GPUs.",
        )
    which = ", ".join(str(gpu.index) for gpu in seen)
    shown = f"GPU {which}" + (" (cuda_visible_devices)" if named else "")
    told = f"{shown}; tensor_parallel_size = {sharing}"
    return Good(seen, told + ("" if engines == 1 else f", {engines} engines (data_parallel_size)"))


def find_room(weights: int, gpus: Sequence[FoundGpu], setup: VllmSetup) -> Good[None]:
    """Check whether the weights fit into the share of memory that vLLM may use."""
    used, sharing = _used(gpus, setup), setup.tensor_parallel_size
    if not all(gpu.total for gpu in used):
        raise NotCheckedError("nvidia-smi does not say how much memory there is")
    least = min(gpu.total for gpu in used)
    room = setup.gpu_memory_utilization * least * sharing
    sum_ = f"{setup.gpu_memory_utilization:g} of {gib(least)}"
    if sharing > 1:
        sum_ += f" on each of {sharing} GPUs"
    engines = len(used) // sharing
    whom = (
        "vLLM" if engines == 1 else f"each of {engines} engines, which have the weights once each"
    )
    detail = f"{gib(weights)} of weights, {gib(room)} for {whom} ({sum_})"
    more = (
        "Not enough, or nearly so: share the model among more GPUs (vllm.tensor_parallel_size), or use a GPU "
        "with more memory."
    )
    return Good(None, detail, more if weights * _ROOM > room else "")


def find_free(gpus: Sequence[FoundGpu], setup: VllmSetup, *, is_loaded: bool) -> Good[None]:
    """Check whether the share of memory that vLLM uses is free now; otherwise it refuses to start."""
    used = _used(gpus, setup)
    if not all(gpu.total for gpu in used):
        raise NotCheckedError("nvidia-smi does not say how much memory there is")
    if is_loaded:
        return Good(None, "the box's own vLLM holds it, with the model loaded")
    share = setup.gpu_memory_utilization
    full = [gpu for gpu in used if gpu.free < share * gpu.total]
    if not full:
        return Good(None, ", ".join(f"GPU {gpu.index}: {gib(gpu.free)} free" for gpu in used))
    worst = min(full, key=lambda gpu: gpu.free / gpu.total)
    fitting = int(worst.free / worst.total * 100) / 100
    return Good(
        None,
        f"GPU {worst.index} has {gib(worst.free)} free; vLLM would take {gib(share * worst.total)}",
        f"Wait for the others to end, or lower vllm.gpu_memory_utilization of the box (to {fitting:g}, "
        "if the weights fit then).",
    )


def _engines(setup: VllmSetup, gpus: Sequence[FoundGpu]) -> int:
    """How many engines the server gets."""
    return setup.data_parallel_size or max(1, len(gpus) // setup.tensor_parallel_size)


def _used(gpus: Sequence[FoundGpu], setup: VllmSetup) -> Sequence[FoundGpu]:
    """The GPUs that the engines use, of those that vLLM may see."""
    return gpus[: setup.tensor_parallel_size * _engines(setup, gpus)]


def _count(gpus: int) -> str:
    return "1 GPU" if gpus == 1 else f"{gpus} GPUs"


def _named(entry: str, gpus: Sequence[FoundGpu], named: str) -> FoundGpu:
    for gpu in gpus:
        if entry == str(gpu.index) or (entry.startswith("GPU-") and gpu.uuid.startswith(entry)):
            return gpu
    there = ", ".join(str(gpu.index) for gpu in gpus)
    raise Wrong(
        f"cuda_visible_devices = {named!r} names {entry!r}; there are: {there}",
        'Set vllm.cuda_visible_devices of the box to some of these, or to "" for all.',
    )


async def _ask(query: str) -> str:
    return await _run_smi(query, "--format=csv,noheader,nounits")


async def _run_smi(*arguments: str) -> str:
    try:
        ran = await run_program(["nvidia-smi", *arguments], os.environ)
    except OSError:
        raise _no_nvidia_smi() from None
    if ran.code:
        raise Wrong(
            f"nvidia-smi fails: {ran.last_words}",
            "The driver does not work. After an update of it, restart the box.",
        )
    return ran.output


def _no_nvidia_smi() -> Exception:
    if _AMD.exists():
        return NotCheckedError("there is no nvidia-smi; an AMD GPU seems to be there instead")
    return Wrong("there is no nvidia-smi on the box's PATH", _INSTALL)


def _rows(output: str, width: int) -> list[list[str]]:
    rows = [[field.strip() for field in line.split(",")] for line in output.splitlines()]
    return [row for row in rows if len(row) == width]


def _gpu(fields: Sequence[str]) -> FoundGpu:
    index, uuid, name, used, total, driver = fields
    return FoundGpu(int(index), uuid, name, _bytes(used), _bytes(total), driver)


def _bytes(mib: str) -> int:
    return int(mib) * _MIB if mib.isdecimal() else 0


def _told(mib: str) -> str:
    return gib(_bytes(mib)) if mib.isdecimal() else "(memory not told)"


def _described(gpu: FoundGpu) -> str:
    return f"{gpu.index}: {gpu.name}, {gib(gpu.used)} of {gib(gpu.total)} used"
