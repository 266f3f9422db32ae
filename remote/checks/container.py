"""Finds out what the container of a `docker run` line sees of the box's folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from remote.engines.vllm.container import find_run_line
from remote.engines.vllm.docker_run import BadCommandError, Mount


@dataclass(frozen=True)
class ContainerCommand:
    """The container that a `docker run` line would start."""

    program: tuple[str, ...]
    """"docker" or "podman", as the line writes it, with the options before `run`."""
    image: str
    mounts: tuple[Mount, ...]
    """The mounted folders of the box, and volumes. What a volume holds cannot be seen from outside Docker."""
    arguments: tuple[str, ...]
    """The words after the image: vLLM's own arguments."""

    def path_on_box(self, path: str) -> Path | None:
        """Return where on the box a path of the container lies; None when no mount covers it.

        A path that exists on the box counts as covered: the engine mounts the model at its own path.
        """
        inside = PurePosixPath(path)
        fitting = [mount for mount in self.mounts if inside.is_relative_to(mount.target)]
        if not fitting:
            return Path(path) if Path(path).exists() else None
        nearest = max(fitting, key=lambda mount: len(PurePosixPath(mount.target).parts))
        if not nearest.source.startswith("/"):
            return None
        return Path(nearest.source) / inside.relative_to(nearest.target)


def find_container(command: Sequence[str]) -> ContainerCommand | None:
    """The container of this command; None for a command that starts no container or cannot work."""
    try:
        line = find_run_line(command)
    except BadCommandError:
        return None
    if line is None:
        return None
    folders = tuple(m for m in line.mounts() if m.target)
    return ContainerCommand(line.program, line.image, folders, line.command)
