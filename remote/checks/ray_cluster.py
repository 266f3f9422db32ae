"""Finds a Ray that runs on this machine, without importing Ray."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from remote.protocol import Offer, OfferKind

_ADDRESS = re.compile(r"--gcs-address=(\S+)")
_PYTHON = re.compile(r"--python_worker_command=(\S*python\S*)")


def find_ray(processes: Path = Path("/proc")) -> list[Offer]:
    """Return the clusters to which this machine belongs; each detail is the Python that has Ray. Blocks."""
    found: dict[str, str] = {}
    for process in processes.glob("[0-9]*"):
        with suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            address = _ADDRESS.search(line)
            if address and "raylet" in line:
                python = _PYTHON.search(line)
                found[address[1]] = python[1] if python else found.get(address[1], "")
    return [Offer(OfferKind.RAY, address, python) for address, python in found.items()]
