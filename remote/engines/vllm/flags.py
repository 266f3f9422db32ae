"""Builds the command line of a vLLM server, in the spelling of its version (0.8.0 to 0.33)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from remote.engines.vllm.installation import Version
from remote.engines.vllm.model_files import MISTRAL
from remote.protocol import VllmSetup

_JSON_LIMITS_SINCE: Version = (0, 8, 5)
"""The first version in which `--limit-mm-per-prompt` is JSON; before, it is `image=2,video=1`."""
_UNIX_SOCKET_SINCE: Version = (0, 10, 2)
_STREAM_INTERVAL_SINCE: Version = (0, 12, 0)
_STREAM_INTERVAL = "8"
"""Tokens that the server sends together, after the first one. To send each by itself costs the server time
and helps no reader; at the 60 tokens a second of a large model, eight together are 7 pieces a second."""
_SHORT = {"-tp": "--tensor-parallel-size", "-dp": "--data-parallel-size"}
"""Short spellings of flags that this module adds."""


@dataclass(frozen=True)
class Address:
    """Where the server listens: on a Unix socket, or on a port."""

    socket: Path | None
    port: int = 0
    host: str = "127.0.0.1"
    """The address of the port."""


def has_unix_socket(version: Version) -> bool:
    """Return whether this vLLM can listen on a Unix socket."""
    return version >= _UNIX_SOCKET_SINCE


def serve_command(
    setup: VllmSetup, model: str, version: Version, address: Address, name: str = ""
) -> tuple[str, ...]:
    """Return the whole command. A flag of the configured command takes precedence over ours.

    Only the address is always ours: of a flag that comes twice, vLLM takes the last. `name` is the model's
    name in requests; empty if that is `model` itself. `setup.data_parallel_size` is a known number, not 0.
    """
    given = {_flag_name(part) for part in setup.command}
    command = _with_model(setup.command, model, name or model, given)
    for name, *values in _flags(setup, version):
        if name not in given:
            command += [name, *values]
    return (*command, *_address_flags(address))


def loaded_model(command: Sequence[str], model: str) -> str:
    """The model that vLLM will load: the one in the command, or else the box's."""
    if named := flag_value(command, "--model"):
        return named
    if "serve" in command[:-1]:
        after = command[command.index("serve") + 1]
        return model if after.startswith("-") else after
    return model


def flag_value(command: Sequence[str], flag: str) -> str:
    """The value of a flag, after a space or "="; empty when the command does not have the flag."""
    for at, part in enumerate(command):
        name, equals, value = part.partition("=")
        if name.replace("_", "-") == flag:
            return value if equals else "".join(command[at + 1 : at + 2])
    return ""


def _flag_name(part: str) -> str:
    """Return the name of a flag as vLLM reads it: "--max-model-len" for "--max_model_len=512"."""
    name = part.partition("=")[0]
    if name.startswith("--"):
        name = name.replace("_", "-")
    return _SHORT.get(name, name)


def _with_model(command: Sequence[str], model: str, name: str, given: Set[str]) -> list[str]:
    if "--model" in given:
        return [*command, *_name_flags(name, given)]
    other_name = _name_flags(name, given) if name != model else []
    if "serve" not in command:
        return [*command, "--model", model, *other_name]
    # `vllm serve` refuses --model, and does not look for a positional model after all the flags.
    at = command.index("serve") + 1
    before, after = command[:at], command[at:]
    if after and not after[0].startswith("-"):
        return [*command, *_name_flags(name, given)]
    return [*before, model, *after, *other_name]


def _name_flags(name: str, given: Set[str]) -> list[str]:
    """The flags by which the server accepts requests for this name, and not for the model's path."""
    return [] if "--served-model-name" in given else ["--served-model-name", name]


def _address_flags(address: Address) -> tuple[str, ...]:
    if address.socket is not None:
        return "--uds", str(address.socket)
    return "--host", address.host, "--port", str(address.port)


def _flags(setup: VllmSetup, version: Version) -> Iterator[tuple[str, ...]]:
    if setup.format == MISTRAL:
        yield "--tokenizer-mode", "mistral"
        yield "--config-format", "mistral"
        yield "--load-format", "mistral"
    yield "--max-model-len", str(setup.max_model_len)
    yield "--max-num-seqs", str(setup.max_num_seqs)
    yield "--tensor-parallel-size", str(setup.tensor_parallel_size)
    if setup.data_parallel_size > 1:
        yield "--data-parallel-size", str(setup.data_parallel_size)
    yield "--gpu-memory-utilization", str(setup.gpu_memory_utilization)
    if version >= _STREAM_INTERVAL_SINCE:
        yield "--stream-interval", _STREAM_INTERVAL
    if setup.images or setup.videos:
        yield "--limit-mm-per-prompt", _media_limits(setup, version)


def _media_limits(setup: VllmSetup, version: Version) -> str:
    limits = {"image": setup.images, "video": setup.videos}
    limits = {kind: most for kind, most in limits.items() if most}
    if version >= _JSON_LIMITS_SINCE:
        return json.dumps(limits)
    return ",".join(f"{kind}={most}" for kind, most in limits.items())
