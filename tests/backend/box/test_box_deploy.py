"""The runner as a file, and putting it on a box by a real sshd."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from backend.box.links.channel import Channel
from backend.box.links.runner import LOG_NAME, build_runner, deploy, read_newest_log
from backend.box.ssh.connecting import connect
from backend.errors import BoxUnreachable, BoxUnusable
from tests.support.askers import Person
from tests.support.laptop import Laptop
from tests.support.sshd import LOOPBACK, Sshd

RUNNER = build_runner()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "somewhere" / "root"


@pytest.fixture(autouse=True)
def _trusted(sshd: Sshd, laptop: Laptop) -> None:
    laptop.trust(sshd.port, sshd.host_key)


@asynccontextmanager
async def _testbox() -> AsyncIterator[asyncssh.SSHClientConnection]:
    async with asyncio.timeout(30), connect("testbox", Person()) as connection:
        yield connection


async def _deploy(root: str) -> Path:
    async with _testbox() as connection:
        return Path((await deploy(connection, root, RUNNER)).path)


def _facts(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def _names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def test_equal_sources_give_equal_bytes() -> None:
    fresh = build_runner.__wrapped__
    assert fresh().data == fresh().data
    assert hashlib.sha256(RUNNER.data).hexdigest().startswith(RUNNER.hash)


def test_the_runner_holds_sources_and_nothing_else() -> None:
    with zipfile.ZipFile(io.BytesIO(RUNNER.data)) as archive:
        names = archive.namelist()
    assert {"__main__.py", "remote/jobs/journal.py", "remote/engines/sketch/engine.py"} <= set(
        names
    )
    assert all(name.endswith(".py") for name in names)


def test_the_runner_runs_where_nothing_is_installed(tmp_path: Path) -> None:
    file = tmp_path / RUNNER.name
    file.write_bytes(RUNNER.data)
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(file)], capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 2
    assert "attach SETUP" in ran.stderr


async def test_the_runner_is_sent_once_and_only_the_owner_can_read_it(root: Path) -> None:
    path = await _deploy(str(root))
    assert path == root / RUNNER.name
    assert _mode(root) == 0o700
    assert _mode(path) == 0o600
    sent = _facts(path)
    assert await _deploy(str(root)) == path
    assert _facts(path) == sent
    assert _names(root) == [RUNNER.name]


async def test_a_root_below_the_home_is_found_there(sshd: Sshd) -> None:
    path = await _deploy("~/.cache/upsample")
    assert path.parts[-3:] == (".cache", "upsample", RUNNER.name)
    _forget(path)


async def test_a_damaged_runner_is_replaced(root: Path) -> None:
    path = await _deploy(str(root))
    path.write_bytes(RUNNER.data[:-1] + b"?")
    await _deploy(str(root))
    assert path.read_bytes() == RUNNER.data
    assert _names(root) == [RUNNER.name]


@pytest.fixture
def endless(root: Path) -> Path:
    """A root where a file without an end has the runner's name."""
    root.mkdir(parents=True)
    (root / RUNNER.name).symlink_to("/dev/zero")
    return root


async def test_what_never_ends_in_the_runners_place_is_replaced(endless: Path) -> None:
    runner = await _deploy(str(endless))
    assert not runner.is_symlink()
    assert runner.read_bytes() == RUNNER.data


async def test_a_root_that_cannot_be_made_makes_the_box_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BoxUnusable, match="cannot put the runner into"):
        await _deploy(str(tmp_path / "file" / "root"))


async def test_a_connection_that_breaks_is_no_fault_of_the_box(root: Path) -> None:
    async with _testbox() as connection:
        connection.abort()
        with pytest.raises(BoxUnreachable):
            await deploy(connection, str(root), RUNNER)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _forget(path: Path) -> None:
    path.unlink()


async def test_a_runner_that_others_can_swap_is_not_run(root: Path) -> None:
    """Between the check of its bytes and its start, another user of the box could put another one there."""
    await _deploy(str(root))
    swapped = root / RUNNER.name
    swapped.write_text("raise SystemExit('somebody else ran this')")
    async with _testbox() as connection:
        for place in (root, root.parent):
            place.chmod(0o777)
            with pytest.raises(BoxUnusable) as refused:
                await Channel.start(connection, [str(swapped), "clean", str(root)])
            place.chmod(0o755)
            assert f"other users can change {place}, " in refused.value.problem
            assert "has mode 0777" in refused.value.problem
            assert f"chmod go-w {place}" in refused.value.remedy
        with pytest.raises(BoxUnusable, match="did not start") as ran:
            await Channel.start(connection, [str(swapped), "clean", str(root)])
        assert "somebody else ran this" in ran.value.remedy


class _TellsNamesWithoutEnd(asyncssh.SFTPServer):
    """The files of a box that lists names for as long as somebody asks."""

    told = 0

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        while True:
            type(self).told += 1
            yield asyncssh.SFTPName(b"machine-%d" % self.told, attrs=asyncssh.SFTPAttrs())


class _CannotLookAtLogs(asyncssh.SFTPServer):
    """The files of a box whose disk fails."""

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        if path.endswith(LOG_NAME.encode()):
            raise asyncssh.SFTPFailure("Input/output error")
        return asyncssh.SFTPAttrs.from_local(Path(os.fsdecode(path)).stat())


@asynccontextmanager
async def _reached(files: type[asyncssh.SFTPServer]) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to a server in this process, with these files."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        LOOPBACK,
        0,
        server_host_keys=[key],
        authorized_client_keys=asyncssh.import_authorized_keys(key.export_public_key().decode()),
        sftp_factory=files,
        config=None,
    )
    async with asyncio.timeout(60), server, asyncssh.connect(
        LOOPBACK, server.get_port(), username="u", client_keys=[key], known_hosts=None,
        agent_path=None, config=None,
    ) as connection:  # fmt: skip
        yield connection


async def test_a_box_that_tells_names_without_end_is_not_listened_to_for_ever(
    tmp_path: Path,
) -> None:
    async with _reached(_TellsNamesWithoutEnd) as connection:
        assert await read_newest_log(connection, str(tmp_path), 100) == ""
    assert _TellsNamesWithoutEnd.told < 2_000


async def test_a_log_that_cannot_be_looked_at_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    async with _reached(_CannotLookAtLogs) as connection:
        with pytest.raises(BoxUnusable, match="Input/output error"):
            await read_newest_log(connection, str(tmp_path), 100)
