"""The way to a model server on the other side of the net: its certificate, and a forward proxy before it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from remote.engines import Completion, EngineAway
from remote.engines.http import NoWay, Server
from remote.engines.http.forward_proxy import proxy_for
from tests.remote.engines.openai_asking import answer_of, engine_of, pieces_of
from tests.remote.engines.openai_stand_in import (
    DONE,
    Visit,
    delta,
    head,
    standing_in,
    streamed,
    whole,
)
from tests.support.certificates import Authority
from tests.support.forward_proxies import LOGIN, RunningProxy, forwarding
from tests.support.sshd import free_port

KEY = "sk-very-secret"
ANSWER = streamed(delta("x", "stop"), DONE)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with forwarding(tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


async def _answer(visit: Visit) -> None:
    await visit.send(ANSWER)


async def _away(server: Server) -> EngineAway:
    with pytest.raises(EngineAway) as caught:
        await pieces_of(engine_of(server))
    assert KEY not in str(caught.value)
    return caught.value


async def test_a_server_with_a_certificate_of_an_authority_of_ones_own_is_believed_by_its_file(
    authority: Authority,
) -> None:
    async with standing_in(_answer, tls=authority.serving()) as stand_in:
        server = Server(stand_in.server.base_url, None, KEY, str(authority.path))
        assert await answer_of(engine_of(server)) == ("x", Completion("stop"))
    assert stand_in.visit.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("host", "days", "is_trusted", "told"),
    [
        ("10.0.0.9", 1, True, "certificate verify failed: IP address mismatch"),
        ("127.0.0.1", -1, True, "certificate verify failed: certificate has expired"),
        (
            "127.0.0.1",
            1,
            False,
            "certificate verify failed: unable to get local issuer certificate",
        ),
    ],
)
async def test_a_server_with_a_wrong_certificate_is_sent_nothing_and_waiting_does_not_help(
    authority: Authority, host: str, days: float, is_trusted: bool, told: str
) -> None:
    async with standing_in(_answer, tls=authority.serving(host=host, days=days)) as stand_in:
        server = Server(
            stand_in.server.base_url, None, KEY, str(authority.path) if is_trusted else ""
        )
        away = await _away(server)
    assert f"cannot connect to {server.label}: {told}" in str(away)
    assert away.for_good
    assert stand_in.visits == []


async def test_a_server_that_speaks_no_tls_is_told_as_that() -> None:
    def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(b"", "400 Bad Request"))
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        away = await _away(Server(f"https://127.0.0.1:{port}", None, KEY))
    assert str(away).endswith("does not speak TLS; is base_url to begin with http://?")
    assert away.for_good


def _empty(folder: Path) -> Path:
    path = folder / "empty.pem"
    path.touch()
    return path


async def test_a_file_of_authorities_that_is_none_is_told(tmp_path: Path) -> None:
    for path, told in (
        (tmp_path / "no.pem", "cannot be read: No such file or directory"),
        (_empty(tmp_path), "holds no certificate"),
    ):
        away = await _away(Server("https://127.0.0.1:1", None, KEY, str(path)))
        assert told in str(away)
        assert away.for_good


async def test_a_proxy_that_wants_a_login_carries_what_it_cannot_read(
    authority: Authority, proxy: RunningProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with standing_in(_answer, tls=authority.serving()) as stand_in:
        server = Server(stand_in.server.base_url, None, KEY, str(authority.path))
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        assert await answer_of(engine_of(server)) == ("x", Completion("stop"))
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        refused = await _away(server)
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}".replace("127", "ada:no@127", 1))
        wrong = await _away(server)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert (await answer_of(engine_of(server)))[0] == "x"
    assert refused.for_good
    assert wrong.for_good
    label = f"the proxy at 127.0.0.1:{proxy.port}"
    assert str(refused).startswith(f"{label} wants a login (407")
    assert str(wrong).startswith(f"{label} does not accept the login (407")
    assert len(stand_in.visits) == 2
    assert all(
        "proxy-authorization" not in visit.headers and LOGIN not in str(visit.headers)
        for visit in stand_in.visits
    )


async def test_a_proxy_that_does_not_reach_the_server_is_an_outage(
    proxy: RunningProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(f"https://127.0.0.1:{free_port()}", None, KEY)
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    away = await _away(server)
    assert f"does not reach {server.label} (502 Bad Gateway)" in str(away)
    assert not away.for_good
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:secret@127.0.0.1:{free_port()}")
    away = await _away(server)
    assert "which HTTPS_PROXY of the box names: Connection refused" in str(away)
    assert "secret" not in str(away)
    assert not away.for_good


@pytest.mark.parametrize(
    ("said", "told", "for_good"),
    [
        (head("403 Forbidden"), "does not let the box through to {} (403 Forbidden)", True),
        (whole(b"x", "503 Busy"), "does not reach {} (503 Busy)", False),
        (b"SSH-2.0-x\r\n\r\n", "does not answer as an HTTP proxy does", True),
        (b"", "closed the connection before it had answered", False),
    ],
)
async def test_what_a_proxy_says_instead_of_a_tunnel_is_told(
    said: bytes, told: str, for_good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(visit: Visit) -> None:
        assert (visit.method, visit.path) == ("CONNECT", "models.test:443")
        await visit.send(said)

    async with standing_in(script) as stand_in:
        monkeypatch.setenv("HTTPS_PROXY", stand_in.server.base_url)
        server = Server("https://models.test/v1", None, KEY)
        away = await _away(server)
    assert told.format(server.label) in str(away)
    assert away.for_good is for_good
    assert all(KEY not in str(visit.headers) for visit in stand_in.visits)


@pytest.mark.parametrize(
    ("url", "environment", "way"),
    [
        ("https://h/v1", {}, ""),
        ("https://h/v1", {"HTTPS_PROXY": "http://p:3128"}, "p:3128"),
        ("https://h/v1", {"HTTPS_PROXY": "p:3128", "https_proxy": "http://q:1/"}, "q:1"),
        ("https://h/v1", {"HTTPS_PROXY": "http://p"}, "p:80"),
        ("https://h/v1", {"HTTPS_PROXY": "http://[::1]:3128"}, "[::1]:3128"),
        ("https://h/v1", {"HTTP_PROXY": "http://p:3128"}, ""),
        ("http://h/v1", {"HTTPS_PROXY": "p:1", "HTTP_PROXY": "p:1", "http_proxy": "p:1"}, ""),
        ("https://h/v1", {"HTTPS_PROXY": "p:1", "NO_PROXY": "a, h"}, ""),
        ("https://h/v1", {"HTTPS_PROXY": "p:1", "NO_PROXY": "*"}, ""),
        ("https://a.b.c/v1", {"HTTPS_PROXY": "p:1", "NO_PROXY": ".B.c"}, ""),
        ("https://a.b.c/v1", {"HTTPS_PROXY": "p:1", "NO_PROXY": "*.b.c"}, ""),
        ("https://a.b.c/v1", {"HTTPS_PROXY": "p:1", "NO_PROXY": "xb.c,c:1,.a.b"}, "p:1"),
        ("https://a.b.c/v1", {"HTTPS_PROXY": "p:1", "NO_PROXY": "b.c:443"}, ""),
        ("https://10.1.2.3:8443", {"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://10.1.2.3:8443", {"HTTPS_PROXY": "p:1", "NO_PROXY": "10.1.2.3:8443"}, ""),
        ("https://10.1.2.3:8443", {"HTTPS_PROXY": "p:1", "NO_PROXY": "192.168.0.0/16,::1"}, "p:1"),
        ("https://[fd00::2]:1", {"HTTPS_PROXY": "p:1", "NO_PROXY": "[fd00::2]:1"}, ""),
        ("https://[fd00::2]:1", {"HTTPS_PROXY": "p:1", "NO_PROXY": "fd00::/8"}, ""),
        ("https://h", {"HTTPS_PROXY": "p:1", "NO_PROXY": ""}, "p:1"),
        ("https://h", {"HTTPS_PROXY": "p:1", "no_proxy": ",, :1,"}, "p:1"),
    ],
)
def test_which_servers_are_reached_through_which_proxy(
    url: str, environment: Mapping[str, str], way: str
) -> None:
    proxy = proxy_for(Server(url), environment)
    assert ("" if proxy is None else proxy.label) == (way and f"the proxy at {way}")


@pytest.mark.parametrize(
    "address",
    ["http://", "http://p:x", "http://p:99999", "http://p\r\nX: y", "socks5://p:1", "https://p:1"],
)
def test_an_address_of_a_proxy_that_cannot_be_used_is_told_without_its_password(
    address: str,
) -> None:
    with pytest.raises(NoWay, match="HTTPS_PROXY of the box") as caught:
        proxy_for(Server("https://h"), {"HTTPS_PROXY": address.replace("p", "ada:secret@p", 1)})
    assert "secret" not in str(caught.value)


def test_no_proxy_is_asked_for_a_unix_socket() -> None:
    assert proxy_for(Server("http://h", "/run/model"), {"HTTPS_PROXY": "p:1"}) is None
