"""A measurement against a box at work here, whose engine counts as a test wants it to (a stand-in).

Against real vLLM: tests/end_to_end/test_e2e_vllm.py.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import backoff, reconnect
from backend.config import load_settings
from backend.errors import BoxUnreachable
from backend.limits.calibration import Calibration, make_calibration
from backend.limits.estimates import LimitsLab
from backend.limits.measurement import Measurement
from backend.limits.measurement_run import MeasurementRun, MeasurementWatchers
from backend.limits.reply import ReplyOutcome
from backend.limits.sampled_sizes import CONTEXT_LENGTHS, PROMPT, NamedSize
from backend.planning.plan import Planner
from backend.sizes import Size
from backend.tokens import TextCounter
from remote.protocol import Hello
from tests.support.counting_engine import CountingEngine
from tests.support.near_box import BOX, NearBox, serving_near
from tests.support.waiting import until

BOUND = 60.0
SIZES = [NamedSize("", Size.parse(text)) for text in ("64x36", "320x180", "1280x704")]


@dataclass
class Bench:
    """A measurement of one box."""

    folder: Path
    counter: TextCounter
    progress: list[tuple[int, int]] = field(default_factory=list)

    def measuring(self) -> MeasurementRun:
        upsampling = load_settings().upsampling
        lab = LimitsLab(Planner(upsampling, self.counter), PROMPT, CONTEXT_LENGTHS)
        return MeasurementRun(lab, self.counter, BOX, self.folder / "measuring")

    def has_replies(self, count: int) -> bool:
        return len(self.progress) >= count

    async def run(self, sizes: Sequence[NamedSize] = SIZES) -> Measurement:
        watchers = MeasurementWatchers(
            lambda _: None, lambda done, all_: self.progress.append((done, all_))
        )
        async with asyncio.timeout(BOUND):
            return await self.measuring().run(sizes, (1, 2), UnattendedAsker(), watchers)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos and frames, which are drawn once for all of these tests."""
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture
def bench(tmp_path: Path, drawn: Path, counter: TextCounter) -> Iterator[Bench]:
    measuring = tmp_path / "measuring"
    shutil.copytree(drawn, measuring)
    yield Bench(tmp_path, counter)
    for name in ("videos", "frames"):
        if (measuring / name).is_dir():
            shutil.copytree(measuring / name, drawn / name, dirs_exist_ok=True)


def use(box: NearBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "open_link", box.open_link)


async def test_a_box_that_counts_as_we_do_agrees_on_every_row(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = CountingEngine(bench.counter)
    async with serving_near(tmp_path / "box", 4, engine) as box:
        use(box, monkeypatch)
        measured = await bench.run()

    assert measured.is_as_reckoned
    assert measured.largest_error == 0
    told = {(str(row.size), row.frames): row.reply for row in measured.rows}
    assert len(told) == 1 + len(SIZES) * 2
    assert told["1280x704", 2].outcome is ReplyOutcome.REFUSED
    assert told["1280x704", 2].prompt_tokens == 4699
    assert told["320x180", 2].outcome is ReplyOutcome.ACCEPTED
    assert told["None", 0].prompt_tokens == 19
    wide = measured.confirmed[0]
    assert (str(wide.accepted), wide.accepted_tokens, str(wide.refused)) == (
        "938x528",
        3979,
        "942x530",
    )
    assert str(wide.sent) == "910x512"
    assert measured.keeps_room is True
    assert bench.progress[-1][0] == bench.progress[-1][1] == len(bench.progress)
    # Nothing that is asked for could be answered from an earlier measurement.
    assert len({request.sampling.seed for request in engine.asked}) == 1


async def test_a_box_that_cuts_answers_off_is_told_from_one_that_refuses(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = CountingEngine(bench.counter, keeps_room=False)
    async with serving_near(tmp_path / "box", 4, engine) as box:
        use(box, monkeypatch)
        measured = await bench.run(SIZES[:1])
    assert measured.is_as_reckoned
    assert measured.keeps_room is False


async def test_a_box_that_counts_more_is_found_out_and_its_own_largest_size_is_found(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = CountingEngine(bench.counter, skew=100)
    async with serving_near(tmp_path / "box", 4, engine) as box:
        use(box, monkeypatch)
        measured = await bench.run()

    assert not measured.is_as_reckoned
    assert measured.largest_error == 200
    assert measured.agreeing == 1  # the prompt alone
    wide = measured.confirmed[0]
    assert not wide.is_confirmed
    assert wide.accepted is not None
    assert wide.accepted_tokens is not None
    assert wide.refused is not None
    assert wide.accepted.area < wide.refused.area < Size(938, 528).area
    assert wide.accepted_tokens < 4096
    calibration = make_calibration(measured)
    assert calibration.vision_tokens(Size(320, 180), 2) == 704
    assert "by up to 200 tokens" in calibration.warning()


async def test_a_shorter_context_than_ours_is_found_out(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving_near(tmp_path / "box", 4, CountingEngine(bench.counter, limit=2048)) as box:
        use(box, monkeypatch)
        measured = await bench.run(SIZES[:1])
    assert measured.largest_error == 0
    assert not any(each.is_confirmed for each in measured.confirmed)
    assert all((each.accepted_tokens or 9999) < 2048 for each in measured.confirmed)


async def test_failures_of_the_engine_are_no_refusals(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = CountingEngine(bench.counter)
    engine.fails = True
    async with serving_near(tmp_path / "box", 4, engine) as box:
        use(box, monkeypatch)
        measured = await bench.run(SIZES[:1])
    assert {row.reply.outcome for row in measured.rows} == {ReplyOutcome.FAILED}
    assert measured.agreeing == 0
    assert measured.keeps_room is None
    assert all("CUDA error" in each.trouble for each in measured.confirmed)
    assert make_calibration(measured).samples == ()


async def test_a_link_that_breaks_is_made_again_and_no_answer_is_written_twice(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    engine = CountingEngine(bench.counter)
    async with serving_near(tmp_path / "box", 4, engine) as box:
        use(box, monkeypatch)
        running = asyncio.create_task(bench.run())
        for replies in (2, 6, 11):
            async with asyncio.timeout(BOUND):
                await until(functools.partial(bench.has_replies, replies))
            box.cut()
        measured = await running
        answered = box.told("finished")

    assert measured.is_as_reckoned
    assert len(set(answered)) == len(answered) > 10
    assert sum(isinstance(message, Hello) for message in box.sent) > 1


async def test_an_interrupted_measurement_goes_on_where_it_was(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = CountingEngine(bench.counter)
    async with serving_near(tmp_path / "box", 4, engine) as box:
        use(box, monkeypatch)
        running = asyncio.create_task(bench.run())
        async with asyncio.timeout(BOUND):
            await until(functools.partial(bench.has_replies, 5))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert bench.measuring().kept >= 5

        measured = await bench.run()
        answered = box.told("finished")

    assert measured.is_as_reckoned
    assert len(set(answered)) == len(answered) > 10


async def test_what_failed_is_asked_again_by_the_next_try(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = CountingEngine(bench.counter)
    engine.fails = True
    async with serving_near(tmp_path / "box", 4, engine) as box:
        use(box, monkeypatch)
        failed = await bench.run(SIZES[:1])
        engine.fails = False
        measured = await bench.run(SIZES[:1])
    assert failed.agreeing == 0
    assert measured.is_as_reckoned


async def test_a_box_that_cannot_be_reached_is_told_at_once(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving_near(tmp_path / "box", 4, CountingEngine(bench.counter)) as box:
        use(box, monkeypatch)
        box.is_down = True
        with pytest.raises(BoxUnreachable, match="is down"):
            await bench.run()


def test_a_calibration_says_nothing_of_what_was_not_asked() -> None:
    calibration = Calibration(
        box="h100", model="m", profile="transfer1", engine="vllm 0.8.1", ended=0.0, max_model_len=4096,
        samples=(),
    )  # fmt: skip
    assert calibration.vision_tokens(Size(320, 180), 2) is None
    assert calibration.vision_tokens(None, 0) is None
    assert calibration.warning() == ""
