"""Builds the runner, deploys it to a box, and runs its commands there. The runner is `remote/`, zipped into
one file.

Equal sources give equal bytes, and a runner is named by its hash. A runner that is on the box already is not
sent again. A new one is written under a temporary name, read back and compared, and then renamed.
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
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from typing import TypeVar

import asyncssh

from backend.box.links.channel import Channel
from backend.box.links.without_sftp import put_file, read_log
from backend.errors import BoxUnreachable, BoxUnusable
from remote.protocol import Finding, Offer, Trace

Told = TypeVar("Told", Finding, Offer, Trace)

_ENTRY_POINT = "from remote.__main__ import main\nimport sys\nsys.exit(main())\n"
LOG_NAME = "runner.log"
"""The name of the runner's log, as in `remote.paths`."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_SECONDS = 120.0
"""Seconds for all work over SFTP; the runner has some hundred kilobytes. Where the box is silent, the
connection itself ends earlier (`backend.box.ssh.connecting`)."""
_CLOSE_SECONDS = 5.0
_SILENCE_SECONDS = 120.0
"""Seconds of silence after which we give up. No single check takes as long."""
_MOST_FINDINGS = 1_000
"""Findings of one command; a checkup has some thirty."""
_MOST_NAMES = 1_000
"""Names in a root that may be folders of machines."""
_NO_CONNECTION = asyncssh.OPEN_CONNECT_FAILED
"""asyncssh's error code for a new channel on a broken connection."""
_DISK = (
    "Is there space on its disk (df), and may you write there? "
    "The folder is the setting `root` of the box."
)
_BROKEN = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost)


@dataclass(frozen=True, slots=True)
class Runner:
    """A built `runner.pyz`."""

    data: bytes
    hash: str
    """The first 12 hex digits of the SHA-256 of `data`."""

    @property
    def name(self) -> str:
        return f"runner-{self.hash}.pyz"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A runner on the box."""

    path: str
    """The absolute path on the box."""
    was_there: bool
    """Whether it was on the box already, so that nothing was sent."""


@cache
def build_runner() -> Runner:
    """Build the runner of this version of the program."""
    buffer = io.BytesIO()
    # Stored, not compressed: another version of zlib would give other bytes, and so another hash.
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
    """Make sure that the runner is in the folder `root` on the box.

    It goes by SFTP, or else over stdin. `root` may begin with "~/". Raises BoxUnusable (disk full, folder not
    writable), and BoxUnreachable when the connection breaks or nothing comes back.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            try:
                return await _deploy_by_sftp(connection, root, runner)
            except _NoSftp:
                path, was_there = await put_file(connection, root, runner.name, runner.data)
                return Deployed(path, was_there)
    except TimeoutError:
        raise BoxUnreachable("the box does not take the runner: SFTP gives no answer") from None
    except BoxUnusable as error:
        raise BoxUnusable(
            f"cannot put the runner into {root}: {error.problem}", error.remedy or _DISK
        ) from error
    except (asyncssh.DisconnectError, *_BROKEN) as error:
        raise BoxUnreachable(f"the link to the box broke: {error.reason}") from error
    except OSError as error:  # from the socket, for example a reset
        raise BoxUnreachable(f"the link to the box broke: {error}") from error
    except (asyncssh.SFTPError, asyncssh.ChannelOpenError) as error:
        if isinstance(error, asyncssh.ChannelOpenError) and error.code == _NO_CONNECTION:
            raise BoxUnreachable(f"the link to the box broke: {error.reason}") from error
        raise BoxUnusable(
            f"cannot put the runner into {root} on the box: {error.reason}", _DISK
        ) from error


async def _deploy_by_sftp(
    connection: asyncssh.SSHClientConnection, root: str, runner: Runner
) -> Deployed:
    async with _sftp(connection) as sftp:
        folder = await _make_folder(sftp, root)
        final = posixpath.join(folder, runner.name)
        was_there = await _has_runner(sftp, final, runner)
        if not was_there:
            await _put(sftp, final, runner)
        return Deployed(final, was_there)


async def read_newest_log(connection: asyncssh.SSHClientConnection, root: str, size: int) -> str:
    """Read the last `size` bytes of the newest log of a runner under `root`; empty when there is no log.

    Raises BoxUnusable.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            try:
                return await _read_log_by_sftp(connection, root, size)
            except _NoSftp:
                return await read_log(connection, root, LOG_NAME, size)
    except asyncssh.SFTPNoSuchFile:
        return ""
    except (asyncssh.Error, OSError, TimeoutError) as error:
        why = str(error) or "no answer"
        raise BoxUnusable(f"the log under {root} on the box cannot be read: {why}") from error


async def _read_log_by_sftp(connection: asyncssh.SSHClientConnection, root: str, size: int) -> str:
    async with _sftp(connection) as sftp:
        folder = await _make_folder(sftp, root)
        ages: list[tuple[int, str]] = []
        for name in await _names_in(sftp, folder):
            path = posixpath.join(folder, name, LOG_NAME)
            # What is no folder of a machine has no log.
            with contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPPermissionDenied):
                ages.append(((await sftp.stat(path)).mtime or 0, path))
        return await _read_end(sftp, max(ages)[1], size) if ages else ""


async def _names_in(sftp: asyncssh.SFTPClient, root: str) -> list[str]:
    """List a root: the runners, and a folder for each machine, because machines may share a home directory.

    A box that does not stop telling names is not listened to for ever.
    """
    names: list[str] = []
    async for entry in sftp.scandir(root):
        name = entry.filename
        if isinstance(name, str) and not name.startswith((".", "runner-")):
            names.append(name)
        if len(names) >= _MOST_NAMES:
            break
    return names


class _NoSftp(Exception):
    """The box answers, but not in SFTP: it has no such subsystem, or a login shell prints before it."""


@contextlib.asynccontextmanager
async def _sftp(connection: asyncssh.SSHClientConnection) -> AsyncIterator[asyncssh.SFTPClient]:
    """Open an SFTP session. asyncssh's own close would wait for the box without a limit."""
    try:
        sftp = await connection.start_sftp_client()
    except (asyncssh.SFTPError, asyncssh.ChannelOpenError) as error:
        is_broken = isinstance(error, asyncssh.ChannelOpenError) and error.code == _NO_CONNECTION
        if is_broken or connection.is_closed():
            raise
        raise _NoSftp from error
    try:
        yield sftp
    finally:
        sftp.exit()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await sftp.wait_closed()


async def _read_end(sftp: asyncssh.SFTPClient, path: str, size: int) -> str:
    length = (await sftp.stat(path)).size or 0
    async with sftp.open(path, "rb") as file:
        content: bytes | str = await file.read(size, max(0, length - size))
    text = content if isinstance(content, str) else content.decode(errors="replace")
    return text if length <= size else text.partition("\n")[2]


async def _make_folder(sftp: asyncssh.SFTPClient, root: str) -> str:
    # SFTP starts in the home directory and does not expand "~".
    relative = root.removeprefix("~").lstrip("/") if root.startswith("~") else root
    home = await sftp.realpath(".")
    folder = posixpath.join(str(home), relative)
    await sftp.makedirs(folder, asyncssh.SFTPAttrs(permissions=0o700), exist_ok=True)
    return folder


async def _has_runner(sftp: asyncssh.SFTPClient, path: str, runner: Runner) -> bool:
    try:
        async with sftp.open(path, "rb") as file:
            # One byte more than the runner has is enough to compare, however large the file is.
            content: object = await file.read(len(runner.data) + 1)
            return content == runner.data
    except asyncssh.SFTPNoSuchFile:
        return False


async def _put(sftp: asyncssh.SFTPClient, final: str, runner: Runner) -> None:
    part = f"{final}.{secrets.token_hex(4)}.part"
    try:
        async with sftp.open(part, "wb", asyncssh.SFTPAttrs(permissions=0o600)) as file:
            await file.write(runner.data)
        if not await _has_runner(sftp, part, runner):
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


def stream_findings(
    connection: asyncssh.SSHClientConnection, command: Sequence[str]
) -> AsyncGenerator[Finding, None]:
    """Run a command of the runner that makes findings; see `_stream`."""
    return _stream(connection, command, Finding)


def stream_offers(
    connection: asyncssh.SSHClientConnection, runner: str
) -> AsyncGenerator[Offer, None]:
    """Have the runner at this path look around; see `_stream`."""
    return _stream(connection, [runner, "look"], Offer)


def stream_traces(
    connection: asyncssh.SSHClientConnection, command: Sequence[str]
) -> AsyncGenerator[Trace, None]:
    """Run a command of the runner that tells what is kept on the box; see `_stream`."""
    return _stream(connection, command, Trace)


async def _stream(
    connection: asyncssh.SSHClientConnection, command: Sequence[str], kind: type[Told]
) -> AsyncGenerator[Told, None]:
    """Run a command of the runner, and yield its messages, which are of this kind, as they come.

    `command` begins with the runner's path.

    Raises BoxUnreachable when the connection breaks or is silent, and BoxUnusable when the runner fails.
    Close the generator, or the SSH session stays open.
    """
    channel = await Channel.start(connection, command)
    messages = channel.messages()
    try:
        for _ in range(_MOST_FINDINGS):
            async with asyncio.timeout(_SILENCE_SECONDS):
                message = await anext(messages, None)
            if message is None:
                await channel.require_success()
                return
            if not isinstance(message, kind):
                raise BoxUnusable(f"the box sends {message.type!r} instead of {kind.type!r}")
            yield message
        raise BoxUnusable(f"the box does not stop telling after {_MOST_FINDINGS:,} findings")
    except TimeoutError:
        raise BoxUnreachable(
            f"nothing came from the box for {_SILENCE_SECONDS:.0f} s", "Try again."
        ) from None
    finally:
        await channel.close()
