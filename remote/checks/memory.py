"""Checks whether the weights fit into the GPUs' memory, and whether that memory is free."""

from __future__ import annotations

from collections.abc import Sequence

from remote.checks.examination import Good, NotCheckedError, gib
from remote.checks.gpu import FoundGpu
from remote.protocol import VllmSetup

_ROOM = 1.1
"""The least memory for a model, as a multiple of its weights: activations and a little cache included."""


def find_room(weights: int, gpus: Sequence[FoundGpu], setup: VllmSetup) -> Good[None]:
    """Check whether the weights fit into the share of memory that vLLM may use."""
    used = gpus[: setup.tensor_parallel_size]
    if not all(gpu.total for gpu in used):
        raise NotCheckedError("nvidia-smi does not say how much memory there is")
    least = min(gpu.total for gpu in used)
    room = setup.gpu_memory_utilization * least * len(used)
    sum_ = f"{setup.gpu_memory_utilization:g} of {gib(least)}"
    if len(used) > 1:
        sum_ += f" on each of {len(used)} GPUs"
    detail = f"{gib(weights)} of weights, {gib(room)} for vLLM ({sum_})"
    more = (
        "Not enough, or nearly so: share the model among more GPUs (vllm.tensor_parallel_size), or use a GPU "
        "with more memory."
    )
    return Good(None, detail, more if weights * _ROOM > room else "")


def find_free(gpus: Sequence[FoundGpu], setup: VllmSetup, *, is_loaded: bool) -> Good[None]:
    """Check whether the share of memory that vLLM uses is free now; otherwise it refuses to start."""
    used = gpus[: setup.tensor_parallel_size]
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
