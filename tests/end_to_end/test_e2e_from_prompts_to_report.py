"""From prompts and clips to a page for others by keys alone: composed, upsampled, reviewed, and read in a
real browser.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from remote.protocol import Json
from tests.support.chromium import chromium
from tests.support.laptop import Laptop
from tests.support.terminal import Terminal, terminal_of

PROMPTS = ("a red car", "rain over a street", "fog over a harbour", "snow on a roof")
SPECS = len(PROMPTS) * 3
JOBS = SPECS * 2


def compose_them(app: Terminal) -> None:
    """Combine every prompt with every clip of a folder."""
    app.until(rf"Specs {len(PROMPTS)}\b", r"a red car")
    app.press("a", "C")
    app.until(rf"‹ {len(PROMPTS)} chosen prompts ›", r"a folder, a video, or a list of files")
    app.press("Tab", "Tab")
    app.type("clips")
    app.until(rf"{SPECS} specs +{len(PROMPTS)} prompts × 3 videos")
    app.press("Enter")
    app.until(rf"{SPECS} specs written")


def send_two_candidates_of_each(app: Terminal) -> None:
    """Send all, to be reviewed first, and wait until all of it is done."""
    app.until(rf"Specs {SPECS}\b", r"✓ fits")
    app.press("a", "u")
    app.until(rf"{SPECS} jobs", r"candidates +1\b")
    app.press(*["Tab"] * 7, "Right")
    app.until(r"review first +‹ yes ›")
    app.press(*["Up"] * 6, "BSpace")
    app.until(r"candidates: nothing is no number")
    app.type("2")
    app.until(rf"{JOBS} jobs +{SPECS} prompts × 2")
    app.press("Enter")
    app.until(rf"{JOBS} jobs queued on local")
    app.press("2")
    app.until(rf"^ Queue  {JOBS} done *$")


def decide(app: Terminal) -> None:
    """Compare the two candidates, rate and accept the first one, reject a second prompt's, and undo that."""
    app.press("4")
    app.until(rf"Review {SPECS}  ·  {SPECS} undecided", r"^▸ .*undecided")
    app.until(r"Original")
    app.press("d")
    app.until(r"Job \d+ · seed 1", gone=r"Original")
    app.press("d")
    app.until(r"Original")
    app.press("+")
    app.until(r"★")
    app.press("Enter")
    app.until(rf"{SPECS - 1} undecided", r"✓ accepted")
    app.press("x")
    app.press("x")
    app.until(rf"{SPECS - 2} undecided", r"✗ rejected")
    app.press("U")
    app.until(rf"{SPECS - 1} undecided", gone=r"✗ rejected")


@pytest.mark.browser
@pytest.mark.timeout(400)
def test_prompts_and_clips_become_a_page_by_keys_alone(
    laptop: Laptop, small_clips: list[Path], tmp_path: Path
) -> None:
    browser = chromium(tmp_path)
    (laptop.cwd / "prompts.txt").write_text("\n".join(PROMPTS) + "\n")
    (laptop.cwd / "clips").mkdir()
    for clip in small_clips:
        shutil.copy(clip, laptop.cwd / "clips")
    with terminal_of(laptop, 120, 40) as app:
        app.open("prompts.txt")
        compose_them(app)
        app.press("q")
        app.until_ended()
        app.open("composed")
        send_two_candidates_of_each(app)
        decide(app)
        app.press("q")
        app.until_ended()
        app.open("results", "--html", "report.html")
        app.until(r"report\.html")
        app.until_ended()

    assert laptop.states() == {"done": JOBS}
    (accepted,) = (laptop.cwd / "outputs").glob("*.json")
    result = json.loads(accepted.read_text())
    assert len(result["prompt"]) > max(map(len, PROMPTS))
    quiet: dict[str, Json] = {"requests": [], "errors": [], "refused": [], "globals": []}
    report = laptop.cwd / "report.html"
    assert report.read_text().count("<article") == SPECS
    assert browser.visit(report, use=False)["seen"] == quiet
