"""A box of the config, as the way to it needs it: its host, and the setup that its daemon is started with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from backend.box.link import Box
from backend.config import BoxSettings, EngineName, Settings, Upsampling, queued_settings
from backend.config.profiles import load_profile
from backend.errors import ConfigError
from remote.protocol import OpenAISetup, Patience, Setup, VllmSetup


def make_box(name: str, box: BoxSettings, settings: Settings, queued: Iterable[str] = ()) -> Box:
    """The box with everything that its engine must know, and nothing that it need not.

    `queued` are the settings (`Job.settings`) of the jobs that it is to do: they may have been queued
    under others than today's, and the engine must be able to do all of them.

    A daemon that was started with another setup makes room when it is idle, so what an engine does not
    use must not be part of its setup.
    """
    setup = Setup(
        # The embedded box has no login, so its SFTP starts in the working directory and not at home.
        root=box.root if box.host else str(Path(box.root).expanduser()),
        engine=box.engine,
        model=box.model,
        idle_timeout=box.idle_timeout,
        vllm=_vllm(name, box, settings, queued) if box.engine is EngineName.VLLM else None,
        openai=_openai(box) if box.engine is EngineName.OPENAI else None,
        patience=_patience(box) if box.engine is not EngineName.SKETCH else None,
        keep_days=box.keep_days,
    )
    return Box(name, box.host, setup)


def _vllm(name: str, box: BoxSettings, settings: Settings, queued: Iterable[str]) -> VllmSetup:
    vllm = box.vllm
    here = settings.upsampling.model_copy(update={"max_tokens": settings.max_tokens_on(name)})
    wanted = list(_usable(set(queued))) or [here]
    formats = {load_profile(each.profile).serving.format for each in wanted}
    return VllmSetup(
        command=tuple(vllm.command),
        # One model is of one format: jobs that differ in it were not meant for the same one.
        format=formats.pop() if len(formats) == 1 else settings.profile.serving.format,
        max_model_len=max(each.max_tokens for each in wanted),
        max_num_seqs=vllm.max_num_seqs,
        images=max(each.most_frames for each in wanted),
        tensor_parallel_size=vllm.tensor_parallel_size,
        gpu_memory_utilization=vllm.gpu_memory_utilization,
        cuda_visible_devices=vllm.cuda_visible_devices,
        env=tuple(f"{variable}={value}" for variable, value in sorted(vllm.env.items())),
    )


def _usable(queued: Iterable[str]) -> Iterator[Upsampling]:
    """Without those whose profile is gone: their jobs fail, with the reason, before they are sent."""
    for text in queued:
        with suppress(ConfigError):
            settings = queued_settings(text)
            load_profile(settings.profile)
            yield settings


def _patience(box: BoxSettings) -> Patience:
    return Patience(box.first_token_timeout, box.next_token_timeout)


def _openai(box: BoxSettings) -> OpenAISetup:
    return OpenAISetup(box.openai.base_url, box.openai.api_key_env, box.openai.slots)
