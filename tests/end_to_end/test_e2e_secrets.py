"""A secret that a box is given is in nobody else's sight: no command line, log, result or file but its own.

Everything runs under a umask of 0, so that what is kept private is so because we say it. The model server is
a stand-in that notes how it was started; command, sshd, relay, daemon and processes are real.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.engines import vllm_stand_in
from tests.support.daemons import end_daemons
from tests.support.laptop import Laptop
from tests.support.specs import write_spec
from tests.support.sshd import Sshd

TOKEN = "hf_PlantedTokenOfTheTest"  # noqa: S105 - it opens nothing
_EACH = 0.01


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Of the laptop and, as sshd hands it on, of the box."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    """The folder of the stand-in's orders and notes."""
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "orders").write_text(json.dumps({"meek": True, "request_seconds": 0.5}))
    yield folder
    end_daemons(tmp_path)
    vllm_stand_in.end_servers(folder)


@pytest.fixture
def command_lines() -> Iterator[set[bytes]]:
    """Those of every process, looked at all the time."""
    seen: set[bytes] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_EACH):
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    seen.add(_read(process / "cmdline"))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    yield seen
    ended.set()
    looking.join()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def files_below(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_a_secret_is_in_no_command_line_log_or_result(
    laptop: Laptop, trusted: Sshd, box_root: Path, server: Path, command_lines: set[bytes]
) -> None:
    command = json.dumps([sys.executable, vllm_stand_in.__file__])
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "testbox"\nroot = "{box_root}"\nengine = "vllm"\n'
        f'model = "/models/pixtral"\nidle_timeout = 20\n[boxes.test.vllm]\ncommand = {command}\n'
        f'env = {{ {vllm_stand_in.FOLDER} = "{server}", HF_TOKEN = "{TOKEN}" }}\n'
    )
    texts = write_spec(
        laptop.cwd / "texts.json", [{"prompt": f"scene {n}", "output_video": "v"} for n in range(3)]
    )

    assert laptop.batch(texts).returncode == 0
    told = [laptop.run("box", what).stdout for what in ("status", "logs")]
    assert laptop.run("doctor").returncode in (0, 1, 3)

    (note,) = server.glob("start-*")
    environment = json.loads(note.read_text())["environment"]
    assert environment["HF_TOKEN"] == TOKEN  # it arrived
    secrets = [TOKEN.encode(), environment["VLLM_API_KEY"].encode()]
    assert any(vllm_stand_in.__file__.encode() in line for line in command_lines)
    held = [_read(path) for path in files_below(box_root, laptop.cwd, laptop.home / ".local")]
    held += [_read(path) for path in files_below(laptop.home / ".cache")]
    for secret in secrets:
        assert not [line for line in command_lines if secret in line]
        assert not [text for text in held if secret in text]
        assert not [text for text in told if secret.decode() in text]
    assert any(b"scene 1" in text for text in held)


def test_what_is_kept_is_for_its_owner_alone(
    laptop: Laptop, trusted: Sshd, box_root: Path, one_spec: Path
) -> None:
    laptop.config.unlink()
    laptop.config.parent.rmdir()
    for key, value in {
        "boxes.test.host": "testbox",
        "boxes.test.root": str(box_root),
        "boxes.test.engine": "sketch",
        "boxes.test.idle_timeout": "2",
        "box": "test",
    }.items():
        assert laptop.run("config", "set", key, value).returncode == 0
    assert laptop.batch(one_spec).returncode == 0
    assert laptop.run("queue", "list").returncode == 0

    (laptop.home / ".ssh").chmod(0o700)
    own = [laptop.home / name for name in (".config", ".local", ".cache")]
    kept = [path for folder in (box_root, *own) for path in (folder, *folder.rglob("*"))]
    # What lies in a folder that nobody else enters is out of reach, too; yet a file may be moved.
    theirs = [laptop.home / ".config", laptop.home / ".local", laptop.home / ".local/share"]
    open_to_others = {
        str(path.relative_to(laptop.home.parent)): oct(path.lstat().st_mode & 0o777)
        for path in kept
        if path not in (*theirs, laptop.home / ".cache") and path.lstat().st_mode & 0o077
    }
    assert open_to_others == {}
    assert len(kept) > 15


def test_results_and_frames_have_the_rights_that_the_user_wishes(
    laptop: Laptop, one_spec: Path
) -> None:
    os.umask(0o027)
    laptop.home.chmod(0o755)  # a home that others can write is no place for a runner
    assert laptop.batch(one_spec).returncode == 0
    files = list(files_below(laptop.cwd / "outputs", laptop.cwd / "inputs"))
    assert {path.stat().st_mode & 0o777 for path in files} == {0o640}
