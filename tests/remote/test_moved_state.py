"""A box whose machine id changes finds what it kept, as a container does that is made anew."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import pytest

from remote import moved_state, paths
from remote.mounts import FileSystem
from remote.paths import DaemonPaths, make_daemon_paths


class Machine:
    """Stands in for what a system says of itself."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._monkeypatch = monkeypatch
        self.lies_on("ext4")

    def lies_on(self, kind: str) -> None:
        self._monkeypatch.setattr(moved_state, "mount_of", lambda _: FileSystem("/", kind))

    def called(self, name: str) -> DaemonPaths:
        """The paths under this host name, without a machine id."""
        self._monkeypatch.setattr(socket, "gethostname", lambda: name)
        self._monkeypatch.setattr(paths, "_MACHINE_ID", self._root / "no-id")
        return make_daemon_paths(str(self._root / "root"), self._root / "run")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_what_was_kept_under_an_earlier_name_is_found(machine: Machine) -> None:
    before = machine.called("3f9a6c1b")
    before.journal.write_text("records")
    after = machine.called("77d0e2aa")
    assert after.state != before.state
    assert after.journal.read_text() == "records"
    assert not before.state.exists()
    assert machine.called("77d0e2aa") == after


def test_the_newest_one_is_taken_that_nobody_serves(machine: Machine, tmp_path: Path) -> None:
    for age, name in enumerate(["served", "newer", "older"]):
        journal = tmp_path / "root" / f"{age:012x}" / "journal"
        journal.parent.mkdir(parents=True)
        journal.write_text(name)
        os.utime(journal, (1e9 - age, 1e9 - age))
    with (tmp_path / "root" / f"{0:012x}" / "journal.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert machine.called("new").journal.read_text() == "newer"


@pytest.mark.parametrize("kind", ["nfs4", "fuse.mystery"])
def test_on_a_disk_that_machines_may_share_another_name_is_another_machine(
    machine: Machine, kind: str
) -> None:
    machine.lies_on(kind)
    before = machine.called("login1")
    before.journal.write_text("records")
    assert not machine.called("login2").journal.exists()
    assert before.journal.exists()


def test_an_image_that_has_not_booted_has_no_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All containers that are made of it would pass for one machine."""
    file = tmp_path / "machine-id"
    file.write_text("uninitialized\n")
    monkeypatch.setattr(paths, "_MACHINE_ID", file)
    keys = set()
    for name in ("one", "two"):
        monkeypatch.setattr(socket, "gethostname", lambda name=name: name)
        keys.add(paths._machine_key())
    assert len(keys) == 2
