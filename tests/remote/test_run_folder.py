"""The folder for socket and lock: no other user can take it away, and every process finds the same one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remote import run_folder
from remote.checks.machine import find_run_folder
from remote.paths import FolderError, make_daemon_paths
from remote.run_folder import NOTE
from tests.remote.conftest import Other


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands in for /var/tmp; its path is short, since sockets are made below it."""
    folder = tmp_path_factory.mktemp("t")
    monkeypatch.setattr(run_folder, "_TEMPORARY", folder)
    return folder


def take(folder: Path, how: str) -> None:
    """Take the usual folder's name, as another user may."""
    if how == "file":
        folder.touch()
    elif how == "link":
        folder.symlink_to("/")
    elif how == "open":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.mkdir(mode=0o700)
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(folder, 4242, -1)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("file", "is not a folder"),
        ("link", "is not a folder"),
        ("open", "is open to other users (mode 0777)"),
        ("foreign", "belongs to user 4242, not to you"),
    ],
)
def test_whoever_takes_the_usual_folder_locks_nobody_out(
    tmp_path: Path, temporary: Path, how: str, why: str
) -> None:
    usual = run_folder.usual_run_folder()
    take(usual, how)
    root = str(tmp_path / "root")
    paths = make_daemon_paths(root)
    assert paths.run.parent == temporary
    assert paths.run != usual
    assert paths.run.stat().st_mode & 0o777 == 0o700
    assert make_daemon_paths(root) == paths  # whoever asks
    assert why in find_run_folder(root).detail
    assert len(str(paths.socket)) <= len(f"{temporary}/upsample-4294967295-12345678/") + 21


def test_the_usual_folder_is_used_where_nobody_has_it(tmp_path: Path, temporary: Path) -> None:
    paths = make_daemon_paths(str(tmp_path / "root"))
    assert paths.run == run_folder.usual_run_folder()
    assert not (paths.state / NOTE).exists()


def test_the_folder_stays_the_same_when_the_usual_one_is_free_again(
    tmp_path: Path, temporary: Path
) -> None:
    """A daemon may be serving in it."""
    usual = run_folder.usual_run_folder()
    usual.touch()
    before = make_daemon_paths(str(tmp_path / "root")).run
    usual.unlink()
    assert make_daemon_paths(str(tmp_path / "root")).run == before


@pytest.mark.parametrize("how", ["gone", "file", "open"])
def test_a_folder_that_is_gone_or_taken_is_replaced(
    tmp_path: Path, temporary: Path, how: str
) -> None:
    """As after a reboot that empties /var/tmp, where the names were to be read before."""
    run_folder.usual_run_folder().touch()
    before = make_daemon_paths(str(tmp_path / "root")).run
    before.rmdir()
    if how != "gone":
        take(before, how)
    after = make_daemon_paths(str(tmp_path / "root")).run
    assert after != before
    assert run_folder.why_not_ours(after) == ""


@pytest.mark.parametrize("told", [b"", b"relative", b"/a\0b", b"\xff" * 9000, b"/etc"])
def test_a_note_that_is_damaged_is_written_anew(
    tmp_path: Path, temporary: Path, told: bytes
) -> None:
    run_folder.usual_run_folder().touch()
    paths = make_daemon_paths(str(tmp_path / "root"))
    (paths.state / NOTE).write_bytes(told)
    again = make_daemon_paths(str(tmp_path / "root"))
    assert again.run.parent == temporary
    assert make_daemon_paths(str(tmp_path / "root")) == again


def test_without_a_place_for_temporary_files_it_lies_beside_the_journal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_folder, "_TEMPORARY", tmp_path / "nowhere")
    monkeypatch.setattr(run_folder, "_LONGEST_SOCKET", 1000)
    paths = make_daemon_paths(str(tmp_path / "root"))
    assert paths.run == paths.state / "run"
    assert make_daemon_paths(str(tmp_path / "root")) == paths
    monkeypatch.setattr(run_folder, "_LONGEST_SOCKET", 50)
    with pytest.raises(FolderError, match="too long for a socket") as error:
        make_daemon_paths(str(tmp_path / "another"))
    assert "shorter `root`" in error.value.remedy


async def test_all_parts_of_the_runner_find_the_folder_that_replaces_the_usual_one(
    other: Other, tmp_path: Path, temporary: Path
) -> None:
    """The daemon, attaching twice, and the checkup; each is a process of its own."""
    run_folder.usual_run_folder().touch()
    box = other({'Path("/var/tmp")': f'Path("{temporary}")'})
    async with box.visited() as app, box.visited() as another:
        assert app.welcome is not None
        assert another.welcome is not None
        assert app.welcome.journal == another.welcome.journal
        assert len(box.daemons()) == 1
        assert box.place.socket.is_relative_to(temporary)
        assert box.place.socket.exists()
