"""Reads a `docker run` (or podman) line: the program, its options, the image, and the command in the
container.

By Docker's rule, the image is the first word that is neither an option nor an option's value. So this
module lists the options that take no value; all others take one. It runs nothing.
Of the disk it reads only whether `docker` is podman.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PODMAN = "podman"
_PROGRAMS = ("docker", _PODMAN)
_SCRIPT_BYTES = 4096

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
"""Options of `run` that take no value; they may get one only as in `--rm=false`."""

_GLOBAL_WITHOUT_VALUE = frozenset({
    "-D", "--debug", "--tls", "--tlsverify",
    # podman's own
    "-r", "--remote", "--noout", "--syslog", "--transient-store",
})  # fmt: skip
"""Options without a value that may come between the program and `run`."""


class BadCommandError(ValueError):
    """The configured command cannot be used; the message says what to change."""


@dataclass(frozen=True)
class Option:
    """One option of `run`."""

    name: str
    """The long name: "--env" for "-e"."""
    value: str | None
    """None for an option without a value."""

    @property
    def is_on(self) -> bool:
        """Whether an option that takes no value is set, and not switched off by "=false"."""
        return self.value is None or self.value.lower() not in ("false", "f", "0")

    @property
    def words(self) -> tuple[str, ...]:
        """The option as words of a command line."""
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
    """The program (docker or podman), with the options before `run`."""
    options: tuple[Option, ...]
    image: str
    command: tuple[str, ...]
    """The words after the image: a command, or arguments of the image's entrypoint."""

    def values(self, name: str) -> list[str]:
        """The values of an option, one for each time that it is on the line."""
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
    """Return whether this command starts a container."""
    return Path(command[0]).name in _PROGRAMS


def is_podman(program: str, path: str | None = None) -> bool:
    """Return whether a program is podman, which may have the name `docker`: as a link, or as a script that
    calls it. Reads the disk; `path` is the PATH of the program.
    """
    found = shutil.which(program, path=path)
    if Path(program).name == _PODMAN or found is None:
        return Path(program).name == _PODMAN
    if Path(found).resolve().name == _PODMAN:
        return True
    try:
        with Path(found).open("rb") as file:
            beginning = file.read(_SCRIPT_BYTES)
    except OSError:
        return False
    return beginning.startswith(b"#!") and _PODMAN.encode() in beginning


def read_run_line(command: Sequence[str]) -> RunLine:
    """Read a `docker run` line. Raises BadCommandError."""
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
    """Split a command into the program with its own options, and the words after `run`."""
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
    """Read the options in the first word (`-it` are two). Returns them and the words after them."""
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
