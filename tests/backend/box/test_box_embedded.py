"""The embedded box runs the runner for this app, and nothing for anybody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh
import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links.embedded import embedded_connection
from backend.box.links.link import Box, JournalCursor, open_link
from remote.protocol import Setup, Stop
from tests.support.daemons import daemons_below, end_daemons
from tests.support.laptop import IDLE_SECONDS

_LIMIT = 30.0


async def test_another_command_is_not_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    async with asyncio.timeout(_LIMIT), embedded_connection() as connection:
        for command in (f"touch {made}", "", "python3 -I -c 'print(1)'"):
            ran = await connection.run(command, timeout=_LIMIT)
            assert ran.exit_status == 126
            assert not ran.stdout
    assert not await asyncio.to_thread(made.exists)


async def test_nobody_else_gets_in() -> None:
    async with asyncio.timeout(_LIMIT), embedded_connection() as connection:
        host, port = connection.get_extra_info("peername")[:2]
        assert host == "127.0.0.1"
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        for keys in ([stranger], None):
            with pytest.raises(asyncssh.PermissionDenied):
                await asyncssh.connect(
                    host, port, username="upsample", client_keys=keys, password="upsample",  # noqa: S106
                    known_hosts=None, agent_path=None, config=None,
                )  # fmt: skip


async def test_the_server_ends_with_the_connection() -> None:
    async with asyncio.timeout(_LIMIT), embedded_connection() as connection:
        host, port = connection.get_extra_info("peername")[:2]
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(host, port)


async def test_a_daemon_is_welcomed_and_ends_when_told_to(tmp_path: Path) -> None:
    setup = Setup(str(tmp_path / "root"), "sketch", "", IDLE_SECONDS)
    try:
        async with (
            asyncio.timeout(_LIMIT),
            open_link(Box("local", "", setup), UnattendedAsker(), JournalCursor()) as link,
        ):
            assert link.welcome.engine.startswith("sketch")
            assert daemons_below(tmp_path)
            await link.send(Stop(only_idle=False))
            assert [message async for message in link.messages() if message.type == "fatal"] == []
    finally:
        await asyncio.to_thread(end_daemons, tmp_path)
