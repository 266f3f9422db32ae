"""The page about results in a real browser: nothing runs or is loaded, and everybody can use it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.results.report.page import write_page
from remote.protocol import Json
from tests.support.chromium import Chromium, chromium
from tests.support.plain_clips import draw_plain_clip
from tests.support.reported_results import HOSTILE, hostile_report

pytestmark = pytest.mark.browser
QUIET: dict[str, Json] = {"requests": [], "errors": [], "refused": [], "globals": []}


@pytest.fixture
def browser(tmp_path: Path) -> Chromium:
    return chromium(tmp_path)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with pictures, an outline, and hostile text wherever a file can put it."""
    clip = draw_plain_clip(tmp_path / "clip.mov", 320, 180)
    file = tmp_path / "report.html"
    with file.open("wb") as opened:
        write_page(opened, hostile_report([clip]), HOSTILE, datetime(2026, 11, 30, tzinfo=UTC))
    return file


def test_a_page_with_hostile_text_is_quiet_and_can_be_used_by_everybody(
    page: Path, browser: Chromium
) -> None:
    told = browser.visit(page)
    assert told["seen"] == QUIET
    for look in ("light", "dark", "phone"):
        assert told[look] == {"violations": [], "wide": 0}
    everything = ["p1", "p2", "p3"]
    assert told["steps"] == {
        "all": everything,
        "words": ["p1"],
        "words taken away": everything,
        "rejected": ["p2"],
        "show all": everything,
    }
    assert told["still"] == {"ids": everything, "form": False}
    assert isinstance(told["pdf"], int)
    assert told["pdf"] > 10_000


def test_the_html_of_the_page_is_valid(page: Path, browser: Chromium) -> None:
    assert browser.validate(page) == []


def test_a_page_that_is_not_quiet_is_noticed(page: Path, browser: Chromium) -> None:
    """Otherwise the test above would say nothing."""
    text = page.read_text("utf-8")
    hostile = (
        HOSTILE.encode("utf-8", "replace")
        .decode()
        .replace("<style>* { display: none }</style>", "")
    )
    page.write_text(text.replace("</main>", f"{hostile}<p tabindex=3></main>"), "utf-8")
    seen = browser.visit(page, use=False)["seen"]
    assert isinstance(seen, dict)
    assert seen["refused"]
    assert browser.validate(page)
    policy = text[text.index("<meta http-equiv") : text.index('<meta name="viewport"')]
    page.write_text(page.read_text("utf-8").replace(policy, ""), "utf-8")
    seen = browser.visit(page, use=False)["seen"]
    assert isinstance(seen, dict)
    assert seen["requests"]
    assert seen["globals"]
