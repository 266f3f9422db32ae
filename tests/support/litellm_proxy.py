"""LiteLLM's real proxy before a llama.cpp server, which need not run. `.ci/install-servers` installs it."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.environments import Environment
from tests.support.sshd import BOUND, LOOPBACK, free_port
from tests.support.waiting import wait_until

_PROXY = Environment(
    "LiteLLM", "litellm-1.108.7", ".ci/install-servers", os.environ.get("UPSAMPLE_LITELLM_ENV")
)

KEY = "sk-of-the-proxy"
"""The proxy's, and that of the server behind it. A proxy without one asks a database about each request."""
MODEL = "smollm2"
LIMITED = "limited"
"""The same model, for one request a minute."""


@dataclass(frozen=True)
class LiteLLM:
    """A running proxy."""

    port: int
    behind: int
    """The port at which it asks a llama.cpp server."""
    scheme: str = "http"

    @property
    def address(self) -> str:
        return f"{self.scheme}://{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """The base_url of a box."""
        return f"{self.address}/v1"


@contextlib.contextmanager
def litellm_proxy(folder: Path, authority: Authority | None = None) -> Iterator[LiteLLM]:
    """A proxy that answers, over TLS where an authority signs for it. That takes some 20 s and 400 MB."""
    made = LiteLLM(free_port(), free_port(), "https" if authority else "http")
    config = folder / "config.yaml"
    config.write_text(json.dumps(_config(made.behind)))  # YAML, too
    log = folder / "litellm.log"
    where: list[str | Path] = ["--config", config, "--host", LOOPBACK, "--port", str(made.port)]
    if authority is not None:
        certificate = authority.certificate()
        where += ["--ssl_certfile_path", certificate, "--ssl_keyfile_path", certificate]
    trusted = ssl.create_default_context(cafile=authority.path) if authority else None
    # It asks the network for prices and tells it of itself, unless told not to.
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HOME": str(folder)}
    with log.open("wb") as written:
        process = subprocess.Popen(
            [_PROXY.program("litellm"), *where, "--telemetry", "False"],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env=os.environ | quiet,
        )

    def answers() -> bool:
        if process.poll() is not None:
            pytest.fail(f"LiteLLM has ended: {log.read_text()[-2000:]}")
        with contextlib.suppress(OSError):
            alive = f"{made.address}/health/liveliness"
            with urllib.request.urlopen(alive, timeout=BOUND, context=trusted) as page:  # noqa: S310
                return bool(page.status == 200)
        return False

    try:
        wait_until(answers, 2 * BOUND)
        yield made
    finally:
        process.kill()
        process.wait(BOUND)


def _config(behind: int) -> dict[str, object]:
    asks = {
        "model": f"openai/{MODEL}",
        "api_base": f"http://{LOOPBACK}:{behind}/v1",
        "api_key": KEY,
    }
    return {
        "model_list": [
            {"model_name": MODEL, "litellm_params": asks},
            {"model_name": LIMITED, "litellm_params": asks | {"rpm": 1}},
        ],
        # Otherwise it counts no requests; and it is for us to try again.
        "router_settings": {"enable_pre_call_checks": True, "num_retries": 0},
        "general_settings": {"master_key": KEY},
    }
