"""Boxes, disks, configs and specs that cannot be used: one readable message, and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from backend.box.links.runner import build_runner
from tests.end_to_end.conftest import Here, StartSshd
from tests.support.laptop import Laptop, journal_records
from tests.support.specs import write_batch, write_spec
from tests.support.sshd import Sshd

MakeRoot = Callable[[int], Path]


def test_a_box_without_python_is_named_as_one(
    laptop: Laptop, here: Here, start_sshd: StartSshd, box_root: Path, one_spec: Path
) -> None:
    server = start_sshd(path="/nonexistent")
    laptop.trust(server.port, server.host_key)
    laptop.add_host("testbox", server.port)
    laptop.add_box("testbox", box_root)

    ended = here(one_spec)

    assert ended.code == 3
    assert "the box has no python3" in ended.err
    assert laptop.states() == {"queued": 1}


def test_a_disk_too_full_for_the_runner_makes_the_box_unusable_until_there_is_room(
    laptop: Laptop, here: Here, trusted: Sshd, small_root: MakeRoot, one_spec: Path
) -> None:
    root = small_root(16)

    full = here(one_spec)

    assert full.code == 3
    assert f"cannot put the runner into {root}" in full.err
    assert "space" in full.err
    assert not any(root.iterdir()), "a half-sent runner stays"
    assert laptop.states() == {"queued": 1}

    small_root(8192)

    assert here(one_spec).code == 0


def test_a_disk_too_full_for_the_frames_leaves_the_job_queued_until_there_is_room(
    laptop: Laptop, here: Here, trusted: Sshd, small_root: MakeRoot, noise_clip: Path
) -> None:
    root = small_root(len(build_runner().data) // 1024 + 96)
    (spec,) = write_batch(laptop.cwd, [noise_clip], 1)

    full = here(spec)

    assert full.code == 1, full.err
    assert "stays in the queue: the box cannot keep the job: " in full.err
    assert laptop.states() == {"queued": 1}
    assert journal_records(root, "accepted") == []

    small_root(8192)
    freed = here(spec)

    assert freed.code == 0, freed.err
    assert laptop.states() == {"done": 1}


def test_a_save_dir_below_a_file_is_bad_usage(laptop: Laptop, here: Here, one_spec: Path) -> None:
    ended = here(one_spec, "--save-dir", one_spec / "below")

    assert ended.code == 2
    assert str(one_spec / "below") in ended.err
    assert laptop.jobs() == []


def test_a_broken_config_is_named_with_its_line_and_column(
    laptop: Laptop, here: Here, one_spec: Path
) -> None:
    laptop.configure('box = "local"\n[upsampling\n')

    ended = here(one_spec)

    assert ended.code == 2
    assert str(laptop.config) in ended.err
    assert "line 2, column" in ended.err


def test_one_broken_spec_does_not_stop_the_good_ones(
    laptop: Laptop, here: Here, small_clips: list[Path]
) -> None:
    specs = write_batch(laptop.cwd, small_clips, 2)
    broken = laptop.cwd / "broken.json"
    broken.write_text('{"prompt": "a dock", "input_video_path": ')

    ended = here(*specs, broken)

    assert ended.code == 1
    assert "broken.json" in ended.err
    assert laptop.states() == {"done": 2}


def test_one_unreadable_video_does_not_stop_the_others(
    laptop: Laptop, here: Here, small_clips: list[Path]
) -> None:
    specs = write_batch(laptop.cwd, small_clips, 2)
    (laptop.cwd / "noise.mp4").write_bytes(b"no video at all" * 100)
    bad = write_spec(
        laptop.cwd / "bad.json", {"prompt": "a dock", "input_video_path": "noise.mp4", "edge": {}}
    )

    ended = here(*specs, bad, "--json")

    assert ended.code == 1
    assert laptop.states() == {"done": 2, "failed": 1}
    (failed,) = [e for e in map(json.loads, ended.out.splitlines()) if e["type"] == "failed"]
    assert "noise.mp4" in failed["error"]
    assert failed["error"] in ended.err
