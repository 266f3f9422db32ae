"""Whatever a server answers, what is downloaded stays within its limits and comes from where it may."""

from __future__ import annotations

import gzip
import io
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from backend.errors import MediaError
from backend.fetching import Network
from backend.fetching.connection import StopSignal, trusted_authorities
from backend.fetching.download import MOST_REDIRECTS, Dropped, download
from tests.support.tls_server import HOST, Answer, TlsServer, body, status

MOST = 1 << 20


def fetch(address: str, network: Network, stop: StopSignal | None = None) -> bytes:
    file = io.BytesIO()
    download(address, file, network, stop or StopSignal(), MOST)
    return file.getvalue()


def test_what_the_server_answers_is_written(server: TlsServer, network: Network) -> None:
    server.answers["/a%20b.mp4?x=1&y=%2F"] = body(b"whole")
    assert fetch(server.address("/a b.mp4?x=1&y=%2F#t=3"), network) == b"whole"
    assert server.hosts == [f"{HOST}:{server.port}"]


def test_redirects_are_followed_and_counted(server: TlsServer, network: Network) -> None:
    server.answers["/start"] = status(302, {"Location": "/next"})
    server.answers["/next"] = status(307, {"Location": server.address("/end")})
    server.answers["/end"] = body(b"there")
    assert fetch(server.address("/start"), network) == b"there"
    server.answers["/circle"] = status(301, {"Location": "/circle"})
    with pytest.raises(MediaError, match="leads on more than 5 times"):
        fetch(server.address("/circle"), network)
    assert server.asked["/circle"] == MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://169.254.169.254/latest/meta-data", "it leads to http://169.254.169.254, and only https is"),
        ("https://169.254.169.254/latest/meta-data", "169.254.169.254 is 169.254.169.254, no address of"),
        ("https://[::ffff:127.0.0.1]/x", "::ffff:127.0.0.1, no address of the public internet"),
        ("https://0.0.0.0/x", "0.0.0.0 is 0.0.0.0, no address of the public internet"),
        ("https://inside.example/x", "inside.example is 127.0.0.2, no address of the public"),
        ("https://media.example@127.0.0.2/x", "a user or a password in an address is not sent"),
        ("https://user:secret@media.example/x", "a user or a password in an address is not sent"),
        ("file:///etc/passwd", "it leads to file://, and only https is"),
        ("ftp://media.example/x", "only https is"),
        ("https://media.example:notaport/x", "is no address that can be asked"),
        ("https://[::1/x", "is no address that can be asked"),
        (f"https://{'a' * 64}.example/x", "is no address that can be asked"),
    ],
)  # fmt: skip
def test_a_redirect_leads_only_to_https_and_to_machines_that_may_be_reached(
    server: TlsServer, network: Network, target: str, why: str
) -> None:
    server.answers["/start"] = status(302, {"Location": target})
    with pytest.raises(MediaError) as refused:
        fetch(server.address("/start"), network)
    assert why in refused.value.problem
    assert server.address("/start") in refused.value.problem
    assert "secret" not in str(refused.value)


def test_an_address_is_judged_like_a_redirect(server: TlsServer, network: Network) -> None:
    for address, why in (
        ("http://media.example/x", "only https is"),
        ("https://inside.example/x", "127.0.0.2, no address of the public internet"),
        (f"https://a:b@{HOST}:{server.port}/x", "a user or a password"),
        ("https:///x", "it names no server"),
    ):
        with pytest.raises(MediaError, match=why):
            fetch(address, network)
    assert not server.asked


def test_the_connection_goes_to_the_address_that_was_judged(
    server: TlsServer, network: Network
) -> None:
    """A name that leads elsewhere when it is asked for again gains nothing."""
    replies = [["127.0.0.1"], ["127.0.0.2"]]
    rebinding = Network(lambda host, port: replies.pop(0), network.allows, network.make_tls)
    server.answers["/a"] = body(b"judged")
    assert fetch(server.address("/a"), rebinding) == b"judged"
    assert replies == [["127.0.0.2"]]


def test_a_name_with_one_private_address_is_not_asked(server: TlsServer, network: Network) -> None:
    mixed = Network(lambda host, port: ["127.0.0.1", "10.0.0.1"], network.allows, network.make_tls)
    with pytest.raises(MediaError, match=r"10\.0\.0\.1, no address of the public internet"):
        fetch(server.address("/a"), mixed)
    assert not server.asked


def test_the_certificate_must_be_for_the_name_and_of_an_authority(
    server: TlsServer, network: Network
) -> None:
    with pytest.raises(MediaError, match="certificate does not count"):
        fetch(server.address("/a", "other.example"), network)
    strangers = Network(network.resolve, network.allows, trusted_authorities)
    with pytest.raises(MediaError, match="certificate does not count"):
        fetch(server.address("/a"), strangers)
    assert not server.asked
    assert trusted_authorities().verify_mode is ssl.CERT_REQUIRED


def chunked_without_end(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b"10000\r\n" + b"\0" * 0x10000 + b"\r\n")


def without_length(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"\0" * (MOST + 1))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (body(b"", {"Content-Length": str(1 << 50)}), "larger than 1 MiB, the most that is fetched"),
        (chunked_without_end, "larger than 1 MiB"),
        (without_length, "larger than 1 MiB"),
        (body(gzip.compress(b"\0" * 9999), {"Content-Encoding": "gzip"}), "sends it packed"),
        (status(404), "answers 404 Not Found"),
        (status(206), "answers 206 Partial Content"),
        (status(299), r"answers 299\."),
        (status(304), "answers 304 Not Modified"),
        (status(302), "answers 302 Found"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_file_within_the_limits_is_refused(
    server: TlsServer, network: Network, answer: Answer, why: str
) -> None:
    server.answers["/a"] = answer
    with pytest.raises(MediaError, match=why):
        fetch(server.address("/a"), network)


def broken_chunk(handler: BaseHTTPRequestHandler) -> None:
    chunked = {"Transfer-Encoding": "chunked", "Content-Length": "9"}
    body(b"ffffffffffff\r\nabc", chunked)(handler)


def too_many_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10_000)


def cut_without_farewell(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"begun")
    handler.wfile.flush()
    # The TCP connection ends, and TLS has not said that this is the end.
    handler.connection.shutdown(socket.SHUT_RDWR)


def no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        (body(b"half", {"Content-Length": "100"}), "broke before the end"),
        (broken_chunk, "broke before the end"),
        (cut_without_farewell, "broke before the end"),
        (too_many_headers, "is no HTTP"),
        (lambda handler: None, "broke"),
        (no_http, "is no HTTP"),
        (status(503), "answers 503 Service Unavailable"),
        (status(429), "answers 429 Too Many Requests"),
    ],
)
def test_what_breaks_off_may_be_tried_again(
    server: TlsServer, network: Network, answer: Answer, how: str
) -> None:
    server.answers["/a"] = answer
    with pytest.raises(Dropped, match=how):
        fetch(server.address("/a"), network)


def test_a_server_that_drips_without_end_is_stopped_from_another_thread(
    server: TlsServer, network: Network
) -> None:
    begun = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        begun.set()
        while not server.ended.wait(0.02):
            handler.wfile.write(b"x")

    server.answers["/a"] = drip
    stop = StopSignal()

    def stop_once_begun() -> None:
        begun.wait(10)
        stop.ask()

    stopper = threading.Thread(target=stop_once_begun)
    stopper.start()
    with pytest.raises(Dropped):
        fetch(server.address("/a"), network, stop)
    stopper.join()
    with pytest.raises(Dropped):
        fetch(server.address("/a"), network, stop)
    assert server.asked["/a"] == 1
