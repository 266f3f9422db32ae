"""Guesses which setting a user meant."""

from __future__ import annotations

import difflib

from backend.config.trust import BOX, KEYS

_LISTED = "`upsample config show` lists them."
_IN_THE_HOST = frozenset({"port", "user", "username", "ssh_port"})


def meant_setting(key: str) -> str:
    """Say which setting may be meant by a key that is none."""
    first, *rest = key.split(".")
    last = rest[-1] if rest else first
    if first in ("boxes", "box_defaults") and last in _IN_THE_HOST:
        return "It is a part of host: user@gpu.example.org:2222."
    known = [_as_written(one, key) for one in KEYS]
    alike = [one for one in known if one.rpartition(".")[2] == last]
    alike = alike or difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    return f"Is it {' or '.join(sorted(set(alike))[:3])}? {_LISTED}" if alike else _LISTED


def _as_written(known: str, key: str) -> str:
    """Return a key of KEYS with the name of the box that the user wrote."""
    names = key.split(".")
    box = names[1] if names[0] == "boxes" and len(names) > 2 else "NAME"
    return known.replace(BOX, f"boxes.{box}", 1)
