"""Makes a `Box` from the config: its host, and the setup that its daemon is started with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from backend.box.links.link import Box
from backend.config import (
    BoxSettings,
    EngineName,
    Settings,
    Upsampling,
    load_profile,
    queued_settings,
)
from backend.config.profiles import AUTO
from backend.errors import ConfigError
from remote.protocol import LlamaSetup, OpenAISetup, Patience, RaySetup, Setup, VllmSetup


def make_box(name: str, box: BoxSettings, settings: Settings, queued: Iterable[str] = ()) -> Box:
    """Make the box, with only those settings that its engine needs.

    `queued` are the settings (`Job.settings`) of the jobs for this box. They may differ from today's
    settings, and the engine must be able to do all of the jobs.

    An idle daemon with another setup is replaced. So a setting that the engine does not use must not be part
    of the setup, or a change of it would restart the model.
    """
    answering = box.answering
    setup = Setup(
        # The embedded box has no login, so its SFTP starts in the working directory and not at home.
        root=box.root if box.host else str(Path(box.root).expanduser()),
        engine=box.engine,
        model=box.model,
        idle_timeout=box.idle_timeout,
        vllm=_vllm_setup(name, box, settings, queued) if answering is EngineName.VLLM else None,
        openai=_openai_setup(box) if answering is EngineName.OPENAI else None,
        patience=_patience(box) if answering is not EngineName.SKETCH else None,
        keep_days=box.keep_days,
        ray=_ray_setup(box) if box.engine is EngineName.RAY else None,
        llama=_llama_setup(name, box, settings, queued) if box.engine is EngineName.LLAMA else None,
    )
    return Box(name, box.host, setup)


def _vllm_setup(
    name: str, box: BoxSettings, settings: Settings, queued: Iterable[str]
) -> VllmSetup:
    vllm = box.vllm
    wanted = _wanted(name, settings, queued)
    return VllmSetup(
        command=tuple(vllm.command),
        format=_format_of(wanted, is_chosen=settings.upsampling.profile != AUTO),
        max_model_len=max(each.max_tokens for each in wanted),
        max_num_seqs=vllm.max_num_seqs,
        images=max(each.most_images for each in wanted),
        tensor_parallel_size=vllm.tensor_parallel_size,
        gpu_memory_utilization=vllm.gpu_memory_utilization,
        cuda_visible_devices=vllm.cuda_visible_devices,
        env=tuple(f"{variable}={value}" for variable, value in sorted(vllm.env.items())),
        data_parallel_size=vllm.data_parallel_size,
        videos=max(each.most_clips for each in wanted),
    )


def _llama_setup(
    name: str, box: BoxSettings, settings: Settings, queued: Iterable[str]
) -> LlamaSetup:
    llama = box.llama
    return LlamaSetup(
        python=llama.python,
        mmproj=llama.mmproj,
        slots=llama.slots,
        context=llama.context or max(each.max_tokens for each in _wanted(name, settings, queued)),
    )


def _wanted(name: str, settings: Settings, queued: Iterable[str]) -> list[Upsampling]:
    """Return the settings of the queued jobs that can be sent, or else today's."""
    return list(_load_usable(set(queued))) or [settings.upsampling_on(name)]


def _format_of(wanted: Iterable[Upsampling], *, is_chosen: bool) -> str:
    """Return the format of the model's files, see `VllmSetup.format`.

    A profile that the user has chosen is for the box's model. One that follows from a spec may not be, so the
    box looks at the model's files, and takes what the profiles ask for where there are both or none.
    """
    formats = {load_profile(each.profile).serving.format for each in wanted}
    if is_chosen and len(formats) == 1:
        return formats.pop()
    return "mistral-or-auto" if formats == {"mistral"} else "auto-or-mistral"


def _load_usable(queued: Iterable[str]) -> Iterator[Upsampling]:
    """Yield the settings whose profile still exists.

    Other jobs fail, with the reason, before they are sent.
    """
    for text in queued:
        with suppress(ConfigError):
            settings = queued_settings(text)
            load_profile(settings.profile)
            yield settings


def _patience(box: BoxSettings) -> Patience:
    return Patience(box.first_token_timeout, box.next_token_timeout)


def _openai_setup(box: BoxSettings) -> OpenAISetup:
    openai = box.openai
    return OpenAISetup(
        base_url=openai.base_url,
        api_key_env=openai.api_key_env,
        slots=openai.slots,
        ca_file=openai.ca_file,
        price_in=openai.price_in,
        price_out=openai.price_out,
        spend_limit=openai.spend_limit,
    )


def _ray_setup(box: BoxSettings) -> RaySetup:
    ray = box.ray
    return RaySetup(
        address=ray.address, replicas=ray.replicas, replica=ray.replica, python=ray.python
    )
