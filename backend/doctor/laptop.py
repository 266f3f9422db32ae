"""Checks what a batch needs on this machine."""

from __future__ import annotations

import asyncio
import platform
import re
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from backend.config import LOCAL_FILE, Settings, user_file
from backend.doctor.findings import failed_finding, ok_finding
from backend.errors import MediaError, QueueError, UpsampleError
from backend.store import Store, default_path
from backend.video.ffmpeg_program import find_ffmpeg
from remote.protocol import Finding

AREA = "laptop"
_FFMPEG_SECONDS = 20.0
_LOCK_SECONDS = 5.0
_VERSION = re.compile(r"ffmpeg version (\S+)")


def describe_python() -> Finding:
    """Report the version of Python, which is new enough, or this would not run."""
    return ok_finding(
        AREA, "Python", f"{platform.python_version()} at {_short(Path(sys.executable))}"
    )


async def check_ffmpeg() -> Finding:
    """Find the ffmpeg that draws frames, and run it once."""
    try:
        path = await asyncio.to_thread(find_ffmpeg)
        version = await _read_version(path)
    except MediaError as error:
        return failed_finding(AREA, "ffmpeg", error.problem, error.remedy)
    except (OSError, TimeoutError) as error:
        why = str(error) or f"no answer within {_FFMPEG_SECONDS:.0f} s"
        return failed_finding(
            AREA, "ffmpeg", f"it does not run: {why}", "Install another ffmpeg on PATH."
        )
    carried = "imageio_ffmpeg" in path.parts
    where = "the one of imageio-ffmpeg; none is on PATH" if carried else f"at {_short(path)}"
    return ok_finding(AREA, "ffmpeg", f"{version}, {where}")


async def _read_version(ffmpeg: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        ffmpeg, "-version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_FFMPEG_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
    found = _VERSION.search(output.decode(errors="replace"))
    if process.returncode or found is None:
        raise OSError(f"exit status {process.returncode}")
    return found[1]


def describe_settings(settings: Settings, box: str) -> Finding:
    """Describe the settings, and the files that they come from."""
    files = [_short(file) for file in (user_file(), LOCAL_FILE.absolute()) if file.is_file()]
    read = f"from {' and '.join(files)}" if files else "all defaults"
    return ok_finding(AREA, "config", f"box {box}, profile {settings.upsampling.profile}; {read}")


def describe_bad_settings(error: UpsampleError) -> Finding:
    """Describe an error in the settings."""
    remedy = error.remedy or "Mend it: upsample config edit; `upsample config show` checks it."
    return failed_finding(AREA, "config", error.problem, remedy)


def check_queue() -> Finding:
    """Open the queue's file and lock it for writing once. Blocks."""
    path = default_path()
    try:
        with closing(Store(path)) as store:
            if store.set_aside is not None:
                return failed_finding(AREA, "queue", *store.set_aside.describe().split("\n", 1))
            left = len(store.unended())
        with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
    except QueueError as error:
        remedy = error.remedy or "Mend its rights, or move it away: a new one is made then."
        return failed_finding(AREA, "queue", error.problem, remedy)
    except sqlite3.Error as error:
        return failed_finding(
            AREA, "queue", f"{path} cannot be written: {error}",
            "Is its disk full, or another upsample at work on it? May you write there?",
        )  # fmt: skip
    return ok_finding(AREA, "queue", f"{_short(path)}, {left} unfinished")


def check_hint_folder(folder: Path) -> Finding:
    """Check that the folder for frames and hint videos can be written, or its nearest parent. Blocks."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return failed_finding(
            AREA, "frames", f"{folder} cannot be written: {error.strerror}",
            "Mend its rights, or set upsampling.hint_video_dir to another folder.",
        )  # fmt: skip
    made = "" if there == folder.absolute() else "; made when it is needed"
    return ok_finding(AREA, "frames", f"kept in {folder}{made}")


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
