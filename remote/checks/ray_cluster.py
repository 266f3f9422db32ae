"""Finds a Ray that runs on this machine, and what belongs to it. Only its own Python imports Ray."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from remote.checks.examination import run_program
from remote.protocol import Offer, OfferKind

_ADDRESS = re.compile(r"--gcs-address=(\S+)")
_ASK = """
import json, sys
import ray
ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
alive = [node for node in ray.nodes() if node["Alive"]]
gpus = sum(node["Resources"].get("GPU", 0) for node in alive)
print(json.dumps([len(alive), int(gpus), ray.__version__]))
"""
"""A program for Ray's Python that joins a cluster for a moment and tells its size."""
_PYTHON = re.compile(r"--python_worker_command=(\S*python\S*)")


def find_ray(processes: Path = Path("/proc")) -> list[Offer]:
    """Return the clusters to which this machine belongs, each with the Python that has Ray. Blocks."""
    found: dict[str, str] = {}
    for process in processes.glob("[0-9]*"):
        with suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            address = _ADDRESS.search(line)
            if address and "raylet" in line:
                python = _PYTHON.search(line)
                found[address[1]] = python[1] if python else found.get(address[1], "")
    return [Offer(OfferKind.RAY, address, program=python) for address, python in found.items()]


async def measure_ray(found: Offer) -> Offer:
    """Return a cluster with its size and version, where it tells them. Raises OSError without its Python."""
    if not found.program:
        return found
    asked = await run_program([found.program, "-c", _ASK, found.value], os.environ)
    try:
        nodes, gpus, version = json.loads(asked.output.splitlines()[-1])
    except (ValueError, IndexError):
        return found
    size = ", ".join(
        f"{count} {name}{'' if count == 1 else 's'}"
        for count, name in ((nodes, "node"), (gpus, "GPU"))
    )
    return replace(found, detail=f"Ray {version}, {size}")
