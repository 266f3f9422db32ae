"""Files with names from outside: only regular ones are read, and never more than is wanted."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from backend.files import NotRegular, TooLarge, read_regular


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    assert read_regular(file, 5) == b"12345"
    with pytest.raises(TooLarge, match="larger than 4 bytes"):
        read_regular(file, 4)


def test_a_pipe_a_socket_and_a_device_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may have no more than some 100 bytes
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path in (Path("pipe"), Path("socket"), Path("/dev/zero"), Path("/dev/tty")):
            with pytest.raises(NotRegular):
                read_regular(path, 1)


def test_a_file_that_turns_into_a_pipe_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and opening: the file looked at is another one."""
    regular = Path(__file__).stat()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(Path, "stat", lambda self: regular)
    with pytest.raises(NotRegular):
        read_regular(tmp_path / "pipe", 1)


def test_links_that_lead_in_a_circle_and_folders_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(tmp_path / "a", 1)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path, 1)


def test_a_file_of_proc_without_an_end_in_its_size_is_bounded() -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    with pytest.raises(TooLarge):
        read_regular(Path("/proc/self/maps"), 10)
