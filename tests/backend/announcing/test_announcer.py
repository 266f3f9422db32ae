"""What goes to the terminal, and how the user's command is run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from backend.announcing import Announcer
from backend.config import Announce

NAMES = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
Announcing = Callable[..., Announcer]


@pytest.fixture
def written() -> list[str]:
    return []


@pytest.fixture
def announcing(written: list[str]) -> Announcing:
    """An announcer with some settings, whose terminal is a list."""

    def make(term: str = "xterm-256color", **settings: object) -> Announcer:
        quiet = {"after": 0, "terminal": False, "desktop": False, "bell": False, "command": []}
        return Announcer(Announce.model_validate(quiet | settings), written.append, {"TERM": term})

    return make


@pytest.mark.parametrize(
    ("term", "sequence"),
    [
        ("xterm-256color", "\x1b]9;upsample: Over: 3 done; 1 failed\x1b\\"),
        ("foot", "\x1b]777;notify;upsample;Over: 3 done, 1 failed\x1b\\"),
    ],
)
async def test_a_terminal_notifies_in_its_own_way(
    term: str, sequence: str, announcing: Announcing, written: list[str]
) -> None:
    assert await announcing(term, terminal=True).announce("Over: 3 done; 1 failed") == ""
    assert written == [sequence]


async def test_nothing_from_outside_ends_the_sequence(
    announcing: Announcing, written: list[str]
) -> None:
    await announcing(terminal=True).announce("h100 has stopped: \x1b\\\x1b]0;owned\x07\n")
    assert written[0].count("\x1b") == 2
    assert "\x07" not in written[0]


async def test_the_bell_rings_only_if_wanted(announcing: Announcing, written: list[str]) -> None:
    await announcing().announce("Over: 1 done")
    assert written == []
    await announcing(bell=True).announce("Over: 1 done")
    assert written == ["\a"]


async def test_the_sentence_is_the_last_argument_of_the_command(
    announcing: Announcing, tmp_path: Path
) -> None:
    file = tmp_path / "told"
    command = [sys.executable, "-c", NAMES, str(file)]
    assert await announcing(command=command).announce("Over: $(touch x) done") == ""
    assert file.read_text() == "Over: $(touch x) done"


async def test_a_command_that_does_not_work_is_told(announcing: Announcing) -> None:
    failing = [sys.executable, "-c", "raise SystemExit(3)"]
    assert "ended with 3" in await announcing(command=failing).announce("Over: 1 done")
    missing = await announcing(command=["no-such-program"]).announce("Over: 1 done")
    assert missing.startswith("announce.command: no-such-program does not start")


async def test_the_desktop_is_told_only_if_wanted_and_what_is_missing_is_said(
    announcing: Announcing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "desktop_notifier", None)
    assert await announcing().announce("Over: 1 done") == ""
    told = await announcing(desktop=True, command=["/no/such/program"]).announce("Over: 1 done")
    missing, command = told.splitlines()
    assert 'pip install "cosmos-upsample[desktop]"' in missing
    assert "does not start" in command


@pytest.mark.parametrize(("is_shown", "told"), [(True, ""), (False, "no desktop here shows")])
async def test_the_desktop_gets_the_sentence_and_a_failure_is_said(
    is_shown: bool, told: str, announcing: Announcing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    class DesktopNotifier:
        """As the library has it: it raises nothing, and tells by a callback what was shown."""

        def __init__(self, *, app_name: str, app_icon: None) -> None:
            sent.append(app_name)

        async def send(self, *, title: str, message: str, on_dispatched: Callable[[], None]) -> str:
            sent.extend((title, message))
            if is_shown:
                on_dispatched()
            return "an identifier"

    library = ModuleType("desktop_notifier")
    monkeypatch.setattr(library, "DesktopNotifier", DesktopNotifier, raising=False)
    monkeypatch.setitem(sys.modules, "desktop_notifier", library)
    trouble = await announcing(desktop=True).announce("Over: \x1b[31m1 done")
    assert told in trouble
    assert bool(trouble) is not is_shown
    assert sent[:2] == ["upsample", "upsample"]
    assert "\x1b" not in sent[2]
