"""`upsample deploy`, as a user runs it on a box behind a real sshd."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from backend.box.links.runner import build_runner
from tests.end_to_end.conftest import StartSshd
from tests.support.laptop import Laptop
from tests.support.sshd import Sshd, free_port

RUNNER = build_runner()
LONG_AGO = time.time() - 40 * 24 * 3600


def test_the_runner_is_sent_once_and_nothing_is_started(
    laptop: Laptop, trusted: Sshd, box_root: Path
) -> None:
    first = laptop.run("deploy")
    assert first.returncode == 0
    assert first.stdout == f"{box_root / RUNNER.name}\n"
    assert f"Runner {RUNNER.hash}" in first.stderr
    assert ": sent." in first.stderr

    second = json.loads(laptop.run("deploy", "--json").stdout)

    assert second == {
        "box": "test",
        "host": "testbox",
        "path": str(box_root / RUNNER.name),
        "runner": RUNNER.hash,
        "bytes": len(RUNNER.data),
        "was_there": True,
        "removed": [],
        "kept": {},
    }
    assert [file.name for file in box_root.iterdir()] == [RUNNER.name]


def test_old_runners_are_removed(laptop: Laptop, trusted: Sshd, box_root: Path) -> None:
    box_root.mkdir()
    old, recent = (box_root / f"runner-{digit * 12}.pyz" for digit in "12")
    for file in (old, recent):
        file.write_bytes(b"an earlier version")
    os.utime(old, (LONG_AGO, LONG_AGO))

    told = json.loads(laptop.run("deploy", "--json").stdout)

    assert told["removed"] == [old.name]
    assert told["kept"] == {recent.name: "kept: used 0 days ago"}
    assert not old.exists()
    assert recent.exists()


def test_a_box_where_the_runner_cannot_run_is_told_though_it_lies_there(
    laptop: Laptop, start_sshd: StartSshd, box_root: Path
) -> None:
    server = start_sshd(path="/nonexistent")
    laptop.trust(server.port, server.host_key)
    laptop.add_host("testbox", server.port)
    laptop.add_box("testbox", box_root)
    ended = laptop.run("deploy")
    assert ended.returncode == 3
    assert ended.stdout == f"{box_root / RUNNER.name}\n"
    assert "the box has no python3" in ended.stderr


def test_a_box_out_of_reach_is_told(laptop: Laptop, box_root: Path) -> None:
    laptop.add_host("testbox", free_port())
    laptop.add_box("testbox", box_root)
    ended = laptop.run("deploy")
    assert ended.returncode == 3
    assert "cannot be reached" in ended.stderr
