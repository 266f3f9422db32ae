"""The dialog that sends prompts: what it says, what its options change, and what comes of Enter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from backend.box.asker import UnattendedAsker
from backend.config import Ahead, EngineName, Fit, Settings, Table, load_settings
from backend.dispatch.runs.runner import QueueRunner
from backend.errors import ConfigError, InputError, UpsampleError
from backend.planning.admission import assess
from backend.planning.pace import Pace
from backend.planning.plan import Planner
from backend.planning.summary import Summary, summarise
from backend.specs.model import Spec, SpecFormat
from backend.store import Job, Order, Store
from backend.tokens import TextCounter
from tests.support.pilots import until, until_screen
from tests.tui.send.queued_apps import text_of, with_queue
from tui.app import UpsampleApp
from tui.send.dialog import UpsampleDialog
from tui.send.draft import box_choices, first_options, make_batch
from tui.send.summary_text import ahead_text, summary_text
from tui.specs.screen import SpecsScreen
from tui.widgets.choice import Choice

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
Street = tuple[Spec, ...]
CWD = Path("/made/up")


async def summed(pilot: Pilot[None]) -> UpsampleDialog:
    """The dialog once it knows what would be queued."""
    dialog = await until_screen(pilot, UpsampleDialog)
    await until(pilot, lambda: dialog.summary is not None, "the prompts are weighed")
    return dialog


async def save_in(pilot: Pilot[None], dialog: UpsampleDialog, folder: Path) -> None:
    """Have the results there, and wait for what that comes to."""
    draft = dialog._draft
    dialog.query_one("#save_dir", Input).value = str(folder)
    await until(
        pilot,
        lambda: dialog._draft > draft and dialog.summary is not None,
        "the prompts are weighed again",
    )


async def test_it_says_what_would_be_queued_and_what_is_refused(
    make_app: MakeApp, settle: Settle, street: Street, tmp_path: Path
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, tmp_path):
        await settle(pilot)
        await pilot.press("a", "u")
        dialog = await summed(pilot)
        text = text_of(dialog, "#summary")
        assert text.startswith("8 jobs  8 prompts")
        assert "tokens to read" in text
        assert "≤ 2,400 tokens to write" in text
        assert "by a guess" in text
        assert "time: unknown yet" in text
        refused = text_of(dialog, "#refused Static")
        assert "✗ 1 with a video that cannot be read\n  gone: " in refused
        assert "✗ 1 upsampled already  (x on the list of specs has it sent" in refused
        assert "all the same)\n  endless: " in refused


async def test_x_has_prompts_sent_that_are_upsampled_already(
    make_app: MakeApp, settle: Settle, make_spec: Callable[..., Spec], tmp_path: Path
) -> None:
    app = make_app((make_spec("long", "word " * 400), make_spec("short", "a red car")))
    async with app.run_test(size=(100, 30)) as pilot, with_queue(app, tmp_path):
        await settle(pilot)
        for keys, jobs, title in ((["a"], 1, "2 prompts"), (["x"], 2, "that are upsampled too")):
            await pilot.press(*keys, "u")
            dialog = await summed(pilot)
            assert dialog.summary is not None
            assert len(dialog.summary.orders) == jobs
            assert title in str(dialog.query_one(".panel").border_title)
            await pilot.press("escape")


async def test_an_option_changes_the_sum(
    make_app: MakeApp, settle: Settle, street: Street, tmp_path: Path
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, tmp_path):
        await settle(pilot)
        await pilot.press("u", "tab", "backspace", "3")
        assert text_of(await summed(pilot), "#summary").startswith("3 jobs  1 prompt × 3")
        await pilot.press("down", "backspace")
        dialog = pilot.app.screen
        assert isinstance(dialog, UpsampleDialog)
        await until(pilot, lambda: "seed: nothing is no number" in text_of(dialog, "#summary"))
        await pilot.press("enter")
        assert app.screen is dialog


async def test_boxes_that_would_answer_differently_share_a_batch_when_that_is_wanted(
    make_app: MakeApp, settle: Settle, street: Street, tmp_path: Path
) -> None:
    app = make_app(street)
    local = app.settings.boxes["local"]
    far = {"a": {"host": "one"}, "b": {"host": "two", "engine": EngineName.OPENAI}}
    boxes = {name: local.model_copy(update=changes) for name, changes in far.items()}
    app.settings = app.settings.model_copy(update={"boxes": {"local": local, **boxes}})
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, tmp_path):
        await settle(pilot)
        await pilot.press("u")
        dialog = await summed(pilot)
        assert not dialog.query_one("#mixed-option").display
        await pilot.press("right")  # to all of them
        await until(pilot, lambda: "would answer differently" in text_of(dialog, "#summary"))
        assert dialog.query_one("#mixed-option").display
        await pilot.press("down", "right")
        summary = (await summed(pilot)).summary
        assert summary is not None
        assert {order.fleet for order in summary.orders} == {"a,b"}


async def test_enter_queues_and_takes_the_marks_away(
    make_app: MakeApp, settle: Settle, street: Street, tmp_path: Path
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, tmp_path) as store:
        screen = await settle(pilot)
        await pilot.press("space", "space", "u")
        await save_in(pilot, await summed(pilot), tmp_path / "out")
        await pilot.press("enter")
        # All specs here stand in one place of one file, so it is the last one's job that counts.
        await until(pilot, lambda: "· waiting" in screen.spec_list.render_line(1).text)
        assert [job.name for job in store.jobs()] == ["golden_hour", "foggy_morning"]
        assert screen.listing.marked == set()
        assert [n.message for n in app._notifications] == [
            "2 jobs queued on local; 2 shows the queue"
        ]


async def test_results_can_be_held_for_a_review(
    make_app: MakeApp, settle: Settle, street: Street, tmp_path: Path
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, tmp_path) as store:
        await settle(pilot)
        await pilot.press("u", *["tab"] * 7, "right")
        await save_in(pilot, await summed(pilot), tmp_path / "out")
        await pilot.press("enter")
        await until(pilot, lambda: bool(store.jobs()))
        assert [job.held for job in store.jobs()] == [True]


async def test_it_asks_how_much_the_box_is_given_ahead_of_time_and_says_what_that_means(
    make_app: MakeApp,
    settle: Settle,
    street: Street,
    tmp_path: Path,
) -> None:
    given: list[Ahead | None] = []

    class Runner(QueueRunner):
        async def queue(self, orders: Sequence[Order], ahead: Ahead | None = None) -> list[Job]:
            given.append(ahead)
            return []

    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, tmp_path) as store:
        app.runner = Runner(store, lambda: app.settings, UnattendedAsker(), app.hear)
        await settle(pilot)
        await pilot.press("u")
        dialog = await summed(pilot)
        assert dialog.options.ahead is Ahead.AUTO
        assert "as much as keeps it busy; the rest waits here" in text_of(dialog, "#goes")
        dialog.query_one("#ahead", Choice).focus()
        await pilot.press("left")
        assert "all of it at once; then this machine may be closed" in text_of(dialog, "#goes")
        app.holder = "process 7"
        await save_in(pilot, dialog, tmp_path / "out")
        assert "The other upsample" in text_of(dialog, "#goes")
        await pilot.press("enter")
        await until(pilot, lambda: given == [Ahead.BATCH])


async def test_escape_queues_nothing(
    make_app: MakeApp, settle: Settle, street: Street, tmp_path: Path
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, tmp_path) as store:
        screen = await settle(pilot)
        await pilot.press("space", "u", "escape")
        await pilot.pause()
        assert app.screen is screen
        assert (store.jobs(), screen.listing.marked) == ([], {0})


async def test_a_folder_that_cannot_be_written_is_told(
    make_app: MakeApp, settle: Settle, street: Street, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, tmp_path) as store:
        await settle(pilot)
        await pilot.press("u")
        dialog = await summed(pilot)
        await save_in(pilot, dialog, tmp_path / "file" / "out")
        assert "cannot be written" in text_of(dialog, "#refused Static")
        await pilot.press("enter")
        assert app.screen is dialog
        assert store.jobs() == []


async def test_u_without_a_queue_says_why(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await settle(pilot)
        app.queue_trouble = "another upsample (process 7) is working on the queue"
        await pilot.press("u")
        assert app.screen is screen
        assert "process 7" in next(iter(app._notifications)).message


# --- options -------------------------------------------------------------------------------------


def test_options_become_a_batch(settings: Settings) -> None:
    options = replace(
        first_options(settings, Path("outputs")),
        candidates="2", seed="7", frames="4", resize="safe", max_resolution="480", review=True, force=True,
    )  # fmt: skip
    batch = make_batch(options, settings, CWD)
    assert (batch.candidates, batch.seed) == (2, 7)
    assert (batch.review, batch.force) == (True, True)
    assert (batch.settings.frames_to_extract, batch.settings.fit) == (4, Fit.SAFE)
    assert batch.settings.bound.shorter == 480
    assert batch.save_dir == CWD / "outputs"


def test_the_first_options_change_nothing(settings: Settings) -> None:
    batch = make_batch(first_options(settings, Path("out")), settings, CWD)
    assert batch.settings == settings.upsampling


AUTO: dict[str, object] = {
    "boxes": {"gpu": {"host": "gpu", "engine": "openai"}},
    "box": "gpu",
    "upsampling": {"profile": "auto"},
}
ONE = {"profile": "transfer1"}


def test_a_batch_asks_for_each_format_with_the_profile_that_fits_it() -> None:
    auto = load_settings(AUTO)
    first = first_options(auto, Path("outputs"))
    asked = make_batch(first, auto, CWD).settings.for_spec("cosmos3", None)
    assert (asked.profile, asked.max_tokens, asked.frames_to_extract) == ("cosmos3", 32_768, 4)
    more = make_batch(replace(first, frames="3"), auto, CWD).settings
    for format_name, limit in (("cosmos3", 32_768), ("prompt", 4096)):
        asked = more.for_spec(format_name, None)
        assert (asked.max_tokens, asked.frames_to_extract) == (limit, 3)


def test_another_box_of_the_dialog_has_its_own_context_and_is_asked_for_what_it_can_write() -> None:
    boxes = {
        "gpu": {"host": "gpu", "engine": "openai", "max_tokens": 8192},
        "far": {"host": "far", "engine": "openai"},
    }
    auto = load_settings({**AUTO, "boxes": boxes})
    first = first_options(auto, Path("outputs"))
    limits = {"gpu": (8192, 8192), "far": (32_768, 4096), "local": (4096, 4096)}
    for box, expected in limits.items():
        own = make_batch(replace(first, box=box, frames="3"), auto, CWD).settings
        asked = [own.for_spec(name, None) for name in ("cosmos3", "prompt")]
        assert tuple(it.max_tokens for it in asked) == expected
        assert {it.frames_to_extract for it in asked} == {3}
        assert asked[0].profile == ("transfer1" if box == "local" else "cosmos3")
    # The chosen box writes prose alone, and that of the dialog does not.
    here = load_settings({**AUTO, "boxes": boxes, "box": "local"})
    batch = make_batch(replace(first_options(here, CWD), box="far"), here, CWD)
    assert batch.settings.for_spec("cosmos3", None).profile == "cosmos3"


def test_several_boxes_are_offered_together_and_share_a_batch_if_they_are_alike() -> None:
    alike: Table = {"engine": "vllm", "model": "pixtral"}
    boxes: Table = {"h100": alike | {"host": "one"}, "a100": alike | {"host": "two"}}
    own = load_settings({"box": ["h100", "a100"], "boxes": boxes})
    assert box_choices(own) == ["a100", "h100", "local", "h100,a100", "all"]
    first = first_options(own, Path("out"))
    assert first.box == "h100,a100"
    batch = make_batch(first, own, CWD)
    assert (batch.box, list(batch.fleet)) == ("h100", ["h100", "a100"])
    assert list(make_batch(replace(first, box="all"), own, CWD).fleet) == ["h100", "a100"]
    assert not make_batch(replace(first, box="a100"), own, CWD).fleet
    assert "Each box takes as much" in str(ahead_text(batch, Ahead.BATCH, ""))
    other = load_settings({"boxes": {**boxes, "a100": {"host": "two", "engine": "sketch"}}})
    with pytest.raises(InputError, match="h100 and a100 would answer differently"):
        make_batch(replace(first, box="all"), other, CWD)
    mixed = make_batch(replace(first, box="all", mixed=True), other, CWD)
    assert list(mixed.fleet) == ["h100", "a100"]


def test_a_batch_for_json_cannot_go_to_the_engine_sketch() -> None:
    settings = load_settings({"upsampling": {"profile": "cosmos3"}})
    with pytest.raises(InputError, match="writes prose alone"):
        make_batch(first_options(settings, CWD), settings, CWD)


def test_the_sum_tells_how_many_prompts_are_asked_with_which_profile(
    make_spec: Callable[..., Spec], tmp_path: Path
) -> None:
    auto = load_settings(AUTO)
    batch = make_batch(first_options(auto, tmp_path / "out"), auto, tmp_path)
    plain = [make_spec(f"p{n}", video="") for n in range(3)]
    cosmos3 = replace(plain[0], name="c", format=SpecFormat.COSMOS3, file=tmp_path / "c.json")
    planner = Planner(batch.settings, TextCounter())
    with closing(Store(tmp_path / "queue.db")) as store:
        weighed = assess([*plain, cosmos3], [], batch, store, force=False)
    said = str(summary_text(summarise(weighed, planner.plan_spec, batch, Pace(None, 8))))
    assert "as transfer1: 3, as cosmos3: 1" in said
    one = replace(batch, settings=load_settings({**AUTO, "upsampling": ONE}).upsampling)
    alone = summarise(weighed, planner.plan_spec, one, Pace(None, 8))
    assert " as " not in str(summary_text(alone))


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("candidates", "0", InputError),
        ("candidates", "", InputError),
        ("seed", "-1", InputError),
        ("seed", str(2**31), InputError),
        ("frames", "65", InputError),
        ("max_resolution", "big", InputError),
        ("save_dir", " ", InputError),
        ("box", "nowhere", ConfigError),
    ],
)
def test_a_wrong_option_is_told(
    settings: Settings, field: str, value: str, error: type[UpsampleError]
) -> None:
    options = first_options(settings, Path("outputs"))
    wrong = {name: getattr(options, name) for name in options.__dataclass_fields__} | {field: value}
    with pytest.raises(error):
        make_batch(type(options)(**wrong), settings, CWD)


def test_the_sum_tells_what_a_batch_costs_and_where_the_box_stops() -> None:
    order = cast(Order, None)
    summary = Summary(
        "net", "openai", (order,), 1, 2_000_000, 300, 0, True, (), Pace(None, 8), 2.0006, 5.0
    )
    assert "≤ 2.00 is what it costs" in str(summary_text(summary))
    assert "the box stops" not in str(summary_text(summary))
    dear = str(summary_text(replace(summary, spend_limit=1.5)))
    assert "≤ 2.00 is what it costs; the box stops at 1.50 a day" in dear
    assert "costs" not in str(summary_text(replace(summary, cost=None)))
    replacing = str(summary_text(replace(summary, replaced=(7, 8))))
    assert "! 2 accepted results will be replaced; `upsample results accept 7`" in replacing
