"""What is said about the machine itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from remote.checks.examination import Wrong
from remote.checks.machine import find_daemon, find_root, find_run_folder
from remote.paths import DaemonPaths
from remote.protocol import Setup

SETUP = Setup("/x", "sketch", "", idle_timeout=60)


def test_a_root_that_can_be_written_tells_the_room_on_its_disk(tmp_path: Path) -> None:
    found = find_root(str(tmp_path / "root"))
    assert found.value == tmp_path / "root"
    assert "can be written" in found.detail
    assert " free" in found.detail


def test_a_root_that_cannot_be_made_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Wrong, match="cannot be written: Not a directory") as wrong:
        find_root(str(tmp_path / "file" / "root"))
    assert "`root`" in wrong.value.remedy


def test_a_small_disk_is_a_warning(small_disk: Path) -> None:
    assert "Make room" in find_root(str(small_disk)).remedy


def test_the_run_folder_is_ours_alone(tmp_path: Path) -> None:
    assert "is yours alone" in find_run_folder(str(tmp_path)).detail


def test_a_daemon_that_does_not_greet_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.checks.machine._DAEMON_SECONDS", 0.1)
    place = DaemonPaths(state=tmp_path, run=tmp_path, key="k")
    assert find_daemon(place, SETUP).value is False
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(place.socket))
        hung.listen()
        with pytest.raises(Wrong, match="no answer within") as wrong:
            find_daemon(place, SETUP)
    assert "upsample box stop" in wrong.value.remedy
    # Left by a daemon that was killed: nobody listens there.
    assert find_daemon(place, SETUP).value is False
