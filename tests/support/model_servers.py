"""The model servers of others that tests ask, by name: llama.cpp itself, and LiteLLM's proxy before it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from remote.engines.http import Server
from tests.support.laptop import IDLE_SECONDS
from tests.support.litellm_proxy import KEY, LiteLLM
from tests.support.llama_server import MODEL, LlamaServer
from tests.support.sshd import LOOPBACK

SERVERS = ("llama.cpp", "LiteLLM")
KEY_VARIABLE = "KEY_OF_THE_SERVER"
"""The variable of the box's environment that holds the key."""


@dataclass(frozen=True)
class ModelServer:
    """A server as an app asks it."""

    name: str
    """One of SERVERS."""
    llama: LlamaServer
    """The llama.cpp that writes."""
    port: int
    """Where it is asked, which may be that of a proxy."""
    key: str = ""

    @property
    def url(self) -> str:
        """The base_url of a box."""
        return f"http://{LOOPBACK}:{self.port}/v1"

    @property
    def server(self) -> Server:
        """Where an engine finds it."""
        return Server(self.url, None, self.key)

    def engine(self, model: str = MODEL) -> str:
        """What a box's table in config.toml says for this to be its engine."""
        key = f', api_key_env = "{KEY_VARIABLE}"' if self.key else ""
        return (
            f'engine = "openai"\nmodel = "{model}"\nidle_timeout = {IDLE_SECONDS}\n'
            f'openai = {{ base_url = "{self.url}", slots = {self.llama.slots}{key} }}\n'
        )

    def through(self, port: int) -> ModelServer:
        """The same, asked at the port of a proxy."""
        return replace(self, port=port)


def model_server(name: str, llama: LlamaServer, proxy: LiteLLM | None) -> ModelServer:
    """The server of this name. `proxy` is LiteLLM's, if that is it."""
    if proxy is None:
        return ModelServer(name, llama, llama.port, llama.key)
    return ModelServer(name, llama, proxy.port, KEY)
