"""A folder made to hurt, through the real command: what comes out draws only itself, and JSON is JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.laptop import Laptop
from tests.support.specs import write_spec

HOSTILE = "\x1b]52;c;ZXZpbA==\x07\x1b[31m\x9b2J\u202e[/x]\u200b\x7f"
NAMES = [
    f"{HOSTILE}.json", "-rf.json", "$(touch pwned).json", "`touch pwned`.json", 'it\'s "so".json',
    "two\nlines.json", "%s%n%03d.json", "~.json", "a;b|c&d.json", f"{'n' * 240}.json", "con\\nul.json",
]  # fmt: skip
COMMANDS = [
    ("--no-ui", "specs", "--dry-run"),
    ("--no-ui", "specs", "--dry-run", "--json"),
    ("estimate", "specs"),
    ("estimate", "specs", "--format", "json"),
    ("estimate", "specs", "--format", "csv"),
    ("--no-ui", "specs"),
    ("--no-ui", "specs", "--json", "--seed", "2", "--save-dir", "again"),
    ("queue", "list"),
    ("queue", "list", "--json"),
    ("results",),
    ("results", "--json"),
    ("fit", "specs/-clip.mp4"),
    ("hint", "specs/-clip.mp4"),
    ("config", "show"),
    ("config", "show", "--sources"),
    ("box", "status"),
    ("box", "logs"),
    ("queue", "cancel", "--all"),
]


@pytest.fixture
def folder(laptop: Laptop, small_clips: list[Path]) -> Iterator[Path]:
    """Specs with names, prompts and videos from hell, and what is no file at all."""
    specs = laptop.cwd / "specs"
    clip = specs / "-clip.mp4"
    specs.mkdir()
    shutil.copy(small_clips[0], clip)
    for number, name in enumerate(NAMES):
        video = clip if number % 2 else specs / f"{HOSTILE}.mp4"
        spec = {"name": f"{HOSTILE}{number}", "prompt": f"dusk {HOSTILE} {number}"}
        write_spec(specs / name, spec | {"id": "p", "input_video_path": str(video)})
    (specs / "bom.json").write_text('{"prompt": "utf-16", "id": "p"}', "utf-16")
    (specs / "broken.json").write_bytes(b'{"prompt": "\xff\xfe\x9b"}')
    (specs / "bomb.json").write_text("[" * 200_000)
    (specs / "wide.json").write_text(f'{{"{HOSTILE}": {"9" * 100_000}}}')
    (specs / "long.txt").write_bytes(b"word " * 20_000_000)
    os.mkfifo(specs / "pipe.json")
    (specs / "zero.json").symlink_to("/dev/zero")
    (specs / "proc.txt").symlink_to("/proc/self/environ")
    (specs / "circle.json").symlink_to("circle.json")
    (specs / "up").symlink_to("..")
    os.chdir(specs)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.json")
        os.chdir(laptop.cwd)
        yield specs


@pytest.fixture(autouse=True)
def back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The working directory comes back."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.campaign
def test_nothing_of_a_hostile_folder_comes_out_raw(laptop: Laptop, folder: Path) -> None:
    for command in COMMANDS:
        ended = laptop.run(*command)
        assert ended.returncode in (0, 1, 2), (command, ended.stderr)
        for stream in (ended.stdout, ended.stderr):
            # Not splitlines, which breaks lines where a terminal does not.
            wrong = [line for line in stream.split("\n") if not line.isprintable()]
            assert wrong == [], command
        if "--json" in command:
            for line in ended.stdout.splitlines():
                json.loads(line, parse_constant=_refuse)
        elif "json" in command:
            json.loads(ended.stdout, parse_constant=_refuse)
        elif "csv" in command:
            assert len({len(row) for row in csv.reader(io.StringIO(ended.stdout))}) == 1
    assert not list(laptop.cwd.rglob("pwned"))
    below = set(laptop.cwd.iterdir())
    assert below == {folder, laptop.cwd / "outputs", laptop.cwd / "again", laptop.cwd / "inputs"}
    written = [path for path in (laptop.cwd / "outputs").rglob("*") if path.is_file()]
    assert len(written) >= len(NAMES) // 2
    for path in written:
        assert not set(path.read_text()) & set("\x1b\x07\x9b\x7f\u202e")


def test_the_names_and_prompts_of_json_are_those_of_the_files(laptop: Laptop, folder: Path) -> None:
    ended = laptop.run("--no-ui", "specs", "--dry-run", "--json")
    names = [json.loads(line)["name"] for line in ended.stdout.splitlines()]
    assert {f"{HOSTILE}{number}" for number in range(len(NAMES))} <= set(names)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
