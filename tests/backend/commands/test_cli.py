"""The command line: what goes to stdout, what it exits with, and how soon."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from backend import __version__
from backend.cli import run
from backend.exit_codes import ExitCode
from tests.backend.commands.running_commands import MAIN, ROOT, Capsys, put, put_spec, python

pytestmark = pytest.mark.usefixtures("folder")


def test_the_version_is_data(capsys: Capsys) -> None:
    assert run(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "command",
    [
        "",
        "estimate",
        "fit",
        "hint",
        "config",
        "config set",
        "queue",
        "queue list",
        "queue cancel",
        "queue retry",
        "queue clear",
        "demo",
    ],
)
def test_help_fits_80_columns(capsys: Capsys, command: str) -> None:
    assert run([*command.split(), "--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: upsample {command}".rstrip())
    assert max(map(len, text.splitlines())) <= 80
    assert "default: False" not in text
    assert "default: ()" not in text


def test_help_names_the_commands_and_options(capsys: Capsys) -> None:
    run(["--help"])
    text = capsys.readouterr().out
    for word in ("estimate", "fit", "hint", "config", "queue", "demo", "--no-ui", "--save-dir"):
        assert word in text
    for word in ("[default: outputs]", "[default: 1]", "[default: 0]"):
        assert word in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["--colour"],
        ["fit"],
        ["fit", "640x480", "--frames", "two"],
        ["fit", "nothing.mp4"],
        ["fit", "640x480", "--frames", "0"],
        ["fit", "640x480", "--frames", "-1"],
        ["estimate", "--resolution", "big"],
        ["estimate", "--frames", "0"],
        ["estimate", "--max-model-len", "0"],
        ["estimate", "--format", "xml"],
        ["hint", "nothing.mp4"],
        ["config", "get", "upsampling.colour"],
        ["config", "set", "upsampling.max_tokens", "few"],
        ["config", "set", "box", "nowhere"],
        ["--no-ui", "nothing"],
        ["--no-ui", "--box", "nowhere"],
        ["--no-ui", "--candidates", "0"],
        ["--no-ui", "--candidates", "100"],
        ["--no-ui", "--num-frames", "0"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_told_on_stderr_and_exits_with_2(capsys: Capsys, arguments: list[str]) -> None:
    assert run(arguments) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err
    assert "Traceback" not in shown.err


def test_a_mistake_in_the_config_exits_with_2_and_names_the_file(capsys: Capsys) -> None:
    put("config.toml", "[upsampling]\nmax_token = 1\n")
    assert run(["fit", "640x480"]) == ExitCode.USAGE
    assert "config.toml: upsampling.max_token is no setting" in capsys.readouterr().err


def test_the_app_needs_a_terminal(capsys: Capsys) -> None:
    assert run([]) == ExitCode.USAGE
    assert "--no-ui" in capsys.readouterr().err


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: Sequence[str], **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backend.cli.verbs.app", interrupted)
    assert run(["queue", "list"]) == ExitCode.INTERRUPTED


def test_no_color_gives_no_colours(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch, counted_clip: Path
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments in (["estimate"], ["--dry-run", str(put_spec("a.json", "x.mp4"))], ["fit", "?"]):
        run(arguments)
        shown = capsys.readouterr()
        assert re.search(r"\x1b\[[0-9;]*3[0-9]", shown.out + shown.err) is None


@pytest.mark.parametrize("style", ["table", "csv", "json"])
def test_control_characters_in_names_are_shown_harmlessly(
    capsys: Capsys, counted_clip: Path, style: str
) -> None:
    put("nasty.json", json.dumps([
        {"name": "a\x1b[2J[/x]", "prompt": "p", "video_path": str(counted_clip), "spec_id": "ps_1"},
        {"name": "b", "prompt": "p", "video_path": "gone\x1b[2J.mp4", "spec_id": "ps_2"},
    ]))  # fmt: skip
    Path("nasty.json").rename("na\x07sty.json")
    run(["estimate", "na\x07sty.json", "--format", style])
    run(["--dry-run", "na\x07sty.json"])
    run(["fit", "gone\x1b[2J.mp4"])
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "\x07" not in shown.out + shown.err
    assert "[/x]" in shown.out


@pytest.mark.parametrize(
    "arguments", [["estimate"], ["estimate", "--format", "json"], ["config", "show"], ["--help"]]
)
def test_a_reader_that_has_enough_ends_the_command(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = with_streams(arguments, stdout=closed, stderr=subprocess.PIPE)
    assert done.stderr == b"upsample: nobody reads stdout any more\n"
    assert done.returncode == ExitCode.OUTPUT


def with_streams(
    arguments: Sequence[str], *, stdout: int | IO[bytes], stderr: int | IO[bytes]
) -> subprocess.CompletedProcess[bytes]:
    """Run a command line whose output goes there."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        stdout=stdout,
        stderr=stderr,
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
    )


def test_output_on_a_full_disk_is_told_in_one_line_and_by_the_exit_code() -> None:
    put("a.txt", "A car.\n")
    arguments = ["--dry-run", "a.txt"]
    full = "cannot be written: No space left on device"
    with Path("/dev/full").open("wb") as disk:
        told = with_streams(arguments, stdout=disk, stderr=subprocess.PIPE)
        shown = with_streams(arguments, stdout=subprocess.PIPE, stderr=disk)
    assert told.stderr.decode() == f"upsample: stdout {full}\n"
    assert shown.stdout.decode().endswith(f" fits \nupsample: stderr {full}\n")
    assert told.returncode == shown.returncode == ExitCode.OUTPUT


def test_a_mistake_keeps_its_exit_code_when_nothing_can_be_said_at_all() -> None:
    with Path("/dev/full").open("wb") as disk:
        mute = with_streams(["nosuch.json", "--no-ui"], stdout=disk, stderr=disk)
    assert mute.returncode == ExitCode.USAGE


def test_a_terminal_that_lacks_a_character_gets_an_escape_for_it() -> None:
    done = python(MAIN, "estimate", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2717 exceeds" in done.stdout


SLOW = ["av", "textual", "asyncssh", "mistral_common", "tiktoken", "numpy", "pydantic"]
SLOW += ["remote.protocol", "backend.tokens"]


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_slow(option: str) -> None:
    done = python(
        "import sys; from backend.cli import run; run([sys.argv[1]])\n"
        f"print([name for name in {SLOW} if name in sys.modules], file=sys.stderr)",
        option,
    )
    assert done.stderr == "[]\n"


NOT_FOR_SPECS = ["asyncssh", "av", "email", "jsonschema", "PIL", "pydantic", "tiktoken", "zipfile"]
NOT_FOR_SPECS += ["backend.config.settings", "backend.dispatch", "backend.events"]
NOT_FOR_SPECS += ["backend.planning.plan", "backend.results.lints", "backend.results.writing"]
NOT_FOR_SPECS += ["backend.store.tables", "backend.video", "remote.protocol.messages"]
NOT_FOR_SPECS += ["tui.frames.pictures", "tui.log.file", "tui.outline", "tui.queue.job_list"]
NOT_FOR_SPECS += ["tui.review", "tui.settings", "tui.specs.spec_detail", "tui.state.live"]

FIRST_SPECS = """
import sys
sys.modules["textual_image"] = None
from functools import partialmethod
from pathlib import Path
import backend.commands.open_app
import tui.shell.opening as opening
from backend.errors import ConfigError

# The app asks for its settings once the first specs are drawn.
def look(desk, opened):
    raise ConfigError(" ".join(sorted(sys.modules)))

opening._fill = look
opening.UpsampleApp.run = partialmethod(opening.UpsampleApp.run, headless=True)
try:
    opening.run([Path("specs")], None, Path("outputs"))
except ConfigError as error:
    print(error)
"""


def test_the_first_specs_are_drawn_without_what_comes_after_them() -> None:
    put("specs/a.txt", "A car.\n")
    loaded = set(python(FIRST_SPECS).stdout.split())
    assert "tui.specs.screen" in loaded
    assert sorted(loaded.intersection(NOT_FOR_SPECS)) == []


NOT_IMPORTED = ("__main__", "ray.driver", "ray.replica")
"""Programs of their own; the last two run where Ray is installed."""


def test_backend_imports_no_screen_and_remote_nothing_of_ours() -> None:
    every_module = (
        "import importlib, pkgutil, sys\n"
        "room = importlib.import_module(sys.argv[1])\n"
        "for module in pkgutil.walk_packages(room.__path__, sys.argv[1] + '.'):\n"
        f"    if not module.name.endswith({NOT_IMPORTED}): importlib.import_module(module.name)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}\n"
        "    & {'textual', 'tui', 'backend', 'remote'}))\n"
    )
    assert python(every_module, "backend").stdout == "['backend', 'remote']\n"
    assert python(every_module, "remote").stdout == "['remote']\n"
