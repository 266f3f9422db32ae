"""The daemon's socket is for its owner: the folder says so, and the system says who is there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from remote.daemon.daemon import MOST_VISITORS
from remote.peer_credentials import is_another_user
from remote.protocol import Fatal
from tests.remote.attached import Box, ask

_NOBODY = 65534
_CONNECT = (
    "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)"
)


def test_we_are_no_other_user() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not is_another_user(ours)


def test_another_user_is_known_even_where_the_folder_lets_them_in(tmp_path: Path) -> None:
    if os.getuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("the CI machine must be able to become another user")
        pytest.skip("only root can become another user")
    path = Path(f"/tmp/upsample-peers-{os.getpid()}")  # noqa: S108 - where another user can reach it
    server = socket.socket(socket.AF_UNIX)
    try:
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()
        server.settimeout(30)
        child = _connect_as(_NOBODY, path)
        peer, _ = server.accept()
        with peer:
            assert is_another_user(peer)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        server.close()
        path.unlink()


def _connect_as(user: int, path: Path) -> int:
    """A process of that user, which may be unable to run our Python, that connects there."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as ours:
                ours.connect(str(path))
                ours.recv(1)
            status = 0
        finally:
            os._exit(status)
    return child


async def test_more_apps_than_the_box_serves_are_told_so_and_the_others_go_on(box: Box) -> None:
    job = ask("a harbour at dusk")
    async with box.visited() as app:
        crowd = []
        for _ in range(MOST_VISITORS - 1):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(str(box.place.socket))
            crowd.append(peer)
        async with box.attached() as late:
            assert "apps are attached" in (await late.until(Fatal)).message
        await app.send(job)
        await app.done(job)
        for peer in crowd:
            peer.close()
