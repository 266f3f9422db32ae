"""What may come over the channel before and instead of messages, and how it ends."""

from __future__ import annotations

import asyncio
import signal

import asyncssh
import pytest

from backend.box.links.channel import COMMAND, Channel
from backend.box.links.runner import stream_findings
from backend.errors import BoxUnreachable, BoxUnusable
from remote.protocol import MAGIC, MAX_MESSAGE, Finding, FromBox, Ping, Pong, Setup, encode
from tests.backend.box.conftest import Connected

_SETUP = Setup("/nowhere", "sketch", "", 2)
_LIMIT = 30.0

Process = asyncssh.SSHServerProcess[bytes]


async def _open(connection: asyncssh.SSHClientConnection) -> Channel:
    async with asyncio.timeout(_LIMIT):
        return await Channel.open(connection, "runner.pyz", _SETUP)


async def _hear(connection: asyncssh.SSHClientConnection) -> list[FromBox]:
    channel = await _open(connection)
    try:
        async with asyncio.timeout(_LIMIT):
            return [message async for message in channel.messages()]
    finally:
        await channel.close()


async def _say(process: Process, *parts: bytes) -> None:
    for part in parts:
        process.stdout.write(part)
    await process.stdout.drain()


async def test_what_a_login_shell_prints_before_the_runner_is_skipped(
    connected: Connected,
) -> None:
    async def act(process: Process) -> None:
        await _say(process, b"Welcome to the lab!\nupsample-run", b"ner\r\n\xff no newline", MAGIC)
        await _say(process, encode(Pong(1))[:3], encode(Pong(1))[3:])
        process.exit(0)

    async with connected(act) as connection:
        assert await _hear(connection) == [Pong(1)]


async def test_the_arguments_come_as_one_line_of_json_and_the_command_is_constant(
    connected: Connected,
) -> None:
    heard: list[object] = []

    async def act(process: Process) -> None:
        heard.extend([process.command, await process.stdin.readline()])
        await _say(process, MAGIC)
        process.exit(0)

    async with connected(act) as connection:
        await _hear(connection)
    command, line = heard
    assert command == COMMAND
    assert isinstance(line, bytes)
    assert b'", "runner.pyz", "attach", ' in line


async def test_a_shell_that_does_not_stop_printing_makes_the_box_unusable(
    connected: Connected,
) -> None:
    async def act(process: Process) -> None:
        while True:
            await _say(process, b"yes\n" * 4096)

    async with connected(act) as connection:
        with pytest.raises(BoxUnusable, match="does not stop printing"):
            await _open(connection)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x00\x00\x03abc",
        (MAX_MESSAGE + 1).to_bytes(4, "big"),
        b'\x00\x00\x00\x0f{"type": "nope"}'[:19],
        encode(Ping(1)),
    ],
    ids=["no JSON", "too long", "cut type", "not for the app"],
)
async def test_what_is_no_message_makes_the_box_unusable(
    connected: Connected, garbage: bytes
) -> None:
    async def act(process: Process) -> None:
        await _say(process, MAGIC, garbage)
        await process.stdin.read()

    async with connected(act) as connection:
        with pytest.raises(BoxUnusable, match="does not keep to the protocol"):
            await _hear(connection)


async def test_an_end_within_a_message_is_a_broken_link(connected: Connected) -> None:
    async def act(process: Process) -> None:
        await _say(process, MAGIC, encode(Pong(1)), encode(Pong(2))[:-1])
        process.exit(0)

    async with connected(act) as connection:
        with pytest.raises(BoxUnreachable, match="within a message"):
            await _hear(connection)


async def test_a_connection_that_breaks_is_a_broken_link(connected: Connected) -> None:
    async def act(process: Process) -> None:
        await _say(process, MAGIC)
        process.channel.get_connection().abort()

    async with connected(act) as connection:
        with pytest.raises(BoxUnreachable):
            await _hear(connection)


async def test_a_runner_that_does_not_start_is_quoted(connected: Connected) -> None:
    async def act(process: Process) -> None:
        process.stderr.write(b"x" * 100_000 + b"\nSyntaxError: this Python is from 2009\n")
        process.exit(1)

    async with connected(act) as connection:
        with pytest.raises(BoxUnusable, match="did not start") as raised:
            await _open(connection)
    assert "this Python is from 2009" in raised.value.remedy
    assert len(raised.value.remedy) < 5000


@pytest.mark.parametrize("tells", ["the server", "a shell"])
async def test_a_runner_that_is_killed_as_it_starts_is_tried_again(
    connected: Connected, tells: str
) -> None:
    async def act(process: Process) -> None:
        if tells == "the server":
            process.exit_with_signal("KILL")
        else:
            process.exit(128 + signal.SIGKILL)

    async with connected(act) as connection:
        with pytest.raises(BoxUnreachable, match="killed"):
            await _open(connection)


async def test_a_session_that_is_refused_is_unreachable(connected: Connected) -> None:
    async def act(process: Process) -> None:
        process.exit(0)

    async with connected(act) as connection:
        connection.abort()
        with pytest.raises(BoxUnreachable, match="opens no session"):
            await _open(connection)


async def test_a_box_whose_findings_do_not_end_is_unusable(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.box.links.runner._MOST_FINDINGS", 5)

    async def act(process: Process) -> None:
        await _say(process, MAGIC, *[encode(Finding(1.0, "box", "root", "ok", "fine"))] * 9)
        await process.stdin.read()

    async with connected(act) as connection:
        findings = stream_findings(connection, ["runner.pyz", "check", "{}"])
        for _ in range(5):
            assert (await anext(findings)).detail == "fine"
        with pytest.raises(BoxUnusable, match="does not stop telling"):
            await anext(findings)
