"""What an app is told where no daemon can be reached."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote import attach as module
from remote.attach import attach
from remote.paths import make_daemon_paths
from remote.protocol import MAGIC, Decoder, Fatal, Setup


def test_a_daemon_that_lets_nobody_in_any_more_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(module, "_START_SECONDS", 0.3)
    place = make_daemon_paths(str(tmp_path))
    waiting: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(str(place.socket))
        stopped.listen(0)
        try:
            _fill(place.socket, waiting)
            assert attach("runner.pyz", Setup(str(tmp_path), "sketch", "", 1.0)) == 1
        finally:
            place.socket.unlink()
            for client in waiting:
                client.close()
    said = capfdbinary.readouterr().out
    assert said.startswith(MAGIC)
    (fatal,) = Decoder().feed(said.removeprefix(MAGIC))
    assert isinstance(fatal, Fatal)
    assert fatal.kind == "hung"
    assert str(place.log) in fatal.message


_DAEMON = """
import os, pathlib, socket, sys
starts = pathlib.Path(sys.argv[0]).with_name("starts")
starts.open("a").write(".")
if len(starts.read_text()) > {silent} and not os.fork():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind({socket!r})
    listener.listen()
    print('{{"kind": "ready", "message": ""}}', flush=True)
    listener.accept()[0].sendall(b"hello")
"""
"""In place of a runner: killed as it starts so many times, and then it serves one app."""


@pytest.fixture
def an_app_that_stays(capfdbinary: pytest.CaptureFixture[bytes]) -> Iterator[None]:
    """In place of an empty standard input, where the relay would end at once."""
    before = os.dup(0)
    reader, writer = os.pipe()
    os.dup2(reader, 0)
    yield
    os.dup2(before, 0)
    for descriptor in (before, reader, writer):
        os.close(descriptor)


@pytest.mark.usefixtures("an_app_that_stays")
@pytest.mark.parametrize(("silent", "starts"), [(2, 3), (9, 3)])
def test_a_daemon_that_is_killed_as_it_starts_is_started_again_a_few_times(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], silent: int, starts: int
) -> None:
    place = make_daemon_paths(str(tmp_path))
    runner = tmp_path / "runner.py"
    runner.write_text(_DAEMON.format(silent=silent, socket=str(place.socket)))
    try:
        code = attach(str(runner), Setup(str(tmp_path), "sketch", "", 1.0))
    finally:
        place.socket.unlink(missing_ok=True)
    said = capfdbinary.readouterr().out.removeprefix(MAGIC)
    assert (tmp_path / "starts").read_text() == "." * starts
    if silent < starts:
        assert (code, said) == (0, b"hello")
    else:
        (fatal,) = Decoder().feed(said)
        assert code == 1
        assert isinstance(fatal, Fatal)
        assert fatal.kind == "killed"
        assert "again and again" in fatal.message


def _fill(path: Path, waiting: list[socket.socket]) -> None:
    """Connect until there is no room for one more."""
    while True:
        client = socket.socket(socket.AF_UNIX)
        waiting.append(client)
        client.setblocking(False)
        try:
            client.connect(str(path))
        except BlockingIOError:
            return
