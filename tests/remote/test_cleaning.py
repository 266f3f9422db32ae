"""Old runners go, but only those that surely nobody needs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remote.cleaning import OLD_SECONDS, remove_old_runners
from remote.paths import make_daemon_paths
from remote.protocol import Finding
from tests.remote.attached import Box

OWN = "runner-aaaaaaaaaaaa.pyz"
OLD = "runner-bbbbbbbbbbbb.pyz"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root that this machine alone uses, with our runner and an old one."""
    make_daemon_paths(str(tmp_path))
    _put(tmp_path / OWN)
    _put(tmp_path / OLD)
    return tmp_path


def _put(file: Path, age: float = OLD_SECONDS + 3600) -> Path:
    file.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    then = time.time() - age
    os.utime(file, (then, then))
    return file


def _clean(root: Path) -> list[Finding]:
    told: list[Finding] = []
    remove_old_runners(str(root), root / OWN, told.append)
    return told


def test_an_old_runner_is_removed_and_ours_stays(root: Path) -> None:
    (finding,) = _clean(root)
    assert (finding.name, finding.detail) == (OLD, "removed")
    assert sorted(file.name for file in root.glob("runner-*")) == [OWN]


def test_a_runner_that_was_used_lately_stays(root: Path) -> None:
    _put(root / OLD, age=OLD_SECONDS - 3600)
    (finding,) = _clean(root)
    assert finding.detail == "kept: used 30 days ago"
    assert (root / OLD).exists()


def test_a_runner_that_a_process_runs_stays(root: Path) -> None:
    command = [sys.executable, str(root / OLD), "daemon"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        _put(root / OLD)
        (finding,) = _clean(root)
        process.kill()
    assert finding.detail == "kept: a process runs it"
    assert (root / OLD).exists()


def test_where_other_machines_may_run_it_everything_stays(root: Path) -> None:
    (root / "0123456789ab").mkdir()
    (finding,) = _clean(root)
    assert "another machine" in finding.detail
    assert (root / OLD).exists()


@pytest.mark.parametrize(
    "name",
    [
        "runner.pyz",
        "runner-bbbb.pyz",
        "runner-bbbbbbbbbbbb.pyz.1f2e.part",
        "runner-BBBBBBBBBBBB.pyz",
        "notes",
    ],
)
def test_files_of_other_names_are_left_alone(root: Path, name: str) -> None:
    _put(root / name)
    _clean(root)
    assert (root / name).exists()


def test_folders_and_links_of_that_name_are_left_alone(root: Path, tmp_path: Path) -> None:
    (root / "runner-cccccccccccc.pyz").mkdir()
    (root / "runner-dddddddddddd.pyz").symlink_to(_put(tmp_path / "elsewhere"))
    assert [finding.name for finding in _clean(root)] == [OLD]
    assert (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(("age", "stays"), [(3600.0, True), (2 * 86_400.0, False)])
def test_the_part_of_an_upload_that_broke_off_goes_after_a_day(
    root: Path, age: float, *, stays: bool
) -> None:
    part = _put(root / f"{OLD}.0123abcd.part", age)
    _clean(root)
    assert part.exists() == stays


async def test_a_daemon_that_starts_removes_such_parts(box: Box) -> None:
    part = _put(box.place.state.parent / f"{OLD}.0123abcd.part")
    async with box.visited():
        assert not part.exists()
