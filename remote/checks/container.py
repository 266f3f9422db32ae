"""A `docker run` line, read: the image, and which of the box's folders are seen inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_PROGRAMS = ("docker", "podman")
_WITHOUT_VALUE = {
    "--detach", "--disable-content-trust", "--env-host", "--help", "--init", "--interactive",
    "--no-healthcheck", "--oom-kill-disable", "--privileged", "--publish-all", "--quiet", "--read-only",
    "--replace", "--rm", "--rootfs", "--sig-proxy", "--tls-verify", "--tty", "--use-api-socket",
}  # fmt: skip
_LETTERS_WITHOUT_VALUE = set("diqtP")
_MOUNTS = ("-v", "--volume", "--mount")


@dataclass(frozen=True)
class Mount:
    """A folder of the box that a container sees."""

    outside: Path
    inside: PurePosixPath


@dataclass(frozen=True)
class Container:
    """What a `docker run` line would start."""

    program: str
    """"docker" or "podman", as the line has it."""
    image: str
    mounts: tuple[Mount, ...]
    arguments: tuple[str, ...]
    """What comes after the image: vLLM's own."""

    def outside(self, inside: str) -> Path | None:
        """The path on the box of a path inside; None when no mount shows it."""
        path = PurePosixPath(inside)
        fitting = [mount for mount in self.mounts if path.is_relative_to(mount.inside)]
        if not fitting:
            return None
        nearest = max(fitting, key=lambda mount: len(mount.inside.parts))
        return nearest.outside / path.relative_to(nearest.inside)


def read_container(command: Sequence[str]) -> Container | None:
    """The container of this command; None when it is no `docker run` line that can be understood."""
    program, *rest = command
    if Path(program).name not in _PROGRAMS or "run" not in rest:
        return None
    options = rest[rest.index("run") + 1 :]
    mounts: list[Mount] = []
    while options and options[0].startswith("-"):
        name, equals, value = options.pop(0).partition("=")
        if not equals and _takes_value(name):
            if not options:
                return None
            value = options.pop(0)
        if name in _MOUNTS:
            mounts += _mount(name, value)
    if not options:
        return None
    image, *arguments = options
    return Container(program, image, tuple(mounts), tuple(arguments))


def _takes_value(name: str) -> bool:
    if name.startswith("--"):
        return name not in _WITHOUT_VALUE
    return not set(name[1:]) <= _LETTERS_WITHOUT_VALUE


def _mount(name: str, value: str) -> Iterator[Mount]:
    if name == "--mount":
        fields = dict(field.partition("=")[::2] for field in value.split(","))
        outside = fields.get("source", fields.get("src", ""))
        inside = fields.get("target", fields.get("destination", fields.get("dst", "")))
    else:
        outside, inside, *_ = [*value.split(":"), ""]
    # A volume has a name instead of a path; what is in it cannot be seen from here.
    if outside.startswith("/") and inside:
        yield Mount(Path(outside), PurePosixPath(inside))
