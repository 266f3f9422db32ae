"""One process holds the lock of the queue, and other processes learn which."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.dispatch.runs.lock import Holder, dispatcher_lock
from backend.errors import QueueError, QueueTaken
from backend.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


def test_the_second_one_is_told_who_works_on_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/upsample", "--no-ui", "my specs"])
    with dispatcher_lock(store), pytest.raises(QueueTaken) as taken, dispatcher_lock(store):
        pass
    told = taken.value.holder
    assert f"process {os.getpid()}" in told
    assert "`upsample --no-ui 'my specs'`" in told
    assert "since " in told


def test_when_it_ends_another_one_may(store: Store) -> None:
    for _ in range(2):
        with dispatcher_lock(store):
            pass


@pytest.mark.parametrize(
    "told", [b"", b"12", b'{"process": 12, "since', b"[]", b"{}", b"null", b"\xff"], ids=repr
)
def test_whatever_the_lock_says_it_is_held(store: Store, told: bytes) -> None:
    """The text may be of an earlier version, or of a process that has not finished writing it."""
    with dispatcher_lock(store):
        store.path.with_suffix(".lock").write_bytes(told)
        with pytest.raises(QueueTaken, match="another upsample"), dispatcher_lock(store):
            pass


def test_the_day_is_told_when_it_is_another_one() -> None:
    assert "since 20" in Holder(1, time.time() - 200_000, "upsample").describe()


def test_a_machine_that_shares_the_home_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process number says nothing here."""
    with dispatcher_lock(store):
        monkeypatch.setattr(socket, "gethostname", lambda: "login2")
        with pytest.raises(QueueTaken) as taken, dispatcher_lock(store):
            pass
    monkeypatch.undo()
    assert f"process {os.getpid()} on {socket.gethostname()}, " in taken.value.holder
    with dispatcher_lock(store), pytest.raises(QueueTaken) as taken, dispatcher_lock(store):
        pass
    assert f"process {os.getpid()}, " in taken.value.holder


def test_a_disk_without_locks_is_told_in_words(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Stands in for an NFS server without lockd."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    for use in (lambda: dispatcher_lock(store).__enter__(), lambda: Store(tmp_path / "b" / "q.db")):
        with pytest.raises(QueueError, match=r"cannot be used: .*No locks available") as told:
            use()
        assert "has no locks" in told.value.remedy
        assert "XDG_DATA_HOME" in told.value.remedy
