"""The cache of read files notices changed files, and a damaged cache causes no trouble."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from backend.catalog import cache
from backend.catalog.cache import SpecIndex
from backend.files import index
from backend.files.index import Index
from backend.specs.model import BrokenSpec, Spec
from backend.specs.reading import Finding, read_file
from backend.video import Video, VideoIndex, probe, video_index

LONG_AGO = time.time() - 3_600


def put(folder: Path, prompt: str, name: str = "a.json") -> Path:
    """A spec file that nobody touched for an hour."""
    file = folder / name
    spec = {
        "prompt": prompt,
        "input_video_path": "v.mp4",
        "edge": {"input_control": "e.mp4"},
        "fps": 24,
        "negative_prompt": "",
    }
    file.write_text(json.dumps(spec), encoding="utf-8")
    os.utime(file, (LONG_AGO, LONG_AGO))
    return file


def put_lines(folder: Path, *prompts: str) -> Path:
    """A file of several specs that nobody touched for an hour."""
    file = folder / "many.txt"
    file.write_text("".join(f"{prompt}\n" for prompt in prompts))
    os.utime(file, (LONG_AGO, LONG_AGO))
    return file


def read(specs: SpecIndex, file: Path, cwd: Path) -> tuple[Finding, ...]:
    """All parts together."""
    return tuple(chain.from_iterable(specs.read(file, cwd)))


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """The path of a cache file that does not exist yet."""
    return tmp_path / "cache" / "index.db"


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are really read."""
    files: list[Path] = []

    def note(file: Path, cwd: Path) -> object:
        files.append(file)
        return read_file(file, cwd)

    monkeypatch.setattr(cache, "read_file", note)
    return files


def test_what_was_read_once_is_not_read_again_and_says_the_same(
    tmp_path: Path, db: Path, reading: list[Path]
) -> None:
    file = put(tmp_path, "fog 漢字").relative_to(tmp_path)
    for _ in range(3):
        with closing(SpecIndex(db)) as specs:
            assert read(specs, file, tmp_path) == read_file(file, tmp_path)
    assert reading == [file]


def change_size(file: Path) -> None:
    put(file.parent, "another prompt")


def change_time(file: Path) -> None:
    file.write_text(file.read_text().replace("fog", "sun"))
    os.utime(file, (LONG_AGO, LONG_AGO + 1))


def replace_by_another_of_its_size_and_time(file: Path) -> None:
    put(file.parent, "sun", "b.json").replace(file)


@pytest.mark.parametrize(
    "change", [change_size, change_time, replace_by_another_of_its_size_and_time]
)
def test_a_file_that_changed_is_read_again(
    tmp_path: Path, db: Path, change: Callable[[Path], None]
) -> None:
    file = put(tmp_path, "fog")
    with closing(SpecIndex(db)) as specs:
        read(specs, file, tmp_path)
        change(file)
        assert read(specs, file, tmp_path) == read_file(file, tmp_path)


def test_a_file_written_just_now_is_not_kept(tmp_path: Path, db: Path, reading: list[Path]) -> None:
    # It may change once more within the same tick of the clock.
    file = put(tmp_path, "fog")
    os.utime(file)
    with closing(SpecIndex(db)) as specs:
        read(specs, file, tmp_path)
        read(specs, file, tmp_path)
    assert len(reading) == 2


def test_from_another_working_directory_paths_lead_elsewhere(tmp_path: Path, db: Path) -> None:
    file = put(tmp_path, "fog")
    with closing(SpecIndex(db)) as specs:
        for cwd in (tmp_path, tmp_path / "other", tmp_path):
            (spec,) = read(specs, file, cwd)
            assert isinstance(spec, Spec)
            assert (spec.video, spec.controls) == (cwd / "v.mp4", {"edge": cwd / "e.mp4"})


def test_trouble_is_looked_at_anew(tmp_path: Path, db: Path, reading: list[Path]) -> None:
    file = tmp_path / "a.json"
    file.write_text("{")
    os.utime(file, (LONG_AGO, LONG_AGO))
    with closing(SpecIndex(db)) as specs:
        for _ in range(2):
            assert isinstance(read(specs, file, tmp_path)[0], BrokenSpec)
    assert len(reading) == 2


def test_a_prompt_in_a_file_of_its_own_is_looked_at_anew(tmp_path: Path, db: Path) -> None:
    text = tmp_path / "dock.txt"
    text.write_text("fog")
    file = tmp_path / "dock.json"
    file.write_text('{"name":"d","prompt_path":"dock.txt","video_path":"v.mp4","guidance":3}')
    for it in (text, file):
        os.utime(it, (LONG_AGO, LONG_AGO))
    with closing(SpecIndex(db)) as specs:
        read(specs, file, tmp_path)
        text.write_text("sun")
        (spec,) = read(specs, file, tmp_path)
        assert isinstance(spec, Spec)
        assert spec.prompt == "sun"


def test_a_damaged_index_is_begun_anew(tmp_path: Path, db: Path, reading: list[Path]) -> None:
    file = put(tmp_path, "fog")
    db.parent.mkdir()
    db.write_bytes(b"no database at all, but quite some bytes of something else" * 100)
    for _ in range(3):
        with closing(SpecIndex(db)) as specs:
            assert read(specs, file, tmp_path) == read_file(file, tmp_path)
    assert len(reading) == 2


@pytest.mark.parametrize(
    "value", ["", "[]x", "[[]]", '[["no-format",0,1,"","",null,{},false]]', "7"]
)
def test_a_damaged_row_is_read_anew(tmp_path: Path, db: Path, value: str) -> None:
    file = put(tmp_path, "fog")
    with closing(SpecIndex(db)) as specs:
        read(specs, file, tmp_path)
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE specs SET value = ?", (value,))
    connection.close()
    with closing(SpecIndex(db)) as specs:
        assert read(specs, file, tmp_path) == read_file(file, tmp_path)


def test_of_many_specs_the_first_are_there_before_the_last(
    tmp_path: Path, db: Path, reading: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_PART", 2)
    file = put_lines(tmp_path, "fog", "sun", "rain")
    for parts in ([3], [2, 1]):
        with closing(SpecIndex(db)) as specs:
            assert [len(part) for part in specs.read(file, tmp_path)] == parts
    with closing(SpecIndex(db)) as specs:
        assert read(specs, file, tmp_path) == read_file(file, tmp_path)
    assert len(reading) == 1


@pytest.mark.parametrize("damage", ["", "[[]]", "{", "\0"])
def test_what_follows_a_damaged_part_is_read_anew_and_nothing_comes_twice(
    tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(cache, "_PART", 1)
    file = put_lines(tmp_path, "fog", "sun", "rain")
    with closing(SpecIndex(db)) as specs:
        read(specs, file, tmp_path)
    with sqlite3.connect(db) as connection:
        ((value,),) = connection.execute("SELECT value FROM specs")
        first, _, last = value.split("\n")
        connection.execute("UPDATE specs SET value = ?", ("\n".join([first, damage, last]),))
    connection.close()
    with closing(SpecIndex(db)) as specs:
        assert read(specs, file, tmp_path) == read_file(file, tmp_path)


def test_another_version_begins_anew(
    tmp_path: Path, db: Path, reading: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path, "fog")
    for schema in ("1", "1", "2", "2"):
        monkeypatch.setattr(index, "_SCHEMA", schema)
        with closing(SpecIndex(db)) as specs:
            read(specs, file, tmp_path)
    assert len(reading) == 2


def test_an_index_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    file = put(tmp_path, "fog")
    for place in (file / "index.db", tmp_path):
        with closing(SpecIndex(place)) as specs:
            assert read(specs, file, tmp_path) == read_file(file, tmp_path)


def test_it_keeps_the_rows_that_were_asked_for_last(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_MOST_ROWS", 2)
    for day, names in ((1, "ab"), (2, "c"), (3, "a")):
        monkeypatch.setattr(time, "time", lambda day=day: day * 86_400.0)
        with closing(Index(db, "specs")) as rows:
            for name in names:
                if rows.get(f"/{name}", "stamp") is None:
                    rows.put(f"/{name}", "stamp", name)
    with closing(Index(db, "specs")) as rows:
        assert [rows.get(f"/{name}", "stamp") for name in "abc"] == ["a", None, "c"]


def test_videos_are_opened_once(counted_clip: Path, db: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(counted_clip.read_bytes())
    os.utime(clip, (LONG_AGO, LONG_AGO))
    with closing(VideoIndex(db)) as videos:
        first = videos.probe(clip)
    assert first == probe(clip)
    # Same size, time and inode: only the index can still say what it was.
    with clip.open("r+b") as file:
        file.write(b"\0" * 1_000)
    os.utime(clip, (LONG_AGO, LONG_AGO))
    with closing(VideoIndex(db)) as videos:
        assert videos.probe(clip) == first


def test_a_video_is_known_before_it_is_saved_and_to_several_threads(
    counted_clip: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [tmp_path / folder / "clip.mp4" for folder in "ab"]
    for clip in clips:
        clip.parent.mkdir()
        clip.write_bytes(counted_clip.read_bytes())
        os.utime(clip, (LONG_AGO, LONG_AGO))
    opened: list[Path] = []

    def open_it(path: Path) -> Video:
        opened.append(path)
        return probe(path)

    monkeypatch.setattr(video_index, "probe", open_it)
    with closing(VideoIndex(db)) as videos:
        known = [videos.probe(clip) for clip in clips]
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(videos.probe, clips * 20)) == known * 20
    assert opened == clips
