"""The queue page: what it shows of made-up events, and what its keys ask of a real queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from backend.box.asker import UnattendedAsker
from backend.dispatch.runs.lock import dispatcher_lock
from backend.dispatch.runs.runner import QueueRunner
from backend.events import EngineStarting, JobDone, JobStarted, TextWritten
from backend.store import Order, State, Store
from tests.support.pilots import until
from tests.tui import made_up_jobs
from tests.tui.conftest import footer_keys, opened_queue
from tests.tui.made_up_jobs import made_job
from tui.app import UpsampleApp
from tui.queue.screen import QueuePage
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]


def lines_of(page: QueuePage) -> list[str]:
    """What the list draws."""
    return [page.job_list.render_line(y).text for y in range(page.job_list.size.height)]


def text_of(page: QueuePage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


def notes(app: UpsampleApp) -> list[str]:
    return [note.message for note in app._notifications]


@asynccontextmanager
async def real_queue(app: UpsampleApp, folder: Path, count: int) -> AsyncIterator[Store]:
    """So many jobs in a real queue, for a box that is in no config: nothing is ever sent."""
    jobs = [made_job(n, box="nowhere") for n in range(1, count + 1)]
    with closing(Store(folder / "queue.db")) as store:
        app.store = store
        app.runner = QueueRunner(store, lambda: app.settings, UnattendedAsker(), app.hear)
        orders = [Order(**{f: getattr(job, f) for f in Order.__dataclass_fields__}) for job in jobs]
        app.live.take_up(await app.runner.queue(orders))
        yield store


# --- what it shows -------------------------------------------------------------------------------


async def test_what_runs_stands_first_then_what_failed_waits_and_is_done(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.running(app)
        page = await opened_queue(pilot)
        words = [
            line.split()[1 if line[0] == " " else 2] for line in lines_of(page) if line.strip()
        ]
        expected = ["writing"] * 2 + ["failed", "ready", "waiting", "paused"] + ["waiting"] * 3
        assert words == expected + ["done"] * 3
        title = text_of(page, "#title")
        assert title == "Queue  2 running · 5 waiting · 1 paused · 1 failed · 3 done".replace(
            "5 waiting", "5 waiting"
        )
        assert "tok/s" in text_of(page, "#pace")
        assert "● h100  live  vllm 0.32.0  GPU 71 % 62/80 GB  2 running 0 waiting" in text_of(
            page, "#boxes"
        )


async def test_the_text_of_the_current_job_streams(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.take_up(app, 2)
        page = await opened_queue(pilot)
        app.hear(JobStarted(2, "x", 1))
        app.hear(TextWritten(2, 0, "A wet [/x] street"))
        await until(pilot, lambda: text_of(page, "#text") == "A wet [/x] street")
        # The cursor goes to what runs.
        assert page.jobs.number == 2
        app.hear(TextWritten(2, 0, '```json\n{"fps": 24, "sce'))
        in_lines = '```json\n{\n  "fps": 24,\n  "sce'
        await until(pilot, lambda: text_of(page, "#text") == in_lines)


async def test_the_view_follows_the_end_and_holds_when_scrolled(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        made_up_jobs.take_up(app, 1)
        page = await opened_queue(pilot)
        app.hear(JobStarted(1, "x", 1))
        answer = page.live_view.answer
        app.hear(TextWritten(1, 0, "many words " * 200))
        await until(pilot, lambda: answer.max_scroll_y > 0 and answer.is_vertical_scroll_end)
        await pilot.press("enter")
        await until(pilot, lambda: answer.has_focus)
        await pilot.press("g")
        await until(pilot, lambda: answer.scroll_offset.y == 0)
        once = answer.max_scroll_y
        app.hear(TextWritten(1, 2200, "more words " * 200))
        await until(pilot, lambda: answer.max_scroll_y > once)
        assert answer.scroll_offset.y == 0
        await pilot.press("G")
        await until(pilot, lambda: answer.is_vertical_scroll_end)
        twice = answer.max_scroll_y
        app.hear(TextWritten(1, 4400, "more words " * 200))
        await until(pilot, lambda: answer.max_scroll_y > twice and answer.is_vertical_scroll_end)


async def test_a_start_of_the_model_is_shown_in_stages(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.loading(app)
        page = await opened_queue(pilot)
        lines = text_of(page, "#text").splitlines()
        assert lines[0] == "The model is starting on h100  1:13"
        assert [line.split("  ")[0] for line in lines[1:]] == [
            "✓ starting", "✓ loading weights", "▶ compiling", "· capturing graphs",
            "· first request", "· ready",
        ]  # fmt: skip


async def test_a_model_server_that_is_away_is_shown_with_the_next_try(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.loading(app)
        app.hear(EngineStarting("h100", "away: it loads; trying again in 2 s"))
        page = await opened_queue(pilot)
        assert text_of(page, "#text").splitlines() == [
            "The model server is away on h100", "it loads; trying again in 2 s",
        ]  # fmt: skip


async def test_while_vllm_is_dead_the_queue_says_so_with_the_remedy_and_that_nothing_is_read(
    make_app: MakeApp,
) -> None:
    cause = "PermissionError: [Errno 13] Permission denied: '/models/m/params.json'"
    why = f"vLLM ended while starting, with exit status 1: {cause}"
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.running(app)
        app.hear(JobStarted(7, "x", 1))
        app.hear(EngineStarting("h100", f"away: {why}; trying again in 30 s"))
        page = await opened_queue(pilot)
        assert "3 waiting for the model" in text_of(page, "#title")
        assert "running" not in text_of(page, "#title")
        assert sum("model away" in line for line in lines_of(page)) == 3
        assert "model away" in text_of(page, "#heading")
        said = text_of(page, "#text")
        assert said.startswith("The model server is away on h100\nvLLM ended while starting")
        assert "trying again in 30 s" in said
        assert "may not use /models/m/params.json" in said
        assert "→ For a model's file, ask its owner to run" in said
        everything = "\n".join([*lines_of(page), said])
        assert "reading" not in everything
        assert "reads the prompt" not in everything


async def test_a_box_that_is_away_says_when_it_is_tried_again(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.unreachable(app)
        page = await opened_queue(pilot)
        assert "retrying in 9 s" in text_of(page, "#boxes")
        assert "no route to host" in text_of(page, "#boxes")


async def test_a_failed_job_says_why_and_what_to_do(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.running(app)
        page = await opened_queue(pilot)
        await pilot.press("j", "j")
        assert "4,699" in text_of(page, "#facts")
        assert "→ Send smaller frames: --resize auto." in text_of(page, "#facts")


async def test_an_empty_queue_says_what_to_do_next(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        page = await opened_queue(pilot)
        assert "press u to upsample" in text_of(page, "#empty")
        await pilot.press("c", "p", "r", "K", "x", "enter", "space")
        assert notes(app)


async def test_ten_thousand_jobs_draw_only_what_is_in_sight(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.take_up(app, 10_000)
        page = await opened_queue(pilot)
        await pilot.press("G")
        assert page.jobs.position == 9_999
        await pilot.press("a")
        assert "10,000 marked" in text_of(page, "#title")
        app.hear(JobDone(5_000, "x", "t", "stop", "e", 1.0, None, None))
        # The cursor keeps its job, which stands elsewhere now.
        await until(pilot, lambda: page.jobs.position == 9_998)
        assert page.jobs.number == 10_000


# --- what its keys do ----------------------------------------------------------------------------


async def test_p_pauses_what_is_marked_and_lets_it_go_on(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot, real_queue(app, tmp_path, 3) as store:
        await opened_queue(pilot)
        await pilot.press("space", "space", "p")
        await until(pilot, lambda: app.live.jobs[2].state is State.PAUSED)
        assert [job.state for job in store.jobs()] == [State.PAUSED, State.PAUSED, State.QUEUED]
        await pilot.press("g", "p")
        await until(pilot, lambda: app.live.jobs[1].state is State.QUEUED)
        assert [job.number for job in store.to_do()] == [1, 3]


async def test_moved_jobs_stand_in_their_new_order(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot, real_queue(app, tmp_path, 3) as store:
        page = await opened_queue(pilot)
        await pilot.press("G", "K")
        await until(pilot, lambda: page.jobs.shown == [1, 3, 2])
        assert page.jobs.number == 3
        await pilot.press("t")
        await until(pilot, lambda: [job.number for job in store.to_do()] == [3, 1, 2])
        await pilot.press("J")
        await until(pilot, lambda: [job.number for job in store.to_do()] == [1, 3, 2])


async def test_c_cancels_r_tries_again_and_x_clears(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot, real_queue(app, tmp_path, 2) as store:
        page = await opened_queue(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.live.jobs[1].state is State.CANCELLED)
        await until(pilot, lambda: page.jobs.shown == [2, 1], "what ended stands last")
        await pilot.press("G", "r")
        await until(pilot, lambda: app.live.jobs[1].state is State.QUEUED)
        assert [job.number for job in store.to_do()] == [2, 1]
        await pilot.press("a", "c")
        await until(pilot, lambda: all(job.state.ended for job in app.live.jobs.values()))
        await pilot.press("x")
        await until(pilot, lambda: page.jobs.shown == [])
        assert len(store.jobs()) == 2


async def test_a_key_that_can_do_nothing_says_why(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        made_up_jobs.running(app)
        await opened_queue(pilot)
        await pilot.press("p", "K", "r")
        assert notes(app) == [
            "What an engine works on can be cancelled (c), not paused.",
            "Only what still waits can be moved.",
            "Only what failed or was cancelled can be tried again.",
        ]
        await pilot.press("c")
        assert notes(app)[-1] == "The queue is not open yet."


async def test_the_whole_queue_is_held_and_let_go(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot, real_queue(app, tmp_path, 1):
        page = await opened_queue(pilot)
        await pilot.press("P")
        assert app.runner is not None
        assert not app.runner.may_send
        assert "held: nothing new is sent" in text_of(page, "#title")
        await pilot.press("P")
        assert app.runner.may_send


@pytest.mark.parametrize("width", [60, 80])
async def test_every_key_that_the_footer_offers_is_in_sight_on_the_queue_page(
    width: int, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(width, 24)) as pilot:
        page = await opened_queue(pilot)
        keys = await footer_keys(pilot, page, more_than=5)
        assert all(key.region.right <= width for key in keys)


# --- another process -----------------------------------------------------------------------------


async def test_while_another_process_works_it_is_named_and_what_it_does_is_shown(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot, real_queue(app, tmp_path, 1) as store:
        page = await opened_queue(pilot)
        with dispatcher_lock(store):
            runner = app.runner
            assert runner is not None
            running = app.run_worker(runner.run())
            await until(pilot, lambda: "works on this" in text_of(page, "#boxes"))
            await pilot.press("P")
            assert "p pauses them" in notes(app)[-1]
            with closing(Store(store.path)) as other:
                other.set_state(1, State.RUNNING)
                more = replace(made_job(2, box="nowhere"), key="more")
                other.queue([Order(**{f: getattr(more, f) for f in Order.__dataclass_fields__})])
            await until(pilot, lambda: sorted(app.live.jobs) == [1, 2])
            await until(pilot, lambda: app.live.jobs[1].state is State.RUNNING)
            # What is asked for here is left to the one that works.
            await pilot.press("c")
            await until(pilot, lambda: bool(store.asked_to_cancel()))
            assert not runner.is_dispatching
        await until(pilot, lambda: runner.is_dispatching)
        await until(pilot, lambda: "works on this" not in text_of(page, "#boxes"))
        running.cancel()
        await until(pilot, lambda: running.is_finished)
