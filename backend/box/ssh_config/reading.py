"""Finds the lines of the ssh config that apply to a host, as OpenSSH does: Host, Match and Include."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from backend.box.ssh_config.canonical_name import canonicalize, wants_canonical
from backend.box.ssh_config.destination import Destination, parse_port
from backend.box.ssh_config.lines import matches, read_lines, split_line, split_words
from backend.box.ssh_config.match import MatchedHost, applies, wants_final
from backend.box.ssh_config.options import Options
from backend.box.ssh_config.tokens import expand, expand_path, local_user, make_tokens

DEFAULT_PORT = 22
_SYSTEM_FILE = Path("/etc/ssh/ssh_config")
_DEEPEST = 16
"""The most levels of Include lines, as for OpenSSH."""


class ConfigReader:
    """Reads the user's and the system's config for one host."""

    def __init__(self, destination: Destination) -> None:
        self.typed_host = destination.host
        """The host that the config is asked for."""
        self.options = Options()
        """What was found."""
        self._final_host: str | None = None
        self._wants_final = False
        if destination.user is not None:
            self.options.give("user", destination.user)
        if destination.port is not None:
            self.options.give("port", str(destination.port))

    @property
    def host(self) -> str:
        """The host to connect to, by what was read so far. Raises ValueError."""
        if self._final_host is not None:
            return self._final_host
        named = self.options.get("hostname")
        if named is None:
            return self.typed_host
        try:
            return expand(named, {"h": self.typed_host, "%": "%"})
        except ValueError as error:
            raise self.options.fault("hostname", str(error)) from error

    @property
    def port(self) -> int:
        """The port, by what was read so far. Raises ValueError."""
        try:
            return parse_port(self.options.get("port") or str(DEFAULT_PORT))
        except ValueError as error:
            raise self.options.fault("port", str(error)) from error

    @property
    def tokens(self) -> dict[str, str]:
        """The values of the tokens, by what was read so far. Raises ValueError."""
        return make_tokens(
            host=self.host,
            typed_host=self.typed_host,
            port=self.port,
            user=self.options.get("user") or local_user(),
            alias=(self.options.get("hostkeyalias") or "").lower(),
            jump=self.options.get_unless_none("proxyjump") or "",
        )

    def read(self) -> None:
        """Read the config; a second time where it asks for that. Raises ValueError, which names the line."""
        self._read_both()
        host = canonicalize(self.host.lower(), self.options)
        if wants_canonical(self.options):
            self._wants_final = True
        self._final_host = host
        if self._wants_final:
            self._read_both()

    def _read_both(self) -> None:
        for file in (users_file(), _SYSTEM_FILE):
            try:
                self._read_file(file, file.parent, 0)
            except OSError:
                continue  # as for OpenSSH, a file that is missing or closed to us says nothing

    def _read_file(self, file: Path, folder: Path, depth: int) -> None:
        """Read a file; relative paths in Include start at `folder`. Raises OSError and ValueError."""
        if depth > _DEEPEST:
            raise ValueError(f"Include lines are nested more than {_DEEPEST} deep")
        is_active = True
        for number, line in enumerate([] if file.is_dir() else read_lines(file), start=1):
            keyword, rest = split_line(line)
            where = f"{file}, line {number}"
            try:
                if keyword == "host":
                    is_active = self._is_named(split_words(rest))
                elif keyword == "match":
                    is_active = self._is_matched(split_words(rest))
                elif is_active and keyword == "include":
                    self._include(split_words(rest), folder, depth)
                elif is_active:
                    self.options.add_line(keyword, rest, where)
            except _FaultOfLine:
                raise
            except ValueError as error:
                raise _FaultOfLine(f"{error} ({where})") from error

    def _is_named(self, patterns: list[str]) -> bool:
        host = self.typed_host if self._final_host is None else self._final_host
        if any(p.startswith("!") and matches(host, p[1:]) for p in patterns):
            return False
        return any(matches(host, pattern) for pattern in patterns)

    def _is_matched(self, words: list[str]) -> bool:
        self._wants_final = self._wants_final or wants_final(words)
        matched = MatchedHost(
            host=self.host,
            typed_host=self.typed_host,
            user=self.options.get("user") or local_user(),
            tag=self.options.get("tag") or "",
            is_final=self._final_host is not None,
            tokens=self.tokens,
        )
        return applies(words, matched)

    def _include(self, patterns: list[str], folder: Path, depth: int) -> None:
        for pattern in patterns:
            whole = folder / expand_path(pattern, self.tokens)
            for file in sorted(glob.glob(str(whole))):  # noqa: PTH207 - it may be absolute
                try:
                    self._read_file(Path(file), folder, depth + 1)
                except FileNotFoundError:
                    continue  # removed meanwhile
                except OSError as error:
                    raise ValueError(f"Include: {error}") from error


class _FaultOfLine(ValueError):
    """An error whose message already names the line."""


def users_file() -> Path:
    """Return the user's ssh config."""
    return Path(os.path.expanduser("~/.ssh/config"))  # noqa: PTH111 - it never raises
