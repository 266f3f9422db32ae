"""vLLM in a container: the configured `docker run` line with what the container needs and the user did
not give, and the container's certain end.

The server listens on a port, never on a Unix socket: in the container it is most often root, and a
socket that root makes is not for the box's user to write to; with user namespaces or rootless podman
it belongs to nobody at all. The port is published on the box's loopback alone, and the key keeps the
box's other users out.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote.engines.vllm.docker_run import (
    BadCommandError,
    Option,
    RunLine,
    is_container,
    read_run_line,
)
from remote.engines.vllm.run_command import run_command

_log = logging.getLogger("vllm")

_REMOVE_SECONDS = 60.0
"""A container whose processes hang in the GPU's driver takes its time."""
_GONE = ("no such container", "no container with", "already in progress")
"""What Docker and podman say when there is nothing left to remove, or when `--rm` is at it."""
_TERMINAL = ("--interactive", "--tty")
_CACHE = "huggingface"
_PODMAN = "podman"


class ContainerStaysError(Exception):
    """A container cannot be removed, and may hold the GPU."""


@dataclass(frozen=True)
class Container:
    """A container that is ours, by its name."""

    program: tuple[str, ...]
    """Docker, with the options that stand before its commands."""
    name: str

    async def remove(self, environment: Mapping[str, str]) -> None:
        """End and remove it, if it is there. Raises ContainerStaysError, and OSError without Docker."""
        command = [*self.program, "rm", "--force", self.name]
        ended = await run_command(command, _REMOVE_SECONDS, environment)
        if ended.code and not any(words in ended.errors.lower() for words in _GONE):
            why = ended.errors.strip() or f"exit status {ended.code}"
            raise ContainerStaysError(f"the container {self.name} cannot be removed: {why}")


@dataclass(frozen=True)
class Needs:
    """What the server in the container is to have."""

    name: str
    """Of the container."""
    port: int
    """On the box's loopback, and inside."""
    variables: Sequence[str]
    """The environment that it gets, by name: Docker takes the values from its own, so that no command
    line tells them."""
    model: str
    """A path on the box, or a name of the Hugging Face Hub."""
    hub: Path
    """Where the box keeps what comes from there: HF_HOME."""
    devices: str
    """The GPUs that it may see, as in "0,1"; empty for those that the line gives."""


def find_run_line(command: Sequence[str]) -> RunLine | None:
    """The line, when this command starts a container. Raises BadCommandError for one that cannot work."""
    if Path(command[0]).name == "sudo" and any(is_container([word]) for word in command[1:]):
        raise BadCommandError(
            "`sudo` in front of docker keeps the environment from it; leave it out, and have the box's "
            "user put into the group `docker`"
        )
    if not is_container(command):
        return None
    line = read_run_line(command)
    if any(option.name == "--detach" and option.is_on for option in line.options):
        raise BadCommandError(
            "--detach (-d) would leave the container to itself; leave it out: the runner starts it, "
            "watches it, and ends it"
        )
    if any(value not in ("", "no") for value in line.values("--restart")):
        raise BadCommandError("--restart is the runner's task: leave it out")
    for network in line.values("--network"):
        if network == "none" or network.startswith("container:"):
            raise BadCommandError(
                f"with --network {network} nobody could reach the server; leave it out"
            )
    return line


def is_on_host_network(line: RunLine) -> bool:
    """Whether the container has no network of its own, so that its loopback is the box's."""
    return "host" in line.values("--network")


def complete_run_line(line: RunLine, needs: Needs, inside: Sequence[str]) -> tuple[str, ...]:
    """The whole command; `inside` is what follows the image. Looks at the box's disk."""
    # We end the container by its name, so it must be one that is nobody else's; and there is no terminal.
    given = [option for option in line.options if option.name not in ("--name", *_TERMINAL)]
    options = [*given, *_missing(line, needs)]
    words = [word for option in options for word in option.words]
    return (*line.program, "run", *words, line.image, *inside)


def _missing(line: RunLine, needs: Needs) -> Iterator[Option]:
    yield Option("--name", needs.name)
    if not line.has("--rm"):
        yield Option("--rm", None)
    if not line.has("--ipc", "--shm-size"):
        yield Option(
            "--ipc", "host"
        )  # its processes exchange data there; Docker's own 64 MB are too few
    if not is_on_host_network(line):
        yield Option("--publish", f"127.0.0.1:{needs.port}:{needs.port}")
    yield from _devices(line, needs.devices)
    yield from _mounts(line, needs)
    for variable in needs.variables:
        yield Option("--env", variable)


def _devices(line: RunLine, devices: str) -> Iterator[Option]:
    if not devices:
        return
    if line.has("--gpus", "--device", "--runtime"):
        # Of the GPUs that the line gives, these.
        if not _gives_variable(line, "CUDA_VISIBLE_DEVICES"):
            yield Option("--env", "CUDA_VISIBLE_DEVICES")
    elif Path(line.program[0]).name == _PODMAN:
        for device in devices.split(","):
            yield Option("--device", f"nvidia.com/gpu={device.strip()}")
    else:
        yield Option("--gpus", f'"device={devices}"')  # the quotes keep the comma from ending it


def _mounts(line: RunLine, needs: Needs) -> Iterator[Option]:
    mounted = [Path(mount.target) for mount in line.mounts() if mount.target]
    model = Path(needs.model)
    if model.is_absolute():
        # One that the box does not have is in the image, or where the line mounts it.
        for folder in _folders_of(model) if model.exists() else ():
            if not any(folder.is_relative_to(there) for there in mounted):
                yield _mount(folder, read_only=True)
    elif not _gives_variable(line, "HF_HOME") and not any(path.name == _CACHE for path in mounted):
        needs.hub.mkdir(parents=True, exist_ok=True)
        yield _mount(needs.hub, read_only=False)
        if "HF_HOME" not in needs.variables:
            yield Option("--env", "HF_HOME")


def _folders_of(model: Path) -> list[Path]:
    """The model's folder, and those that its links lead to, as in the cache of the Hugging Face Hub."""
    targets = {entry.resolve().parent for entry in model.iterdir()} if model.is_dir() else set()
    outside = {folder for folder in targets if not folder.is_relative_to(model.resolve())}
    return [model, *sorted(outside)]


def _mount(path: Path, *, read_only: bool) -> Option:
    """At its own path. --mount, unlike --volume, makes no folder for a path that is not there."""
    fields = ["type=bind", f"src={path}", f"dst={path}", *(["readonly"] if read_only else [])]
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)  # a path may have a comma in it
    return Option("--mount", text.getvalue())


def _gives_variable(line: RunLine, name: str) -> bool:
    return any(value.partition("=")[0] == name for value in line.values("--env"))
