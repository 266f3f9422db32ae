"""Puts the runner on a box without SFTP, and reads its log, over the stdin and stdout of a command there.

The command is a constant, and all data go over stdin, so no shell reads any. `remote.placing` is what runs
there.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import json
from collections.abc import AsyncIterator

import asyncssh

from backend.errors import BoxUnreachable, BoxUnusable

_COMMAND = "python3 -I -c 'import json;exec(json.loads(open(0,\"rb\",0,closefd=False).readline()))'"
_MARK = b"\0upsample\0"
"""The beginning of each line of an answer, as in `remote.placing`."""
_MOST_NOISE = 1 << 16
"""Bytes that a login shell may print before an answer."""
_KEPT_ERRORS = 4096

Answer = dict[str, object]


async def put_file(
    connection: asyncssh.SSHClientConnection, root: str, name: str, data: bytes
) -> tuple[str, bool]:
    """Put a file into the folder `root` of the box; return its path there, and whether it was there already.

    Raises BoxUnusable, BoxUnreachable and what the connection raises. The caller limits the time.
    """
    order = {"root": root, "name": name, "size": str(len(data))}
    async with _session(connection) as session:
        session.send({**order, "sha256": hashlib.sha256(data).hexdigest()})
        answer = await session.answer()
        was_there = answer.get("is_there") is True
        if not was_there:
            await session.put(data)
            await session.answer()
        return str(answer.get("path")), was_there


async def read_log(
    connection: asyncssh.SSHClientConnection, root: str, name: str, size: int
) -> str:
    """Read the last `size` bytes of the newest log under `root`. Raises as `put_file` does."""
    async with _session(connection) as session:
        session.send({"root": root, "log": name, "size": str(size)})
        return str((await session.answer()).get("log", ""))


class _Session:
    """The program on the box, which answers in lines of JSON."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process
        program = importlib.resources.files("remote").joinpath("placing.py").read_text("utf-8")
        self.send(program)

    def send(self, value: object) -> None:
        """Send one line of JSON."""
        with contextlib.suppress(BrokenPipeError):  # it has ended; `answer` says so
            self._process.stdin.write(json.dumps(value).encode() + b"\n")

    async def put(self, data: bytes) -> None:
        """Send a file."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def answer(self) -> Answer:
        """Return the next answer. Raises BoxUnusable for an error of the box, and where none comes."""
        noise = 0
        while line := await self._process.stdout.readline():
            if line.startswith(_MARK):
                return _parse(line.removeprefix(_MARK))
            noise += len(line)
            if noise > _MOST_NOISE:
                raise BoxUnusable("the login shell of the box does not stop printing")
        await self._process.wait_closed()
        errors = (await self._process.stderr.read(_KEPT_ERRORS)).decode(errors="replace").strip()
        if self._process.exit_status is None:
            raise BoxUnreachable("the link to the box broke before the runner was there")
        raise BoxUnusable(
            f"the box has no SFTP, and its python3 does not take the runner: {errors or 'no answer'}",
            "Turn SFTP on in the box's sshd_config (Subsystem sftp internal-sftp), or install Python "
            "3.10 or newer there, on the PATH of its shell.",
        )


@contextlib.asynccontextmanager
async def _session(connection: asyncssh.SSHClientConnection) -> AsyncIterator[_Session]:
    process = await connection.create_process(_COMMAND, encoding=None)
    try:
        yield _Session(process)
    finally:
        process.close()


def _parse(line: bytes) -> Answer:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise BoxUnusable("the box does not keep to the protocol: an answer is no JSON object")
    if "error" in answer:
        raise BoxUnusable(f"the box says: {answer['error']}")
    return answer
