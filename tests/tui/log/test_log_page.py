"""The log page, driven by keys while lines come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from backend.events import BoxLog, Event
from tests.support.pilots import PATIENCE, until, until_screen
from tests.tui.made_up_log import IDENTITY, NINE, STORY, at_nine, job_story, link_story, said
from tests.tui.state.test_live import make_job
from tui.app import UpsampleApp
from tui.log.book import MOST_LINES
from tui.log.screen import LogPage
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]


@pytest.fixture(autouse=True)
def nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with at_nine(monkeypatch):
        yield


async def opened(pilot: Pilot[None]) -> LogPage:
    await pilot.press("3")
    return await until_screen(pilot, LogPage)


async def hear(pilot: Pilot[None], page: LogPage, events: Iterable[Event]) -> None:
    assert isinstance(pilot.app, UpsampleApp)
    for event in events:
        pilot.app.hear(event)
    page.show_live()
    view = page.log_view

    def is_drawn() -> bool:
        # Before the first layout there is room for none.
        room = view.size.height
        return room > 0 and len(view._rows) >= min(room, len(page.lines.numbers))

    await until(pilot, lambda: page.has_class("-empty") or is_drawn(), "the lines are drawn")


def rows(page: LogPage) -> list[str]:
    view = page.log_view
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


def told(page: LogPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


def notes(page: LogPage) -> list[str]:
    return [note.message for note in page.app._notifications]


async def test_an_empty_log_says_what_will_stand_there(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        assert told(page, "#empty").startswith("No log yet")
        for key in (
            "j",
            "k",
            "g",
            "G",
            "n",
            "v",
            "y",
            "s",
            "tab",
            "b",
            "l",
            "h",
            "w",
            "t",
            "escape",
        ):
            await pilot.press(key)
        assert pilot.app.is_running


async def test_lines_have_time_level_source_and_text(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 24)) as pilot:
        page = await opened(pilot)
        await hear(pilot, page, STORY)
        assert rows(page)[3] == (
            "09:00:30 W vllm    No sliding window for this model [/x] \\x1b]0;x\\x07"
        )
        assert rows(page)[2] == "09:00:02 I vllm    Loading safetensors: 25 % 1/4"
        assert rows(page)[5].endswith("…")
        assert rows(page)[8].startswith("09:00:35 E vllm    Traceback")
        assert "▼ follows" in told(page, "#standing")


async def test_the_end_is_followed_until_the_reader_scrolls_up(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, map(said, range(100)))
        assert rows(page)[-1].endswith("line 99 of the engine")
        await pilot.press("k", "k")
        held = rows(page)
        assert held[-1].endswith("line 97 of the engine")
        await hear(pilot, page, map(said, range(100, 130)))
        assert rows(page) == held
        assert "+30 new" in told(page, "#standing")
        await pilot.press("G")
        assert rows(page)[-1].endswith("line 129 of the engine")
        assert "▼ follows" in told(page, "#standing")


async def test_the_wheel_holds_and_the_way_down_follows_again(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, map(said, range(100)))
        view = page.log_view
        await until(pilot, lambda: view.scroll_offset.y > 0, "it stands at its end")
        # Textual scrolls nothing before the scrollbar is laid out.
        await until(pilot, lambda: view.allow_vertical_scroll, "the wheel is heeded")
        view.scroll_up(animate=False, immediate=True)
        await until(pilot, lambda: not view.following)
        await pilot.press("j")
        await until(pilot, lambda: page.log_view.following)


async def test_what_is_read_stays_when_older_lines_make_room(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, map(said, range(MOST_LINES)))
        await pilot.press("pageup")
        held = rows(page)
        await hear(pilot, page, map(said, range(5_000)))
        assert rows(page) == held
        assert "5,000 older ones are in the file" in told(page, "#title")
        await hear(pilot, page, map(said, range(MOST_LINES)))
        # It is gone; what is left of the log begins here.
        assert rows(page)[0].endswith("line 0 of the engine")


@pytest.mark.parametrize("wrap", [False, True])
async def test_a_search_goes_to_its_matches_and_highlights_them(
    wrap: bool, make_app: MakeApp
) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, map(said, range(500)))
        if wrap:
            await pilot.press("w")
        await pilot.press("slash", *"LINE 1", "enter")
        # 1, 10 to 19, 100 to 199; from the end backwards.
        assert "/LINE 1 111 of 111" in told(page, "#standing")
        assert page.log_view.current == 199
        assert any(row.endswith("line 199 of the engine") for row in rows(page))
        await pilot.press("N")
        assert page.log_view.current == 198
        await pilot.press("n", "n")
        assert page.log_view.current == 1
        strip = next(
            page.log_view.render_line(y)
            for y, row in enumerate(rows(page))
            if row.endswith("line 1 of the engine")
        )
        match = next(segment for segment in strip if segment.text == "line 1")
        assert match.style is not None
        assert match.style.underline
        await pilot.press("escape")
        assert "LINE" not in told(page, "#standing")


async def test_escape_while_typing_brings_the_search_before_back(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, STORY)
        await pilot.press("slash", *"model", "enter", "slash", *"nLbs?", "escape")
        assert page.lines.sought == "model"
        assert page.log_view.has_focus
        await pilot.press("slash", *"nowhere", "enter")
        assert "not found" in told(page, "#standing")


async def test_levels_go_around_and_gaps_stay(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 24)) as pilot:
        page = await opened(pilot)
        await hear(pilot, page, (*STORY, *link_story()))
        await pilot.press("L")
        shown = [row[9:] for row in rows(page) if row]
        assert [row[0] for row in shown] == ["W", "I", "W", "E", "E", "E", "W", "I", "E"]
        assert "warnings only" in told(page, "#title")
        assert shown[6] == "W link    retrying in 2 s: no route to host"
        await pilot.press("L")
        assert "errors only" in told(page, "#title")
        await pilot.press("L")
        assert told(page, "#title") == "Log  ·  14 lines"


async def test_a_filter_is_used_as_typed_and_escape_ends_it(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, map(said, range(200)))
        await pilot.press("f", *"LINE 19")
        assert "12 of 200 lines" in told(page, "#title")
        await pilot.press("enter")
        await hear(pilot, page, [said(190), said(30)])
        assert "13 of 202 lines" in told(page, "#title")
        await pilot.press("f", *"zzz")
        assert "Esc shows all lines again" in told(page, "#empty")
        await pilot.press("escape", "escape")
        assert told(page, "#title") == "Log  ·  202 lines"


async def test_one_box_or_one_job_can_be_looked_at(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 24)) as pilot:
        page = await opened(pilot)
        app = page.host
        app.live.take_up([make_job(7), make_job(8)])
        await hear(pilot, page, (*STORY, said(1, box="a10"), *job_story(8, identity="cd" * 32)))
        await hear(pilot, page, job_story(7))
        await pilot.press("b", "b")
        assert "a10" in told(page, "#title")
        assert sum(bool(row) for row in rows(page)) == 1
        await pilot.press("b", "tab")
        assert "job job 7" in told(page, "#title")
        shown = [row for row in rows(page) if row]
        assert [row.partition("job ")[2].strip() for row in shown[1:]] == [
            *("dusk: sent", "dusk: started, attempt 1", "dusk: done in 2.5 s, 233 tokens"),
        ]
        assert f"job {IDENTITY[:12]}, attempt 1" in shown[0]
        await pilot.press("tab")
        assert "job" not in told(page, "#title")


async def test_l_goes_to_the_log_and_one_comes_back(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await pilot.pause()
        await pilot.press("l")
        assert pilot.app.current_mode == "log"
        await pilot.press("1")
        assert pilot.app.current_mode == "specs"


async def test_wrapped_lines_are_whole(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, STORY)
        assert "Prefix cache" not in "".join(rows(page))
        await pilot.press("w")
        text = "".join(row[19:] for row in rows(page))
        assert "GPU KV cache usage: 4.1 %, Prefix cache hit rate" in text.replace("  ", " ")
        await hear(pilot, page, [BoxLog("h100", NINE, "info", "vllm", "word " * 100)] * 50)
        await pilot.press("k")
        top = rows(page)[0]
        assert not page.log_view.following
        await hear(pilot, page, STORY)
        assert rows(page)[0] == top
        await pilot.press("g")
        assert rows(page)[1].endswith("vLLM 0.32.0")
        for _ in range(80):
            await pilot.press("j")
        assert page.log_view.following


async def test_a_long_line_can_be_read_sideways(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, STORY)
        for _ in range(30):
            await pilot.press("l")
        assert rows(page)[5].endswith("Prefix cache hit rate: 0.0 %")
        for _ in range(30):
            await pilot.press("h")
        assert "Engine 000" in rows(page)[5]


async def test_times_are_shown_in_three_ways(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, STORY)
        await pilot.press("t")
        assert "ago" in rows(page)[0] or " d" in rows(page)[0]
        await pilot.press("t")
        assert rows(page)[0] == "I engine  starting"


async def test_what_is_in_sight_or_selected_is_copied(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, map(said, range(100)))
        await pilot.press("y")
        copied = pilot.app.clipboard.splitlines()
        assert len(copied) == page.log_view.size.height
        assert copied[-1] == "2026-09-03 09:01:39 h100 info vllm: line 99 of the engine"
        await pilot.press("v", "k", "k")
        assert "3 selected" in told(page, "#standing")
        await hear(pilot, page, map(said, range(100, 110)))
        await pilot.press("y")
        assert [row[-22:] for row in pilot.app.clipboard.splitlines()] == [
            f" line {number} of the engine"[-22:] for number in (97, 98, 99)
        ]
        assert "selected" not in told(page, "#standing")
        await pilot.press("v", "g", "y")
        assert len(pilot.app.clipboard.splitlines()) > 90


async def test_nothing_raw_is_copied(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, [BoxLog("h\x1b[31m", NINE, "\x07", "\ud83d", "\x1b]52;c;eA==\x07")])
        await pilot.press("y")
        assert pilot.app.clipboard.removesuffix("\n").isprintable()
        assert all(row.isprintable() for row in rows(page))


async def test_lines_are_saved_and_no_file_is_replaced_unasked(
    make_app: MakeApp, tmp_path: Path
) -> None:
    target = tmp_path / "kept.log"
    async with make_app().run_test() as pilot:
        page = await opened(pilot)
        await hear(pilot, page, map(said, range(100)))

        async def save_as(path: Path) -> None:
            await pilot.press("s")
            page.prompt.value = str(path)
            await pilot.press("enter")
            await page.workers.wait_for_complete()
            await pilot.pause()

        await save_as(target)
        assert target.read_text().count("\n") == 100
        assert "100 lines saved" in notes(page)[-1]
        target.write_text("mine")
        await save_as(target)
        assert told(page, "#asked").startswith("it exists")
        await pilot.press("escape")
        assert target.read_text() == "mine"
        await save_as(target)
        await pilot.press("enter")
        await page.workers.wait_for_complete()
        assert target.read_text().count("\n") == 100
        await save_as(tmp_path / "no folder" / "x.log")
        assert "No such file or directory" in notes(page)[-1]


async def test_what_is_heard_is_kept_in_a_file(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may need more than those few seconds for it.
    monkeypatch.setattr("tui.log.file._END_SECONDS", PATIENCE)
    app = make_app()
    file = tmp_path / "boxes.log"
    app.desk = type(app.desk)(
        app.desk.settings, app.desk.reload, app.desk.source, app.desk.make_planner, None,
        log_file=file,
    )  # fmt: skip
    async with app.run_test():
        for event in (*STORY, *job_story(7), *link_story()):
            app.hear(event)
    text = file.read_text()
    assert "2026-09-03 09:00:35 h100 error vllm: OOM\n" in text
    assert "info job: dusk: sent\n" in text
    assert "h100 warning link: retrying in 2 s: no route to host" in text
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(("size", "is_shown"), [((120, 40), True), ((120, 30), False)])
async def test_a_tall_first_screen_ends_with_the_last_lines(
    size: tuple[int, int], is_shown: bool, make_app: MakeApp
) -> None:
    async with make_app().run_test(size=size) as pilot:
        screen = await until_screen(pilot, SpecsScreen)
        tail = screen.query_one("LogTail")
        assert tail.region.height == 0
        app = pilot.app
        assert isinstance(app, UpsampleApp)
        for event in STORY:
            app.hear(event)
        await until(pilot, lambda: tail.has_class("-said"))
        if is_shown:
            await until(pilot, lambda: tail.region.height > 0)
        assert (tail.region.height > 0) is is_shown
        if is_shown:
            assert "OOM" in str(tail.render())
