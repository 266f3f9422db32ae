"""The first screen, driven by keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from backend.errors import ConfigError
from backend.events import EstimateCorrected
from backend.planning.plan import Plan
from backend.specs.model import BrokenSpec, Skipped, Spec, SpecFormat
from backend.specs.scan import FileFindings
from tests.support.pilots import PATIENCE, until
from tests.tui.conftest import SizePlanner, footer_keys
from tui.app import UpsampleApp
from tui.dialogs.help import HelpScreen
from tui.shell.desk import Desk
from tui.specs.planning import PromptPlanner
from tui.specs.problems import ProblemsScreen
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
MakeDesk = Callable[[SpecSource, PromptPlanner], Desk]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
Street = tuple[Spec, ...]
TROUBLES = (BrokenSpec(Path("bad.json"), 3, '"prompt" is empty'), Skipped(Path("x.txt"), "no [/x]"))


def text_of(screen: SpecsScreen, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


def lines_of(screen: SpecsScreen) -> list[str]:
    """What the list draws."""
    return [screen.spec_list.render_line(y).text for y in range(screen.spec_list.size.height)]


async def test_specs_are_listed_with_tokens_and_verdict(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        assert "640×480" in lines_of(screen)[1]
        assert "2,469" in lines_of(screen)[1]
        assert "✓ fits" in lines_of(screen)[1]
        assert "✗ refused" in lines_of(screen)[7]
        assert text_of(screen, "#title") == "Specs 10"


async def test_the_first_paint_waits_for_nothing(
    make_desk: MakeDesk, planner: PromptPlanner, settle: Settle, street: Street
) -> None:
    gate = Event()

    def slow_scan() -> Iterator[FileFindings]:
        gate.wait(PATIENCE)
        yield FileFindings(0, 1, street)

    source = SpecSource((Path("city"),), Path("/made/up"), slow_scan)
    async with UpsampleApp(make_desk(source, planner)).run_test() as pilot:
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, SpecsScreen)
        await until(pilot, lambda: text_of(screen, "#empty") == "Reading city …")
        try:
            await pilot.press("j", "slash", "escape")
            assert screen.spec_list.has_focus
        finally:
            gate.set()
        assert len((await settle(pilot)).listing.rows) == len(street)


async def test_keys_move_the_cursor(make_app: MakeApp, settle: Settle, street: Street) -> None:
    async with make_app(street).run_test() as pilot:
        screen = await settle(pilot)
        for keys, position in (("jj", 2), ("k", 1), ("Gj", 9), ("gk", 0)):
            await pilot.press(*keys)
            assert screen.listing.position == position
        await pilot.press("down", "pagedown")
        assert screen.listing.position > 5
        await pilot.press("up", "pageup", "home")
        assert screen.listing.position == 0


async def test_space_marks_and_moves_on(make_app: MakeApp, settle: Settle, street: Street) -> None:
    async with make_app(street).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("space", "space", "j", "space")
        assert screen.listing.marked == {0, 1, 3}
        assert "3 marked" in text_of(screen, "#title")
        await pilot.press("i")
        assert len(screen.listing.marked) == 7
        await pilot.press("a")
        assert len(screen.listing.marked) == 10
        await pilot.press("a")
        assert screen.listing.marked == set()


async def test_a_filter_hides_marks_and_counts_them(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("space", "slash", *"RAIN", "enter", "space")
        assert "2 marked, 1 hidden" in text_of(screen, "#title")
        assert "/RAIN shows 2" in text_of(screen, "#title")
        await pilot.press("escape")
        assert len(screen.listing.shown) == 10
        assert "hidden" not in text_of(screen, "#title")


async def test_letters_typed_into_a_filter_are_no_keys(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("slash", *"qe?/")
        assert screen.filter_input.value == "qe?/"
        assert text_of(screen, "#empty").startswith("Nothing matches qe?/")
        await pilot.press("escape")
        assert screen.spec_list.has_focus


@pytest.mark.parametrize("kind", [SpecFormat.UPSAMPLER_BATCH, SpecFormat.TABLE])
async def test_enter_reads_the_detail_and_escape_goes_back(
    make_app: MakeApp, settle: Settle, street: Street, kind: SpecFormat
) -> None:
    specs = [replace(spec, format=kind) for spec in street]
    async with make_app(specs).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("d")
        assert screen.has_class("-no-detail")
        await pilot.press("G", "k", "enter")
        assert not screen.has_class("-no-detail")
        assert screen.detail.has_focus
        await until(pilot, lambda: screen.detail.max_scroll_y > 2, "there is more to read")
        await pilot.press("j")
        await until(pilot, lambda: screen.detail.scroll_offset.y == 1)
        await pilot.press("j")
        await until(pilot, lambda: screen.detail.scroll_offset.y == 2)
        screen.detail.show(screen.listing.current)  # as after each batch of plans
        await pilot.pause()
        assert screen.detail.scroll_offset.y == 2
        assert screen.listing.position == 8
        await pilot.press("escape")
        assert screen.spec_list.has_focus


async def test_e_shows_where_and_why(make_app: MakeApp, settle: Settle, street: Street) -> None:
    async with make_app((*street, *TROUBLES)).run_test() as pilot:
        screen = await settle(pilot)
        assert "1 broken, 1 skipped (e)" in text_of(screen, "#title")
        await pilot.press("e")
        problems = pilot.app.screen
        assert isinstance(problems, ProblemsScreen)
        text = str(problems.query_one(Static).render())
        assert 'bad.json:3\n  "prompt" is empty' in text
        assert "x.txt\n  no [/x]" in text
        await pilot.press("escape")
        assert pilot.app.screen_stack[-1] is screen


async def test_e_without_trouble_says_so(make_app: MakeApp, settle: Settle, street: Street) -> None:
    async with make_app(street).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("e")
        assert pilot.app.screen is screen
        assert [note.message for note in pilot.app._notifications] == [
            "Nothing is broken, and nothing was skipped."
        ]


async def test_only_troubles_found_says_how_to_see_them(make_app: MakeApp, settle: Settle) -> None:
    async with make_app(TROUBLES).run_test() as pilot:
        text = text_of(await settle(pilot), "#empty")
        assert (
            text == "No prompt specs in city\n\n1 broken, 1 skipped: press e to see where and why."
        )


async def test_without_a_path_it_says_what_to_do(make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test() as pilot:
        screen = await settle(pilot)
        assert "upsample demo" in text_of(screen, "#empty")
        await pilot.press("j", "k", "space", "a", "v", "G", "g", "enter", "escape")


async def test_ctrl_c_does_not_quit_and_q_does(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    app = make_app(street)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("ctrl+c")
        assert [note.message for note in app._notifications] == ["q quits; ctrl+c does not."]
        assert app.is_running
        await pilot.press("q")
        await pilot.pause()
    assert not app.is_running


async def test_help_opens_and_closes(make_app: MakeApp, settle: Settle, street: Street) -> None:
    async with make_app(street).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.press("question_mark")
        shown = pilot.app.screen
        assert isinstance(shown, HelpScreen)
        await pilot.press("question_mark")
        assert pilot.app.screen_stack[-1] is screen


async def test_a_click_chooses_and_its_left_edge_marks(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test() as pilot:
        screen = await settle(pilot)
        await pilot.click("#list", offset=(10, 3))
        assert (screen.listing.position, screen.listing.marked) == (3, set())
        await pilot.click("#list", offset=(1, 4))
        assert (screen.listing.position, screen.listing.marked) == (4, {4})


@pytest.mark.parametrize("size", [(59, 24), (80, 15)])
async def test_a_window_too_small_says_so(
    size: tuple[int, int], make_app: MakeApp, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test(size=size) as pilot:
        screen = await settle(pilot)
        small, body = screen.query_one("#small"), screen.query_one("#body")
        await until(pilot, lambda: small.display and not body.display)
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: not small.display and screen.spec_list.size.height > 2)


async def test_every_key_that_the_footer_offers_is_in_sight(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    for width in (60, 80):
        async with make_app(street).run_test(size=(width, 24)) as pilot:
            screen = await settle(pilot)
            keys = await footer_keys(pilot, screen, more_than=6)
            assert all(key.region.right <= width for key in keys)


async def test_a_missing_tokenizer_is_told_and_the_list_stays(
    make_desk: MakeDesk, street: Street
) -> None:
    class NoTokenizer:
        def plan_spec(self, spec: Spec) -> Plan:
            raise ConfigError("the tokenizer [/x] cannot be read", "Reinstall.")

    source = SpecSource((Path("c"),), Path("/made/up"), lambda: [FileFindings(0, 1, street)])
    app = UpsampleApp(make_desk(source, NoTokenizer()))
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(app._notifications))
        assert "tokenizer [/x]" in next(iter(app._notifications)).message
        assert isinstance(app.screen, SpecsScreen)
        assert "· weighing" in lines_of(app.screen)[0]


async def test_a_hundred_thousand_specs_are_drawn_and_those_in_sight_weighed_first(
    make_desk: MakeDesk, planner: PromptPlanner, make_spec: Callable[..., Spec]
) -> None:
    asked: list[str] = []
    go_on, done = Event(), Event()
    stops = {50: go_on, 300: done}

    class Slow:
        """Stops after some plans, like one that waits for a disk."""

        def plan_spec(self, spec: Spec) -> Plan:
            asked.append(spec.prompt)
            if len(asked) in stops:
                stops[len(asked)].wait(PATIENCE)
            return planner.plan_spec(spec)

    found = tuple(make_spec(f"spec_{n}", f"prompt {n}", "") for n in range(100_000))
    source = SpecSource((Path("c"),), Path("/made/up"), lambda: [FileFindings(0, 1, found)])
    async with UpsampleApp(make_desk(source, Slow())).run_test(size=(100, 30)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, SpecsScreen)
        try:
            await until(pilot, lambda: screen.progress.ended and len(asked) >= 50)
            await pilot.press("G")
            assert screen.listing.position == 99_999
            assert "spec_99999" in lines_of(screen)[-1]
            go_on.set()
            await until(pilot, lambda: screen.listing.rows[99_999].plan is not None)
            # The one that was waited for, and then what came into sight.
            assert asked[50].startswith("prompt 999")
            await pilot.press("a", "slash", "9", "9", "9", "9")
            assert len(screen.listing.marked) == 100_000
            assert 0 < len(screen.listing.shown) < 1_000
            assert "9999" in lines_of(screen)[0]
        finally:
            go_on.set()
            done.set()


async def test_specs_are_planned_anew_when_what_a_box_counts_corrects_the_estimates(
    make_app: MakeApp, planner: SizePlanner, settle: Settle, street: Street
) -> None:
    async with make_app(street).run_test() as pilot:
        await settle(pilot)
        assert isinstance(pilot.app, UpsampleApp)
        asked = len(planner.asked)
        pilot.app.hear(EstimateCorrected("h100", "m", "transfer1", (), "It does not fit."))
        await until(pilot, lambda: len(planner.asked) == 2 * asked)
