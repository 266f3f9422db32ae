"""Small disks that can be filled to the last byte."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    """A folder that is a small disk of its own, where the machine lets us mount one."""

    folder: Path
    is_small: bool

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Leave not a byte."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Disk]:
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "tmpfs", str(folder)]
    is_small = bool(mib and mount) and subprocess.run(command, capture_output=True).returncode == 0
    if mib and not is_small and os.environ.get("CI"):
        raise RuntimeError(
            "the CI machine must be able to mount a tmpfs, or full disks go untested"
        )
    try:
        yield Disk(folder, is_small)
    finally:
        if is_small:
            subprocess.run([umount or "umount", "--lazy", str(folder)], check=True)
