"""One web server for all tests of fetching."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.fetching import Network
from tests.support.plain_clips import draw_plain_clip
from tests.support.tls_server import HOST, TlsServer, serve_tls


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    with serve_tls(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def server(_server: TlsServer) -> TlsServer:
    """The server, which nobody has asked for anything yet."""
    _server.answers.clear()
    _server.asked.clear()
    _server.hosts.clear()
    return _server


@pytest.fixture
def network(server: TlsServer) -> Network:
    """A network in which the server's name leads to this machine, which may be reached."""
    names = {HOST: ["127.0.0.1"], "other.example": ["127.0.0.1"], "inside.example": ["127.0.0.2"]}
    return Network(
        resolve=lambda host, port: names.get(host) or [host.encode("idna").decode()],
        allows=lambda address: address == "127.0.0.1",
        make_tls=server.make_tls,
    )


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small video."""
    return draw_plain_clip(tmp_path_factory.mktemp("clips") / "clip.mov", 64, 36).read_bytes()
