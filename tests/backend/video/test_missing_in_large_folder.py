"""Many specs that each miss a video in one folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.video.missing import missing


def test_a_folder_is_listed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project" / "specs"
    folder.mkdir(parents=True)
    (folder / "A.mp4").touch()
    scandir, listed = os.scandir, list[Path]()

    def counted(folder: Path) -> object:
        listed.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    for number in range(3):
        assert "but" not in str(missing(folder / f"{number}.mp4"))
    assert f"but {folder / 'A.mp4'} does" in str(missing(folder / "a.mp4"))
    # For its names as they may be meant, and once more with the folders near it.
    assert listed.count(folder) == 2
    assert len(listed) == 3
    (folder / "2.MP4").touch()
    os.utime(folder, ns=(1, 1))
    assert f"but {folder / '2.MP4'} does" in str(missing(folder / "2.mp4"))
    assert len(listed) == 4
