"""The command that an app runs over SSH: it makes sure that a daemon runs, then relays bytes to and from it.

It does nothing else, so that a dropped connection kills a relay and never the work.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict

from remote.paths import DaemonPaths, FolderError, make_daemon_paths
from remote.protocol import MAGIC, Fatal, Setup, encode

_CHUNK = 1 << 16
_START_SECONDS = 60.0
_MOST_SILENT_STARTS = 3
"""Daemons in a row that may die silently while they start. After so many, attaching fails."""
_RETRY_SECONDS = 0.2


class StartError(Exception):
    """No daemon could be started; `kind` is one of `Fatal.kind`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def attach(runner: str, setup: Setup) -> int:
    """Connect stdin and stdout to the daemon, started if need be. Returns an exit code."""
    try:
        _write_all(1, MAGIC)
        daemon = _reach(runner, setup)
    except BrokenPipeError:
        return 1  # the app has gone
    except (FolderError, StartError) as error:
        return _give_up(error.kind, str(error))
    except OSError as error:
        return _give_up("internal", f"no daemon can be started or reached: {error}")
    with daemon:
        _relay(daemon)
    return 0


def _give_up(kind: str, message: str) -> int:
    with contextlib.suppress(BrokenPipeError):
        _write_all(1, encode(Fatal(kind, message)))
    return 1


def _reach(runner: str, setup: Setup) -> socket.socket:
    paths = make_daemon_paths(setup.root)
    deadline = time.monotonic() + _START_SECONDS
    silent = 0
    while time.monotonic() < deadline:
        try:
            daemon = _connect(paths)
        except BlockingIOError:
            # The daemon's socket has its full backlog of connections that wait.
            time.sleep(_RETRY_SECONDS)
            continue
        if daemon is not None:
            return daemon
        # When another attach starts a daemon at the same moment, ours reports "taken".
        silent += not _start(runner, setup, deadline - time.monotonic())
        if silent == _MOST_SILENT_STARTS:
            raise StartError("killed", "the daemon ended again and again before it could serve")
    raise StartError("hung", f"the daemon does not answer; its log is {paths.log}")


def _connect(paths: DaemonPaths) -> socket.socket | None:
    """Connect to the daemon; None when none runs. Raises BlockingIOError when it accepts no connection."""
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # A blocking connect would wait for a daemon that is stopped (SIGSTOP).
        daemon.setblocking(False)
        daemon.connect(str(paths.socket))
        daemon.setblocking(True)
    except (FileNotFoundError, ConnectionRefusedError):
        daemon.close()
        return None
    except BaseException:
        daemon.close()
        raise
    return daemon


def _start(runner: str, setup: Setup, seconds: float) -> bool:
    """Start a daemon and wait until it reports that it serves, or why it cannot.

    Returns False when it was killed before it reported anything, or takes too long. Raises StartError.
    """
    command = [sys.executable, "-I", runner, "daemon"]
    # The setup goes through a pipe: every user of the box could read an argument.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    ) as process:
        assert process.stdin is not None  # noqa: S101 - for mypy
        assert process.stdout is not None  # noqa: S101 - for mypy
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(asdict(setup)).encode())
            process.stdin.close()
        ready, _, _ = select.select([process.stdout], [], [], max(seconds, 0.0))
        said = process.stdout.readline() if ready else b""
        # By now the process has forked the daemon, or never will. Leaving this block waits for its end.
        process.kill()
    if not said:
        return False
    verdict = json.loads(said)
    if verdict["kind"] not in ("ready", "taken"):
        raise StartError(verdict["kind"], verdict["message"])
    return True


def _relay(daemon: socket.socket) -> None:
    """Pass bytes both ways until the daemon closes, or the app has gone."""
    threading.Thread(target=_pass_input, args=(daemon,), daemon=True).start()
    with contextlib.suppress(OSError):
        while data := daemon.recv(_CHUNK):
            _write_all(1, data)


def _pass_input(daemon: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(0, _CHUNK):
            daemon.sendall(data)
    with contextlib.suppress(OSError):
        daemon.shutdown(socket.SHUT_RDWR)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
