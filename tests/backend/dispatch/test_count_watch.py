"""The first answers show that a profile does not fit the model of a box; it is told once and corrected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from backend.dispatch.preparing.count_watch import CountWatch
from backend.dispatch.preparing.prepare import Preparer, Ready
from backend.events import EstimateCorrected
from backend.planning.box_counts import read_counts
from backend.sizes import Size
from backend.store import Job, Store
from backend.tokens import QWEN2_VL, TextCounter
from remote.protocol import Welcome
from tests.support.made_up_jobs import made_up_job

_COUNTER = TextCounter()
SHORT, LONG = "a red car on a bridge", "a forklift lifts a pallet of boxes in a dim hall. " * 6


@dataclass
class Box:
    """A box whose server counts by a rule of its own."""

    template: int = 30
    serves: str = "abc"
    engine: str = "vllm 0.32.0"

    async def welcome(self) -> Welcome:
        return Welcome(5, "r", "j", 0, self.engine, "s", "", 4, 0, self.serves, "told")

    def count(self, ready: Ready) -> int:
        """The tokens that the server counts: a template, Pixtral's words, and Qwen's pictures."""
        sizes = [Size(frame.width, frame.height) for frame in ready.request.frames]
        text = _COUNTER.count(ready.request.prompt)
        return self.template + text + sum(QWEN2_VL.image_tokens(size) for size in sizes)


@dataclass
class Run:
    """A run of this program on that box."""

    box: Box
    job: Callable[..., Job]
    store: Store

    def __post_init__(self) -> None:
        self.watch = CountWatch(self.store, "gpu", print)
        self.preparer = Preparer("m", self.box.welcome, self.watch)

    async def answer(
        self, prompt: str, video: Path | None = None
    ) -> tuple[int, EstimateCorrected | None]:
        """Send a prompt; return by how much its estimate was off, and what was told of the answer."""
        job = self.job(video, prompt)
        ready = await self.preparer.prepare(job)
        tokens = self.box.count(ready)
        return tokens - ready.prompt_tokens, self.watch.note(job, ready.request, tokens)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Box], Run]]:
    with closing(Store(tmp_path / "queue.db")) as store:
        yield lambda box: Run(box, partial(made_up_job, tmp_path), store)


async def test_a_drift_is_told_once_and_later_estimates_are_what_is_counted(
    run: Callable[[Box], Run],
) -> None:
    box = Box()
    first = run(box)
    off, told = await first.answer(SHORT)
    assert off == 27
    assert told is not None
    assert (told.box, told.model, told.profile, told.fitting) == (
        "gpu",
        "m",
        "transfer1",
        ("generic",),
    )
    assert "The chat template takes 30 tokens, not 3." in told.text
    assert await first.answer(LONG) == (0, None)
    assert await run(box).answer(LONG) == (0, None)


async def test_counts_with_pictures_tell_the_family_of_the_model(
    run: Callable[[Box], Run], tmp_path: Path
) -> None:
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    Image.new("RGB", (960, 540)).save(large)
    Image.new("RGB", (320, 240)).save(small)
    first = run(Box(template=19))
    off, told = await first.answer(SHORT, large)
    assert off != 0
    assert told is not None
    assert "reason1" in told.fitting
    assert await first.answer(LONG, small) == (0, None)
    assert await first.answer(LONG) == (0, None)


async def test_a_box_that_is_counted_right_leaves_no_file_and_hears_nothing(
    run: Callable[[Box], Run],
) -> None:
    first = run(Box(template=3))
    assert [await first.answer(prompt) for prompt in (SHORT, LONG)] == [(0, None)] * 2
    assert await run(Box(template=9)).answer(SHORT) == (6, None)
    assert read_counts("gpu") is None


async def test_another_model_behind_the_same_box_does_not_use_the_old_correction(
    run: Callable[[Box], Run],
) -> None:
    await run(Box()).answer(SHORT)
    switched = run(Box(template=3, serves="another"))
    assert await switched.answer(SHORT) == (0, None)
    assert read_counts("gpu") is None


async def test_another_model_under_the_same_name_is_noticed_by_its_counts(
    run: Callable[[Box], Run],
) -> None:
    await run(Box()).answer(SHORT)
    switched = run(Box(template=3))
    offs = [(await switched.answer(prompt))[0] for prompt in (SHORT, LONG, "rain", SHORT)]
    assert offs == [-27, 0, 0, 0]
    assert read_counts("gpu") is None


async def test_the_rule_of_thumb_is_what_the_user_asked_for(
    run: Callable[[Box], Run], tmp_path: Path
) -> None:
    first = run(Box())
    job = made_up_job(tmp_path, None, SHORT, estimator="linear")
    ready = await first.preparer.prepare(job)
    assert first.watch.note(job, ready.request, 400) is None


@pytest.mark.parametrize("tokens", [-1, 0, 10**400])
async def test_a_count_that_cannot_be_is_passed_over(
    run: Callable[[Box], Run], tmp_path: Path, tokens: int
) -> None:
    first = run(Box())
    job = made_up_job(tmp_path, None, SHORT)
    ready = await first.preparer.prepare(job)
    assert first.watch.note(job, ready.request, tokens) is None
