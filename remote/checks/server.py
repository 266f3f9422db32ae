"""Checks whether a model server that runs already answers and has the model."""

from __future__ import annotations

import os

from remote.checks.examination import Good, Wrong
from remote.engines import EngineError
from remote.engines.http import Server
from remote.engines.openai import Model, OpenAIEngine
from remote.protocol import Checkup, OpenAISetup


async def find_key(setup: OpenAISetup) -> Good[str]:
    """Find the API key, if the settings name a variable for it; the key is never shown."""
    if not setup.api_key_env:
        return Good("", "none wanted")
    key = os.environ.get(setup.api_key_env, "")
    if not key:
        raise Wrong(
            f"the box's environment has no {setup.api_key_env}",
            f"Set it where a login over SSH sees it, as in ~/.ssh/environment or /etc/environment, or "
            f'set openai.api_key_env of the box to "". `ssh BOX printenv {setup.api_key_env}` shows it.',
        )
    return Good(key, f"{setup.api_key_env} is set")


async def find_server(setup: OpenAISetup, key: str, model: str) -> Good[OpenAIEngine]:
    """Check whether the server answers."""
    if not setup.base_url:
        raise Wrong("the box has no openai.base_url", "Set it, as in http://127.0.0.1:8000/v1")
    try:
        server = Server(setup.base_url, None, key, setup.ca_file)
    except ValueError as error:
        raise Wrong(str(error), "Set openai.base_url of the box.") from None
    engine = OpenAIEngine(server, model, setup.slots)
    try:
        models = await engine.models()
    except EngineError as error:
        raise Wrong(
            str(error),
            "Is the server running, and is that its address as the box sees it? Try there: "
            f"curl {'https' if server.tls else 'http'}://{server.host_header}{server.root}/v1/models",
        ) from None
    return Good(engine, f"{setup.base_url} answers, with {len(models)} models")


async def find_served_model(engine: OpenAIEngine) -> Good[Model]:
    """Check whether the server has the model."""
    try:
        model = await engine.server_model()
    except EngineError as error:
        raise Wrong(str(error), "Set `model` of the box to a name that the server has.") from None
    return Good(model, f"{model.id}, the only one there" if engine.model else model.id)


async def find_context(engine: OpenAIEngine, checkup: Checkup) -> Good[None]:
    """Check whether the server's context is as long as the settings say, where they say it."""
    told, said = await engine.context(), checkup.context
    if not told:
        return Good(None, f"the server does not say; counted with max_tokens = {said:,}")
    if checkup.follows_server:
        return Good(
            None, f"{told:,} tokens, as the server says; max_tokens is not set, so they count"
        )
    detail = f"{told:,} tokens; max_tokens = {said:,}"
    if told < said:
        remedy = f"{told:,} count. Set max_tokens to {told}, or leave it out, or start the server with more."
        return Good(None, detail, remedy)
    return Good(None, detail)
