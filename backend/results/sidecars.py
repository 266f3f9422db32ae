"""Says where the provenance of results is kept: in `.upsample/` beside them, one sidecar file for each.

Other programs are given `outputs/*.json`, and refuse what is none of their specs. So no sidecar matches
that, and no scan of a folder finds one. Earlier versions put it beside the result; such a sidecar is still
read, and removed when the result is written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from backend.specs.reading import SIDECAR_SUFFIX

SIDECAR_FOLDER = ".upsample"


def sidecar_path(destination: Path) -> Path:
    """Return the path of the file with the provenance of a result whose format cannot contain it."""
    return destination.parent / SIDECAR_FOLDER / earlier_sidecar_path(destination).name


def earlier_sidecar_path(destination: Path) -> Path:
    """Return the path at which earlier versions wrote that file."""
    name = destination.stem if destination.suffix == ".json" else destination.name
    return destination.with_name(name + SIDECAR_SUFFIX)


def find_sidecars(place: Path) -> Iterator[Path]:
    """Yield the sidecars of all results below a folder, or of one result file.

    Those of earlier versions come first, so that what a later one says of the same result counts.
    """
    if not place.is_dir():
        both = (earlier_sidecar_path(place), sidecar_path(place))
        yield from (file for file in both if file.exists())
        return
    found = place.rglob(f"*{SIDECAR_SUFFIX}")
    yield from sorted(found, key=lambda file: (file.parent.name == SIDECAR_FOLDER, file))


def result_beside(sidecar: Path, name: str) -> Path:
    """Return the path of the result that a sidecar tells of. `name` is the result's file name in it."""
    folder = sidecar.parent
    return (folder.parent if folder.name == SIDECAR_FOLDER else folder) / Path(name).name
