"""Looks around on a machine that is to become a box: what could answer there, and which models lie there.

Nothing is changed or started, and what does not answer in seconds is passed over.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from remote.checks.examination import NotCheckedError, Wrong, gib, in_thread, run_program
from remote.checks.gpu import find_gpus
from remote.checks.models_on_disk import find_models
from remote.checks.ray_cluster import find_ray, measure_ray
from remote.engines import EngineError
from remote.engines.http import Server
from remote.engines.openai import Limits, OpenAIEngine
from remote.engines.vllm.installation import find_version
from remote.engines.vllm.listeners import listening_ports
from remote.protocol import Offer, OfferKind

T = TypeVar("T")

_SECONDS = 20.0
"""The most that each look takes."""
_RAY_SECONDS = 15.0
"""The most for a Ray to tell its size: a Python that imports Ray starts in seconds."""
USUAL_PORTS = (8000, 8001, 8080, 8081, 30000, 11434, 1234, 4000, 5000, 23333)
"""Where vLLM, llama.cpp, SGLang, Ollama, LM Studio, LiteLLM and LMDeploy listen unless told otherwise. Others
are not asked: who listens there may not expect it."""
_QUICK = Limits(connect=1.0, question=2.0)
_PLACES = (
    "~/.venv", "~/*", "~/*/.venv", "~/*/venv", "~/.conda/envs/*", "~/*conda*/envs/*", "/opt/*",
    "/opt/*conda*/envs/*", "/venv/*", "/workspace/*", "/workspace/*/.venv",
)  # fmt: skip
"""Where virtual environments and those of conda lie."""
_MOST_PROGRAMS = 8


def find_offers(tell: Callable[[Offer], None]) -> None:
    """Look at everything; call `tell` with each offer at once."""
    asyncio.run(_find(tell))


async def _find(tell: Callable[[Offer], None]) -> None:
    looks = (
        _find_gpus(),
        _find_servers(),
        _find_vllm(),
        _find_images(),
        _find_rays(),
        _find_on_disk(),
    )
    await asyncio.gather(*(_tell_all(look, tell) for look in looks))


async def _tell_all(offers: AsyncIterator[Offer], tell: Callable[[Offer], None]) -> None:
    async def pass_on() -> None:
        async for offer in offers:
            tell(offer)

    try:
        await asyncio.wait_for(pass_on(), _SECONDS)
    except (asyncio.TimeoutError, OSError):
        return


async def _find_gpus() -> AsyncIterator[Offer]:
    try:
        found = await find_gpus()
    except (Wrong, NotCheckedError):
        return
    for gpu in found.value:
        yield Offer(
            OfferKind.GPU,
            gpu.name,
            f"{gib(gpu.free)} of {gib(gpu.total)} free" if gpu.total else "",
        )


# --- servers --------------------------------------------------------------------------------------


async def _find_servers() -> AsyncIterator[Offer]:
    """Ask whoever listens on a usual port for models."""
    listening = listening_ports()
    ports = [port for port in USUAL_PORTS if port in listening]
    for offer in await asyncio.gather(*map(_ask, ports)):
        if offer is not None:
            yield offer


async def _ask(port: int) -> Offer | None:
    url = f"http://127.0.0.1:{port}/v1"
    try:
        models = await OpenAIEngine(Server(url), "", slots=1, limits=_QUICK).models()
    except EngineError:
        return None
    return (
        Offer(OfferKind.SERVER, url, models=tuple(model.id for model in models)) if models else None
    )


# --- vLLM -----------------------------------------------------------------------------------------


async def _find_vllm() -> AsyncIterator[Offer]:
    for program in await in_thread(_vllm_programs):
        version = await find_version([program])
        yield Offer(OfferKind.VLLM, program, ".".join(map(str, version)) if version else "")


def _vllm_programs() -> list[str]:
    """Return the vllm on the PATH, by its name alone, and the ones of environments."""
    on_path = shutil.which("vllm")
    found = {str(Path(on_path).resolve()): "vllm"} if on_path else {}
    for place in _PLACES:
        for program in _glob(f"{place}/bin/vllm"):
            found.setdefault(str(program.resolve()), str(program))
    return list(found.values())[:_MOST_PROGRAMS]


def _glob(pattern: str) -> Iterable[Path]:
    whole = Path(pattern).expanduser()
    return sorted(Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))))


async def _find_images() -> AsyncIterator[Offer]:
    for program in ("docker", "podman"):
        if shutil.which(program) is None:
            continue
        listed = await run_program(
            [program, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], os.environ
        )
        names = listed.output.split() if listed.code == 0 else []
        for image in names:
            if "vllm" in image and not image.endswith(":<none>"):
                yield Offer(OfferKind.IMAGE, image, program=program)
        if names:
            return  # docker may be podman by another name


# --- the disk, and Ray ----------------------------------------------------------------------------


async def _find_rays() -> AsyncIterator[Offer]:
    for found in await in_thread(find_ray):
        try:
            yield await asyncio.wait_for(measure_ray(found), _RAY_SECONDS)
        except (asyncio.TimeoutError, OSError):
            yield found


async def _find_on_disk() -> AsyncIterator[Offer]:
    for offer in await in_thread(find_models):
        yield offer
