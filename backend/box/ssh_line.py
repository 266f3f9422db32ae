"""Reads the `ssh …` line by which those who rent out machines tell how to log in."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from backend.box.ssh_config.destination import Destination, parse_destination, parse_port
from backend.errors import InputError

_WITH_VALUE = "BbcDEeFIiJLlmOoPpQRSWw"
"""The options of OpenSSH's client that a value follows."""
_KEYWORDS = {"i": "IdentityFile", "J": "ProxyJump"}


@dataclass(frozen=True, slots=True)
class SshLine:
    """How to log in, as a line tells it."""

    destination: Destination
    options: tuple[tuple[str, str], ...] = field(default=())
    """What only the ssh config can say, as its keywords and values."""

    @classmethod
    def nowhere(cls) -> SshLine:
        """A line that leads to this machine."""
        return cls(Destination(""))

    @property
    def host(self) -> str:
        """The destination as a box's setting `host` has it."""
        there = self.destination
        host = f"[{there.host}]" if ":" in there.host else there.host
        user = f"{there.user}@" if there.user else ""
        return f"{user}{host}" + (f":{there.port}" if there.port else "")

    def config_block(self, alias: str) -> str:
        """Return the lines of an ssh config that make this host known under another name."""
        there = self.destination
        lines = [f"Host {alias}", f"  HostName {there.host}"]
        lines += [f"  Port {there.port}"] if there.port else []
        lines += [f"  User {there.user}"] if there.user else []
        return "\n".join([*lines, *(f"  {keyword} {value}" for keyword, value in self.options)])


def read_ssh_line(text: str) -> SshLine:
    """Read `ssh -p 2222 root@host` and the like, or a host as the settings have it. Raises InputError."""
    try:
        words = shlex.split(text)
        if not words or words[0] != "ssh":
            return SshLine(parse_destination(text.strip()))
        return _read_words(words[1:])
    except ValueError as error:
        raise InputError(
            f"that names no host: {error}",
            "Type a Host of ~/.ssh/config, user@host:port, or the whole line `ssh -p PORT USER@HOST`.",
        ) from error


def _read_words(words: list[str]) -> SshLine:
    """Read the words after `ssh`. Those after the host are a command, and do not count."""
    port: int | None = None
    user: str | None = None
    options: list[tuple[str, str]] = []
    while words and words[0].startswith("-"):
        word = words.pop(0)
        letter = next((letter for letter in word[1:] if letter in _WITH_VALUE), "")
        if not letter:
            continue  # a switch such as -A, which changes nothing for us
        value = word.partition(letter)[2] or (words.pop(0) if words else "")
        if not value:
            raise ValueError(f"nothing follows -{letter}")
        if letter == "p":
            port = parse_port(value)
        elif letter == "l":
            user = value
        elif letter == "o":
            keyword, _, setting = value.replace("=", " ", 1).partition(" ")
            options.append((keyword, setting.strip()))
        elif letter in _KEYWORDS:
            options.append((_KEYWORDS[letter], value))
    if not words:
        raise ValueError("no host stands in the line")
    named = parse_destination(words[0])
    found = Destination(named.host, port or named.port, user or named.user)
    return SshLine(found, tuple(options))
