"""What a killed daemon left is ended, what stays is told, and a daemon at work is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote import locks
from remote.engines.vllm import process
from remote.engines.vllm.process import ServerIdentity, pid_file, write_pid_file
from remote.locks import hold_locks
from remote.paths import DaemonPaths, make_daemon_paths
from remote.protocol import FAILED, Finding
from remote.sweeping import sweep_root
from tests.remote.engines.test_vllm_process import STAYS, is_alive


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_TERM_SECONDS", 0.1)
    monkeypatch.setattr(process, "_KILL_SECONDS", 1.0)
    monkeypatch.setattr(locks, "_LOCK_SECONDS", 0.1)


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[DaemonPaths]:
    made = make_daemon_paths(str(tmp_path))
    yield made
    made.socket.unlink(missing_ok=True)
    made.lock.unlink(missing_ok=True)


@pytest.fixture
def server(paths: DaemonPaths) -> Iterator[subprocess.Popen[bytes]]:
    """A server that ignores SIGTERM, with a child that does, too; its daemon was killed."""
    started = subprocess.Popen(
        [sys.executable, "-c", STAYS], start_new_session=True, stdout=subprocess.PIPE
    )
    with started:
        assert started.stdout is not None
        assert started.stdout.readline().startswith(b"child")
        write_pid_file(
            pid_file(paths), ServerIdentity(started.pid, process._start_time(started.pid))
        )
        yield started
        os.killpg(started.pid, signal.SIGKILL)


def sweep(root: Path) -> list[Finding]:
    told: list[Finding] = []
    sweep_root(str(root), told.append)
    return told


def test_a_server_that_was_left_is_ended(
    paths: DaemonPaths, server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    paths.socket.touch()
    assert sweep(tmp_path) == []
    assert not is_alive(server.pid)
    assert not pid_file(paths).exists()
    assert not paths.socket.exists()


def test_nothing_is_told_where_nothing_is_left(paths: DaemonPaths, tmp_path: Path) -> None:
    assert sweep(tmp_path) == []
    assert not paths.socket.exists()


def test_a_server_that_cannot_be_killed_is_told(
    server: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_KILL_SECONDS", 0.1)
    monkeypatch.setattr(process, "_lives", lambda group: True)
    (told,) = sweep(tmp_path)
    assert (told.name, told.verdict) == ("model server", FAILED)
    assert told.detail == f"its process group {server.pid} cannot be killed"
    assert told.remedy


def test_the_server_of_a_daemon_that_was_started_meanwhile_is_left_alone(
    paths: DaemonPaths, server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    with hold_locks(paths):
        paths.socket.touch()
        assert sweep(tmp_path) == []
    assert is_alive(server.pid)


def test_a_daemon_that_has_not_ended_yet_is_told(paths: DaemonPaths, tmp_path: Path) -> None:
    with hold_locks(paths):
        (told,) = sweep(tmp_path)
    assert (told.name, told.detail) == ("daemon", "it has not ended yet")
