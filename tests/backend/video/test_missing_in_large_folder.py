"""Many specs that each miss a video in one folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.video.missing import missing


def test_a_folder_is_listed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "A.mp4").touch()
    scandir, listed = os.scandir, list[str]()

    def counted(folder: str) -> object:
        listed.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    for number in range(3):
        assert "but" not in str(missing(tmp_path / f"{number}.mp4"))
    assert f"but {tmp_path / 'A.mp4'} does" in str(missing(tmp_path / "a.mp4"))
    assert len(listed) == 1
    (tmp_path / "2.MP4").touch()
    os.utime(tmp_path, ns=(1, 1))
    assert f"but {tmp_path / '2.MP4'} does" in str(missing(tmp_path / "2.mp4"))
    assert len(listed) == 2
