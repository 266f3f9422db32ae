"""A `docker run` (or podman) line taken apart: the program, its options, the image, and what runs inside.

Docker's own rule says where the image stands: it is the first word that is neither an option nor an
option's value. So one must know which options take no value; all others take one. Nothing is run here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = ("docker", "podman")

_SHORT = {
    "-a": "--attach", "-c": "--cpu-shares", "-d": "--detach", "-e": "--env", "-h": "--hostname",
    "-i": "--interactive", "-l": "--label", "-m": "--memory", "-P": "--publish-all", "-p": "--publish",
    "-q": "--quiet", "-t": "--tty", "-u": "--user", "-v": "--volume", "-w": "--workdir",
}  # fmt: skip
_OTHER_NAMES = {"--net": "--network"}

WITHOUT_VALUE = frozenset({
    "--detach", "--disable-content-trust", "--help", "--init", "--interactive", "--no-healthcheck",
    "--oom-kill-disable", "--privileged", "--publish-all", "--quiet", "--read-only", "--rm",
    "--sig-proxy", "--tty", "--use-api-socket",
    # podman's own
    "--env-host", "--http-proxy", "--no-hostname", "--no-hosts", "--passwd", "--read-only-tmpfs",
    "--replace", "--rmi", "--rootfs", "--tls-verify", "--unsetenv-all",
})  # fmt: skip
"""Options of `run` that stand alone; with a value they are written `--rm=false`."""

_GLOBAL_WITHOUT_VALUE = frozenset({
    "-D", "--debug", "--tls", "--tlsverify",
    # podman's own
    "-r", "--remote", "--noout", "--syslog", "--transient-store",
})  # fmt: skip
"""Options between the program and `run`."""


class BadCommandError(ValueError):
    """The configured command cannot be used; says what to change."""


@dataclass(frozen=True)
class Option:
    """One option of `run`."""

    name: str
    """The long one: "--env" for "-e"."""
    value: str | None
    """None when it stands alone."""

    @property
    def is_on(self) -> bool:
        """Whether an option that takes no value is set."""
        return self.value is None or self.value.lower() not in ("false", "f", "0")

    @property
    def words(self) -> tuple[str, ...]:
        """As it is given to Docker."""
        return (self.name,) if self.value is None else (f"{self.name}={self.value}",)


@dataclass(frozen=True)
class Mount:
    """A folder that a container sees, by --volume or --mount."""

    source: str
    """The folder's path on the box, or the name of a volume; empty for a volume without a name."""
    target: str
    """The path in the container."""


@dataclass(frozen=True)
class RunLine:
    """A whole `docker run` line."""

    program: tuple[str, ...]
    """Docker, with the options that stand before `run`."""
    options: tuple[Option, ...]
    image: str
    command: tuple[str, ...]
    """What follows the image: the command, or arguments of the image's own entrypoint."""

    def values(self, name: str) -> list[str]:
        """What an option is given, each time that it comes."""
        return [option.value or "" for option in self.options if option.name == name]

    def has(self, *names: str) -> bool:
        """Return whether the line has one of these options."""
        return any(option.name in names for option in self.options)

    def mounts(self) -> Iterator[Mount]:
        """The folders and volumes that the line mounts into the container."""
        for volume in self.values("--volume"):
            source, _, rest = volume.partition(":")
            target = rest.partition(":")[0]
            yield Mount(source if target else "", target or source)
        for mount in self.values("--mount"):
            fields = dict(field.partition("=")[::2] for field in next(csv.reader([mount]), []))
            source = fields.get("source", fields.get("src", ""))
            target = fields.get("target", fields.get("destination", fields.get("dst", "")))
            yield Mount(source, target)


def is_container(command: Sequence[str]) -> bool:
    """Whether this command starts a container."""
    return Path(command[0]).name in _PROGRAMS


def read_run_line(command: Sequence[str]) -> RunLine:
    """Take a `docker run` line apart. Raises BadCommandError."""
    program, rest = _split_at_run(command)
    options: list[Option] = []
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        read, rest = _read_options(rest)
        options += read
    if rest and rest[0] == "--":
        rest = rest[1:]
    if not rest:
        raise BadCommandError(f"{' '.join(command)!r} names no image")
    return RunLine(program, tuple(options), rest[0], tuple(rest[1:]))


def _split_at_run(command: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The program with the options of its own, and what follows `run`."""
    at = 1
    while at < len(command) and command[at].startswith("-"):
        alone = command[at] in _GLOBAL_WITHOUT_VALUE or "=" in command[at]
        at += 1 if alone else 2
    words = list(command[at:])
    if words[:1] == ["container"]:
        words = words[1:]
    if words[:1] != ["run"]:
        raise BadCommandError(
            f"a command that begins with {command[0]!r} must go on with `run`: the container is started "
            "and removed by the runner"
        )
    return tuple(command[:at]), words[1:]


def _read_options(rest: list[str]) -> tuple[list[Option], list[str]]:
    """The options that the first word holds (`-it` are two), and the words after them."""
    word, rest = rest[0], rest[1:]
    if word.startswith("--"):
        name, given, value = word.partition("=")
        name = _OTHER_NAMES.get(name, name)
        if given:
            return [Option(name, value)], rest
        if name in WITHOUT_VALUE:
            return [Option(name, None)], rest
        value, rest = _next_word(word, rest)
        return [Option(name, value)], rest
    found: list[Option] = []
    letters = word[1:]
    while letters:
        short, letters = f"-{letters[0]}", letters[1:]
        name = _SHORT.get(short, short)
        if letters.startswith("="):  # -e=NAME, and -d=false
            return [*found, Option(name, letters[1:])], rest
        if name in WITHOUT_VALUE:
            found.append(Option(name, None))
            continue
        value, rest = (letters, rest) if letters else _next_word(short, rest)
        return [*found, Option(name, value)], rest
    return found, rest


def _next_word(option: str, rest: list[str]) -> tuple[str, list[str]]:
    if not rest:
        raise BadCommandError(f"the option {option} at the end of the command lacks its value")
    return rest[0], rest[1:]
