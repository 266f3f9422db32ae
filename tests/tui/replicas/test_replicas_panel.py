"""The panel with the replicas of a box: what it shows, and what its keys ask of the box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Static

from backend.box import replica_changes
from backend.box.asker import Asker
from backend.box.links.link import Box
from backend.box.replicas import ReplicaRow
from backend.config import EngineName
from backend.errors import InputError
from backend.events import BoxStatus, LinkChanged, LinkState
from remote.protocol import EngineLoad, PartLoad
from tests.support.pilots import until, until_screen
from tests.tui import made_up_jobs
from tests.tui.conftest import SnapCompare, opened_queue
from tui.app import UpsampleApp
from tui.dialogs.question import QuestionDialog
from tui.replicas.listing import ReplicaListing
from tui.replicas.replica_list import ReplicaList
from tui.replicas.screen import ReplicasScreen
from tui.replicas.text import cells, headings, lay_out, remark_text, why_unchangeable
from tui.state.live import Live

MakeApp = Callable[..., UpsampleApp]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What a box is asked to do with its replicas; it refuses that for the replica 5."""
    asked: list[tuple[str, str, str]] = []

    async def change_replica(box: Box, _asker: Asker, replica: str, change: str) -> None:
        asked.append((box.name, replica, change))
        if replica == "5":
            raise InputError("replica 5 of lab stays as it is: it has gone", "")

    monkeypatch.setattr(replica_changes, "change_replica", change_replica)
    return asked


async def opened(pilot: Pilot[None]) -> ReplicasScreen:
    app = pilot.app
    assert isinstance(app, UpsampleApp)
    boxes = app.settings.boxes
    ray = boxes["local"].model_copy(update={"engine": EngineName.RAY})
    app.settings = app.settings.model_copy(
        update={"boxes": {**boxes, "lab": ray, "h100": boxes["local"]}}
    )
    made_up_jobs.replicated(app)
    await opened_queue(pilot)
    await pilot.press("b")
    return await until_screen(pilot, ReplicasScreen)


def lines_of(panel: ReplicasScreen) -> list[str]:
    rows = panel.query_one(ReplicaList)
    return [rows.render_line(y).text.rstrip() for y in range(rows.count)]


def text_of(panel: ReplicasScreen, selector: str) -> str:
    return str(panel.query_one(selector, Static).render())


def notes(app: UpsampleApp) -> list[str]:
    return [note.message for note in app._notifications]


def test_replicas(snap_compare: SnapCompare, make_app: MakeApp) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await opened(pilot)
        await pilot.press("j", "j", "j", "j", "j")

    assert snap_compare(make_app(), terminal_size=(120, 40), run_before=run)


async def test_each_replica_of_the_jobs_box_has_a_line_and_the_cursor_stays_on_one(
    make_app: MakeApp,
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        panel = await opened(pilot)
        lines = lines_of(panel)
        assert lines[0].split() == [
            "▸",
            "0",
            "●",
            "ready",
            "gpu-node-a",
            "0,1",
            "14/16",
            "1,204",
            "62",
            "%",
            "0",
        ]
        assert lines[6].split() == ["6", "·", "placing", "0", "0"]
        await pilot.press("j", "j")
        assert text_of(panel, "#remark") == "2: loading weights"
        status = app.live.boxes["lab"].status
        assert status is not None
        app.hear(replace(status, replicas=status.replicas[1:]))
        await until(pilot, lambda: len(lines_of(panel)) == 6)
        assert lines_of(panel)[1].split()[:2] == ["▸", "2"]
        await pilot.press("tab")
        assert [line.split()[-4:] for line in lines_of(panel)] == [
            ["5/16", "210", "25", "%"],
            ["–", "4/16", "10", "%"],
        ]
        await pilot.press("tab", "escape")
        assert not isinstance(app.screen, ReplicasScreen)


@pytest.mark.parametrize("width", [20, 60, 118])
def test_whatever_a_box_calls_a_replica_it_stands_on_one_harmless_line(width: int) -> None:
    text = "\x1b]0;owned\x07[red]漢字\n" * 40
    hostile = ReplicaRow(text, text, text, text, text, -9, 10**9, 1e18, 9e9, 10**12)
    for row in (hostile, replace(hostile, state="ready"), ReplicaRow("")):
        pieces = cells(row, lay_out(width), current=True)
        assert "".join(piece for piece, _ in pieces).isprintable()
        assert cell_len("".join(piece for piece, _ in pieces)) >= width
        assert cell_len(headings(lay_out(width))) >= width


async def test_a_window_that_changes_its_size_as_the_panel_closes_draws_nothing(
    make_app: MakeApp,
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        panel = await opened(pilot)
        await panel.dismiss()
        panel.show_live()


async def test_d_drains_and_r_asks_with_what_is_repeated_before_it_starts_one_anew(
    make_app: MakeApp, asked: list[tuple[str, str, str]]
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("d")
        await until(pilot, lambda: len(notes(app)) == 1)
        assert "Replica 0 gets no further request" in notes(app)[0]
        await pilot.press("r")
        dialog = await until_screen(pilot, QuestionDialog)
        question = str(dialog.query(Static).first().render())
        assert "The 14 requests that it works on begin anew, on other replicas" in question
        await pilot.press("enter")  # no, because something is repeated
        await until_screen(pilot, ReplicasScreen)
        await pilot.press("r", "y")
        await until(pilot, lambda: len(notes(app)) == 2)
        assert asked == [("lab", "0", "drain"), ("lab", "0", "restart")]
        await pilot.press("j", "j", "j", "j", "j", "d")
        await until(pilot, lambda: len(notes(app)) == 3)
        assert "stays as it is: it has gone" in notes(app)[2]


def test_what_cannot_be_changed_says_why() -> None:
    engines = EngineLoad(3, 0, parts=(PartLoad("0", 3),))
    live = Live()
    live.hear(LinkChanged("h100", LinkState.LIVE, ""))
    live.hear(BoxStatus("h100", 1.0, "ready", 0, 3, engines, ()))
    listing = ReplicaListing(live, "h100")
    assert why_unchangeable(listing.current, has_replicas=True).startswith(
        "The box runs an earlier"
    )
    assert why_unchangeable(listing.current, has_replicas=False).startswith(
        "The engines of one vLLM"
    )
    live.hear(BoxStatus("h100", 2.0, "ready", 0, 0, None, ()))
    listing.refresh()
    assert why_unchangeable(listing.current, has_replicas=True) == "There is no replica."
    assert remark_text(listing, has_replicas=False).plain == "It has one engine, and no replicas."
    assert remark_text(listing, has_replicas=True).plain.startswith("No replica is told yet")
    live.hear(LinkChanged("h100", LinkState.CLOSED, ""))
    assert remark_text(listing, has_replicas=True).plain.startswith("It is not connected.")
    assert not listing.show_next_box()
