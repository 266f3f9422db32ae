"""The whole way by keys alone: the real command in a real terminal, the embedded box, real files.

The model server is a stand-in that begins to answer and goes on when it is let: what is looked for on the
screen stays there until it was seen.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.laptop import UPSAMPLE, Laptop
from tests.support.patient_server import PatientServer
from tests.support.specs import write_spec
from tests.support.terminal import Terminal, terminal_of

RAINY = 16
FOGGY = 8
CANDIDATES = 5
JOBS = RAINY * CANDIDATES
SLOTS = 4


def write_scenes(folder: Path, clips: list[Path]) -> None:
    """Transfer1 specs of two kinds, each with a prompt of its own."""
    for kind, count in (("rain", RAINY), ("fog", FOGGY)):
        for n in range(count):
            clip = str(clips[n % len(clips)])
            spec = {"prompt": f"{kind} over street {n}", "input_video_path": clip}
            write_spec(folder / f"{kind}_{n:02}.json", spec)


def mark_the_rainy_ones(app: Terminal) -> None:
    """Browse, see budgets, filter, mark what the filter leaves, and see all again."""
    app.until(rf"Specs {RAINY + FOGGY}\b", r"fog_00 .* ✓ fits", r"✓ fits  [\d,]+ of 4,096 tokens")
    app.press("j", "t")
    app.until(r"Tokens of fog_01", r"^.*480 .*✓.*✓")
    app.press("Escape")
    app.until(r"space mark", gone="Tokens of")
    app.press("/")
    app.until(r"keep the filter")
    app.type("rain")
    app.until(rf"/rain shows {RAINY}")
    app.press("Enter")
    app.until(r"space mark")
    app.press("a")
    app.until(rf"{RAINY} marked")
    app.press("Escape")
    app.until(rf"Specs {RAINY + FOGGY}\b.*{RAINY} marked", gone="/rain shows")


def send_them_for_review(app: Terminal) -> None:
    """Look at what it comes to, ask for several candidates, to be reviewed, and send."""
    app.press("u")
    app.until(rf"Upsample {RAINY} prompts", rf"{RAINY} jobs")
    app.press(*["Tab"] * 7, "Right")
    app.until(r"review first +‹ yes ›")
    app.press(*["Up"] * 6, "BSpace")
    app.until(r"candidates: nothing is no number")
    app.type(str(CANDIDATES))
    app.until(rf"{JOBS} jobs  {RAINY} prompts × {CANDIDATES}")
    app.press("Enter")
    app.until(rf"{JOBS} jobs queued on local")


def cancel_one(app: Terminal) -> None:
    """Cancel one of those that still wait."""
    app.press("2")
    app.until(r"▶ (reading|writing)")
    # What waits stands below what runs.
    for _ in range(JOBS):
        if re.search(r"^▸ *(◦|·) ", app.screen, re.MULTILINE):
            break
        app.press("j")
    app.press("c")
    app.until(r"1 cancelled")


def watch_texts_and_logs(app: Terminal) -> None:
    """See jobs run, a text that is written, and what the box says."""
    app.until(r"● local  live", r"\d+ running", r"▶ writing", r"over street \d+", pressing="g")
    app.press("3")
    app.until(r"Log .* [1-9][\d,]* lines", r"rain_\d\d")


def accept_the_first(app: Terminal, server: PatientServer) -> None:
    """Review: read a result beside its prompt, and accept it."""
    server.let(server.running[0])
    app.press("4")
    app.until(r"^▸. *\? undecided|^▸ .*undecided", r"Original", r"Result")
    app.press("Enter")
    app.until(r"✓ accepted")


@pytest.mark.campaign
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 50)])
def test_a_batch_by_keys_alone_over_two_sessions(
    laptop: Laptop, server: PatientServer, small_clips: list[Path], columns: int, lines: int
) -> None:
    laptop.configure(f"[boxes.local]\n{server.engine(SLOTS)}")
    write_scenes(laptop.cwd / "specs", small_clips)
    with terminal_of(laptop, columns, lines) as app:
        app.open("specs")
        mark_the_rainy_ones(app)
        send_them_for_review(app)
        cancel_one(app)
        watch_texts_and_logs(app)
        accept_the_first(app, server)
        app.press("q")
        left = app.until_ended()
        assert re.search(r"jobs? (goes?|waits?) .*; open upsample again", left), left

        server.let_all()
        app.open("specs")
        app.until(rf"Specs {RAINY + FOGGY}\b", r"rain_00 .* (✓ done|▶|·|◦)")
        app.press("2")
        app.until(r"^ Queue  \d+ done *$")
        app.press("q")
        app.until_ended()

    assert laptop.states() == {"done": JOBS - 1, "cancelled": 1}
    accepted = list((laptop.cwd / "outputs").glob("rain_*.json"))
    assert len(accepted) == 1
    before = json.loads((laptop.cwd / "specs" / accepted[0].name).read_text())
    after = json.loads(accepted[0].read_text())
    assert len(after["prompt"]) > len(before["prompt"])
    assert after | {"prompt": before["prompt"]} == before


def test_an_app_that_comes_back_from_the_shell_is_drawn_again(
    laptop: Laptop, small_clips: list[Path]
) -> None:
    spec = {"prompt": "rain over a street", "input_video_path": str(small_clips[0])}
    write_spec(laptop.cwd / "rain.json", spec)
    with terminal_of(laptop, 80, 24) as shell:
        shell.open_shell()
        shell.type(f"PS1='$ '; {UPSAMPLE} .")
        shell.press("Enter")
        page = (r"Specs 1\b", r"rain .* ✓ fits", r"rain over a street", r"\bq quit\b")
        shell.until(*page)
        shell.press("C-z")
        shell.until(r"Stopped", gone=page[0])
        shell.type("fg")
        shell.press("Enter")
        shell.until(*page, gone=r"Stopped")
        shell.press("q")
        shell.until(r"^\$ *$", gone=page[0])
