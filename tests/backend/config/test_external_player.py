"""A player that is named, that is missing, and that fails at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backend.config.external_player import start_player
from backend.errors import InputError


@pytest.fixture
def video(tmp_path: Path) -> Path:
    file = tmp_path / "a clip; rm -rf x.mp4"
    file.touch()
    return file


async def test_a_video_is_one_argument_after_those_of_the_player(video: Path) -> None:
    code = "import pathlib, sys; pathlib.Path(sys.argv[2] + sys.argv[1]).touch()"
    assert await start_player([sys.executable, "-c", code, ".seen"], video) == sys.executable
    assert video.with_name(video.name + ".seen").exists()


async def test_a_player_that_is_missing_is_named_with_the_remedy(video: Path) -> None:
    with pytest.raises(InputError, match=r"no-such-player does not start.*\n.*app\.player"):
        await start_player(["no-such-player"], video)


async def test_a_player_that_fails_at_once_is_told(video: Path) -> None:
    with pytest.raises(InputError, match="ended at once, with exit status 3"):
        await start_player([sys.executable, "-c", "raise SystemExit(3)"], video)


async def test_a_video_that_is_gone_is_told_without_starting_anything(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not there any more"):
        await start_player(["no-such-player"], tmp_path / "gone.mp4")
