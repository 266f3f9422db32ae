"""Where a server is, read from what a person writes into a config."""

from __future__ import annotations

import pytest

from remote.engines.http import Server

KEY = "sk-very-secret"


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("http://gpu-box:8000", ""),
        ("http://gpu-box:8000/", ""),
        ("http://gpu-box:8000/v1", ""),
        ("http://gpu-box:8000/v1/", ""),
        ("http://gpu-box:8000/llm/v1", "/llm"),
        ("http://gpu-box:8000/llm/", "/llm"),
        ("http://gpu-box:8000/env1", "/env1"),
    ],
)
def test_a_base_url_may_end_in_v1_and_in_a_slash(base_url: str, root: str) -> None:
    server = Server(base_url)
    assert (server.root, server.host, server.port) == (root, "gpu-box", 8000)
    assert server.label == f"the model server at http://gpu-box:8000{root}"


@pytest.mark.parametrize(
    ("base_url", "host", "port", "tls"),
    [
        ("http://h", "h", 80, False),
        ("https://h/v1", "h", 443, True),
        ("HTTPS://H:1", "h", 1, True),
        ("http://[::1]:8000/v1", "::1", 8000, False),
    ],
)
def test_host_and_port_follow_from_the_base_url(
    base_url: str, host: str, port: int, tls: bool
) -> None:
    server = Server(base_url)
    assert (server.host, server.port, server.tls) == (host, port, tls)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "gpu-box:8000",
        "localhost",
        "ftp://h",
        "http://",
        "http://h:99999",
        "http://h:x",
        "http://h/a b",
        "http://h/\r\nX: y",
        "http://hafen-für-alle",
        "http://h?key=1",
        "http://h#x",
        "http://[::1",
    ],
)
def test_what_is_no_base_url_is_refused(base_url: str) -> None:
    with pytest.raises(ValueError, match=r"base_url|Port|port|IPv6"):
        Server(base_url)


def test_a_password_in_the_base_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="a user or a password") as caught:
        Server(f"http://me:{KEY}@h")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nX: y", f"{KEY} x", f"{KEY}é"])
def test_a_key_that_is_no_header_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="the API key holds") as caught:
        Server("http://h", api_key=key)
    assert KEY not in str(caught.value)


def test_the_key_is_not_in_the_repr() -> None:
    assert KEY not in repr(Server("http://h", api_key=KEY))


def test_a_unix_socket_is_not_spoken_to_with_tls() -> None:
    with pytest.raises(ValueError, match="not https"):
        Server("https://h", "/run/vllm.sock")
