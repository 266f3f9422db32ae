"""Answers that are not as the profile wants them: drawn again with another seed, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links.link import Box
from backend.cli import run as run_command
from backend.config import load_settings
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.preparing.prepare import Preparer
from backend.errors import InputError
from backend.events import (
    Event,
    HandedOver,
    JobDone,
    JobDrawnAgain,
    JobFailed,
    JobPostponed,
    WritingFailed,
)
from backend.exit_codes import ExitCode
from backend.planning.orders import (
    GREATEST_SEED,
    MOST_CANDIDATES,
    Batch,
    make_jobs,
    seed_of_draw,
)
from backend.results.writing import load_result
from backend.specs.scan import scan
from backend.store import Draw, Job, State, Store, default_path
from remote.protocol import (
    Accepted,
    Answer,
    Ask,
    Finished,
    FromApp,
    FromBox,
    Setup,
    Submit,
    Welcome,
)
from tests.support.json_profile import NAME, PROFILE, RIGHT, SCHEMA, write_json_profile
from tests.support.links import lead_to

BOX = Box("h100", "gpu", Setup("/root", "openai", "m", 1.0))
PROSE = "A long dusk."


class AnsweringBox:
    """Answers each request with the text that belongs to its seed."""

    def __init__(self, texts: Callable[[int], str], protocol: int = 6, slots: int = 4) -> None:
        self.welcome = Welcome(protocol, "r", "journal", 0, "openai 1", "s", "", slots, 0)
        self.submitted: list[Submit] = []
        self._texts = texts
        self._said: asyncio.Queue[FromBox] = asyncio.Queue()

    @property
    def seeds(self) -> list[int]:
        return [submit.request.sampling.seed for submit in self.submitted]

    async def send(self, message: FromApp) -> None:
        if isinstance(message, Ask):
            return
        assert isinstance(message, Submit)
        self.submitted.append(message)
        seq = 2 * len(self.submitted)
        text = self._texts(message.request.sampling.seed)
        self._said.put_nowait(Accepted(seq, message.job))
        self._said.put_nowait(Finished(seq + 1, message.job, answer(text)))

    async def messages(self) -> AsyncIterator[FromBox]:
        while True:
            yield await self._said.get()


class Run(Protocol):
    """Runs the queue on a box, and returns what is told of it."""

    def __call__(self, box: AnsweringBox, *, hand_over: bool = False) -> Awaitable[list[Event]]: ...


def answer(text: str) -> Answer:
    return Answer(text, "stop", "openai 1", 60, 7, "r", "", 1, 0.0, 1.0, cost=0.25)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


@pytest.fixture
def job(store: Store, tmp_path: Path) -> Job:
    write_json_profile()
    return queue_dusk(store, tmp_path)


def queue_dusk(store: Store, tmp_path: Path) -> Job:
    """Queue a spec as the profile `objects` is now."""
    spec = tmp_path / "dusk.json"
    spec.write_text(json.dumps({"model_mode": "text2video", "prompt": "Warm dusk", "fps": 16}))
    settings = load_settings({"upsampling": {"profile": NAME}})
    batch = Batch("h100", settings.boxes["local"], settings.upsampling, tmp_path / "out", seed=7)
    return store.queue(make_jobs(scan([spec], tmp_path).specs, [spec], batch))[0]


@pytest.fixture
def run(store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    async def run(box: AnsweringBox, *, hand_over: bool = False) -> list[Event]:
        lead_to(box, monkeypatch)
        events: list[Event] = []
        async with asyncio.timeout(30):
            dispatcher = Dispatcher(
                store, BOX, UnattendedAsker(), events.append, hand_over=hand_over
            )
            await dispatcher.run(store.to_do())
        return events

    return run


async def test_a_wrong_answer_is_drawn_again_with_another_seed(
    store: Store, job: Job, run: Run
) -> None:
    box = AnsweringBox({7: PROSE, 107: '{"mood": ""}', 207: RIGHT}.__getitem__)
    events = await run(box)
    assert box.seeds == [7, 107, 207]
    told = [(e.draw, e.most, e.reason) for e in events if isinstance(e, JobDrawnAgain)]
    assert [(draw, most) for draw, most, _ in told] == [(2, 3), (3, 3)]
    assert "no JSON object but other text" in told[0][2]
    (done,) = [event for event in events if isinstance(event, JobDone)]
    assert json.loads(done.prompt) == {"scene": "a long dusk", "fps": 16}
    assert json.loads(job.destination.read_text())["prompt"] == done.prompt


async def test_the_cost_of_each_draw_stands_in_the_provenance(
    store: Store, job: Job, run: Run
) -> None:
    await run(AnsweringBox({7: PROSE, 107: RIGHT}.__getitem__))
    (draws,) = [load_result(store, store.jobs()[0]).provenance["draws"]]
    assert isinstance(draws, list)
    (draw,) = draws
    assert isinstance(draw, dict)
    assert [draw[name] for name in ("seed", "prompt_tokens", "completion_tokens", "cost")] == [
        7,
        60,
        7,
        0.25,
    ]
    assert "no JSON object" in str(draw["problem"])


async def test_what_stays_wrong_fails_with_what_was_wrong_and_keeps_its_text(
    store: Store, job: Job, run: Run
) -> None:
    box = AnsweringBox(lambda _: PROSE)
    events = await run(box)
    assert box.seeds == [7, 107, 207]
    (failed,) = [event for event in events if isinstance(event, JobFailed)]
    assert "no JSON object but other text" in failed.error
    (left,) = store.jobs()
    assert (left.state, len(left.draws)) == (State.FAILED, 3)
    kept = store.answer(left.identity or "", "h100")
    assert kept is not None
    assert kept.text == PROSE


async def test_jobs_with_the_same_request_draw_together_and_pay_for_each_draw_once(
    store: Store, job: Job, run: Run, tmp_path: Path
) -> None:
    twin = replace(job, key="twin", destination=tmp_path / "twin" / "dusk.json")
    store.queue([twin])
    box = AnsweringBox({7: PROSE, 107: PROSE, 207: RIGHT}.__getitem__)
    events = await run(box)
    assert box.seeds == [7, 107, 207]
    assert [it.state for it in store.jobs()] == [State.DONE] * 2
    assert [len(it.draws) for it in store.jobs()] == [2, 2]
    costs = [it.cost or 0 for it in events if isinstance(it, JobDone | JobDrawnAgain)]
    assert (len(costs), sum(costs)) == (6, 3 * 0.25)
    assert twin.destination.read_text() == job.destination.read_text()


async def test_a_job_that_is_cancelled_while_it_waits_for_a_draw_is_not_asked_again(
    store: Store, job: Job, run: Run
) -> None:
    box = AnsweringBox(lambda _: PROSE)
    store.note_draw(job, Draw(7, "ab", "prose", 60, 7), again=True)
    store.ask_to_cancel([job.number])
    await run(box)
    assert (box.submitted, store.jobs()[0].state) == ([], State.CANCELLED)


async def test_a_failed_job_that_is_queued_again_draws_what_was_not_drawn(
    store: Store, job: Job, run: Run
) -> None:
    await run(AnsweringBox(lambda _: PROSE))
    store.set_state(job.number, State.QUEUED)
    box = AnsweringBox(lambda _: RIGHT)
    await run(box)
    assert (box.seeds, store.jobs()[0].state) == ([307], State.DONE)


async def test_a_wrong_answer_that_was_stored_and_not_judged_is_paid_once(
    store: Store, job: Job, run: Run
) -> None:
    first = AnsweringBox(lambda _: RIGHT)
    await run(first)
    # As if the program had been killed between the answer and its judgement, with another answer.
    identity = store.jobs()[0].identity or ""
    with store._transaction() as db:
        db.execute("DELETE FROM results")
        db.execute("UPDATE jobs SET state = 'sent'")
    store.keep_answer(identity, "h100", answer(PROSE))
    second = AnsweringBox(lambda _: RIGHT)
    await run(second)
    assert (first.seeds, second.seeds) == ([7], [107])
    assert [draw.seed for draw in store.jobs()[0].draws] == [7]


async def test_a_job_that_waited_for_its_next_draw_goes_on_with_that(
    store: Store, job: Job, run: Run
) -> None:
    store.note_draw(job, Draw(7, "ab", "prose", 60, 7), again=True)
    store.note_draw(job, Draw(7, "ab", "prose", 60, 7), again=True)
    box = AnsweringBox(lambda _: RIGHT)
    await run(box)
    assert (box.seeds, len(store.jobs()[0].draws)) == ([107], 1)


async def test_the_request_holds_the_schema_the_message_and_all_of_the_sampling(
    store: Store, job: Job, run: Run
) -> None:
    box = AnsweringBox(lambda _: RIGHT)
    await run(box)
    (request,) = [submit.request for submit in box.submitted]
    assert json.loads(request.schema)["required"] == ["scene"]
    assert request.sampling.top_p == 0.8
    assert request.prompt.startswith("Describe for 1280 x 720 at 16: Warm dusk\n{")
    assert '"scene": "what is to be seen"' in request.prompt


async def test_a_job_waits_for_a_box_that_cannot_be_asked_so_and_says_what_to_do(
    store: Store, job: Job, run: Run
) -> None:
    box = AnsweringBox(lambda _: RIGHT, protocol=5)
    (postponed,) = [event for event in await run(box) if isinstance(event, JobPostponed)]
    assert "of an earlier version" in postponed.reason
    assert "upsample box stop" in postponed.reason
    assert (box.submitted, store.jobs()[0].state) == ([], State.QUEUED)
    newer = AnsweringBox(lambda _: RIGHT)
    await run(newer)
    assert (newer.seeds, store.jobs()[0].state) == ([7], State.DONE)


async def test_a_run_that_was_killed_before_it_failed_a_job_draws_and_counts_nothing_again(
    store: Store, job: Job, run: Run
) -> None:
    await run(AnsweringBox(lambda _: PROSE))
    with store._transaction() as db:
        db.execute("UPDATE jobs SET state = 'sent', error = ''")
    box = AnsweringBox(lambda _: RIGHT)
    (failed,) = [event for event in await run(box) if isinstance(event, JobFailed)]
    assert "no JSON object" in failed.error
    assert (box.submitted, len(store.jobs()[0].draws)) == ([], 3)


async def test_a_job_that_cannot_be_sent_again_says_why_and_not_what_was_wrong_before(
    store: Store, job: Job, run: Run
) -> None:
    await run(AnsweringBox(lambda _: PROSE))
    store.set_state(job.number, State.QUEUED)
    with store._transaction() as db:
        db.execute("UPDATE jobs SET video = ?", (b"/nowhere/clip.mp4",))
    box = AnsweringBox(lambda _: RIGHT)
    (failed,) = [event for event in await run(box) if isinstance(event, JobFailed)]
    assert "clip.mp4" in failed.error
    assert (box.submitted, len(store.jobs()[0].draws)) == ([], 3)


@pytest.mark.parametrize("seed", [0, 7, GREATEST_SEED - 50, GREATEST_SEED])
def test_the_first_draw_has_the_seed_that_was_asked_for(job: Job, seed: int) -> None:
    first = replace(job, seed=seed)
    drawn = [replace(first, draws=(Draw(0, "", "", 1, 1),) * count) for count in range(6)]
    seeds = [seed_of_draw(each) for each in drawn]
    assert seeds[0] == seed
    assert len(set(seeds)) == 6
    last = replace(first, candidate=MOST_CANDIDATES - 1)
    assert 0 <= seed_of_draw(last) + last.candidate <= GREATEST_SEED


async def test_the_engine_sketch_is_not_asked_for_json(store: Store, job: Job) -> None:
    async def welcome() -> Welcome:
        return AnsweringBox(lambda _: RIGHT).welcome

    with pytest.raises(InputError, match="writes prose alone, and the profile objects"):
        await Preparer("", welcome, writes_prose=True).prepare(job)


def test_a_batch_for_json_is_refused_before_it_is_queued_for_the_engine_sketch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json_profile()
    monkeypatch.setenv("UPSAMPLE_PROFILE", NAME)
    spec = tmp_path / "dusk.txt"
    spec.write_text("Warm dusk")
    assert run_command(["--no-ui", str(spec)]) == ExitCode.USAGE
    assert "(sketch) writes prose alone" in capsys.readouterr().err
    assert not default_path().exists()
    assert run_command(["--no-ui", "--dry-run", str(spec)]) == ExitCode.OK
    assert "(sketch) writes prose alone" in capsys.readouterr().err


async def test_a_box_that_has_all_jobs_is_said_to_have_them_again_after_another_draw(
    store: Store, job: Job, run: Run
) -> None:
    box = AnsweringBox({7: PROSE, 107: PROSE, 207: RIGHT}.__getitem__, slots=0)
    events = await run(box, hand_over=True)
    told = [type(it) for it in events if isinstance(it, HandedOver | JobDrawnAgain)]
    assert told == [HandedOver, JobDrawnAgain] * 2 + [HandedOver]


@pytest.mark.parametrize("was_text", [False, True])
async def test_a_profile_that_was_changed_wants_nothing_of_results_that_were_taken_before(
    store: Store, tmp_path: Path, run: Run, was_text: bool
) -> None:
    file = write_json_profile(PROFILE.partition("[answer]")[0] if was_text else PROFILE)
    old = queue_dusk(store, tmp_path)
    await run(AnsweringBox(lambda _: PROSE if was_text else RIGHT))
    file.write_text(PROFILE)
    file.with_name("scene.json").write_text(
        json.dumps(SCHEMA | {"required": ["scene", "fps", "mood"]})
    )
    before = load_result(store, store.jobs([old.number])[0]).prompt
    assert before == PROSE if was_text else json.loads(before)["fps"] == 16
    new = queue_dusk(store, tmp_path)
    assert new.number != old.number
    file.with_name("scene.json").write_text(json.dumps(SCHEMA | {"additionalProperties": True}))
    events = await run(AnsweringBox(lambda _: '{"scene": "a late dusk"}'))
    assert not [event for event in events if isinstance(event, WritingFailed)]
    assert "a late dusk" in json.loads(new.destination.read_text())["prompt"]
