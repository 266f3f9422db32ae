"""A box of the config, as the way to it needs it: its host, and the setup that its daemon is started with."""

from __future__ import annotations

from pathlib import Path

from backend.box.link import Box
from backend.config import BoxSettings, Settings
from remote.protocol import OpenAISetup, Setup, VllmSetup


def make_box(name: str, box: BoxSettings, settings: Settings) -> Box:
    """The box with everything that its engine must know, and nothing that it need not.

    A daemon that was started with another setup makes room when it is idle, so what an engine does not
    use must not be part of its setup.
    """
    setup = Setup(
        # The embedded box has no login, so its SFTP starts in the working directory and not at home.
        root=box.root if box.host else str(Path(box.root).expanduser()),
        engine=box.engine,
        model=box.model,
        idle_timeout=box.idle_timeout,
        vllm=_vllm(box, settings) if box.engine == "vllm" else None,
        openai=_openai(box) if box.engine == "openai" else None,
    )
    return Box(name, box.host, setup)


def _vllm(box: BoxSettings, settings: Settings) -> VllmSetup:
    vllm = box.vllm
    return VllmSetup(
        command=tuple(vllm.command),
        format=settings.profile.serving.format,
        max_model_len=settings.upsampling.max_tokens,
        max_num_seqs=vllm.max_num_seqs,
        images=settings.upsampling.frames_to_extract,
        tensor_parallel_size=vllm.tensor_parallel_size,
        gpu_memory_utilization=vllm.gpu_memory_utilization,
        cuda_visible_devices=vllm.cuda_visible_devices,
        env=tuple(f"{variable}={value}" for variable, value in sorted(vllm.env.items())),
    )


def _openai(box: BoxSettings) -> OpenAISetup:
    return OpenAISetup(box.openai.base_url, box.openai.api_key_env, box.openai.slots)
