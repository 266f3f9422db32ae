"""What a killed process left half written is removed by the next one, and what is in use stays."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.files import sweep_parts, write_whole
from backend.files.left_parts import _swept
from backend.store.salvage import remove_left_copies
from backend.video.frame_cache import drawing_folder
from tests.support.waiting import wait_until

LONG_AGO = 3600.0


def left(path: Path, age: float = LONG_AGO) -> Path:
    """A part, or a folder of frames that are drawn, that was changed last so many seconds ago."""
    if path.name.startswith(".drawing"):
        (path / "frames").mkdir(parents=True)
        (path / "frames" / "frame-0.png").touch()
    else:
        path.write_bytes(b"half")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


NAMES = (".a.json.0123abcd.part", ".drawing-0abc_def")


@pytest.mark.parametrize("name", NAMES)
def test_what_nobody_uses_is_removed_by_the_next_one_who_writes_there(
    tmp_path: Path, name: str
) -> None:
    left(tmp_path / name)
    if name == NAMES[0]:
        write_whole(tmp_path / "b.json", b"whole")
    else:
        with drawing_folder(tmp_path):
            pass
    assert not (tmp_path / name).exists()


def test_what_a_killed_process_was_writing_is_removed_and_not_before(tmp_path: Path) -> None:
    """The write stands still until the process is killed."""
    program = (
        "import os, pathlib, sys, time\nfrom backend import files\n"
        "os.fsync = lambda _: time.sleep(600)\n"
        "files.write_whole(pathlib.Path(sys.argv[1]), b'half')"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.json")]
    with subprocess.Popen(command, env=os.environ) as writer:
        wait_until(lambda: any(file.stat().st_size for file in tmp_path.glob(".a.json.*.part")))
        (part,) = tmp_path.glob(".a.json.*.part")
        os.utime(part, (1e9, 1e9))
        _swept.clear()
        sweep_parts(tmp_path)
        assert part.exists()
        writer.send_signal(signal.SIGKILL)
    _swept.clear()
    sweep_parts(tmp_path)
    assert not part.exists()


def test_frames_that_are_being_drawn_stay(tmp_path: Path) -> None:
    with drawing_folder(tmp_path) as folder:
        os.utime(folder, (1e9, 1e9))
        _swept.clear()
        sweep_parts(tmp_path)
        assert folder.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "age"),
    [
        (".a.json.0123abcd.part", 5.0),  # perhaps just made
        (".a.json.part", LONG_AGO),
        ("a.json.0123abcd.part", LONG_AGO),
        (".a.json.0123ABCD.part", LONG_AGO),
        (".drawings", LONG_AGO),
    ],
)
def test_what_may_be_somebody_elses_stays(tmp_path: Path, name: str, age: float) -> None:
    part = left(tmp_path / name, age)
    sweep_parts(tmp_path)
    assert part.exists()


def test_links_and_folders_of_such_a_name_stay(tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).mkdir()
    (tmp_path / NAMES[1]).symlink_to(tmp_path / NAMES[0])
    for name in NAMES:
        os.utime(tmp_path / name, (1e9, 1e9), follow_symlinks=False)
    sweep_parts(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_where_there_are_no_locks_it_must_be_a_day_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    young = left(tmp_path / NAMES[0])
    old = left(tmp_path / ".b.json.0123abcd.part", age=2 * 86_400)
    write_whole(tmp_path / "c.json", b"whole")
    assert (young.exists(), old.exists()) == (True, False)


def test_copies_of_a_queue_whose_mending_was_killed_are_removed(tmp_path: Path) -> None:
    (tmp_path / "mending-0abc_def").mkdir()
    (tmp_path / "mending-0abc_def" / "copy.db").touch()
    (tmp_path / "mending").mkdir()
    remove_left_copies(tmp_path / "queue.db")
    assert [path.name for path in tmp_path.iterdir()] == ["mending"]
