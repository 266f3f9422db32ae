"""Real podman with a storage and settings of its own: a person's containers are neither seen nor touched.

Its images are empty trees: a container sees the programs of this machine through mounts that it can only
read. So no image is pulled. Only root can start containers with these settings. The bridge `cni-podman0` and
the rules for ports that podman makes at the first container stay on the machine.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PODMAN = "/usr/bin/podman"
DOCKER = "/usr/bin/docker"
"""podman under Docker's name, from Debian's package `podman-docker`."""
PROGRAMS = (PODMAN, DOCKER)
_SECONDS = 60.0
_MOST = 4096
"""Open files, and processes, of a container."""
_LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
_FOLDERS = ("usr", "etc", "proc", "sys", "dev", "tmp", "root")


@dataclass(frozen=True)
class Podman:
    """podman's own storage in one folder. It ends when the session does."""

    folder: Path
    """A short path, since podman's sockets lie below it."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any podman uses this storage."""
        return {
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.folder / "registries.conf"),
        }

    @property
    def mounts(self) -> list[str]:
        """Options of `run` by which a container sees the programs of this machine."""
        folders = ["/usr", "/etc/ld.so.cache", sys.base_prefix]
        return [word for folder in folders for word in ("-v", f"{folder}:{folder}:ro")]

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command of podman to its end."""
        return subprocess.run(
            [PODMAN, *words],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=check,
        )

    def import_image(self, name: str, entrypoint: Sequence[str] = ()) -> None:
        """Make an image that has no file of its own."""
        change = ["--change", f"ENTRYPOINT {json.dumps(list(entrypoint))}"] if entrypoint else []
        archive = self.folder / "image.tar"
        _write_tree(archive)
        self.run("import", "--quiet", *change, str(archive), name)

    def containers(self) -> set[str]:
        """The names of the containers that exist, whether they run or not."""
        return set(self.run("ps", "--all", "--format", "{{.Names}}").stdout.split())

    def remove_containers(self) -> None:
        """End and remove all of them."""
        names = self.containers()
        if names:
            self.run("rm", "--force", "--time", "0", *names, check=False)


@contextlib.contextmanager
def own_podman() -> Iterator[Podman]:
    """podman with a storage that is removed at the end, with its containers."""
    require_podman()
    # A short path below the session's temporary folder, where a session looks for what it left.
    folder = Path(tempfile.mkdtemp(prefix="podman-"))
    _write_settings(folder)
    made = Podman(folder)
    try:
        yield made
    finally:
        made.remove_containers()
        made.run("rmi", "--all", "--force", check=False)
        shutil.rmtree(folder)


def require_podman() -> None:
    """Without podman the test is passed over, but not in CI."""
    why = ""
    if os.geteuid() != 0:
        why = "only root can have containers here"
    elif missing := [program for program in PROGRAMS if not Path(program).exists()]:
        why = (
            f"{' and '.join(missing)} must be there; apt install podman podman-docker runc iptables"
        )
    if why and os.environ.get("CI"):
        pytest.fail(f"the CI machine must run podman: {why}")
    if why:
        pytest.skip(why)


def _write_settings(folder: Path) -> None:
    # Where root may raise no limit, runc refuses podman's own defaults.
    limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    hard = {name: resource.getrlimit(which)[1] for name, which in limits.items()}
    least = {name: _MOST if most < 0 else min(most, _MOST) for name, most in hard.items()}
    ulimits = [f"{name}={most}:{most}" for name, most in least.items()]
    (folder / "containers.conf").write_text(
        f"[containers]\ndefault_ulimits = {json.dumps(ulimits)}\n"
        # crun refuses a machine that has both versions of cgroups; systemd need not run.
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
        f'lock_type = "file"\ntmp_dir = "{folder}/state"\nvolume_path = "{folder}/volumes"\n'
    )
    # vfs works on any disk, and mounts nothing that could stay.
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    (folder / "registries.conf").write_text("unqualified-search-registries = []\n")


def _write_tree(archive: Path) -> None:
    with tarfile.open(archive, "w") as tree:
        for name in _FOLDERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tree.addfile(entry)
        for name, target in _LINKS.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tree.addfile(entry)
        entry = tarfile.TarInfo("etc/passwd")
        text = b"root:x:0:0:root:/root:/bin/sh\n"
        entry.size = len(text)
        tree.addfile(entry, io.BytesIO(text))
