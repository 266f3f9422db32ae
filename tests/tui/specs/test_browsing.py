"""Sorting, grouping, ranges and live files on the specs page, driven by keys and the mouse."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from backend.events import JobDone, JobStarted
from backend.specs.model import Spec
from backend.specs.tables.columns import parse_columns
from backend.store import Job, State
from tests.support.pilots import until
from tui.app import UpsampleApp
from tui.shell.desk import Desk
from tui.specs.planning import PromptPlanner
from tui.specs.rows import Column, SortOrder
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen
from tui.specs.sort_chooser import SortChooser

MakeApp = Callable[..., UpsampleApp]
MakeDesk = Callable[[SpecSource, PromptPlanner], Desk]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
Street = tuple[Spec, ...]


def text_of(screen: SpecsScreen, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


def lines_of(screen: SpecsScreen) -> list[str]:
    return [screen.spec_list.render_line(y).text for y in range(screen.spec_list.size.height)]


def messages(app: UpsampleApp) -> list[str]:
    return [note.message for note in app._notifications]


def put(file: Path, *prompts: str) -> Path:
    entries = [{"name": it, "prompt": it, "video_path": "640x480.mp4"} for it in prompts]
    file.parent.mkdir(parents=True, exist_ok=True)
    # At once: whoever follows the folder would read half a file, and forget what was marked in it.
    whole = file.parent.parent / f"{file.name}.whole"
    whole.write_text(json.dumps(entries), encoding="utf-8")
    return whole.replace(file)


@pytest.fixture
def job(street: Street) -> Job:
    """Of the first spec of the street."""
    spec = street[0]
    return Job(
        key="k",
        box="local",
        file=spec.file.absolute(),
        entry=spec.entry,
        name=spec.name,
        prompt=spec.prompt,
        video=spec.video,
        candidate=0,
        seed=0,
        settings="{}",
        destination=Path("/made/up/out.json"),
        number=1,
        state=State.QUEUED,
        identity=None,
        estimate=0,
        error="",
        attempts=0,
        queued=0.0,
        changed=0.0,
    )


async def test_s_and_a_letter_sort_and_the_heading_says_so(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.press("s", "t")
        assert screen.listing.order == SortOrder(Column.TOKENS)
        assert "tokens ▲" in str(screen.query_one("ColumnHeadings").render())
        await pilot.press("S")
        assert screen.listing.order == SortOrder(Column.TOKENS, descending=True)
        assert screen.listing.rows[screen.listing.shown[0]].spec.name == "endless"
        await pilot.press("s")
        assert isinstance(pilot.app.screen, SortChooser)
        await pilot.press("enter")
        assert screen.listing.order == SortOrder(Column.TOKENS)
        await pilot.press("s", "escape")
        assert screen.listing.order == SortOrder(Column.TOKENS)


async def test_a_click_on_a_heading_sorts_and_a_second_turns_it_round(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.click("ColumnHeadings", offset=(5, 0))
        assert screen.listing.order == SortOrder(Column.NAME)
        await pilot.click("ColumnHeadings", offset=(5, 0))
        assert screen.listing.order == SortOrder(Column.NAME, descending=True)
        assert screen.listing.current is screen.listing.rows[0]


async def test_o_groups_by_folder_and_enter_folds(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    moved = tuple(replace(spec, file=Path("far/away.json")) for spec in street[:2])
    async with make_app((*street, *moved)).run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.press("o")
        assert lines_of(screen)[0].startswith(" ▼ city  10 specs")
        assert lines_of(screen)[11].startswith(" ▼ far  2 specs")
        await pilot.press("g", "enter")
        assert lines_of(screen)[0].startswith("▸▶ city  10 specs")
        assert lines_of(screen)[1].startswith(" ▼ far")
        await pilot.press("space", "right", "k", "right")
        assert lines_of(screen)[0].startswith("▸▼ city  10 specs, 10 marked")
        await pilot.press("o")
        assert lines_of(screen)[0].startswith("▸■ ")


async def test_at_the_top_of_a_long_list_the_first_folder_comes_into_sight(
    make_app: MakeApp, settle: Settle, make_spec: Callable[..., Spec]
) -> None:
    async with make_app([make_spec(f"s{n:03d}") for n in range(300)]).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("o")
        assert lines_of(screen)[0].startswith(" ▼ city  300 specs")
        assert lines_of(screen)[1].startswith("▸  s000")


async def test_v_begins_a_range_that_space_marks_and_escape_leaves(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.press("j", "v", "j", "j")
        assert "range of 3" in text_of(screen, "#title")
        assert [line[1] for line in lines_of(screen)[:5]] == [" ", "□", "□", "□", " "]
        await pilot.press("space")
        assert screen.listing.marked == {1, 2, 3}
        await pilot.press("v", "G", "escape", "U")
        assert screen.listing.marked == set()
        await pilot.press("v", "k", "v")
        assert len(screen.listing.marked) == 2


async def test_clearing_marks_says_how_to_have_them_back(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    app = make_app(street)
    async with app.run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("a", "A")
        assert screen.listing.marked == set()
        assert messages(app)[-1] == "10 unmarked; U brings that back."
        await pilot.press("U", "U", "U")
        assert messages(app)[-1] == "There is no change of marks to undo."


async def test_a_bad_term_is_hinted_at_and_filters_nothing(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("slash", *"fits:maybe")
        assert screen.query_one("#hint").display
        assert "fits:yes, fits:near or fits:no" in text_of(screen, "#hint")
        assert len(screen.listing.shown) == 10
        await pilot.press("escape")
        assert not screen.query_one("#hint").display


async def test_a_filter_by_verdict_follows_the_plans(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test() as pilot:
        await pilot.press("slash", *"fits:no", "enter")
        screen = await settle(pilot)
        await until(pilot, lambda: len(screen.listing.shown) == 2)
        assert [row.spec.name for row in screen.listing.shown_rows] == ["gone", "endless"]


async def test_a_double_click_reads(make_app: MakeApp, settle: Settle, street: Street) -> None:
    async with make_app(street).run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.click("#list", offset=(10, 3), times=2)
        await until(pilot, lambda: screen.detail.has_focus)
        assert screen.listing.position == 3


async def test_what_was_scrolled_to_stays_in_sight_while_plans_come(
    make_app: MakeApp, settle: Settle, make_spec: Callable[..., Spec]
) -> None:
    async with make_app([make_spec(f"s{n:03d}") for n in range(300)]).run_test() as pilot:
        screen = await settle(pilot)
        screen.spec_list.scroll_to(y=100, animate=False, immediate=True)
        screen.spec_list.show_rows()
        await pilot.pause()
        assert screen.spec_list.scroll_offset.y == 100


async def test_the_state_of_a_job_stands_beside_its_spec(
    make_app: MakeApp, settle: Settle, street: Street, job: Job
) -> None:
    app = make_app(street)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        assert "state" not in str(screen.query_one("ColumnHeadings").render())
        app.live.take_up([job])
        await until(pilot, lambda: screen.listing.rows[0].state is State.QUEUED)
        app.hear(JobStarted(1, "golden_hour", 1))
        await until(pilot, lambda: "▶" in lines_of(screen)[0])
        assert "state" in str(screen.query_one("ColumnHeadings").render())
        app.hear(JobDone(1, "golden_hour", "long", "stop", "sketch", 1.0, 3, 7))
        await until(pilot, lambda: "✓ done" in lines_of(screen)[0])


async def test_the_columns_that_the_user_names_are_read_and_shown(
    make_desk: MakeDesk, planner: PromptPlanner, settle: Settle, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("Kurztext,Jahr\na red car,1967\n")
    columns = parse_columns("prompt=Kurztext, id=Jahr")
    source = SpecSource.on_disk([Path("t.csv")], tmp_path, columns=columns)
    async with UpsampleApp(make_desk(source, planner)).run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        assert [row.spec.name for row in screen.listing.shown_rows] == ["1967"]
        assert "columns prompt=Kurztext,id=Jahr" in text_of(screen, "#title")


async def test_files_that_come_change_and_go_are_followed(
    make_desk: MakeDesk, planner: PromptPlanner, settle: Settle, tmp_path: Path
) -> None:
    put(tmp_path / "specs" / "b.json", "bravo", "delta")
    source = SpecSource.on_disk([Path("specs")], tmp_path)
    async with UpsampleApp(make_desk(source, planner)).run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.press("j", "space")
        assert screen.listing.current is screen.listing.rows[1]
        put(tmp_path / "specs" / "a.json", "alpha")
        put(tmp_path / "specs" / "b.json", "new", "bravo", "delta")
        await until(pilot, lambda: len(screen.listing.rows) == 4)
        await settle(pilot)
        shown = [row.spec.name for row in screen.listing.shown_rows]
        assert shown == ["alpha", "new", "bravo", "delta"]
        assert screen.listing.marked == {1}
        assert screen.listing.current is screen.listing.rows[1]
        (tmp_path / "specs" / "b.json").unlink()
        await until(pilot, lambda: len(screen.listing.rows) == 1)
        assert "Specs 1" in text_of(screen, "#title")
        assert "marked" not in text_of(screen, "#title")
