"""The runner gets to a box without SFTP over the stdin of a command, as whole and as private as over SFTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from backend.box.links.runner import LOG_NAME, build_runner, deploy, read_newest_log
from backend.box.ssh.connecting import connect
from backend.errors import BoxUnreachable, BoxUnusable
from tests.backend.box.conftest import StartSshd
from tests.support.askers import Person
from tests.support.laptop import Laptop
from tests.support.sshd import Sshd

RUNNER = build_runner()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "somewhere" / "root"


@pytest.fixture
def start_box(start_sshd: StartSshd, laptop: Laptop) -> StartSshd:
    """Starts a server that is the Host testbox and known."""

    def start(**options: str) -> Sshd:
        server = start_sshd(**options)
        laptop.add_host("testbox", server.port)
        laptop.trust(server.port, server.host_key)
        return server

    return start


@asynccontextmanager
async def _testbox() -> AsyncIterator[asyncssh.SSHClientConnection]:
    async with asyncio.timeout(60), connect("testbox", Person()) as connection:
        yield connection


@pytest.mark.parametrize(
    "sftp", ["", "/no/such/program", "/bin/echo a greeting of the login shell"]
)
async def test_the_runner_is_put_there_over_stdin(
    start_box: StartSshd, root: Path, sftp: str
) -> None:
    start_box(sftp=sftp)
    async with _testbox() as connection:
        deployed = await deploy(connection, str(root), RUNNER)
        file = root / RUNNER.name
        assert (deployed.path, deployed.was_there) == (str(file), False)
        assert file.read_bytes() == RUNNER.data
        assert [_mode(path) for path in (file, root)] == [0o600, 0o700]
        assert (await deploy(connection, str(root), RUNNER)).was_there
        file.write_bytes(b"damaged")
        assert not (await deploy(connection, str(root), RUNNER)).was_there
        assert file.read_bytes() == RUNNER.data
        assert _names(root) == [RUNNER.name]


async def test_a_box_without_sftp_says_why_it_takes_nothing(
    start_box: StartSshd, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    start_box(sftp="")
    async with _testbox() as connection:
        with pytest.raises(BoxUnusable, match="file/root: the box says: Not a directory"):
            await deploy(connection, str(tmp_path / "file" / "root"), RUNNER)


async def test_a_box_with_neither_sftp_nor_python_is_told_apart(
    start_box: StartSshd, tmp_path: Path
) -> None:
    start_box(sftp="", path=str(tmp_path))
    async with _testbox() as connection:
        with pytest.raises(BoxUnusable, match="the box has no SFTP, and its python3") as raised:
            await deploy(connection, str(tmp_path / "root"), RUNNER)
    assert "Turn SFTP on" in raised.value.remedy


async def test_the_newest_log_is_read(start_box: StartSshd, root: Path) -> None:
    start_box(sftp="")
    async with _testbox() as connection:
        assert await read_newest_log(connection, str(root), 100) == ""
        (root / "machine").mkdir(parents=True)
        (root / "machine" / LOG_NAME).write_text("first line\nsecond líne\n")
        assert await read_newest_log(connection, str(root), 100) == "first line\nsecond líne\n"
        assert await read_newest_log(connection, str(root), 16) == "second líne\n"


async def test_a_connection_that_breaks_is_no_fault_of_the_box(
    start_box: StartSshd, root: Path
) -> None:
    start_box(sftp="")
    async with _testbox() as connection:
        connection.abort()
        with pytest.raises(BoxUnreachable):
            await deploy(connection, str(root), RUNNER)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]
