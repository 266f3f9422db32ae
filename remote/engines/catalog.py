"""The engines that this runner has, by the name that a box's config gives."""

from __future__ import annotations

import os
from collections.abc import Callable

from remote.engines import Engine
from remote.engines.http import Server
from remote.engines.openai import Limits, OpenAIEngine
from remote.engines.sketch import SketchEngine
from remote.engines.vllm import BadCommandError, VllmEngine
from remote.paths import DaemonPaths
from remote.protocol import EngineStage, Setup

Tell = Callable[[EngineStage], None]


class NoEngineError(Exception):
    """The config names an engine that this runner does not have, or does not say what it needs."""


def make_engine(setup: Setup, paths: DaemonPaths, tell: Tell) -> Engine:
    """The engine that the setup asks for; `tell` hears of its stages. Raises NoEngineError."""
    make = _ENGINES.get(setup.engine)
    if make is None:
        have = ", ".join(sorted(_ENGINES))
        raise NoEngineError(f"this runner has no engine {setup.engine!r}; it has: {have}")
    return make(setup, paths, tell)


def engine_names() -> tuple[str, ...]:
    """The engines that this runner has."""
    return tuple(sorted(_ENGINES))


def _sketch(_setup: Setup, _paths: DaemonPaths, _tell: Tell) -> Engine:
    return SketchEngine()


def _vllm(setup: Setup, paths: DaemonPaths, tell: Tell) -> Engine:
    if setup.vllm is None or not setup.model:
        raise NoEngineError("the engine vllm needs the box's setting `model`")
    try:
        return VllmEngine(setup.vllm, setup.model, setup.idle_timeout, paths, tell, _limits(setup))
    except BadCommandError as error:
        raise NoEngineError(f"vllm.command of the box: {error}") from None


def _openai(setup: Setup, _paths: DaemonPaths, _tell: Tell) -> Engine:
    if setup.openai is None or not setup.openai.base_url or not setup.model:
        raise NoEngineError(
            "the engine openai needs the box's settings `model` and openai.base_url"
        )
    variable = setup.openai.api_key_env
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise NoEngineError(
            f"the box's environment has no {variable}, which is to hold the API key"
        )
    try:
        server = Server(setup.openai.base_url, None, key)
    except ValueError as error:
        raise NoEngineError(str(error)) from None
    return OpenAIEngine(server, setup.model, setup.openai.slots, _limits(setup))


def _limits(setup: Setup) -> Limits:
    patience = setup.patience
    return Limits(first=patience.first_token, between=patience.next_token) if patience else Limits()


_ENGINES: dict[str, Callable[[Setup, DaemonPaths, Tell], Engine]] = {
    "openai": _openai,
    "sketch": _sketch,
    "vllm": _vllm,
}
