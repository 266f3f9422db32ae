"""Finds the file system that a folder lies on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_NETWORK = ("nfs", "cifs", "smb", "lustre", "gpfs", "ceph", "fuse.sshfs", "9p")
_LOCAL = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "overlay", "tmpfs")


@dataclass(frozen=True)
class FileSystem:
    """A mounted file system."""

    point: str
    kind: str

    @property
    def is_network(self) -> bool:
        """Whether other machines see the same files."""
        return self.kind.startswith(_NETWORK)

    @property
    def is_local(self) -> bool:
        """Whether no other machine sees the same files. Of some kinds, neither is known."""
        return self.kind in _LOCAL

    def __str__(self) -> str:
        return f"{self.point} ({self.kind})"


def mount_of(folder: Path) -> FileSystem | None:
    """Find the mount that holds this folder; None without /proc."""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return None
    real, best = folder.resolve(), None
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if real.is_relative_to(point) and (best is None or len(point) >= len(best.point)):
            best = FileSystem(point, kind)
    return best
