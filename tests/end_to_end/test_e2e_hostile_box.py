"""Somebody else answers in the daemon's place: the command says so, harmlessly, and ends as it should.

Connection, deploy, relay and command are real; only what listens on the daemon's socket is not ours.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remote.paths import make_daemon_paths
from remote.protocol import MAX_FROM_BOX, Fatal, Log, Welcome, encode
from tests.support.laptop import UPSAMPLE, Laptop
from tests.support.memory import measure

HOSTILE = "\x1b]0;pwned\x07\x1b[2J\x9b31m\u202e[/x]\0"
MOST_BYTES = 600 * 1024 * 1024
"""Of memory; a run with an honest daemon takes a third of it."""

Serve = Callable[[bytes], None]


@pytest.fixture
def serve(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Lets whoever reaches the daemon's socket hear these bytes, and then nothing."""
    monkeypatch.setenv("HOME", str(laptop.home))
    place = make_daemon_paths("~/.cache/upsample")
    listening = socket.socket(socket.AF_UNIX)
    said = b""

    def answer() -> None:
        try:
            while True:
                visitor, _ = listening.accept()
                with visitor:
                    visitor.sendall(said)
                    while visitor.recv(1 << 16):
                        pass
        except OSError:
            return

    def start(data: bytes) -> None:
        nonlocal said
        said = data
        listening.bind(str(place.socket))
        listening.listen()
        threading.Thread(target=answer, daemon=True).start()

    yield start
    listening.close()
    place.socket.unlink(missing_ok=True)


def welcome(**changes: object) -> bytes:
    fields = {"protocol": 2, "runner": "r", "journal": "j", "last": -1, "engine": HOSTILE, "setup": "s",
              "notice": "", "slots": 4, "unfinished": 0}  # fmt: skip
    return encode(Welcome(**(fields | changes)))  # type: ignore[arg-type]


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b"\xff" * 4096, "over"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "does not keep to the protocol"),
        (framed(b"[" * 100_000), "not JSON"),
        (framed(b"[" + b"[]," * (MAX_FROM_BOX // 3 - 1) + b"1]"), "a message is an object"),
        (encode(Log(0.0, HOSTILE, HOSTILE, HOSTILE)), "before its welcome"),
        (welcome(slots=-1), "makes no sense"),
        (welcome(protocol=99), "makes no sense"),
        (welcome(setup="another"), "other settings"),
        (encode(Fatal(HOSTILE, HOSTILE * 100_000)), "more characters"),
    ],
    ids=[
        "garbage", "another protocol", "nested", "many", "too early", "no slots", "future", "setup",
        "long",
    ],
)  # fmt: skip
def test_what_is_no_daemon_of_ours_is_refused_in_harmless_words(
    laptop: Laptop, serve: Serve, one_spec: Path, said: bytes, complaint: str
) -> None:
    serve(said)
    ended = measure([UPSAMPLE, "--no-ui", "--json", one_spec], laptop.environment())
    assert ended.status == 3, ended.err
    assert complaint in ended.err
    assert all(line.isprintable() for line in ended.err.splitlines())
    assert len(ended.err) < 20_000
    assert ended.peak < MOST_BYTES
    for line in ended.out.splitlines():
        json.loads(line)
    assert laptop.states().total() == 1  # it stays in the queue
    assert "done" not in laptop.states()
