"""The largest size that fits, against a search through every candidate."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.sizes import UNBOUNDED, Bound, Size
from backend.tokens import (
    LINEAR,
    MISTRAL_SMALL,
    PIXTRAL,
    QWEN2_VL,
    QWEN3_VL,
    Budget,
    VisionRule,
    fit,
)


@pytest.mark.parametrize(
    ("source", "text", "fitted", "prompt_tokens"),
    [
        ("1280x720", 16, "910x512", 3731),
        ("1280x720", 100, "896x504", 3751),
        ("960x960", 16, "672x672", 3631),
        ("640x480", 16, "640x480", 2479),
    ],
)
def test_the_measured_sizes_come_out(
    source: str, text: int, fitted: str, prompt_tokens: int
) -> None:
    size = fit(Size.parse(source), text=text, limit=4096, reserve=300)
    assert size == Size.parse(fitted)
    assert Budget(4096, 300, text, PIXTRAL.vision_tokens(size, 2)).prompt_tokens == prompt_tokens


def test_an_odd_source_that_fits_is_left_alone() -> None:
    assert fit(Size(641, 479), text=16, limit=4096, reserve=300) == Size(641, 479)


def test_nothing_fits_a_context_that_the_prompt_fills() -> None:
    assert fit(Size(640, 480), text=3793, limit=4096, reserve=300) is None


def test_a_bound_shrinks_what_would_fit() -> None:
    box = fit(Size(640, 480), text=16, limit=4096, reserve=300, bound=Bound.parse("320x400"))
    assert box == Size(320, 240)
    side = fit(Size(480, 640), text=16, limit=4096, reserve=300, bound=Bound.parse("240"))
    assert side == Size(240, 320)


def test_text_alone_fits_at_any_size() -> None:
    assert fit(Size(4000, 3000), text=16, limit=4096, reserve=300, frames=0) == Size(4000, 3000)


@pytest.mark.parametrize(
    "rule",
    [PIXTRAL, MISTRAL_SMALL, QWEN2_VL, QWEN3_VL, LINEAR],
    ids=["pixtral", "small", "qwen2", "qwen3", "linear"],
)
@given(
    source=st.builds(Size, st.integers(1, 2600), st.integers(1, 2600)),
    text=st.integers(0, 400),
    limit=st.sampled_from([600, 1024, 2048, 4096, 8192, 12_000]),
    frames=st.integers(1, 4),
    bound=st.sampled_from([UNBOUNDED, Bound(width=854, height=480), Bound(shorter=480)]),
)
@example(source=Size(4000, 3), text=0, limit=600, frames=2, bound=UNBOUNDED)
@example(source=Size(3, 2600), text=290, limit=600, frames=1, bound=UNBOUNDED)
@example(source=Size(13, 2600), text=0, limit=600, frames=1, bound=UNBOUNDED)
@example(source=Size(50, 40), text=0, limit=600, frames=4, bound=UNBOUNDED)
def test_no_candidate_is_larger_than_the_one_found(
    rule: VisionRule, source: Size, text: int, limit: int, frames: int, bound: Bound
) -> None:
    found = fit(source, text=text, limit=limit, reserve=300, frames=frames, rule=rule, bound=bound)
    assert found == _searched(source, text, limit, frames, rule, bound)


def _searched(
    source: Size, text: int, limit: int, frames: int, rule: VisionRule, bound: Bound
) -> Size | None:
    """Every even height and every even width, in floating point and without cleverness."""

    def fits(size: Size) -> bool:
        budget = Budget(limit, 300, text, rule.vision_tokens(size, frames))
        return budget.fits and bound.allows(size) and rule.accepts(size)

    if fits(source):
        return source
    found = []
    for height in range(2, source.height + 1, 2):
        wanted = height * source.width / source.height
        near = [2 * (int(wanted) // 2) + step for step in (-2, 0, 2)]
        width = min((w for w in near if w >= 2), key=lambda w: (abs(w - wanted), w))
        size = Size(width, height)
        if width <= source.width and fits(size):
            found.append(size)
    return max(found, key=lambda size: size.area, default=None)


def test_a_long_list_is_fitted_quickly() -> None:
    source = Size(3840, 2160)
    fit(source, text=0, limit=4096, reserve=300)
    started = time.process_time()  # others may have the processor meanwhile
    for text in range(2000):
        fit(source, text=text, limit=4096, reserve=300)
    # It takes 7 µs; the bound only notices a search that is done anew each time.
    assert (time.process_time() - started) / 2000 < 200e-6
