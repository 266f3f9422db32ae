"""vLLM in a container: adds the options that the configured `docker run` line lacks, and removes the
container.

The server listens on a port, never on a Unix socket: in the container it mostly runs as root, and the box's
user may not write to a socket of root; with user namespaces or rootless podman the socket has no known
owner at all. The port is published on the box's loopback alone, and the key keeps the box's other users
out.
"""

from __future__ import annotations

import contextlib
import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
"""Time limit for a removal: a container whose processes hang in the GPU's driver takes long."""
_GONE = ("no such container", "no container with", "already in progress")
"""Errors of Docker and podman when no container is left to remove, or `--rm` is removing it already."""
_FINDING = frozenset({
    "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS_VERIFY",
    "CONTAINER_CONNECTION", "CONTAINER_HOST", "CONTAINER_SSHKEY", "CONTAINERS_CONF",
    "CONTAINERS_CONF_OVERRIDE", "CONTAINERS_STORAGE_CONF", "STORAGE_DRIVER", "XDG_DATA_HOME",
})  # fmt: skip
"""Variables that say which Docker or podman is meant, and where it keeps its containers. None is a secret."""
_DEVICE_LISTS = (Path("/etc/cdi"), Path("/var/run/cdi"))
_GPU = "nvidia.com/gpu"
_TERMINAL = ("--interactive", "--tty")
_CACHE = "huggingface"


class ContainerStaysError(Exception):
    """A container cannot be removed, and may hold the GPU."""


@dataclass(frozen=True)
class Container:
    """A container that the runner has started, by its name."""

    program: tuple[str, ...]
    """The program (docker or podman), with the options before its command."""
    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """The environment variables that say which Docker or podman has it, such as DOCKER_HOST. A later daemon
    may have others."""

    @classmethod
    def from_note(cls, note: object) -> Container | None:
        """Read a container from the pid file; None when there is none, or when another program is named.

        Raises KeyError and AttributeError for what is no such note.
        """
        if not isinstance(note, dict):
            return None
        program, name = tuple(map(str, note["program"])), str(note["name"])
        variables = {str(key): str(value) for key, value in note.get("variables", {}).items()}
        known = bool(program) and is_container(program) and bool(name)
        return cls(program, name, which_docker(variables)) if known else None

    @property
    def note(self) -> dict[str, object]:
        """The container as it stands in the pid file."""
        return {"program": self.program, "name": self.name, "variables": dict(self.variables)}

    async def remove(self, environment: Mapping[str, str]) -> None:
        """End and remove the container, if it exists. Raises ContainerStaysError, and OSError without
        Docker.
        """
        command = [*self.program, "rm", "--force", self.name]
        ended = await run_command(command, _REMOVE_SECONDS, {**environment, **self.variables})
        if ended.code and not any(words in ended.errors.lower() for words in _GONE):
            why = ended.errors.strip() or f"exit status {ended.code}"
            raise ContainerStaysError(f"the container {self.name} cannot be removed: {why}")


@dataclass(frozen=True)
class Needs:
    """What the server in the container needs."""

    name: str
    """The name of the container."""
    port: int
    """The port on the box's loopback and in the container."""
    variables: Sequence[str]
    """The names of its environment variables. Docker takes the values from its own environment, so that no
    command line shows them."""
    model: str
    """A path on the box, or a name of the Hugging Face Hub."""
    hub: Path
    """The folder on the box for downloads from the Hub: HF_HOME."""
    devices: str
    """The GPUs that the container may use, such as "0,1"; empty for those that the line names."""
    is_podman: bool = False
    """Whether the program is podman."""
    lists_gpus: bool = False
    """Whether a list of devices on the box (CDI), from which podman takes them, names its GPUs."""


def which_docker(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which Docker's client or podman finds its containers."""
    return {name: value for name, value in environment.items() if name in _FINDING}


def find_run_line(command: Sequence[str]) -> RunLine | None:
    """Read and check the `docker run` line of a command; None for a command that starts no container.

    Raises BadCommandError for a line that cannot work.
    """
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


def lists_gpus(folders: Sequence[Path] = _DEVICE_LISTS) -> bool:
    """Return whether a list of devices (CDI) names GPUs. Reads the disk."""
    for folder in folders:
        for file in (*folder.glob("*.json"), *folder.glob("*.yaml")):
            with contextlib.suppress(OSError):
                if _GPU in file.read_text(errors="replace"):
                    return True
    return False


def is_on_host_network(line: RunLine) -> bool:
    """Return whether the container uses the box's network, and so the box's loopback."""
    return "host" in line.values("--network")


def complete_run_line(line: RunLine, needs: Needs, inside: Sequence[str]) -> tuple[str, ...]:
    """Return the whole command; `inside` are the words after the image. Reads the box's disk."""
    # The runner removes the container by its name, so the name must be unique; and there is no terminal.
    dropped = ("--name", *_TERMINAL, *(("--gpus",) if _is_passed_over(line, needs) else ()))
    given = [option for option in line.options if option.name not in dropped]
    options = [*given, *_missing_options(line, needs)]
    words = [word for option in options for word in option.words]
    return (*line.program, "run", *words, line.image, *inside)


def _missing_options(line: RunLine, needs: Needs) -> Iterator[Option]:
    yield Option("--name", needs.name)
    if not line.has("--rm"):
        yield Option("--rm", None)
    if not line.has("--ipc", "--shm-size"):
        yield Option(
            "--ipc", "host"
        )  # its processes exchange data there; Docker's own 64 MB are too few
    if not is_on_host_network(line):
        yield Option("--publish", f"127.0.0.1:{needs.port}:{needs.port}")
    yield from _device_options(line, needs)
    yield from _mount_options(line, needs)
    for variable in needs.variables:
        yield Option("--env", variable)


def _device_options(line: RunLine, needs: Needs) -> Iterator[Option]:
    if _is_passed_over(line, needs):
        for device in needs.devices.split(",") if needs.devices else gpus_of(line):
            yield Option("--device", f"{_GPU}={device.strip()}")
    elif not needs.devices:
        return
    elif line.has("--gpus", "--device", "--runtime"):
        # The line names GPUs; the variable selects among them.
        if not _gives_variable(line, "CUDA_VISIBLE_DEVICES"):
            yield Option("--env", "CUDA_VISIBLE_DEVICES")
    elif needs.is_podman:
        for device in needs.devices.split(","):
            yield Option("--device", f"{_GPU}={device.strip()}")
    else:
        yield Option(
            "--gpus", f'"device={needs.devices}"'
        )  # the quotes keep the comma from ending it


def _is_passed_over(line: RunLine, needs: Needs) -> bool:
    """Return whether podman may pass over the --gpus of the line, and takes the same GPUs by --device.

    podman 4 accepts --gpus, which then does nothing. Without a list of devices, a hook may give the GPUs.
    """
    return needs.is_podman and needs.lists_gpus and line.has("--gpus")


def gpus_of(line: RunLine) -> list[str]:
    """The GPUs that --gpus names, in the words of a list of devices (CDI)."""
    value = line.values("--gpus")[-1].strip('"')
    if value.startswith("device="):
        return value.removeprefix("device=").split(",")
    return list(map(str, range(int(value)))) if value.isdecimal() else ["all"]


def _mount_options(line: RunLine, needs: Needs) -> Iterator[Option]:
    mounted = [Path(mount.target) for mount in line.mounts() if mount.target]
    model = Path(needs.model)
    if model.is_absolute():
        # A model that does not exist on the box is in the image, or in a folder that the line mounts.
        for folder in _folders_of(model) if model.exists() else ():
            if not any(folder.is_relative_to(there) for there in mounted):
                yield _mount_option(folder, read_only=True)
    elif not _gives_variable(line, "HF_HOME") and not any(path.name == _CACHE for path in mounted):
        needs.hub.mkdir(parents=True, exist_ok=True)
        yield _mount_option(needs.hub, read_only=False)
        if "HF_HOME" not in needs.variables:
            yield Option("--env", "HF_HOME")


def _folders_of(model: Path) -> list[Path]:
    """The model's folder, and the folders that its symbolic links lead to, as in the Hugging Face cache."""
    targets = {entry.resolve().parent for entry in model.iterdir()} if model.is_dir() else set()
    outside = {folder for folder in targets if not folder.is_relative_to(model.resolve())}
    return [model, *sorted(outside)]


def _mount_option(path: Path, *, read_only: bool) -> Option:
    """Mount a folder at the same path. Unlike --volume, --mount makes no folder for a missing path."""
    fields = ["type=bind", f"src={path}", f"dst={path}", *(["readonly"] if read_only else [])]
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)  # a path may have a comma in it
    return Option("--mount", text.getvalue())


def _gives_variable(line: RunLine, name: str) -> bool:
    return any(value.partition("=")[0] == name for value in line.values("--env"))
