"""What the container of a `docker run` line sees of the box's folders, as the engine will start it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from remote.engines.vllm.container import run_line_of
from remote.engines.vllm.docker_run import BadCommandError, RunLine


@dataclass(frozen=True)
class Mount:
    """A folder of the box that a container sees."""

    outside: Path
    inside: PurePosixPath


@dataclass(frozen=True)
class ContainerCommand:
    """What a `docker run` line would start."""

    program: str
    """"docker" or "podman", as the line has it."""
    image: str
    mounts: tuple[Mount, ...]
    arguments: tuple[str, ...]
    """What comes after the image: vLLM's own."""

    def outside(self, inside: str) -> Path | None:
        """The path on the box of a path inside; None when no mount shows it.

        A path that is there on the box is shown, too: the engine mounts the model where it lies.
        """
        path = PurePosixPath(inside)
        fitting = [mount for mount in self.mounts if path.is_relative_to(mount.inside)]
        if not fitting:
            return Path(inside) if Path(inside).exists() else None
        nearest = max(fitting, key=lambda mount: len(mount.inside.parts))
        return nearest.outside / path.relative_to(nearest.inside)


def read_container(command: Sequence[str]) -> ContainerCommand | None:
    """The container of this command; None for a command that starts none, or none that could work."""
    try:
        line = run_line_of(command)
    except BadCommandError:
        return None
    if line is None:
        return None
    return ContainerCommand(line.program[0], line.image, tuple(_mounts(line)), line.command)


def _mounts(line: RunLine) -> Iterator[Mount]:
    """The folders; a volume has a name instead of a path, and what is in it cannot be seen from here."""
    for volume in line.values("--volume"):
        outside, _, rest = volume.partition(":")
        yield from _mount(outside, rest.partition(":")[0])
    for mount in line.values("--mount"):
        fields = dict(field.partition("=")[::2] for field in next(csv.reader([mount]), []))
        outside = fields.get("source", fields.get("src", ""))
        inside = fields.get("target", fields.get("destination", fields.get("dst", "")))
        yield from _mount(outside, inside)


def _mount(outside: str, inside: str) -> Iterator[Mount]:
    if outside.startswith("/") and inside:
        yield Mount(Path(outside), PurePosixPath(inside))
