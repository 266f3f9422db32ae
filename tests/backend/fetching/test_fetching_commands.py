"""What commands say of media that stand at an address, and whose settings have them fetched."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.addresses import path_of_address
from backend.catalog.filter import parse_filter
from backend.cli import run
from backend.config import load_settings, user_file
from backend.dispatch.preparing.picture_cache import trim_kept
from backend.errors import ConfigError
from backend.exit_codes import ExitCode
from backend.planning.plan import Plan
from backend.store import Store, default_path
from backend.video.kept_media import fetched_folder, kept_name, list_kept_media
from tests.support.queued_jobs import new_job

ADDRESS = "https://media.example/clip.mp4?key=a"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory, with a spec that names an address."""
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(json.dumps({"prompt": "Warm dusk", "input_video_path": ADDRESS}))


def allow() -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text("[specs]\nfetch_media = true\n")


def keep(address: str, content: bytes = b"", used: float | None = None) -> Path:
    fetched_folder().mkdir(parents=True, exist_ok=True)
    file = fetched_folder() / kept_name(address)
    file.write_bytes(content)
    os.utime(file, None if used is None else (used, used))
    return file


def planned(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    run(["a.json", "--dry-run", "--json"])
    plan: dict[str, object] = json.loads(capsys.readouterr().out)
    return plan


def test_a_dry_run_says_what_would_be_fetched_and_fetches_nothing(
    capsys: pytest.CaptureFixture[str], clip: bytes
) -> None:
    refused = planned(capsys)
    assert refused["to_fetch"] == []
    assert str(refused["refusal"]).startswith(f"{ADDRESS} is an address, and is not fetched.\n")
    assert "specs.fetch_media = true in your own" in str(refused["refusal"])
    allow()
    plan = planned(capsys)
    assert (plan["video"], plan["to_fetch"], plan["refusal"]) == (ADDRESS, [ADDRESS], None)
    assert run(["a.json", "--dry-run"]) is ExitCode.OK
    said = capsys.readouterr()
    assert f"{ADDRESS} would be fetched" in said.out
    assert "1 address would be fetched" in said.err
    assert not fetched_folder().exists()
    keep(ADDRESS, clip)
    plan = planned(capsys)
    assert (plan["video"], plan["video_size"], plan["to_fetch"]) == (ADDRESS, "64x36", [])


def test_only_the_users_own_file_has_anything_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.toml").write_text("[specs]\nfetch_media = true\n")
    with pytest.raises(ConfigError, match=r"specs\.fetch_media .*in your own file alone"):
        load_settings()
    Path("config.toml").unlink()
    monkeypatch.setenv("UPSAMPLE_FETCH_MEDIA", "true")
    with pytest.raises(ConfigError, match="UPSAMPLE_FETCH_MEDIA in the environment names no"):
        load_settings()
    monkeypatch.delenv("UPSAMPLE_FETCH_MEDIA")
    assert not load_settings().specs.fetch_media
    allow()
    assert load_settings().specs.fetch_media


def test_the_cache_shows_what_was_fetched_and_removes_what_no_job_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = "https://media.example/other.png"
    keep(ADDRESS, b"12345", used=1.0)
    keep(other, b"123", used=time.time())
    (fetched_folder() / "mine.txt").write_text("not ours")
    assert run(["cache", "--json"]) is ExitCode.OK
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "folder": str(fetched_folder()),
        "fetched": 2,
        "bytes": 8,
        "oldest_use": 1.0,
        "most_bytes": 20_000_000_000,
    }
    assert run(["cache"]) is ExitCode.OK
    assert "fetched" in capsys.readouterr().out
    with closing(Store(default_path())) as store:
        (job,) = store.queue([replace(new_job("a"), video=path_of_address(ADDRESS))])
        assert store.jobs([job.number])[0].video == path_of_address(ADDRESS)
    assert run(["cache", "clear"]) is ExitCode.OK
    assert [each.name for each in list_kept_media()] == [kept_name(ADDRESS)]
    assert run(["queue", "cancel", "--all"]) is ExitCode.OK
    assert run(["cache", "clear", "--older-than", "30"]) is ExitCode.OK
    assert [each.name for each in fetched_folder().iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("bound", "left"), [("8e-9", ["b", "c"]), ("1e-9", ["b"]), ("0", "abc")])
def test_a_batch_that_ended_keeps_within_the_bound_for_fetched_media(
    tmp_path: Path, bound: str, left: str | list[str]
) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(f"[cache]\nfetched_gb = {bound}\n")
    addresses = {name: f"https://media.example/{name}" for name in "abc"}
    for used, address in enumerate(addresses.values(), 1):
        keep(address, b"1234", float(used))
    with closing(Store(tmp_path / "queue.db")) as store:
        jobs = store.queue([replace(new_job("b"), video=path_of_address(addresses["b"]))])
        trim_kept(store, jobs)
    assert {each.name for each in list_kept_media()} == {
        kept_name(addresses[name]) for name in left
    }


def test_a_spec_that_must_be_fetched_is_not_one_that_does_not_fit() -> None:
    plan = Plan("", None, None, 0, None, 0, None, to_fetch=(ADDRESS,))
    (condition,) = parse_filter("fits:no").conditions
    assert not condition.passes(type("Subject", (), {"plan": plan})())
