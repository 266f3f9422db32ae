"""Boxes with the real runner, each in a folder of its own, and disks that are really small."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.box.links.runner import build_runner
from remote.engines.vllm.run_files import clear_run_files
from remote.paths import FolderError
from remote.protocol import Setup
from tests.remote.attached import Box

MakeBox = Callable[..., Box]
Other = Callable[[dict[str, str]], Box]
"""Makes a box with the same root and a changed runner, by what is replaced by what in the sources."""

_NOT_CHECKED = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
"""How a file of compiled code begins that Python does not compare with its source (PEP 552)."""


@pytest.fixture(scope="session")
def compiled_runner() -> bytes:
    """The runner, with what Python compiles from its sources beside them: each process starts in half the
    time. A Python of another version passes it over. The tests in end_to_end run the runner without it.
    """
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(build_runner().data)) as old,
        zipfile.ZipFile(buffer, "w") as new,
    ):
        for file in old.infolist():
            source = old.read(file)
            new.writestr(file, source)
            code = marshal.dumps(compile(source, file.filename, "exec", dont_inherit=True))
            new.writestr(zipfile.ZipInfo(file.filename + "c", file.date_time), _NOT_CHECKED + code)
    return buffer.getvalue()


@pytest.fixture
def make_box(tmp_path: Path, compiled_runner: bytes) -> Iterator[MakeBox]:
    """Boxes of this test; whatever runs there is ended with it."""
    made: list[Box] = []

    def make(root: Path = tmp_path / "root", python: str = sys.executable) -> Box:
        digest = hashlib.sha256(compiled_runner).hexdigest()[:12]
        file = tmp_path / f"runner-{digest}.pyz"
        file.write_bytes(compiled_runner)
        box = Box(file, digest, Setup(str(root), "sketch", "", idle_timeout=60), python)
        made.append(box)
        return box

    yield make
    for box in made:
        box.kill()
        # Its root may be a disk that is not there any more.
        with contextlib.suppress(OSError, FolderError):
            place = box.place
            place.socket.unlink(missing_ok=True)
            place.lock.unlink(missing_ok=True)
            clear_run_files(place)  # of a vLLM whose daemon was killed


@pytest.fixture
def box(make_box: MakeBox) -> Box:
    """A box where nothing has run yet."""
    return make_box()


@pytest.fixture
def other(box: Box, tmp_path: Path) -> Iterator[Other]:
    """The same root as an app meets it whose runner was changed; its daemon ends with the test."""
    made: list[Box] = []

    def make(changes: dict[str, str]) -> Box:
        data = _changed(build_runner().data, changes)
        digest = hashlib.sha256(data).hexdigest()[:12]
        file = tmp_path / f"runner-{digest}.pyz"
        file.write_bytes(data)
        changed = replace(box, runner=file, hash=digest)
        made.append(changed)
        return changed

    yield make
    for one in made:
        one.kill()


def _changed(data: bytes, changes: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    left = set(changes)
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            source = old.read(name).decode()
            for before, after in changes.items():
                if before in source:
                    left.discard(before)
                    source = source.replace(before, after)
            new.writestr(name, source)
    assert not left, "the runner has no such lines any more"
    return buffer.getvalue()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs", str(folder)]
    program = shutil.which("mount")
    mounted = program is not None and subprocess.run(mount, capture_output=True).returncode == 0
    if not mounted and os.environ.get("CI"):
        pytest.fail("the CI machine must be able to mount a tmpfs, or full disks go untested")
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run([shutil.which("umount") or "umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_box(small_disk: Path, make_box: MakeBox) -> Box:
    """A box whose root is a small disk."""
    return make_box(small_disk)
