"""How settings, boxes, doctor, questions, help and the first run look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from backend.box.asker import HostKeyQuestion
from backend.events import LinkChanged, LinkState
from remote.protocol import FAILED, OK, SKIPPED, WARNING, Finding
from tests.support.pilots import until, until_screen
from tests.tui.conftest import MakeSettingsApp, settled_settings
from tests.tui.looks import MEDIUM, Look
from tui.dialogs.box_questions import HostKeyDialog, SecretDialog
from tui.dialogs.doctor import DoctorScreen
from tui.dialogs.first_run import FirstRunScreen

T = TypeVar("T")
SnapCompare = Callable[..., bool]
Before = Callable[[Pilot[None]], Awaitable[None]]
THEMES = ["high-contrast", "ansi-dark"]

OWN = """\
box = "h100"

[upsampling]
max_tokens = 8192
media = "both"

[boxes.h100]
host = "gpu-box"
model = "/models/Cosmos-UpsamplePrompt1-12B-Transfer"

[boxes.lab]
host = "ada@lab.example.org"
engine = "openai"
[boxes.lab.openai]
base_url = "http://127.0.0.1:8000/v1"
"""
QUESTION = HostKeyQuestion(
    "gpu-box:2222", "ssh-ed25519", "SHA256:uNiVztksCsDhcc0u9e8BrrIU5SPeuVZ3xaAXQOlxFeY"
)
FINDINGS = (
    Finding(0.0, "laptop", "Python", OK, "3.11.2 on Linux"),
    Finding(0.0, "laptop", "ffmpeg", OK, "7.1, the one that imageio-ffmpeg carries"),
    Finding(
        0.0, "laptop", "frames", WARNING, "/media is nearly full: 1.2 GB free", "Make room there."
    ),
    Finding(0.0, "SSH", "connection", OK, "gpu-box is 10.0.0.7 port 22, OpenSSH_9.6; after 0.4 s"),
    Finding(0.0, "SSH", "host key", OK, f"trusted; ssh-ed25519 {QUESTION.fingerprint}"),
    Finding(
        0.0,
        "box",
        "model",
        FAILED,
        "/models/[/x] is no folder there",
        "Set the model: upsample config",
    ),
    Finding(0.0, "box", "everything", SKIPPED, "else on the box, because model failed"),
)


@pytest.fixture(autouse=True)
def fixed_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal is in which the tests run, and wherever the home is."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = Path("/home/ada/.config/upsample/config.toml")
    monkeypatch.setattr("tui.settings.screen.shown_file", lambda: shown)


def keys(*pressed: str, theme: str = "textual-dark") -> Before:
    async def run(pilot: Pilot[None]) -> None:
        pilot.app.theme = theme
        page = await settled_settings(pilot)
        page.host.live.hear(LinkChanged("h100", LinkState.LIVE, "vllm"))
        page.host.live.hear(LinkChanged("lab", LinkState.RETRYING, "lab cannot be reached", 5))
        page.host.live_changed.publish(None)
        await pilot.press(*pressed)
        await pilot.pause()

    return run


def shows(screen: Callable[[], Screen[T]], theme: str = "textual-dark") -> Before:
    async def run(pilot: Pilot[None]) -> None:
        await keys(theme=theme)(pilot)
        await pilot.app.push_screen(screen())
        await pilot.pause()

    return run


def test_settings(
    look: Look, snap_compare: SnapCompare, make_settings_app: MakeSettingsApp
) -> None:
    app = make_settings_app(OWN, UPSAMPLE_RESERVE="400")
    to_setting = ["down"] * 5
    assert snap_compare(
        app, terminal_size=look.size, run_before=keys(*to_setting, theme=look.theme)
    )


@pytest.mark.looks
@pytest.mark.parametrize("theme", THEMES)
def test_settings_in_other_themes(
    theme: str, snap_compare: SnapCompare, make_settings_app: MakeSettingsApp
) -> None:
    app = make_settings_app(OWN, UPSAMPLE_RESERVE="400")
    run_before = keys(*["down"] * 5, theme=theme)
    assert snap_compare(app, terminal_size=(120, 40), run_before=run_before)


def test_a_box_unfolded(snap_compare: SnapCompare, make_settings_app: MakeSettingsApp) -> None:
    pressed = keys("down", "right")
    assert snap_compare(make_settings_app(OWN), terminal_size=MEDIUM, run_before=pressed)


def test_a_wrong_value(snap_compare: SnapCompare, make_settings_app: MakeSettingsApp) -> None:
    pressed = ("down", "down", "down", "down", "enter", "ctrl+a", "ctrl+k", "1", "2")
    run_before = keys(*pressed)
    assert snap_compare(make_settings_app(OWN), terminal_size=MEDIUM, run_before=run_before)


def test_a_new_box(
    snap_compare: SnapCompare,
    make_settings_app: MakeSettingsApp,
    own_home: Path,
) -> None:
    (own_home / ".ssh").mkdir()
    (own_home / ".ssh" / "config").write_text("Host a100 lab2\nHost *.org\n")
    pressed = keys("a", "down", "enter")
    assert snap_compare(make_settings_app(OWN), terminal_size=MEDIUM, run_before=pressed)


def _doctor(app_theme: str = "textual-dark") -> Before:
    class Told(DoctorScreen):
        """Told what it found; the examination itself is tested where it can reach a box."""

        CSS_PATH = "../../../tui/dialogs/doctor.tcss"

        def action_examine(self, start: bool) -> None:
            for finding in FINDINGS:
                self.tell(finding)
            self.conclude(3.2, start=start, whole=False)

    async def run(pilot: Pilot[None]) -> None:
        page = await settled_settings(pilot)
        pilot.app.theme = app_theme
        told = Told("h100", page.host.asker, start=False)
        await pilot.app.push_screen(told)
        await until(pilot, lambda: len(told._findings) == len(FINDINGS))

    return run


def test_doctor(look: Look, snap_compare: SnapCompare, make_settings_app: MakeSettingsApp) -> None:
    assert snap_compare(
        make_settings_app(OWN), terminal_size=look.size, run_before=_doctor(look.theme)
    )


def test_an_unknown_host_key(
    look: Look, snap_compare: SnapCompare, make_settings_app: MakeSettingsApp
) -> None:
    run_before = shows(lambda: HostKeyDialog(QUESTION), look.theme)
    assert snap_compare(make_settings_app(OWN), terminal_size=look.size, run_before=run_before)


def test_an_unknown_host_key_in_the_smallest_window(
    snap_compare: SnapCompare, make_settings_app: MakeSettingsApp
) -> None:
    run_before = shows(lambda: HostKeyDialog(QUESTION))
    assert snap_compare(make_settings_app(OWN), terminal_size=(60, 16), run_before=run_before)


@pytest.mark.looks
@pytest.mark.parametrize("theme", THEMES)
def test_an_unknown_host_key_in_other_themes(
    theme: str, snap_compare: SnapCompare, make_settings_app: MakeSettingsApp
) -> None:
    run_before = shows(lambda: HostKeyDialog(QUESTION), theme)
    assert snap_compare(make_settings_app(OWN), terminal_size=(80, 24), run_before=run_before)


def test_a_password(snap_compare: SnapCompare, make_settings_app: MakeSettingsApp) -> None:
    run_before = shows(lambda: SecretDialog("Password for ada@gpu-box: "))
    assert snap_compare(make_settings_app(OWN), terminal_size=MEDIUM, run_before=run_before)


def test_settings_help(snap_compare: SnapCompare, make_settings_app: MakeSettingsApp) -> None:
    run_before = keys("question_mark")
    assert snap_compare(make_settings_app(OWN), terminal_size=MEDIUM, run_before=run_before)


def test_the_first_run(snap_compare: SnapCompare, make_settings_app: MakeSettingsApp) -> None:
    app = make_settings_app(None, openable=True)

    async def run(pilot: Pilot[None]) -> None:
        await until_screen(pilot, FirstRunScreen)

    assert snap_compare(app, terminal_size=MEDIUM, run_before=run)
