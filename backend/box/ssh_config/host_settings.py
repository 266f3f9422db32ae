"""Says how to log in to a host: what the ssh config gives for it, with names, paths and tokens expanded."""

from __future__ import annotations

import fnmatch
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.box.ssh_config.destination import Destination, parse_jumps, require_host
from backend.box.ssh_config.lines import split_words
from backend.box.ssh_config.options import Options
from backend.box.ssh_config.proxy_words import split_command
from backend.box.ssh_config.reading import DEFAULT_PORT, ConfigReader
from backend.box.ssh_config.tokens import (
    expand,
    expand_path,
    expand_with_variables,
    local_user,
)

_KEY_NAMES = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
_FAMILIES = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
_USERS_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_SYSTEMS_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_AGENT_VARIABLE = "SSH_AUTH_SOCK"
_LANGUAGE = ("LANG", "LANGUAGE", "LC_")


def known_hosts_pattern(host: str, port: int) -> str:
    """Return a host and its port in the form of known_hosts."""
    return host if port == DEFAULT_PORT else f"[{host}]:{port}"


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How to log in to one host. The properties raise ValueError, which names the option and its line."""

    destination: Destination
    """The host as it was asked for."""
    host: str
    """The name or address to connect to."""
    port: int
    user: str
    options: Options
    tokens: Mapping[str, str]

    @property
    def host_key_alias(self) -> str | None:
        """The name that stands for host and port in known_hosts."""
        alias = self.options.get("hostkeyalias")
        return alias.lower() if alias else None

    @property
    def jumps(self) -> list[Destination]:
        """The hosts to go through, in the order of the way."""
        text = self.options.get_unless_none("proxyjump")
        if text is None:
            return []
        try:
            return parse_jumps(expand(text, self.tokens))
        except ValueError as error:
            raise self.options.fault("proxyjump", str(error)) from error

    @property
    def proxy_command(self) -> list[str]:
        """The words of the ProxyCommand; empty where there is none."""
        text = self.options.get_unless_none("proxycommand")
        if text is None:
            return []
        if self.options.flag("proxyusefdpass", False):
            raise self.options.fault(
                "proxyusefdpass", "a ProxyCommand cannot hand over a file here"
            )
        try:
            return split_command(text, self.tokens)
        except ValueError as error:
            raise self.options.fault("proxycommand", str(error)) from error

    @property
    def users_known_hosts(self) -> list[Path]:
        """The user's files of known hosts. Accepted keys go to the first one."""
        named = self.options.words("userknownhostsfile")
        if named is None:
            return [Path(file).expanduser() for file in _USERS_KNOWN_HOSTS]
        return self._paths("userknownhostsfile", named)

    @property
    def systems_known_hosts(self) -> list[Path]:
        """The system's files of known hosts. Tokens mean nothing in their names, as for OpenSSH."""
        named = self.options.words("globalknownhostsfile")
        return [
            Path(file).expanduser() for file in (_SYSTEMS_KNOWN_HOSTS if named is None else named)
        ]

    @property
    def revoked_keys(self) -> list[Path]:
        """The files of revoked host keys."""
        return self._paths("revokedhostkeys", self.options.words("revokedhostkeys") or [])

    @property
    def known_hosts_name(self) -> tuple[str, int]:
        """The name and port by which known_hosts has the host. As for OpenSSH, an alias stands for both."""
        return (
            (self.host_key_alias, DEFAULT_PORT) if self.host_key_alias else (self.host, self.port)
        )

    @property
    def known_hosts_command(self) -> list[str]:
        """The words of a command that prints more known hosts; empty where there is none."""
        text = self.options.get_unless_none("knownhostscommand")
        if text is None:
            return []
        name, port = self.known_hosts_name
        entry = known_hosts_pattern(name, port)
        # It is asked once, before the host has shown a key.
        asked = {"H": entry, "I": "ORDER", "f": "NONE", "K": "NONE", "t": "NONE"}
        try:
            return [expand(word, {**self.tokens, **asked}) for word in split_words(text)]
        except ValueError as error:
            raise self.options.fault("knownhostscommand", str(error)) from error

    @property
    def identity_files(self) -> list[Path]:
        """The key files to log in with, in order: those of the config, else the usual ones."""
        named = self.options.words("identityfile")
        if named is None:
            return [Path("~/.ssh", name).expanduser() for name in _KEY_NAMES]
        return self._paths("identityfile", [file for file in named if file.lower() != "none"])

    @property
    def certificate_files(self) -> list[Path]:
        """The certificates of keys to log in with."""
        named = self.options.words("certificatefile") or []
        return self._paths("certificatefile", [file for file in named if file.lower() != "none"])

    @property
    def agent(self) -> str | None:
        """The socket of the agent; None where no agent is to be asked."""
        named = self.options.get("identityagent") or _AGENT_VARIABLE
        if named.lower() == "none":
            return None
        if named == _AGENT_VARIABLE or named.startswith("$"):
            variable = named.strip("${}")
            return os.environ.get(variable) or None
        return str(self._paths("identityagent", [named])[0])

    @property
    def family(self) -> socket.AddressFamily:
        """The kind of address to connect to."""
        named = (self.options.get("addressfamily") or "any").lower()
        if named not in _FAMILIES:
            raise self.options.fault("addressfamily", f"{named} is not any, inet or inet6")
        return _FAMILIES[named]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of SetEnv and SendEnv. The box keeps its own language."""
        sent = _chosen(self.options.words("sendenv") or [])
        for assignment in self.options.words("setenv") or []:
            name, equals, value = assignment.partition("=")
            if not equals:
                raise self.options.fault("setenv", f"{assignment} is not NAME=value")
            sent[name] = value
        return sent

    def _paths(self, option: str, names: Sequence[str]) -> list[Path]:
        try:
            return [Path(expand_path(name, self.tokens)) for name in names]
        except ValueError as error:
            raise self.options.fault(option, str(error)) from error


def read_settings(destination: Destination) -> HostSettings:
    """Read what the ssh config says about a host. Raises ValueError, which says what is wrong and where.

    It may run commands (Match exec) and ask the resolver, so it may take seconds.
    """
    reader = ConfigReader(destination)
    reader.read()
    tokens = reader.tokens
    user = reader.options.get("user") or local_user()
    if not reader.options.was_given("user"):
        user = _expand_user(user, tokens)
    return HostSettings(
        destination=destination,
        host=require_host(reader.host),
        port=reader.port,
        user=user,
        options=reader.options,
        tokens={**tokens, "r": user},
    )


def _expand_user(user: str, tokens: Mapping[str, str]) -> str:
    """Expand tokens, which newer versions of OpenSSH know there; to older ones, all of it is the name."""
    known = {name: value for name, value in tokens.items() if name not in "rC"}
    try:
        return expand_with_variables(user, known)
    except ValueError:
        return user


def _chosen(patterns: Sequence[str]) -> dict[str, str]:
    """Return the variables of this process that SendEnv names; `-NAME` takes one away again."""
    chosen: dict[str, str] = {}
    for pattern in patterns:
        found = [name for name in os.environ if fnmatch.fnmatchcase(name, pattern.lstrip("-"))]
        for name in found:
            if pattern.startswith("-"):
                chosen.pop(name, None)
            elif not name.startswith(_LANGUAGE):
                chosen[name] = os.environ[name]
    return chosen
