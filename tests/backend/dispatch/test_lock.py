"""One process holds the lock of the queue, and other processes learn which."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.dispatch.lock import Holder, dispatcher_lock
from backend.errors import QueueTaken
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


@pytest.mark.parametrize("told", [b"", b"12", b'{"process": 12, "since', b"[]", b"\xff"], ids=repr)
def test_whatever_the_lock_says_it_is_held(store: Store, told: bytes) -> None:
    """The text may be of an earlier version, or of a process that has not finished writing it."""
    with dispatcher_lock(store):
        store.path.with_suffix(".lock").write_bytes(told)
        with pytest.raises(QueueTaken, match="another upsample"), dispatcher_lock(store):
            pass


def test_the_day_is_told_when_it_is_another_one() -> None:
    assert "since 20" in Holder(1, time.time() - 200_000, "upsample").describe()
