"""A user's machine and boxes that are reached by a real sshd; no daemon outlives its test."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.cli import run
from tests.support.daemons import end_daemons
from tests.support.laptop import Laptop
from tests.support.patient_server import PatientServer, serving_patiently
from tests.support.specs import draw_noise, draw_three_clips, write_batch
from tests.support.sshd import Sshd, running_sshd

StartSshd = Callable[..., Sshd]


@dataclass(frozen=True)
class Ended:
    """A command that was run in this process."""

    code: int
    out: str
    err: str


Here = Callable[..., Ended]
"""Runs `upsample --no-ui` in this process."""


@pytest.fixture(scope="session")
def small_clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Clips that are measured in no time."""
    return draw_three_clips(tmp_path_factory.mktemp("small"), "160x90")


@pytest.fixture(scope="session")
def large_clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Clips that keep the engine busy for some tenths of a second each."""
    return draw_three_clips(tmp_path_factory.mktemp("large"), "640x360")


@pytest.fixture(scope="session")
def noise_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip whose frames take much room."""
    return draw_noise(tmp_path_factory.mktemp("noise"))


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    """A user's machine that nothing was done on yet; its box is the embedded one."""
    yield Laptop(tmp_path / "home", tmp_path / "work")
    end_daemons(tmp_path)


@pytest.fixture
def server() -> Iterator[PatientServer]:
    """A chat server, for a box with the engine openai, that answers when the test lets it."""
    with serving_patiently() as made:
        yield made


@pytest.fixture
def here(
    laptop: Laptop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Here:
    """Runs `upsample --no-ui` in this process: it starts at once, and warnings are errors."""
    monkeypatch.setenv("HOME", str(laptop.home))
    monkeypatch.chdir(laptop.cwd)

    def batch(*arguments: str | Path) -> Ended:
        code = run(["--no-ui", *map(str, arguments)])
        gc.collect()  # what was left open complains now, and not in another test
        # asyncio logs what nobody awaited.
        assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return batch


@pytest.fixture
def start_sshd(tmp_path: Path, laptop: Laptop) -> Iterator[StartSshd]:
    """Starts servers that let the laptop's user in; see `running_sshd`."""
    with ExitStack() as stack:
        count = 0

        def start(
            *,
            authorized_key: Path | None = None,
            port: int | None = None,
            path: str = "",
            more_environment: Mapping[str, str] | None = None,
        ) -> Sshd:
            nonlocal count
            count += 1
            server = running_sshd(
                tmp_path / f"sshd{count}",
                authorized_key or laptop.public_key,
                port=port,
                path=path,
                more_environment=more_environment,
            )
            return stack.enter_context(server)

        yield start


@pytest.fixture
def box_root(tmp_path: Path) -> Path:
    """The root of the box named test."""
    return tmp_path / "box"


@pytest.fixture
def sshd(start_sshd: StartSshd, laptop: Laptop, box_root: Path) -> Sshd:
    """The server of the box named test. Its host key is not known to the laptop yet."""
    server = start_sshd()
    laptop.add_host("testbox", server.port)
    laptop.add_box("testbox", box_root)
    return server


@pytest.fixture
def trusted(sshd: Sshd, laptop: Laptop) -> Sshd:
    """The same with its host key known."""
    laptop.trust(sshd.port, sshd.host_key)
    return sshd


@pytest.fixture
def one_spec(laptop: Laptop, small_clips: list[Path]) -> Path:
    """A spec that is done in no time."""
    return write_batch(laptop.cwd, small_clips, 1)[0]


@pytest.fixture
def small_root(box_root: Path) -> Iterator[Callable[[int], Path]]:
    """Makes the root of the box named test a disk of so many KiB, or changes how many."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    mounted = False

    def size(kib: int) -> Path:
        nonlocal mounted
        box_root.mkdir(exist_ok=True)
        options = f"size={kib}k,mode=755" + (",remount" if mounted else "")
        command = [mount or "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(box_root)]
        done = bool(mount) and subprocess.run(command, capture_output=True).returncode == 0
        if not done and os.environ.get("CI"):
            pytest.fail("the CI machine must be able to mount a tmpfs, or full disks go untested")
        if not done:
            pytest.skip("only root can mount a small disk")
        mounted = True
        return box_root

    yield size
    if mounted:
        subprocess.run([umount or "umount", "--lazy", str(box_root)], check=True)
