"""The review, driven by keys, on a real queue and real files."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from backend.config import Settings
from backend.results.review import load_review
from backend.store import Store
from backend.store.decision import Decision
from tests.support.finished_jobs import Finisher
from tests.support.json_profile import NAME, RIGHT, write_json_profile
from tests.support.made_up_results import HARBOUR, OFFICE, fill_review
from tests.support.pilots import until, until_screen
from tests.support.specs import write_spec
from tests.tui.outline.scene import OTHER_SCENE, SCENE
from tui.app import UpsampleApp
from tui.dialogs.question import QuestionDialog
from tui.outline.outline_view import OutlineView
from tui.review.screen import ReviewPage
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen

MakeSpec = Callable[..., object]
PLAYER = "import pathlib, sys; pathlib.Path(sys.argv[1] + '.played').touch()"
"""A program that leaves a trace of the video that it is given."""
Open = Callable[[Pilot[None]], Awaitable[ReviewPage]]


@pytest.fixture
def app(make_desk: Callable[..., Desk], planner: object, tmp_path: Path) -> UpsampleApp:
    """The app on a queue with results, and no specs."""
    fill_review(tmp_path / "queue.db", tmp_path)
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    return UpsampleApp(replace(desk, queue=tmp_path / "queue.db"))


async def review(pilot: Pilot[None]) -> ReviewPage:
    """The page, with the results read."""
    await pilot.press("4")
    page = await until_screen(pilot, ReviewPage)
    await until(pilot, lambda: page.listing.is_loaded)
    return page


def decisions(page: ReviewPage) -> dict[str, str]:
    return {prompt.name: prompt.decision.value for prompt in page.listing.prompts}


def current(page: ReviewPage) -> str:
    assert page.listing.current is not None
    return page.listing.current.name


def text_of(page: ReviewPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


def outline_of(page: ReviewPage) -> list[str]:
    """The lines of the outline of a JSON object; none where it is not shown."""
    view = page.query_one(OutlineView)
    lines = view.lines_for(view.size.width).lines if view.display else ()
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def said(pilot: Pilot[None]) -> str:
    return "\n".join(notification.message for notification in pilot.app._notifications)


async def written(pilot: Pilot[None], tmp_path: Path, name: str) -> str:
    """What is in the file of a result. That is written after it is known what was decided."""
    file = tmp_path / "out" / f"{name}.json"
    await until(pilot, file.exists, f"{file.name} is there")
    prompt = json.loads(file.read_text())["prompt"]
    assert isinstance(prompt, str)
    return prompt


async def taken_away(pilot: Pilot[None], tmp_path: Path, name: str) -> None:
    file = tmp_path / "out" / f"{name}.json"
    await until(pilot, lambda: not file.exists(), f"{file.name} is gone")


async def test_accepting_writes_the_file_and_goes_on_to_the_next_undecided(
    app: UpsampleApp, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        assert current(page) == "robot_office"
        await pilot.press("enter")
        assert current(page) == "neon_night"
        await until(pilot, lambda: decisions(page)["robot_office"] == "accepted")
        assert await written(pilot, tmp_path, "robot_office") == OFFICE
        await until(pilot, lambda: "robot_office.json is written." in said(pilot))
        assert current(page) == "neon_night"


async def test_keys_pressed_quickly_decide_about_one_after_the_other(
    app: UpsampleApp, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("y", "y", "y")
        await until(pilot, lambda: "undecided" not in decisions(page).values())
        neon = await written(pilot, tmp_path, "neon_night")
        assert neon.startswith("In the first image")
        await until(pilot, lambda: "all decided" in text_of(page, "#title"))
        await pilot.press("U", "U", "U")
        await until(pilot, lambda: page.listing.undecided == 3)
        await taken_away(pilot, tmp_path, "robot_office")


async def test_rejecting_takes_the_file_away_and_undo_brings_it_back(
    app: UpsampleApp, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("j", "j", "j", "j")
        assert current(page) == "light_snow"
        await pilot.press("x")
        await until(pilot, lambda: decisions(page)["light_snow"] == "rejected")
        await taken_away(pilot, tmp_path, "light_snow")
        await pilot.press("U")
        await until(pilot, lambda: decisions(page)["light_snow"] == "accepted")
        assert await written(pilot, tmp_path, "light_snow")
        await until(pilot, lambda: "light_snow was rejected" in said(pilot))


async def test_a_file_changed_by_hand_is_left_and_told(app: UpsampleApp, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "light_snow.json"
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        mine.write_text("mine")
        await pilot.press("j", "j", "j", "j", "x")
        await until(pilot, lambda: "was changed since it was written" in said(pilot))
        await until(pilot, lambda: not page._pending)
        assert decisions(page)["light_snow"] == "accepted"
        assert mine.read_text() == "mine"


async def test_candidates_are_switched_and_one_of_them_is_accepted(
    app: UpsampleApp, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("right_square_bracket")
        assert "plain coffee cup" in text_of(page, "#result")
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert "refusal" in text_of(page, "#lints")
        await pilot.press("left_square_bracket", "enter")
        await until(pilot, lambda: decisions(page)["robot_office"] == "accepted")
        assert "plain coffee cup" in await written(pilot, tmp_path, "robot_office")
        await pilot.press("home")
        assert "2 ✓" in text_of(page, "#tabs")
        assert "1 ✗" in text_of(page, "#tabs")


async def test_lints_are_gone_through_and_their_places_shown(app: UpsampleApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await review(pilot)
        await pilot.press("j", "j", "n", "n", "n")
        assert "▸ ! control-video word" in text_of(page, "#lints")
        await pilot.press("n")
        assert page.listing.lint == 0
        await pilot.press("N")
        assert page.listing.lint == 3


async def test_a_long_text_is_scrolled_to_the_lint(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path
) -> None:
    store = Store(tmp_path / "queue.db")
    spec = write_spec(tmp_path / "a.json", {"id": "ps_1", "prompt": "a dock"})
    letters = "abcdefghijklmnopqrst"
    text = " ".join(f"w{a}{b}" for a in letters for b in letters) + " as this prompt says."
    Finisher(store, tmp_path / "out").finish(spec, text)
    store.close()
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    async with UpsampleApp(replace(desk, queue=tmp_path / "queue.db")).run_test() as pilot:
        page = await review(pilot)
        texts = page.pane.texts
        await until(pilot, lambda: texts.max_scroll_y > 0)
        assert texts.scroll_y == 0
        await pilot.press("n")
        await until(pilot, lambda: texts.scroll_y == texts.max_scroll_y > 0)


async def test_the_texts_are_scrolled_from_the_list_and_by_themselves(app: UpsampleApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await review(pilot)
        await until(pilot, lambda: page.pane.texts.max_scroll_y > 0)
        await pilot.press("J")
        await until(pilot, lambda: page.pane.texts.scroll_y > 0)
        await pilot.press("tab")
        assert page.pane.texts.has_focus
        await pilot.press("escape")
        assert page.review_list.has_focus


async def test_what_is_shown_can_be_narrowed(app: UpsampleApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("f")
        assert {p.decision for p in page.listing.shown} == {Decision.UNDECIDED}
        await pilot.press("f")
        assert next(p.name for p in page.listing.shown) == "neon_night"
        assert "with lints: shows 2" in text_of(page, "#title")
        await pilot.press("escape", "slash", *"repetition xye", "enter")
        assert "No result is among" in text_of(page, "#empty")
        await pilot.press("enter", "x", "e", "g", "c", "n")
        assert "There is no result to decide about." in said(pilot)
        await pilot.press("escape")
        assert len(page.listing.shown) == 7


async def test_all_without_lints_are_accepted_after_a_question(app: UpsampleApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("A")
        assert isinstance(pilot.app.screen, QuestionDialog)
        await pilot.press("n")
        assert page.listing.undecided == 3
        await pilot.press("A", "y")
        await until(pilot, lambda: page.listing.undecided == 2)
        assert decisions(page)["robot_office"] == "accepted"
        await pilot.press("A")
        assert "Nothing that is shown is undecided and without lints." in said(pilot)


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test has no terminal to lend; the editor is a real program all the same."""
    monkeypatch.setattr(App, "suspend", lambda self: nullcontext())


def set_editor(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    code = (
        "import pathlib, sys; f = pathlib.Path(sys.argv[1]); "
        f"t = f.read_text(); f.write_text({change})"
    )
    monkeypatch.setenv("EDITOR", f"'{sys.executable}' -c \"{code}\"")


@pytest.mark.usefixtures("lent")
async def test_an_edit_is_accepted_as_it_was_left(
    app: UpsampleApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_editor(monkeypatch, "t.replace('coffee', 'tea')")
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("e")
        await until(pilot, lambda: decisions(page)["robot_office"] == "edited")
        assert "tea cup" in await written(pilot, tmp_path, "robot_office")
        await pilot.press("U")
        await until(pilot, lambda: decisions(page)["robot_office"] == "undecided")
        # After an undo, the editor begins with what the user made of the text.
        set_editor(monkeypatch, "t.replace('tea cup', 'tea bowl')")
        await pilot.press("home", "e")
        await until(pilot, lambda: decisions(page)["robot_office"] == "edited")
        assert "tea bowl" in await written(pilot, tmp_path, "robot_office")


@pytest.mark.usefixtures("lent")
@pytest.mark.parametrize(("change", "why"), [("t", "not changed"), ("''", "is empty")])
async def test_an_edit_that_changes_nothing_decides_nothing(
    app: UpsampleApp, monkeypatch: pytest.MonkeyPatch, change: str, why: str
) -> None:
    set_editor(monkeypatch, change)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("e")
        await until(pilot, lambda: why in said(pilot))
        assert decisions(page)["robot_office"] == "undecided"


@pytest.fixture
def object_app(make_desk: Callable[..., Desk], planner: object, tmp_path: Path) -> UpsampleApp:
    """The app on one result that is a JSON object."""
    write_json_profile()
    spec = {"model_mode": "text2video", "prompt": "Warm dusk", "fps": 16}
    with closing(Store(tmp_path / "queue.db")) as store:
        finisher = Finisher(store, tmp_path / "out", NAME)
        finisher.finish(write_spec(tmp_path / "dusk.json", spec), RIGHT)
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    return UpsampleApp(replace(desk, queue=tmp_path / "queue.db"))


@pytest.mark.usefixtures("lent")
async def test_an_object_is_shown_as_an_outline_and_a_wrong_edit_of_it_is_kept_until_it_is_right(
    object_app: UpsampleApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with object_app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        assert outline_of(page) == ["  scene  a long dusk", "  fps  16"]
        assert "lost" not in text_of(page, "#original")
        set_editor(monkeypatch, "t.replace('long dusk', 'short dusk').replace(',', '')")
        await pilot.press("e")
        await until(pilot, lambda: "it is no JSON: Expecting ',' delimiter: line 3" in said(pilot))
        await until(pilot, lambda: not page._pending)
        assert decisions(page) == {"dusk": "undecided"}
        set_editor(
            monkeypatch,
            "t.replace('dusk', 'dusk,').replace('dusk,' + chr(34), 'dusk' + chr(34) + ',')",
        )
        await pilot.press("e")
        await until(pilot, lambda: decisions(page) == {"dusk": "edited"})
        prompt = await written(pilot, tmp_path, "dusk")
        assert prompt == '{"scene": "a short dusk", "fps": 16}'


async def test_objects_are_compared_key_by_key_and_their_parts_are_folded(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path
) -> None:
    with closing(Store(tmp_path / "queue.db")) as store:
        finisher = Finisher(store, tmp_path / "out")
        for name, texts in {"a": (SCENE, OTHER_SCENE), "b": (SCENE,), "c": ("Prose.",)}.items():
            prompt = OTHER_SCENE if name == "b" else f"{name} crane"
            spec = write_spec(tmp_path / f"{name}.json", {"id": "ps_1", "prompt": prompt})
            finisher.finish(spec, *texts, candidates=len(texts))
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    app = UpsampleApp(replace(desk, queue=tmp_path / "queue.db"))
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        view = page.query_one(OutlineView)
        assert text_of(page, "#original").endswith("a crane")
        assert "    conditions  overcast, soft" in outline_of(page)
        await pilot.press("d")
        assert "3 of 12 values different: − Job 2 · seed 1, + this one" in text_of(page, "#result")
        assert "    conditions  − hard noon sun, soft" in outline_of(page)
        # Tab goes to the outline, whose keys are its own; with another result, too.
        await pilot.press("tab")
        assert view.has_focus
        before = len(outline_of(page))
        await pilot.press("space")
        assert outline_of(page)[0] == "▶ subjects  the same  A yellow tower crane"
        await pilot.press("j", "right", "left", "z")
        assert len(outline_of(page)) == 5 < before
        await pilot.press("z", "down", "down", "left", "left")
        assert outline_of(page)[1].startswith("  ▶ 1")
        assert decisions(page)["a"] == "undecided"
        await pilot.press("x")
        await until(pilot, lambda: view.has_focus)
        await pilot.press("escape", "j")
        assert current(page) == "b"
        # Its prompt is an object, too.
        assert "3 of 12 values different: − the prompt" in text_of(page, "#result")
        await pilot.press("j")
        assert (current(page), outline_of(page)) == ("c", [])
        assert "Prose." in text_of(page, "#result")


@pytest.mark.parametrize("width", [120, 260])
async def test_an_object_and_prose_are_compared_word_by_word(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path, width: int
) -> None:
    with closing(Store(tmp_path / "queue.db")) as store:
        spec = write_spec(tmp_path / "a.json", {"id": "ps_1", "prompt": "a crane"})
        Finisher(store, tmp_path / "out").finish(spec, SCENE, "Prose of a crane.", candidates=2)
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    app = UpsampleApp(replace(desk, queue=tmp_path / "queue.db"))
    async with app.run_test(size=(width, 40)) as pilot:
        page = await review(pilot)
        assert outline_of(page)
        await pilot.press("d")
        assert outline_of(page) == []
        assert '"conditions": "overcast, soft"' in text_of(page, "#result")
        assert "Prose of a crane." in text_of(page, "#other" if width > 200 else "#original")


async def test_an_editor_that_is_not_there_is_told(
    app: UpsampleApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "no-such-editor")
    async with app.run_test(size=(120, 40)) as pilot:
        await review(pilot)
        await pilot.press("e")
        assert "there is no program no-such-editor" in said(pilot)


async def test_the_text_is_copied_through_the_terminal(app: UpsampleApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await review(pilot)
        await pilot.press("j", "c")
        assert pilot.app.clipboard == HARBOUR.replace("Tall", "Two tall")


async def test_another_answer_is_queued_with_the_next_seed(
    app: UpsampleApp, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await review(pilot)
        await until(pilot, lambda: app.runner is not None)
        await pilot.press("g")
        await until(pilot, lambda: "drawn again, with seed 3" in said(pilot))
    store = Store(tmp_path / "queue.db")
    try:
        job = store.jobs()[-1]
        assert (job.name, job.seed, job.held) == ("robot_office", 3, True)
        assert len(load_review(store).prompts) == 7
    finally:
        store.close()


async def test_nothing_to_review_says_what_to_do_first(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path
) -> None:
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    async with UpsampleApp(desk).run_test() as pilot:
        page = await review(pilot)
        assert "Nothing to review yet" in text_of(page, "#empty")
        await pilot.press("enter", "U", "A", "g", "1")
        assert isinstance(pilot.app.screen, SpecsScreen)


async def test_a_queue_that_cannot_be_read_is_told(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "queue.db")) as db:
        db.execute("CREATE TABLE songs (title)")
    desk = replace(make_desk(SpecSource((), tmp_path, list), planner), queue=tmp_path / "queue.db")
    async with UpsampleApp(desk).run_test() as pilot:
        await pilot.press("4")
        page = await until_screen(pilot, ReviewPage)
        await until(pilot, lambda: "cannot be read" in text_of(page, "#empty"))


async def test_r_on_a_spec_shows_its_result(app: UpsampleApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        app.review_spec(tmp_path / "golden_hour.json", 0)
        page = await until_screen(pilot, ReviewPage)
        await until(pilot, lambda: page.listing.is_loaded)
        assert current(page) == "golden_hour"
        await pilot.press("1")
        app.review_spec(tmp_path / "other.json", 0)
        await until(pilot, lambda: "That spec has no result yet" in said(pilot))


async def test_another_candidate_takes_the_place_of_the_original_to_be_compared(
    app: UpsampleApp,
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        assert text_of(page, "#original").startswith("Original")
        await pilot.press("d")
        assert "Job 2 · seed 1" in text_of(page, "#original")
        assert "only here" in text_of(page, "#result")
        await pilot.press("d", "d")
        assert text_of(page, "#original").startswith("Original")


async def test_candidates_stand_side_by_side_where_there_is_room(app: UpsampleApp) -> None:
    async with app.run_test(size=(200, 50)) as pilot:
        page = await review(pilot)
        assert text_of(page, "#original").startswith("Original")
        assert "Job 2 · seed 1" in text_of(page, "#other")
        await pilot.press("j")
        assert not page.query_one("#other", Static).display


async def test_the_result_of_another_run_can_be_compared(app: UpsampleApp, tmp_path: Path) -> None:
    with closing(Store(tmp_path / "queue.db")) as store:
        Finisher(store, tmp_path / "elsewhere").finish(
            tmp_path / "harbour_dusk.json", "A dark harbour.", seed=7
        )
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("j", "d")
        assert current(page) == "harbour_dusk"
        assert "seed 7" in text_of(page, "#original")
        assert "A dark harbour." in text_of(page, "#original")


async def test_the_player_is_given_the_video(
    app: UpsampleApp, tmp_path: Path, settings: Settings
) -> None:
    app.settings = settings.model_copy(
        update={"app": settings.app.model_copy(update={"player": [sys.executable, "-c", PLAYER]})}
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await review(pilot)
        await pilot.press("p")
        played = tmp_path / "clips" / "plain.mov.played"
        await until(pilot, played.exists)
        await until(pilot, lambda: "plays plain.mov" in said(pilot))


async def test_ratings_notes_and_the_best_of_each(app: UpsampleApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("right_square_bracket", "plus", "plus")

        def stars() -> list[int]:
            assert page.listing.current is not None
            return [candidate.rating.stars for candidate in page.listing.current.candidates]

        await until(pilot, lambda: stars() == [0, 2, 0] or stars() == [0, 1, 0])
        await pilot.press("m", *"calm", "enter")
        await until(pilot, lambda: "calm" in text_of(page, "#note"))
        await pilot.press("B")
        await until_screen(pilot, QuestionDialog)
        await pilot.press("enter")
        await until(pilot, lambda: decisions(page)["robot_office"] == "accepted")
        assert (await written(pilot, tmp_path, "robot_office")).count("girl") == 2
        await pilot.press("slash", *"rating:1+", "enter")
        assert [prompt.name for prompt in page.listing.shown] == ["robot_office"]


async def test_a_decision_about_all_that_are_marked_is_undone_at_once(app: UpsampleApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("space", "j", "space")
        assert "2 marked" in text_of(page, "#title")
        await pilot.press("x")
        await until_screen(pilot, QuestionDialog)
        await pilot.press("enter")
        await until(pilot, lambda: decisions(page)["neon_night"] == "rejected")
        assert "marked" not in text_of(page, "#title")
        await pilot.press("U")
        await until(pilot, lambda: decisions(page)["neon_night"] == "undecided")


async def test_after_a_rejected_candidate_the_next_one_of_the_prompt_is_shown(
    app: UpsampleApp,
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await review(pilot)
        await pilot.press("x")
        assert current(page) == "robot_office"
        assert page.listing.candidate is not None
        assert page.listing.candidate.number == 2
        await pilot.press("x", "x")
        assert current(page) == "neon_night"
        await until(pilot, lambda: decisions(page)["robot_office"] == "rejected")
