"""Real clips, drawn small and quickly by the ffmpeg that imageio-ffmpeg carries."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

from backend.tokens import TextCounter

REAL_FFMPEG = str(imageio_ffmpeg.get_ffmpeg_exe())

RunFfmpeg = Callable[..., None]


@pytest.fixture(scope="session")
def run_ffmpeg() -> RunFfmpeg:
    """Runs ffmpeg with these arguments, overwriting and quietly."""

    def run(*arguments: str | Path) -> None:
        command = [REAL_FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, arguments)]
        subprocess.run(command, check=True, timeout=60)

    return run


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's clips lie. Tests leave them as they are."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def numbered() -> Callable[[int], str]:
    """A lavfi source of so many frames, 24 a second, of which frame N has luma 16 + 4 N.

    So a picture tells its number, up to 54.
    """

    def source(frames: int) -> str:
        grey = "format=yuv420p,geq=lum='16+4*N':cb=128:cr=128"
        return f"color=black:s=64x36:r=24:d={frames / 24},{grey}"

    return source


@pytest.fixture(scope="session")
def counted_clip(clips: Path, run_ffmpeg: RunFfmpeg, numbered: Callable[[int], str]) -> Path:
    """48 frames at 24 a second, with B-frames; each picture tells its number (`number_in`)."""
    clip = clips / "counted.mp4"
    run_ffmpeg("-f", "lavfi", "-i", numbered(48), "-crf", "1", "-bf", "3", "-g", "24", clip)
    return clip


@pytest.fixture(scope="session")
def uneven_clip(clips: Path, run_ffmpeg: RunFfmpeg, numbered: Callable[[int], str]) -> Path:
    """Variable frame rate: frames 0 to 9 last 0.1 s each, 10 to 29 last 0.02 s; then 0.1 s."""
    clip = clips / "uneven.mp4"
    times = "settb=1/1000,setpts='if(lt(N,10),N*100,1000+(N-10)*20)'"
    source = f"{numbered(30)},{times}"
    ticks = ("-fps_mode", "vfr", "-enc_time_base", "1:1000", "-video_track_timescale", "1000")
    run_ffmpeg("-f", "lavfi", "-i", source, *ticks, "-crf", "1", clip)
    return clip


@pytest.fixture(scope="session")
def turned_clip(clips: Path, run_ffmpeg: RunFfmpeg, counted_clip: Path) -> Path:
    """64×36 pixels that are shown as 36×64."""
    clip = clips / "turned.mp4"
    run_ffmpeg("-display_rotation", "90", "-i", counted_clip, "-c", "copy", clip)
    return clip


@pytest.fixture(scope="session")
def picture(clips: Path, run_ffmpeg: RunFfmpeg) -> Path:
    """A PNG of 64×36."""
    file = clips / "picture.png"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x36", "-frames:v", "1", file)
    return file


@pytest.fixture(scope="session")
def sound(clips: Path, run_ffmpeg: RunFfmpeg) -> Path:
    """An MP4 without pictures."""
    file = clips / "sound.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", file)
    return file


@pytest.fixture
def ffmpeg_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Puts a counting ffmpeg on PATH; the value tells how often it was started."""
    log = tmp_path / "ffmpeg-runs"
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho run >> "{log}"\nexec "{REAL_FFMPEG}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return lambda: len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture(scope="session")
def counter() -> TextCounter:
    """A loaded tokenizer."""
    text = TextCounter()
    text.load()
    return text
