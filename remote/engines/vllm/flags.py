"""The command line of a vLLM server, in the spelling of its version (0.8.0 to 0.33)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from remote.engines.vllm.installation import Version
from remote.protocol import VllmSetup

_JSON_LIMITS_SINCE: Version = (0, 8, 5)
"""From here on, `--limit-mm-per-prompt` is JSON; before, `image=2`."""
_UNIX_SOCKET_SINCE: Version = (0, 10, 2)
_STREAM_INTERVAL_SINCE: Version = (0, 12, 0)
_STREAM_INTERVAL = "8"
"""Tokens that are sent together, after the first. One by one they cost the server more than they tell a
reader; at the 60 tokens a second of a large model, eight are 7 pieces a second."""
_SHORT = {"-tp": "--tensor-parallel-size"}
"""Other spellings of flags that we give."""


@dataclass(frozen=True)
class Address:
    """Where the server listens: on a Unix socket, or on a port."""

    socket: Path | None
    port: int = 0
    host: str = "127.0.0.1"
    """Of the port."""


def has_unix_socket(version: Version) -> bool:
    """Whether this vLLM can listen on a Unix socket."""
    return version >= _UNIX_SOCKET_SINCE


def serve_command(
    setup: VllmSetup, model: str, version: Version, address: Address, name: str = ""
) -> tuple[str, ...]:
    """The whole command. What the configured command says itself is left as it says it.

    Only the address is always ours: of a flag that comes twice, vLLM takes the last. `name` is what the
    requests call the model, when that is not where it lies.
    """
    given = {_flag_name(part) for part in setup.command}
    command = _with_model(setup.command, model, name or model, given)
    for name, *values in _flags(setup, version):
        if name not in given:
            command += [name, *values]
    return (*command, *_address_flags(address))


def _flag_name(part: str) -> str:
    """The flag of "--max_model_len=512" as vLLM reads it."""
    name = part.partition("=")[0]
    if name.startswith("--"):
        name = name.replace("_", "-")
    return _SHORT.get(name, name)


def _with_model(command: Sequence[str], model: str, name: str, given: Set[str]) -> list[str]:
    if "--model" in given:
        return [*command, *_named(name, given)]
    other_name = _named(name, given) if name != model else []
    if "serve" not in command:
        return [*command, "--model", model, *other_name]
    # `vllm serve` refuses --model; and a positional one is not looked for behind all flags.
    at = command.index("serve") + 1
    before, after = command[:at], command[at:]
    if after and not after[0].startswith("-"):
        return [*command, *_named(name, given)]
    return [*before, model, *after, *other_name]


def _named(name: str, given: Set[str]) -> list[str]:
    """For a model that the command names, or that lies elsewhere: the requests ask for this name."""
    return [] if "--served-model-name" in given else ["--served-model-name", name]


def _address_flags(address: Address) -> tuple[str, ...]:
    if address.socket is not None:
        return "--uds", str(address.socket)
    return "--host", address.host, "--port", str(address.port)


def _flags(setup: VllmSetup, version: Version) -> Iterator[tuple[str, ...]]:
    if setup.format == "mistral":
        yield "--tokenizer-mode", "mistral"
        yield "--config-format", "mistral"
        yield "--load-format", "mistral"
    yield "--max-model-len", str(setup.max_model_len)
    yield "--max-num-seqs", str(setup.max_num_seqs)
    yield "--tensor-parallel-size", str(setup.tensor_parallel_size)
    yield "--gpu-memory-utilization", str(setup.gpu_memory_utilization)
    if version >= _STREAM_INTERVAL_SINCE:
        yield "--stream-interval", _STREAM_INTERVAL
    if setup.images:
        yield "--limit-mm-per-prompt", _image_limit(setup.images, version)


def _image_limit(images: int, version: Version) -> str:
    return json.dumps({"image": images}) if version >= _JSON_LIMITS_SINCE else f"image={images}"
