"""A web server with TLS and a certificate of an authority that only the test knows."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "media.example"
"""The name that the certificate is for."""

Answer = Callable[[BaseHTTPRequestHandler], None]
"""Writes a whole answer."""


@dataclass
class TlsServer:
    """What a running server answers, and what it was asked."""

    port: int
    authority: Path
    answers: dict[str, Answer] = field(default_factory=dict)
    """By path."""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each path was asked for."""
    hosts: list[str] = field(default_factory=list)
    """The names of the servers that were asked for."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when the server stops: an answer that never ends waits for it."""

    def address(self, path: str, host: str = HOST) -> str:
        """Return the address of a path on this server."""
        return f"https://{host}:{self.port}{path}"

    def make_tls(self) -> ssl.SSLContext:
        """Return a TLS context that knows the server's authority and no other."""
        return ssl.create_default_context(cafile=str(self.authority))


@contextmanager
def serve_tls(folder: Path) -> Iterator[TlsServer]:
    """Serve on a free port of this machine until the block ends."""
    chain, authority = _make_certificate(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.asked[self.path] += 1
            state.hosts.append(self.headers["Host"])
            self.close_connection = True
            state.answers.get(self.path, status(404))(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the class has it
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> tuple[ssl.SSLSocket, object]:
            # The handshake is made in the thread of the connection.
            plain, place = self.socket.accept()
            return context.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False
            ), place

        def handle_error(self, request: object, client_address: object) -> None:
            return  # the other side went away

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server = Server(("127.0.0.1", 0), Handler)
    state = TlsServer(server.server_address[1], authority)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        state.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def status(code: int, headers: dict[str, str] | None = None) -> Answer:
    """Answer with a status and nothing else."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def body(content: bytes, headers: dict[str, str] | None = None) -> Answer:
    """Answer with this content."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make an authority, and a certificate of it for HOST. Returns the server's file and the authority's."""
    own_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The test's own authority")])
    now = datetime.datetime.now(datetime.UTC)

    def build(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(own_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    constraints = x509.BasicConstraints(ca=True, path_length=None)
    usage = x509.KeyUsage(
        *(False,) * 5, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(own_key.public_key())
    own = (
        build(own_name, own_key.public_key())
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(own_key, hashes.SHA256())
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    served = (
        build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]), key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(own_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    authority, chain = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(own.public_bytes(pem))
    chain.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + served.public_bytes(pem)
    )
    return chain, authority
