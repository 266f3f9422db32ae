"""Reads from the log of a vLLM that did not start why that is, and whether another start can succeed.

What is known never to pass by itself (a model that is not there, an option that this vLLM does not have) is a
verdict. Everything else may: another process frees the GPU, the hub can be reached again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST_CAUSE = 400
"""Characters."""
_WHO = re.compile(
    r"^(?:\([^()]{1,40} pid=\d{1,10}\) *){1,3}(?:(?:ERROR|WARNING|INFO) [^\]]{1,80}\] *)?|^ERROR +"
)
"""What vLLM writes before a line: which process it is from, and when."""
_QUIET = re.compile(
    r"^(?:\([^()]{1,60}\) *){0,3}(?:DEBUG|INFO|WARNING)\b|\b[A-Z]\w{0,40}Warning: |"
    r"\bthrown while requesting |^(?:Run|See) '(?:docker|podman) |^Emulate Docker CLI |^Trying to pull "
)
"""Lines that are no cause: servers that start well write them, too, and Docker's hints follow any error."""
_ERROR = re.compile(r"\b\w{0,60}(?:Error|Exception)\b|\berror:", re.IGNORECASE)
_ECHO = re.compile(
    r"Engine core initialization failed|Engine process failed to start|EngineDeadError|root cause|"
    r"initialization failed due to an exception in a background process",
    re.IGNORECASE,
)
"""Lines that only say that something else went wrong."""
_FOR_GOOD = re.compile(
    "|".join(
        (
            # the model
            r"is not a valid model identifier",
            r"Repo id must ",
            r"Invalid repository ID or local directory",
            r"does not appear to have a file named config\.json",
            r"(?:Could not detect|No supported) config format",
            r"RepositoryNotFoundError",
            r"gated repo",
            r"No tokenizer file found|Make sure that a Mistral tokenizer is present",
            r"Model architectures? .{1,300} (?:is|are) not supported",
            r"Transformers does not recognize this architecture",
            r"is greater than the derived max_model_len",
            r"chat template is no longer allowed|tokenizer\.chat_template is not set",
            # vLLM and its command
            r"error: unrecognized arguments|error: argument --|got an unexpected keyword argument",
            r"No module named vllm|No package metadata was found for vllm",
            r"\b(?:vllm|docker|podman|python[\d.]{0,5}|conda|apptainer): (?:command )?not found",
            r"command not found: (?:vllm|docker|podman|python[\d.]{0,5}|conda|apptainer)",
            r"executable file not found in \$PATH",
            r'exec: "[^"\n]{1,200}": stat [^\n]{1,200}: no such file',
            r"is already used by a Transformers config",
            r"operator torchvision::nms does not exist",
            r"undefined symbol|GLIBC_[\d.]{1,9}' not found",
            # Docker and podman
            r"pull access denied|manifest for \S{1,200} not found",
            r"did not resolve to an alias|image not known|repository name \S{0,200} ?must be lowercase",
            r"reading manifest [^\n]{1,300}: (?:manifest unknown|name unknown|denied|unauthorized)",
            r"requested access to the resource is denied",
            r"permission denied while trying to connect to the docker",
            r"docker\.sock: connect: permission denied",
            r"unable to connect to Podman socket: [^\n]{1,300}: permission denied",
            r"unknown (?:shorthand )?flag: |unable to resolve docker endpoint",
            r"unable to find (?:user|network) ",
            r"could not select device driver|unknown or invalid runtime name|unresolvable CDI devices|"
            r"OCI runtime \S{1,80} not found",
            # the GPU and its driver
            r"no kernel image is available for execution",
            r"Bfloat16 is only supported on GPUs",
            r"must be divisible by tensor parallel size",
            r"is larger than the number of available GPUs",
            r"driver (?:version is insufficient|on your system is too old)",
        )
    ),
    re.IGNORECASE,
)
_MAY_PASS = re.compile(
    r"couldn't connect to|LocalEntryNotFound|Max retries exceeded|timed out|out of memory|No space left",
    re.IGNORECASE,
)
"""Causes beside which a line of `_FOR_GOOD` is only what follows from them."""


def cause_of(lines: Sequence[str]) -> str:
    """Return the line that says best why the server ended; empty when there are no lines."""
    told = [_WHO.sub("", line).strip() for line in lines]
    told = [line for line in told if line]
    firm = [
        _WHO.sub("", line).strip() for line in lines if line.strip() and not _QUIET.search(line)
    ]
    for of_kind in (_FOR_GOOD.search, _is_error):
        for line in reversed(firm):
            if of_kind(line):
                return line[:_LONGEST_CAUSE]
    last = firm[-1:] or told[-1:]
    return last[0][:_LONGEST_CAUSE] if last else ""


def is_for_good(lines: Sequence[str]) -> bool:
    """Return whether no later start can succeed unless somebody changes the box or its settings."""
    text = "\n".join(line for line in lines if not _QUIET.search(line))
    return _FOR_GOOD.search(text) is not None and _MAY_PASS.search(text) is None


def _is_error(line: str) -> bool:
    return _ERROR.search(line) is not None and _ECHO.search(line) is None
