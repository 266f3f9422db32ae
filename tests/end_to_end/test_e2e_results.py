"""Specs in, results out: through the embedded box, and through a real sshd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.results.sidecars import sidecar_path
from tests.support.daemons import daemons_below
from tests.support.laptop import Laptop, journal_records
from tests.support.specs import write_batch, write_three_formats
from tests.support.sshd import Sshd

_PROVENANCE = {
    "program", "written_by", "engine", "profile", "model", "box", "frames", "size_sent", "tokens",
    "temperature", "seed", "candidate", "finish_reason", "seconds", "ended", "runner", "job",
}  # fmt: skip


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _check_result(source: Path, result: Path) -> None:
    before, after = _load(source), _load(result)
    assert list(after) == list(before)
    changed = {key for key in before if before[key] != after[key]}
    if "is_upsampled" in before:
        assert changed == {"prompt", "is_upsampled", "parent_prompt_text", "metadata"}
        assert after["is_upsampled"] is True
        assert after["parent_prompt_text"] == before["prompt"]
        assert after["metadata"]["mood"] == "calm"
        provenance = after["metadata"]["upsample"]
    else:
        assert changed == {"prompt"}
        (provenance,) = _load(sidecar_path(result))["results"]
        assert provenance["prompt"] == before["prompt"]
    assert len(after["prompt"]) > len(before["prompt"])
    assert provenance.keys() >= _PROVENANCE
    assert provenance["size_sent"] == "160x90"
    assert len(provenance["frames"]) == 2
    assert "no language model" in provenance["written_by"]


def test_three_formats_go_through_the_embedded_box_once(
    laptop: Laptop, small_clips: list[Path], tmp_path: Path
) -> None:
    specs = write_three_formats(laptop.cwd, small_clips)
    out = tmp_path / "out"

    first = laptop.batch(*specs, "--save-dir", out)

    assert first.returncode == 0, first.stderr
    assert set(first.stdout.splitlines()) == {str(out / spec.name) for spec in specs}
    for spec in specs:
        _check_result(spec, out / spec.name)
    files, attempts = _files(out), [job.attempts for job in laptop.jobs()]
    assert attempts == [1, 1, 1]

    second = laptop.batch(*specs, "--save-dir", out)

    assert second.returncode == 0, second.stderr
    assert _files(out) == files
    assert [job.attempts for job in laptop.jobs()] == attempts


def test_the_same_goes_through_sshd_and_the_runner_is_sent_once(
    laptop: Laptop, trusted: Sshd, box_root: Path, small_clips: list[Path], tmp_path: Path
) -> None:
    specs = write_three_formats(laptop.cwd, small_clips)
    out = tmp_path / "out"

    first = laptop.batch(*specs, "--save-dir", out)

    assert first.returncode == 0, first.stderr
    for spec in specs:
        _check_result(spec, out / spec.name)
    (runner,) = box_root.glob("runner-*")
    sent = runner.stat()
    more = write_batch(laptop.cwd, small_clips, 1)

    second = laptop.batch(*more, "--save-dir", out)

    assert second.returncode == 0, second.stderr
    assert list(box_root.glob("runner-*")) == [runner]
    assert (runner.stat().st_ino, runner.stat().st_mtime_ns) == (sent.st_ino, sent.st_mtime_ns)
    assert len(journal_records(box_root, "accepted")) == 4


def test_every_line_of_json_is_an_object_and_the_texts_add_up(
    laptop: Laptop, small_clips: list[Path]
) -> None:
    specs = write_three_formats(laptop.cwd, small_clips)

    ended = laptop.batch("--json", *specs)

    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    assert all(isinstance(event["type"], str) for event in events)
    done = [event for event in events if event["type"] == "done"]
    assert len(done) == 3
    for event in done:
        texts = [e for e in events if e["type"] == "text" and e["job"] == event["job"]]
        assert "".join(text["text"] for text in texts).strip() == event["prompt"]


def test_a_dry_run_sends_nothing(laptop: Laptop, one_spec: Path) -> None:
    ended = laptop.batch("--dry-run", "--json", one_spec)

    assert ended.returncode == 0, ended.stderr
    assert not laptop.queue_file.exists()
    # What it keeps is what it knows of the videos, for the next one.
    kept = laptop.home / ".cache" / "upsample"
    assert {file.suffix for file in kept.rglob("*") if file.is_file()} <= {
        ".db",
        ".db-wal",
        ".db-shm",
    }
    assert not (laptop.cwd / "outputs").exists()


def test_the_demo_shows_three_panels_and_leaves_nothing_behind(
    laptop: Laptop, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    laptop.more_environment["TMPDIR"] = str(temporary)

    ended = laptop.run("demo")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("upsampled prompt") == 3
    assert list(temporary.iterdir()) == []
    assert daemons_below(temporary) == {}
    assert not laptop.queue_file.exists()
