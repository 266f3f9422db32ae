"""A fingerprint of the model that vLLM serves: equal for equal weights, whatever their path and box."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from remote.engines.fingerprint import fingerprint
from remote.engines.vllm.flags import flag_value, loaded_model
from remote.engines.vllm.model_files import find_model_folder
from remote.protocol import Json

_FLAGS = (
    "--quantization",
    "--dtype",
    "--load-format",
    "--lora-modules",
    "--hf-overrides",
    "--tokenizer",
    "--chat-template",
)
"""The flags of vLLM that change what a model answers."""
_READ = (".json", ".jinja")
_COUNTED = (".safetensors", ".bin", ".pt", ".gguf")
_MOST_READ = 1 << 20
"""Bytes of a file whose content is hashed; of larger files, the size is."""


def model_fingerprint(model: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the fingerprint of the model that this command serves. Reads small files, and sizes of others.

    Where the model's folder is not on this machine, its name must do.
    """
    loaded = loaded_model(command, model)
    revision = flag_value(command, "--revision")
    folder = find_model_folder(loaded, revision, environment)
    flags = [f"{flag}={value}" for flag in _FLAGS if (value := flag_value(command, flag))]
    facts: list[Json] = [*flags]
    if folder is None:
        return fingerprint("vllm", [*facts, loaded, revision])
    return fingerprint("vllm", [*facts, *_describe_files(folder)])


def _describe_files(folder: Path) -> Iterator[str]:
    for file in sorted(folder.iterdir()):
        try:
            size = file.stat().st_size
            if file.suffix in _READ and size <= _MOST_READ:
                yield f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"
            elif file.suffix in (*_READ, *_COUNTED):
                yield f"{file.name} {size}"
        except OSError as error:
            yield f"{file.name}: {error.strerror}"
