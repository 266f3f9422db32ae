"""Chooses the algorithms of a connection: those that the ssh config names and that are known here."""

from __future__ import annotations

from functools import cache

import asyncssh

from backend.box.ssh_config.options import Options

Chosen = str | tuple[()]
"""A list of algorithms for asyncssh; empty for its own choice."""

_FAST_CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
"""Ciphers that are preferred to asyncssh's first choice: its ChaCha20 is six times slower for a small
packet."""
_METHODS = {
    "gssapi-keyex", "gssapi-with-mic", "hostbased", "keyboard-interactive", "password", "publickey",
}  # fmt: skip


def key_exchanges(options: Options) -> Chosen:
    """Return the key exchanges. Raises ValueError, as all functions here, where no named one is known."""
    return _choose(options, "kexalgorithms", "kex_algs")


def ciphers(options: Options) -> Chosen:
    """Return the ciphers, fast ones first unless the config names others."""
    return _choose(options, "ciphers", "encryption_algs") or _FAST_CIPHERS


def macs(options: Options) -> Chosen:
    """Return the algorithms that protect packets against changes."""
    return _choose(options, "macs", "mac_algs")


def host_keys(options: Options) -> Chosen:
    """Return the kinds of host key."""
    return _choose(options, "hostkeyalgorithms", "server_host_key_algs")


def authority_signatures(options: Options) -> Chosen:
    """Return the signatures that are accepted from certificate authorities."""
    return _choose(options, "casignaturealgorithms", "signature_algs")


def compressions(options: Options) -> Chosen:
    """Return the kinds of compression; none of them first, unless the config asks for one."""
    if options.get("compression") is None:
        return ()
    wanted = options.flag("compression", False)
    return "zlib@openssh.com,zlib,none" if wanted else "none,zlib@openssh.com,zlib"


def login_methods(options: Options) -> list[str] | tuple[()]:
    """Return the ways to log in, in the order to try them; empty for the usual order."""
    named = options.get("preferredauthentications")
    return [name for name in named.split(",") if name in _METHODS] if named else ()


def _choose(options: Options, option: str, argument: str) -> Chosen:
    named = options.get(option)
    if named is None or named.lower() == "none":
        return ()
    prefix = named[0] if named[0] in "+-^" else ""
    known = [name for name in named.removeprefix(prefix).split(",") if _is_known(argument, name)]
    if not known and not prefix:
        raise options.fault(option, f"{named} names nothing that this program knows")
    return prefix + ",".join(known) if known else ()


@cache
def _is_known(argument: str, name: str) -> bool:
    """Whether asyncssh knows an algorithm, or any by a pattern."""
    try:
        asyncssh.SSHClientConnectionOptions(
            client_keys=None, known_hosts=None, x509_trusted_certs=None, **{argument: name}
        )
    except ValueError:
        return False
    return True
