"""The engines of this runner, by their names in a box's config."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from remote.engines import Engine
from remote.engines.http import Server
from remote.engines.llama import LlamaEngine, MissingError
from remote.engines.openai import Limits, OpenAIEngine
from remote.engines.ray import RayEngine, end_leftover_driver
from remote.engines.sketch import SketchEngine
from remote.engines.vllm import BadCommandError, VllmEngine, end_leftover_server
from remote.paths import DaemonPaths
from remote.protocol import EngineStage, Setup

Tell = Callable[[EngineStage], None]


class NoEngineError(Exception):
    """The config names an engine that this runner does not have, or lacks a setting that the engine needs."""


def make_engine(setup: Setup, paths: DaemonPaths, tell: Tell) -> Engine:
    """Make the engine of this setup. Raises NoEngineError.

    It calls `tell` with each new stage, and when it has got more slots.
    """
    make = _ENGINES.get(setup.engine)
    if make is None:
        have = ", ".join(sorted(_ENGINES))
        raise NoEngineError(f"this runner has no engine {setup.engine!r}; it has: {have}")
    return make(setup, paths, tell)


async def end_other_engines(setup: Setup, paths: DaemonPaths) -> None:
    """End what a killed daemon with another engine has left. Each engine does so itself for its own."""
    if setup.engine not in ("vllm", "llama"):
        await end_leftover_server(paths)
    if setup.engine != "ray":
        await end_leftover_driver(paths)


def engine_names() -> tuple[str, ...]:
    """The names of the engines, sorted."""
    return tuple(sorted(_ENGINES))


def _make_sketch(_setup: Setup, _paths: DaemonPaths, _tell: Tell) -> Engine:
    return SketchEngine()


def _make_vllm(setup: Setup, paths: DaemonPaths, tell: Tell) -> Engine:
    if setup.vllm is None or not setup.model:
        raise NoEngineError("the engine vllm needs the box's setting `model`")
    try:
        return VllmEngine(setup.vllm, setup.model, setup.idle_timeout, paths, tell, _limits(setup))
    except BadCommandError as error:
        raise NoEngineError(f"vllm.command of the box: {error}") from None


def _make_llama(setup: Setup, paths: DaemonPaths, tell: Tell) -> Engine:
    if setup.llama is None:
        raise NoEngineError("the engine llama needs the box's settings of `llama`")
    try:
        return LlamaEngine(
            setup.llama, setup.model, setup.idle_timeout, _runner(), paths, tell, _limits(setup)
        )
    except MissingError as error:
        raise NoEngineError(str(error)) from None


def _make_ray(setup: Setup, paths: DaemonPaths, tell: Tell) -> Engine:
    if setup.ray is None:
        raise NoEngineError("the engine ray needs the box's settings of `ray`")
    if setup.ray.replica not in _ENGINES or setup.ray.replica in ("llama", "ray"):
        raise NoEngineError(f"ray.replica of the box is {setup.ray.replica!r}, which is no engine")
    if setup.ray.replica == "vllm" and (setup.vllm is None or not setup.model):
        raise NoEngineError("replicas with the engine vllm need the box's setting `model`")
    return RayEngine(setup, _runner(), paths, tell)


def _runner() -> Path:
    """The file that this code comes from."""
    return Path(__file__).parents[2]


def _make_openai(setup: Setup, _paths: DaemonPaths, _tell: Tell) -> Engine:
    if setup.openai is None or not setup.openai.base_url:
        raise NoEngineError("the engine openai needs the box's setting openai.base_url")
    variable = setup.openai.api_key_env
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise NoEngineError(
            f"the box's environment has no {variable}, which is to hold the API key"
        )
    try:
        server = Server(setup.openai.base_url, None, key, setup.openai.ca_file)
    except ValueError as error:
        raise NoEngineError(str(error)) from None
    return OpenAIEngine(server, setup.model, setup.openai.slots, _limits(setup))


def _limits(setup: Setup) -> Limits:
    patience = setup.patience
    return Limits(first=patience.first_token, between=patience.next_token) if patience else Limits()


_ENGINES: dict[str, Callable[[Setup, DaemonPaths, Tell], Engine]] = {
    "llama": _make_llama,
    "openai": _make_openai,
    "ray": _make_ray,
    "sketch": _make_sketch,
    "vllm": _make_vllm,
}
