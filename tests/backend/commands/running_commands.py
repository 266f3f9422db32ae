"""Runs the command line in a test's folder, and reads what it printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli import run
from backend.exit_codes import ExitCode
from remote.protocol import Json

BY_SKETCH = (
    "The engine sketch wrote 1 from what it measured in the frames; it is no language model. "
    "`upsample box add` sets up a box with one."
)
Capsys = pytest.CaptureFixture[str]

PROMPT = "a robotic arm hand over a coffee cup to a woman in a modern office."
ROOT = Path(__file__).parents[3]


def put(name: str, text: str) -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def put_spec(name: str, video: Path | str, prompt: str = PROMPT) -> Path:
    spec = {"prompt": prompt, "input_video_path": str(video), "edge": {"control_weight": 1.0}}
    return put(name, json.dumps(spec))


def data(capsys: Capsys, *arguments: str | Path) -> Json:
    """The JSON that a command prints."""
    assert run([str(argument) for argument in arguments]) == ExitCode.OK
    value: Json = json.loads(capsys.readouterr().out)
    return value


def rows(capsys: Capsys, *arguments: str | Path) -> list[dict[str, Json]]:
    value = data(capsys, "estimate", *arguments, "--format", "json")
    assert isinstance(value, list)
    return [row for row in value if isinstance(row, dict)]


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh interpreter that finds what this one finds."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": path} | environment,
    )


MAIN = "from backend.cli import main; main()"


def queued(capsys: Capsys) -> list[str]:
    run(["queue", "list", "--all", "--json"])
    lines = capsys.readouterr().out.splitlines()
    return [f"{json.loads(line)['name']} {json.loads(line)['state']}" for line in lines]
