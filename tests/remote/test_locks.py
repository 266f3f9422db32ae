"""One daemon a place, also where the files that say so are gone or not to be trusted."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remote.checks.machine import find_root
from remote.locks import TakenError, hold_locks
from remote.paths import DaemonPaths, FolderError
from remote.protocol import Finished, Started
from tests.remote.attached import Box, ask_slowly
from tests.support.waiting import wait_until


@pytest.fixture
def place(tmp_path: Path) -> DaemonPaths:
    return DaemonPaths(state=tmp_path, run=tmp_path, key="k")


def test_a_place_is_held_once_and_then_free_again(place: DaemonPaths) -> None:
    with hold_locks(place):
        place.socket.touch()
        with pytest.raises(TakenError), hold_locks(place):
            pytest.fail("it was held twice")
    with hold_locks(place):
        assert not place.socket.exists()


def test_locks_and_sockets_of_before_a_reboot_hold_nobody_up(place: DaemonPaths) -> None:
    for file in (place.lock, place.journal_lock, place.socket):
        file.write_text(str(os.getpid()))
    with hold_locks(place):
        assert not place.socket.exists()


def test_the_journal_is_not_shared_with_a_machine_that_passes_for_this_one(
    place: DaemonPaths, tmp_path: Path
) -> None:
    (tmp_path / "clone").mkdir()
    clone = DaemonPaths(state=place.state, run=tmp_path / "clone", key="k")
    with (
        hold_locks(place),
        pytest.raises(FolderError, match="root") as refused,
        hold_locks(clone, journal_seconds=0.1),
    ):
        pytest.fail("two daemons on one journal")
    assert f"another daemon (process {os.getpid()} on this machine) holds" in str(refused.value)


def test_the_machine_that_holds_the_journal_is_named(
    place: DaemonPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clone").mkdir()
    clone = DaemonPaths(state=place.state, run=tmp_path / "clone", key="k")
    with hold_locks(place):
        where = f"process {os.getpid()} on the machine {socket.gethostname()}"
        monkeypatch.setattr(socket, "gethostname", lambda: "another")
        with pytest.raises(FolderError) as refused, hold_locks(clone, journal_seconds=0.0):
            pytest.fail("two daemons on one journal")
        assert where in str(refused.value)
        place.journal_lock.write_text("of an earlier version, or half")
        with (
            pytest.raises(FolderError, match="perhaps on another machine"),
            hold_locks(clone, journal_seconds=0.0),
        ):
            pytest.fail("two daemons on one journal")


def test_a_home_without_locks_is_served_all_the_same(
    place: DaemonPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands in for an NFS server without lockd."""
    real = fcntl.flock
    place.lock.touch()
    local = place.lock.stat().st_ino

    def flock(descriptor: int, operation: int) -> None:
        if os.fstat(descriptor).st_ino != local:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with hold_locks(place), pytest.raises(TakenError), hold_locks(place):
        pytest.fail("the local lock still counts")


def test_a_local_disk_without_locks_is_refused_in_words(
    place: DaemonPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert "has no locks" in find_root(str(place.state)).detail
    with pytest.raises(FolderError, match="has no locks") as refused, hold_locks(place):
        pytest.fail("nothing keeps daemons apart")
    assert "a local /var/tmp" in refused.value.remedy


async def test_a_daemon_whose_local_folder_is_emptied_hands_over_with_its_jobs(box: Box) -> None:
    slow = ask_slowly("a harbour at dusk")
    async with box.visited() as app:
        await app.send(slow)
        await app.until(Started, slow.job)
        box.place.socket.unlink()
        box.place.lock.unlink()
        async with box.visited() as other:  # while the first one is still on its way out
            await other.until(Finished, slow.job)
            await app.hung_up()
    wait_until(lambda: len(box.daemons()) == 1)
    assert box.records("finished") == [slow.job]


@pytest.fixture
def rebooted(tmp_path: Path) -> str:
    """A Python for which /var/tmp is as empty as on a machine that cleans it as it starts."""
    program = tmp_path / "python-after-reboot"
    program.write_text(
        "#!/bin/sh\nexec unshare --mount sh -c 'mount -t tmpfs tmpfs /var/tmp && chmod 1777 /var/tmp "
        f"""&& exec {sys.executable} "$@"' sh "$@"\n"""
    )
    program.chmod(0o755)
    works = subprocess.run([program, "-c", ""], capture_output=True).returncode == 0
    if not works and os.environ.get("CI"):
        pytest.fail("the CI machine must be able to give a process a /var/tmp of its own")
    if not works:
        pytest.skip("only root can give a process a /var/tmp of its own")
    return str(program)


async def test_after_a_reboot_a_new_daemon_goes_on_from_the_journal(
    box: Box, rebooted: str
) -> None:
    slow = ask_slowly("a harbour at dusk")
    async with box.visited() as app:
        await app.send(slow)
        await app.until(Started, slow.job)
        box.kill()
    async with replace(box, python=rebooted).visited() as app:
        assert (await app.done(slow)).answer.attempt == 2
        box.kill()
    assert box.records("finished") == [slow.job]
