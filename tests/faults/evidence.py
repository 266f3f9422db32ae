"""What is kept of a batch that shows what must not be: everything that there is of its house."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.batch import Batch


def keep_evidence(folder: Path, seed: int, batch: Batch, troubles: Sequence[str]) -> str:
    """Copy it into a folder of its own below this one; returns a line that says where it is."""
    house = batch.house
    kept = folder / f"{seed}-{batch.name}"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    shutil.copytree(house.folder, kept / "laptop", symlinks=True)
    if house.root.exists():
        shutil.copytree(house.root, kept / "box", ignore=_sockets, symlinks=True)
    if house.engine_log.exists():
        shutil.copy(house.engine_log, kept / "engine.jsonl")
    shutil.copytree(house.site.laptop_orders.folder, kept / "orders-laptop")
    shutil.copytree(house.site.box_orders.folder, kept / "orders-box")
    (kept / "troubles.txt").write_text("\n\n".join(troubles) + "\n")
    faults = [f"{i.at:.3f} {i.number} {i.kind.name}\n" for i in batch.injected]
    (kept / "faults.txt").write_text("".join(faults))
    for it in (batch, batch.guest):
        if it is not None:
            lives = json.dumps([asdict(life) for life in it.lives], indent=1)
            (kept / f"lives-{it.name}.json").write_text(lives)
    return f"    the evidence is in {kept}"


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]
