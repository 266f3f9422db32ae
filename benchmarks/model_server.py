"""The one vLLM server that all contestants are sent to, so that nobody has a warmer one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cpu
from tests.support.sshd import free_port
from tests.support.tiny_pixtral import make_tiny_pixtral

_START_SECONDS = 900.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A server that answers."""

    base_url: str
    """With /v1 at its end."""
    model: str
    """As the server names it."""
    group: int | None = None
    """Its process group; None for a server that somebody else started."""

    def cpu_seconds(self) -> float:
        """Processor time that it took so far; 0 for somebody else's."""
        return cpu.of_group(self.group) if self.group is not None else 0.0


@contextlib.contextmanager
def vllm_with_tiny_pixtral(folder: Path, slots: int, flags: Sequence[str]) -> Iterator[ModelServer]:
    """vLLM's CPU build with a random-weight Pixtral, made in `folder`."""
    tiny = make_tiny_pixtral(folder / "tiny")
    environment = {"PYTHONPATH": str(tiny.site), "HF_HUB_OFFLINE": "1"}
    with _vllm(tiny.command, str(tiny.model), slots, flags, environment, folder) as server:
        yield server


@contextlib.contextmanager
def vllm_with(
    python: Path, model: Path, folder: Path, slots: int, flags: Sequence[str]
) -> Iterator[ModelServer]:
    """The vLLM of this Python with a real Pixtral in Mistral's own files."""
    command = [str(python), "-m", "vllm.entrypoints.openai.api_server", "--load-format", "mistral"]
    with _vllm(command, str(model), slots, flags, {}, folder) as server:
        yield server


@contextlib.contextmanager
def _vllm(
    command: Sequence[str],
    model: str,
    slots: int,
    flags: Sequence[str],
    environment: dict[str, str],
    folder: Path,
) -> Iterator[ModelServer]:
    port = free_port()
    arguments = [
        *command, "--model", model, "--host", "127.0.0.1", "--port", str(port),
        "--tokenizer-mode", "mistral", "--config-format", "mistral",
        "--max-model-len", "4096", "--max-num-seqs", str(slots),
        "--limit-mm-per-prompt", json.dumps({"image": 2}),
        # As our own engine starts it; it changes nothing for whoever does not stream.
        "--stream-interval", "8",
        # What one contestant asks must not be work saved for the next.
        "--no-enable-prefix-caching", "--mm-processor-cache-gb", "0",
        *flags,
    ]  # fmt: skip
    more = {"VLLM_WORKER_MULTIPROC_METHOD": "spawn", "VLLM_NO_USAGE_STATS": "1"}
    log = folder / "vllm.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=os.environ | more | environment,
            start_new_session=True,
        )
    server = ModelServer(f"http://127.0.0.1:{port}/v1", model, process.pid)
    try:
        _await_answer(process, server, log)
        yield server
    finally:
        _end_group(process)


def _await_answer(process: subprocess.Popen[bytes], server: ModelServer, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{server.base_url}/models", timeout=5).close()  # noqa: S310
            return
        time.sleep(0.5)
    last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise SystemExit(f"vLLM did not start; the end of its log:\n{last}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """The server and its engine, which can outlive it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
