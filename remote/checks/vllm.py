"""Checks which vLLM would be started, and whether that is possible."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence

from remote.checks.container import ContainerCommand
from remote.checks.examination import Good, Wrong, gib, run_program
from remote.engines.vllm.container import find_run_line
from remote.engines.vllm.data_parallel import why_too_old
from remote.engines.vllm.docker_run import BadCommandError, is_podman
from remote.engines.vllm.installation import NEWEST_KNOWN, Version, find_version

_OLDEST: Version = (0, 8, 0)
_KNOWN = f"{_OLDEST[0]}.{_OLDEST[1]} to {NEWEST_KNOWN[0]}.{NEWEST_KNOWN[1]}"


async def find_command(command: Sequence[str], environment: Mapping[str, str]) -> Good[str]:
    """Find the program of the command."""
    try:
        find_run_line(command)
    except BadCommandError as error:
        raise Wrong(
            f"the command cannot be used: {error}", "Change vllm.command of the box."
        ) from None
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        raise Wrong(
            f"there is no {command[0]} on the box's PATH",
            "Install vLLM there (pip install vllm), or say where it is: vllm.command of the box, "
            'as in ["/opt/vllm/bin/vllm", "serve"]. A PATH that ~/.bashrc sets does not count here.',
        )
    return Good(program, program)


async def find_vllm_version(
    command: Sequence[str], environment: Mapping[str, str], engines: int = 1
) -> Good[Version | None]:
    """Find the version, from the package's metadata or the image's tag.

    `engines` is the setting data_parallel_size, for which a version may be too old.
    """
    version = await find_version(command, environment)
    if version is None:
        newest = ".".join(map(str, NEWEST_KNOWN))
        return Good(
            None, "the version cannot be found out",
            f"It is started as {newest} would be. If that goes wrong, name it: an image with its version "
            "as tag, or the vllm script of its environment.",
        )  # fmt: skip
    shown = ".".join(map(str, version))
    if version < _OLDEST:
        raise Wrong(f"{shown} is too old; {_KNOWN} are known", "Upgrade it: pip install -U vllm")
    if why := why_too_old(engines, version):
        raise Wrong(why, "Upgrade vLLM there, or set vllm.data_parallel_size of the box to 1.")
    if version[:2] > NEWEST_KNOWN[:2]:
        return Good(
            version, f"{shown} is newer than any that is known ({_KNOWN})",
            "It may well work. If it does not, install one of those.",
        )  # fmt: skip
    return Good(version, shown)


async def find_docker(container: ContainerCommand, environment: Mapping[str, str]) -> Good[None]:
    """Check whether Docker's daemon answers, or podman works. Says so where `docker` is podman."""
    program = shlex.join(container.program)
    ran = await run_program(
        [*container.program, "version", "--format", "{{.Server.Version}}"], environment
    )
    by_podman = is_podman(container.program[0], environment.get("PATH"))
    if ran.code:
        raise Wrong(
            f"{program} does not answer: {ran.last_words}",
            f"Try `{program} info` there: podman says why."
            if by_podman
            else "Is its daemon running (systemctl status docker), and may you use it (the group docker)? "
            f"Try `{program} info` there.",
        )
    name = f"{program}, which is podman," if by_podman and "podman" not in program else program
    return Good(None, f"{name} {ran.output.strip() or 'answers'}")


async def find_image(container: ContainerCommand, environment: Mapping[str, str]) -> Good[None]:
    """Check whether the image is on the box already."""
    ran = await run_program(
        [*container.program, "image", "inspect", "--format", "{{.Size}}", container.image],
        environment,
    )
    if ran.code:
        pull = shlex.join([*container.program, "pull", container.image])
        return Good(
            None, f"{container.image} is not there; the first start would fetch it",
            f"Fetch it beforehand, on the box: {pull}",
        )  # fmt: skip
    size = ran.output.strip()
    return Good(None, f"{container.image}" + (f", {gib(int(size))}" if size.isdecimal() else ""))
