"""Names, prompts, results, logs and boxes from hell on every page: nothing of them reaches the terminal raw,
nothing is taken for markup, and nothing stops the app.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.screen import ModalScreen

from backend.box.asker import HostKeyQuestion
from backend.events import (
    BoxLog,
    BoxStatus,
    EngineStarting,
    JobFailed,
    JobPostponed,
    JobSent,
    JobStarted,
    LinkChanged,
    LinkState,
    TextWritten,
)
from backend.specs.model import BrokenSpec, Skipped
from backend.specs.reading import Finding
from backend.specs.scan import FileFindings
from backend.store import Store
from remote.protocol import BEYOND_NUMBERS, EngineLoad, Gpu, ReplicaStatus
from tests.support.finished_jobs import Finisher
from tests.support.pilots import until
from tests.support.specs import write_spec
from tests.tui.conftest import CWD, MakeApp, MakeDesk, MakeSpec, SizePlanner
from tests.tui.made_up_jobs import made_job
from tui.app import UpsampleApp
from tui.dialogs.box_questions import HostKeyDialog, SecretDialog
from tui.dialogs.question import QuestionDialog
from tui.log.book import LogBook
from tui.shell.pages import PAGES as PAGES_BY_NAME
from tui.shell.terminal import copy
from tui.specs.scanning import SpecSource
from tui.text import one_line

LAST = BEYOND_NUMBERS - 1
TEXTS = {
    "escapes": "\x1b[31mred\x1b[2J\x1b[1;1H",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "device": "\x1bPq#0;2;0;0;0\x1b\\\x1b_G\x1b\\",
    "c1": "\x9b31m\x9d0;title\x9c\x90q\x9c",
    "markup": "[/x] [b]bold[/] [@click=app.quit]press[/] [link=file:///]x",
    "closing": "\\[/] [/] \\",
    "bidi": "\u202egnp.exe\u202c \u2066isolated\u2069",
    "invisible": "a\u200b\u200d\ufeff\U000e0041\u00adb",
    "controls": "bell\x07 back\b\b null\0 tab\t feed\x0c delete\x7f",
    "lines": "one\ntwo\rthree\u2028four\x85five",
    "stacked": "e" + "\u0301" * 400,
    "wide": "漢字" * 300 + "🌧\ufe0f",
    "long": "x" * 100_000,
}


@pytest.fixture(params=TEXTS, ids=list(TEXTS))
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


@pytest.fixture
def app(
    make_spec: MakeSpec, make_desk: MakeDesk, planner: SizePlanner, tmp_path: Path
) -> UpsampleApp:
    """The app on specs, results and trouble that are called so, and say so."""
    found: list[Finding] = []
    with closing(Store(tmp_path / "queue.db")) as store:
        finisher = Finisher(store, tmp_path / "out")
        for number, (kind, text) in enumerate(TEXTS.items()):
            file = Path("city") / text.replace("\0", "").replace("/", "_")[:80]
            found += [
                replace(
                    make_spec(text, text),
                    file=file,
                    video=CWD / (file if number % 2 else "640x480.mp4"),
                ),
                BrokenSpec(file, 3, f"not JSON: {text}"),
                Skipped(file, text),
            ]
            spec = {"id": "p", "name": text, "prompt": f"a {text}"}
            finisher.finish(write_spec(tmp_path / f"{kind}.json", spec), f"A long {text}")
    findings = tuple(found)
    source = SpecSource((Path("city"),), tmp_path, lambda: [FileFindings(0, 1, findings)])
    return UpsampleApp(replace(make_desk(source, planner), queue=tmp_path / "queue.db"))


def say_everything(app: UpsampleApp, text: str) -> None:
    """What a box can say, and what becomes of jobs, with these words in all of it."""
    first = 1_000 + 10 * len(app.live.jobs)
    one, two, three = first, first + 1, first + 2
    app.live.take_up([made_job(number, name=text, box=text) for number in (one, two, three)])
    app.hear(LinkChanged(text, LinkState.LIVE, text))
    app.hear(EngineStarting(text, text, -1e18))
    load = EngineLoad(LAST, -LAST, 1e18, -1e18, 9e17)
    gpus = (Gpu(LAST, text, LAST, 0, -1e18), Gpu(-1, text))
    replicas = (ReplicaStatus(text, text, text, text, text, -LAST, LAST, -LAST),)
    app.hear(BoxStatus(text, 1e18, text, -LAST, LAST, load, gpus, LAST, replicas))
    app.hear(JobSent(one, text, text))
    app.hear(JobStarted(one, text, LAST))
    app.hear(TextWritten(one, -5, text))
    app.hear(TextWritten(one, LAST, text))
    app.hear(JobFailed(two, text, f"{text}\n  {text}"))
    app.hear(JobPostponed(three, text, text))
    for time in (-1e18, 0.0, 1e18):
        app.hear(BoxLog(text, time, text, text, text))
    app.hear(LinkChanged(text, LinkState.RETRYING, text, 1e18))


def check_screen(app: UpsampleApp) -> None:
    """Every cell that is drawn draws itself, and none does anything when it is clicked."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            assert all(c.isprintable() for c in segment.text), repr(segment.text)
            meta = segment.style.meta if segment.style else {}
            acting = {key: value for key, value in meta.items() if key not in OWN_META}
            assert set(acting.values()) <= OF_SCROLLBARS | OF_PAGE_NAMES, meta
            assert segment.style is None or not segment.style.link


OWN_META = {"offset", "row", "line", "option"}
OF_SCROLLBARS = {"grab", "release", "scroll_up", "scroll_down"}
OF_PAGE_NAMES = {f"app.page('{name}')" for name in PAGES_BY_NAME}
_SPECS = [("j", "t", "escape")] * len(TEXTS)
PAGES = (
    *_SPECS,
    ("y", "e", "escape", "o", "j", "u", "escape", "slash", "x", "escape", "space", "U"),
    ("2", *("j" for _ in TEXTS), "enter", "escape", "question_mark", "escape"),
    ("3", "w", "t", "t", "b", "tab", "L", "L", "v", "y", "escape"),
    ("4", *("j" for _ in TEXTS), "tab", "n", "c", "escape"),
    ("5", "j", "l", "j", "escape"),
)


_LISTS = 4
"""Pages after those of the specs."""


@pytest.mark.parametrize(
    "size", [pytest.param((120, 40), marks=pytest.mark.looks), (70, 18)], ids=["wide", "small"]
)
async def test_no_page_shows_anything_raw(app: UpsampleApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.runner is not None)
        for text in TEXTS.values():
            say_everything(app, text)
        for page in PAGES if size[0] > 100 else PAGES[-_LISTS:]:
            for key in page:
                await pilot.press(key)
                check_screen(app)
            assert app.is_running
        assert not any(notification.markup for notification in app._notifications)


@pytest.mark.parametrize("kind", ["escapes", "markup", "closing", "long"])
async def test_no_question_shows_anything_raw(make_app: MakeApp, kind: str) -> None:
    text = TEXTS[kind]
    questions: tuple[ModalScreen[Any], ...] = (
        HostKeyDialog(HostKeyQuestion(text, text, text)),
        SecretDialog(text),
        QuestionDialog(text, text, "yes", default=False),
        QuestionDialog(text, Content(one_line(text)), "yes", default=True),
    )
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        for question in questions:
            await app.push_screen(question)
            await pilot.pause()
            check_screen(app)
            app.pop_screen()


def test_what_is_copied_cannot_steer_the_terminal_that_it_is_pasted_into(text: str) -> None:
    class Clipboard:
        """Takes what is copied."""

        content = ""

        def copy_to_clipboard(self, copied: str) -> None:
            self.content = copied

    clipboard = Clipboard()
    copy(clipboard, text)  # type: ignore[arg-type]
    assert not set(clipboard.content) & set("\x1b\x9b\x9d\x90\x07\0\b\x7f\u202e\u2066")
    assert not clipboard.content.replace("\n", "").count("\r")


def test_a_flood_of_long_sources_is_bounded(text: str) -> None:
    book = LogBook(most=100)
    for _ in range(200):
        book.hear(BoxLog("b", 0.0, text, text, text))
    kept = sum(len(line.level) + len(line.source) + len(line.text) for line in book.lines)
    assert kept < 1_000_000
