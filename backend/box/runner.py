"""The runner as one file: `remote/`, zipped so that equal sources give equal bytes, and put on the box.

A runner is named by its hash. One that lies on the box already is not sent again; a new one is written
under a temporary name, read back and compared, and only then given its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.resources
import io
import posixpath
import secrets
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable

import asyncssh

from backend.errors import BoxUnreachable, BoxUnusable

_ENTRY_POINT = "from remote.__main__ import main\nimport sys\nsys.exit(main())\n"
LOG_NAME = "runner.log"
"""As `remote.paths` names it."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_SECONDS = 120.0
"""For everything that is done over SFTP; the runner is some hundred kilobytes. Where nothing comes back at
all, the connection itself ends earlier (`backend.box.ssh`)."""
_CLOSE_SECONDS = 5.0
_NO_CONNECTION = asyncssh.OPEN_CONNECT_FAILED
"""What asyncssh says of a channel on a connection that is gone."""
_BROKEN = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost)


@dataclass(frozen=True, slots=True)
class Runner:
    """A built `runner.pyz`."""

    data: bytes
    hash: str
    """First 12 hex digits of the SHA-256 of `data`."""

    @property
    def name(self) -> str:
        return f"runner-{self.hash}.pyz"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A runner that lies on the box."""

    path: str
    """Where, absolute."""
    was_there: bool
    """Nothing had to be sent."""


@cache
def build_runner() -> Runner:
    """The runner of this version of the program."""
    buffer = io.BytesIO()
    # Stored, not deflated: another zlib would give other bytes, and so another runner.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _LONG_AGO), _ENTRY_POINT)
        for name, source in sorted(_sources(importlib.resources.files("remote"), "remote")):
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), source)
    data = buffer.getvalue()
    return Runner(data, hashlib.sha256(data).hexdigest()[:12])


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        path = f"{name}/{entry.name}"
        if entry.is_dir() and entry.name != "__pycache__":
            found += _sources(entry, path)
        elif entry.name.endswith(".py"):
            found.append((path, entry.read_bytes()))
    return found


async def deploy(connection: asyncssh.SSHClientConnection, root: str, runner: Runner) -> Deployed:
    """Make sure that the runner lies under `root` on the box.

    `root` may begin with "~/". Raises BoxUnusable (no SFTP, disk full, folder not writable), and
    BoxUnreachable when the connection breaks or nothing comes back.
    """
    try:
        async with asyncio.timeout(_SECONDS), _sftp(connection) as sftp:
            folder = await _make_folder(sftp, root)
            final = posixpath.join(folder, runner.name)
            was_there = await _holds(sftp, final, runner)
            if not was_there:
                await _put(sftp, final, runner)
            return Deployed(final, was_there)
    except TimeoutError:
        raise BoxUnreachable("the box does not take the runner: SFTP gives no answer") from None
    except (asyncssh.DisconnectError, *_BROKEN) as error:
        raise BoxUnreachable(f"the link to the box broke: {error.reason}") from error
    except OSError as error:  # as the socket gave it: a reset
        raise BoxUnreachable(f"the link to the box broke: {error}") from error
    except (asyncssh.SFTPError, asyncssh.ChannelOpenError) as error:
        if isinstance(error, asyncssh.ChannelOpenError) and error.code == _NO_CONNECTION:
            raise BoxUnreachable(f"the link to the box broke: {error.reason}") from error
        raise BoxUnusable(
            f"cannot put the runner into {root} on the box: {error.reason}",
            "Is there space on its disk (df), and may you write there? "
            "The folder is the setting `root` of the box.",
        ) from error


async def read_newest_log(connection: asyncssh.SSHClientConnection, root: str, size: int) -> str:
    """The last `size` bytes of the newest runner's log under `root`; empty when there is none.

    Raises BoxUnusable.
    """
    try:
        async with asyncio.timeout(_SECONDS), _sftp(connection) as sftp:
            folder = await _make_folder(sftp, root)
            # One folder a machine: a home may be shared.
            found = [str(path) for path in await sftp.glob(posixpath.join(folder, "*", LOG_NAME))]
            ages = [((await sftp.stat(path)).mtime or 0, path) for path in found]
            return await _end_of(sftp, max(ages)[1], size)
    except asyncssh.SFTPNoSuchFile:
        return ""
    except (asyncssh.Error, OSError, TimeoutError) as error:
        why = str(error) or "no answer"
        raise BoxUnusable(f"the log under {root} on the box cannot be read: {why}") from error


@contextlib.asynccontextmanager
async def _sftp(connection: asyncssh.SSHClientConnection) -> AsyncIterator[asyncssh.SFTPClient]:
    """An SFTP session. Its own end would wait for the box's word, for ever if need be."""
    sftp = await connection.start_sftp_client()
    try:
        yield sftp
    finally:
        sftp.exit()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await sftp.wait_closed()


async def _end_of(sftp: asyncssh.SFTPClient, path: str, size: int) -> str:
    length = (await sftp.stat(path)).size or 0
    async with sftp.open(path, "rb") as file:
        content: bytes | str = await file.read(size, max(0, length - size))
    text = content if isinstance(content, str) else content.decode(errors="replace")
    return text if length <= size else text.partition("\n")[2]


async def _make_folder(sftp: asyncssh.SFTPClient, root: str) -> str:
    # SFTP starts in the home directory and knows no ~.
    relative = root.removeprefix("~").lstrip("/") if root.startswith("~") else root
    home = await sftp.realpath(".")
    folder = posixpath.join(str(home), relative)
    await sftp.makedirs(folder, asyncssh.SFTPAttrs(permissions=0o700), exist_ok=True)
    return folder


async def _holds(sftp: asyncssh.SFTPClient, path: str, runner: Runner) -> bool:
    try:
        async with sftp.open(path, "rb") as file:
            # A byte more than it should have: whatever lies there, no more of it is taken.
            content: object = await file.read(len(runner.data) + 1)
            return content == runner.data
    except asyncssh.SFTPNoSuchFile:
        return False


async def _put(sftp: asyncssh.SFTPClient, final: str, runner: Runner) -> None:
    part = f"{final}.{secrets.token_hex(4)}.part"
    try:
        async with sftp.open(part, "wb", asyncssh.SFTPAttrs(permissions=0o600)) as file:
            await file.write(runner.data)
        if not await _holds(sftp, part, runner):
            raise BoxUnusable(f"the runner that arrived on the box as {part} is not the one sent")
        await sftp.posix_rename(part, final)
    except (asyncssh.SFTPError, BoxUnusable):
        await _remove(sftp, part)
        raise


async def _remove(sftp: asyncssh.SFTPClient, path: str) -> None:
    try:
        await sftp.remove(path)
    except asyncssh.SFTPError:
        return
