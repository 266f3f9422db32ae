"""The whole checkup, in order. A check that depends on a failed one is skipped, with the reason."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from remote.checks.cluster import (
    find_cluster,
    find_disks,
    find_models,
    find_places,
    find_token,
)
from remote.checks.container import ContainerCommand, find_container
from remote.checks.examination import Examination, Good, NotCheckedError, Wrong, in_thread
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
from remote.checks.llama import find_served_files
from remote.checks.logout import find_logout
from remote.checks.machine import find_daemon, find_python, find_root, find_run_folder
from remote.checks.model import find_config, find_model, find_weights
from remote.checks.server import find_context, find_key, find_served_model, find_server
from remote.checks.vllm import find_command, find_docker, find_image, find_vllm_version
from remote.engines.catalog import engine_names
from remote.engines.vllm.command import expand_home, prepare_command
from remote.engines.vllm.flags import flag_value, loaded_model
from remote.engines.vllm.last_start import last_start_file, read_last_start
from remote.engines.vllm.model_files import choose_format
from remote.engines.vllm.process import is_running
from remote.paths import DaemonPaths
from remote.protocol import Checkup, Finding, OpenAISetup, Setup, VllmSetup

T = TypeVar("T")

_BOX, _GPU, _VLLM, _MODEL, _SERVER, _START = "box", "GPU", "vLLM", "model", "server", "start"
_CLUSTER = "cluster"
_CLUSTER_SECONDS = 110.0
"""Seconds for a look at a cluster; the app gives up after 120 s without a finding."""


def examine_box(checkup: Checkup, tell: Callable[[Finding], None]) -> None:
    """Check everything that the setup needs; call `tell` with each finding at once."""
    asyncio.run(_examine(checkup, Examination(tell)))


async def _examine(checkup: Checkup, examination: Examination) -> None:
    setup = checkup.setup
    paths = await _examine_machine(setup, examination)
    await examination.check(_BOX, "engine", _blocking(_find_engine, setup))
    if setup.engine == "vllm" and setup.vllm is not None:
        await _examine_vllm(setup.vllm, setup.model, paths, examination)
    elif setup.engine == "ray":
        await _examine_cluster(setup, examination)
    elif setup.engine == "openai" and setup.openai is not None:
        await _examine_server(setup.openai, checkup, examination)
    elif setup.engine == "llama" and setup.llama is not None:
        look = _blocking(find_served_files, setup.llama, setup.model)
        await examination.check(_SERVER, "llama.cpp", look)


async def _examine_machine(setup: Setup, examination: Examination) -> DaemonPaths | None:
    await examination.check(_BOX, "Python", _blocking(find_python))
    await examination.check(_BOX, "logout", _blocking(find_logout))
    root = await examination.check(_BOX, "root", _blocking(find_root, setup.root))
    if root is None:
        examination.skip(_BOX, "because root failed", "run folder", "daemon")
        return None
    paths = await examination.check(_BOX, "run folder", _blocking(find_run_folder, setup.root))
    if paths is None:
        examination.skip(_BOX, "because run folder failed", "daemon")
        return None
    await examination.check(_BOX, "daemon", _blocking(find_daemon, paths, setup))
    return paths


# --- the engine vllm ------------------------------------------------------------------------------


async def _examine_vllm(
    setup: VllmSetup, model: str, paths: DaemonPaths | None, examination: Examination
) -> None:
    environment = environment_of(setup)
    command = prepare_command(setup.command)
    container = find_container(command)
    gpus = await _examine_gpus(setup, environment, examination)
    await _examine_command(command, setup.data_parallel_size, container, environment, examination)
    weights = await _examine_model(setup, model, container, environment, examination)
    if gpus is None:
        examination.skip(_MODEL, "because the GPUs for vLLM are not known", "fits", "free memory")
    else:
        await _examine_memory(setup, weights, gpus, paths, examination)
    if paths is None:
        examination.skip(_START, "because the box's folders failed", "last time")
    else:
        await examination.check(_START, "last time", _blocking(_find_last_start, paths))


async def _examine_gpus(
    setup: VllmSetup, environment: Mapping[str, str], examination: Examination
) -> tuple[FoundGpu, ...] | None:
    gpus = await examination.check(_GPU, "GPUs", find_gpus)
    if gpus is None:
        examination.skip(_GPU, "because the GPUs were not found", "driver", "used by", "for vLLM")
        return None
    await examination.check(_GPU, "driver", functools.partial(find_driver, gpus))
    await examination.check(_GPU, "used by", functools.partial(find_processes, gpus))
    return await examination.check(
        _GPU, "for vLLM", functools.partial(find_visible, gpus, setup, environment)
    )


async def _examine_command(
    command: Sequence[str],
    engines: int,
    container: ContainerCommand | None,
    environment: Mapping[str, str],
    examination: Examination,
) -> None:
    names = ("docker", "image") if container else ()
    look = functools.partial(find_command, command, environment)
    if await examination.check(_VLLM, "command", look) is None:
        examination.skip(_VLLM, "because command failed", *names, "version")
        return
    if container is not None:
        look_for_docker = functools.partial(find_docker, container, environment)
        before = len(examination.failures)
        await examination.check(_VLLM, "docker", look_for_docker)
        if len(examination.failures) > before:
            examination.skip(_VLLM, "because docker failed", "image")
        else:
            look_for_image = functools.partial(find_image, container, environment)
            await examination.check(_VLLM, "image", look_for_image)
    version = functools.partial(find_vllm_version, command, environment, engines)
    await examination.check(_VLLM, "version", version, seconds=90)


async def _examine_model(
    setup: VllmSetup,
    model: str,
    container: ContainerCommand | None,
    environment: Mapping[str, str],
    examination: Examination,
) -> int | None:
    """Bytes of the weights; None when that is not known."""
    arguments = container.arguments if container else setup.command
    form = flag_value(arguments, "--config-format") or setup.format
    weights_form = flag_value(arguments, "--load-format") or setup.format
    loaded = loaded_model(arguments, expand_home(model))
    # Many large files on a network disk take long to open.
    look = _blocking(find_model, loaded, form, environment, container)
    found = await examination.check(_MODEL, "place", look, seconds=60)
    if found is None or found.folder is None:
        why = "because place failed" if found is None else "the model is not on the box yet"
        examination.skip(_MODEL, why, "config", "weights")
        return None
    form = choose_format(form, found.folder)
    weights_form = choose_format(weights_form, found.folder)
    await examination.check(_MODEL, "config", _blocking(find_config, found.folder, form))
    if weights_form == "dummy":
        examination.skip(
            _MODEL, "the command asks for made-up ones (--load-format dummy)", "weights"
        )
        return None
    look_at_weights = _blocking(find_weights, found.folder, weights_form)
    return await examination.check(_MODEL, "weights", look_at_weights, seconds=60)


async def _examine_memory(
    setup: VllmSetup,
    weights: int | None,
    gpus: Sequence[FoundGpu],
    paths: DaemonPaths | None,
    examination: Examination,
) -> None:
    if weights is None:
        examination.skip(_MODEL, "the size of the weights is not known", "fits")
    else:
        await examination.check(_MODEL, "fits", _blocking(find_room, weights, gpus, setup))
    is_loaded = paths is not None and is_running(paths.state / "vllm.json")
    look = functools.partial(find_free, gpus, setup, is_loaded=is_loaded)
    await examination.check(_MODEL, "free memory", _blocking(look))


def _find_engine(setup: Setup) -> Good[None]:
    names = engine_names()
    if setup.engine not in names:
        raise Wrong(
            f"there is no engine {setup.engine!r}",
            f"Set `engine` of the box to one of: {', '.join(names)}.",
        )
    needs_none = " (needs no model)" if setup.engine == "sketch" else ""
    return Good(None, setup.engine + needs_none)


def _find_last_start(paths: DaemonPaths) -> Good[None]:
    last = read_last_start(last_start_file(paths))
    if last is None:
        raise NotCheckedError("this box remembers no start")
    return Good(None, f"{last.model} was ready after {last.seconds:.0f} s, with {last.engine}")


# --- the engine openai ----------------------------------------------------------------------------


async def _examine_server(setup: OpenAISetup, checkup: Checkup, examination: Examination) -> None:
    key = await examination.check(_SERVER, "API key", functools.partial(find_key, setup))
    if key is None:
        examination.skip(_SERVER, "because API key failed", "server", "model", "context")
        return
    engine = await examination.check(
        _SERVER, "server", functools.partial(find_server, setup, key, checkup.setup.model)
    )
    if engine is None:
        examination.skip(_SERVER, "because server failed", "model", "context")
        return
    served = await examination.check(_SERVER, "model", functools.partial(find_served_model, engine))
    if served is None:
        examination.skip(_SERVER, "because model failed", "context")
        return
    await examination.check(_SERVER, "context", functools.partial(find_context, engine, checkup))


# --- the engine ray -------------------------------------------------------------------------------


async def _examine_cluster(setup: Setup, examination: Examination) -> None:
    runner = Path(__file__).parents[2]
    survey = await examination.check(
        _CLUSTER, "Ray", functools.partial(find_cluster, setup, runner), _CLUSTER_SECONDS
    )
    if survey is None:
        skipped = ("token", "replicas", "model", "disks")
        examination.skip(_CLUSTER, "because Ray failed", *skipped)
        return
    await examination.check(_CLUSTER, "token", functools.partial(find_token, setup, survey))
    await examination.check(_CLUSTER, "replicas", functools.partial(find_places, setup, survey))
    await examination.check(_CLUSTER, "model", functools.partial(find_models, setup, survey))
    await examination.check(_CLUSTER, "disks", functools.partial(find_disks, survey))


def _blocking(
    find: Callable[..., Good[T]], *arguments: object
) -> Callable[[], asyncio.Future[Good[T]]]:
    """Wrap a blocking check, so that it runs in a separate thread."""
    return lambda: asyncio.ensure_future(in_thread(functools.partial(find, *arguments)))
