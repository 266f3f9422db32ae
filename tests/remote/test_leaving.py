"""What is kept on a box is told and goes, and nothing that is not ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remote import locks, run_folder
from remote.file_locks import FileLock, lock_file
from remote.jobs.records import encode_record
from remote.leaving import list_traces, remove_traces
from remote.locks import hold_locks
from remote.paths import DaemonPaths, make_daemon_paths
from remote.protocol import FAILED, OK, SKIPPED, Trace

RUNNER = "runner-aaaaaaaaaaaa.pyz"
OTHER_MACHINE = "0123456789ab"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Locks are waited for shortly, and the folder for sockets is one that no other test uses."""
    (tmp_path / "var").mkdir()
    monkeypatch.setattr(run_folder, "_TEMPORARY", tmp_path / "var")
    monkeypatch.setattr(locks, "_LOCK_SECONDS", 0.1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    for name in (RUNNER, "runner-bbbbbbbbbbbb.pyz", "runner-cccccccccccc.pyz.0123abcd.part"):
        (folder / name).write_text("…")
    return folder


@pytest.fixture
def paths(root: Path) -> DaemonPaths:
    """The root was served, and its daemon was killed with a job that had not ended."""
    made = make_daemon_paths(str(root))
    bodies = [("accepted", "a"), ("accepted", "b"), ("finished", "a")]
    made.journal.write_bytes(
        b"".join(
            encode_record({"seq": seq, "type": kind, "job": job})
            for seq, (kind, job) in enumerate(bodies)
        )
    )
    with hold_locks(made):
        made.socket.touch()
    made.socket.touch()
    return made


def listed(root: Path) -> list[Trace]:
    told: list[Trace] = []
    list_traces(str(root), None, told.append)
    return told


def left(root: Path) -> list[Trace]:
    told: list[Trace] = []
    remove_traces(str(root), root / RUNNER, told.append)
    return told


def below(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


def test_all_that_is_told_goes_with_the_root(root: Path, paths: DaemonPaths) -> None:
    before = below(root)
    told = listed(root)
    assert below(root) == before
    assert {(t.path, t.verdict) for t in told} == {
        (str(file), OK) for file in (*root.iterdir(), paths.socket, paths.lock)
    }
    (state,) = [t for t in told if t.path == str(paths.state)]
    assert (state.jobs, state.is_served) == (1, False)
    assert state.size == sum(f.stat().st_size for f in paths.state.rglob("*") if f.is_file())

    gone = left(root)

    assert {t.verdict for t in gone} == {OK}
    assert gone[-1].path == str(root / RUNNER)
    assert not root.exists()
    assert not paths.run.exists()


def test_what_is_not_ours_stays_and_is_named(
    root: Path, paths: DaemonPaths, tmp_path: Path
) -> None:
    (root / "models").mkdir()
    (root / "models" / "weights").write_text("a")
    (root / "runner-dddddddddddd.pyz").symlink_to(tmp_path)
    (told,) = [t for t in listed(root) if t.verdict == SKIPPED]
    assert (told.path, told.verdict) == (str(root), SKIPPED)
    assert told.detail == "'models' and 1 more in it did not come from upsample"
    assert left(root)[-1] == told
    assert below(root) == ["models", "models/weights", "runner-dddddddddddd.pyz"]


def test_where_a_daemon_still_serves_nothing_is_removed(root: Path, paths: DaemonPaths) -> None:
    before = below(root)
    with hold_locks(paths):
        paths.socket.touch()
        (state,) = [t for t in listed(root) if t.path == str(paths.state)]
        gone = left(root)
    assert state.is_served
    assert [t.verdict for t in gone] == [FAILED]
    assert below(root) == before


def test_what_another_machine_serves_stays_with_the_runners(root: Path, paths: DaemonPaths) -> None:
    for name in (OTHER_MACHINE, "abcdefabcdef"):
        (root / name).mkdir()
        (root / name / "journal.lock").touch()
    descriptor = os.open(root / OTHER_MACHINE / "journal.lock", os.O_RDWR)
    assert lock_file(descriptor) is FileLock.OURS
    told, gone = listed(root), left(root)
    os.close(descriptor)
    assert [t.path for t in told if t.verdict == SKIPPED] == [str(root / OTHER_MACHINE)]
    assert {t.path for t in gone if t.verdict == SKIPPED} == set(map(str, root.iterdir()))
    assert not paths.state.exists()
    assert RUNNER in below(root)


def test_a_replicas_folder_goes_with_its_files_in_the_folder_for_sockets(root: Path) -> None:
    place = make_daemon_paths(str(root / "replicas" / "0"))
    place.lock.touch()
    assert str(place.lock) in {t.path for t in listed(root)}
    left(root)
    assert not place.lock.exists()
    assert not root.exists()


def test_to_look_at_an_unused_box_leaves_nothing_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / RUNNER).write_text("…")
    told: list[Trace] = []
    list_traces(str(root), root / RUNNER, told.append)
    assert told == []
    assert not root.exists()
