"""Clips take the tokens that transformers' video processors for Qwen2.5-VL and Qwen3-VL give them."""

from __future__ import annotations

import pytest

from backend.sizes import Size
from backend.tokens import FAMILIES, QWEN3_VL
from backend.tokens.clip_tokens import QWEN2_VL_CLIPS, QWEN3_VL_CLIPS, ShownRule


@pytest.mark.parametrize(
    ("size", "frames", "resized"),
    [
        # Computed with `smart_resize` of Qwen3-VL's video processor, for 4,096 to 25,165,824 pixels.
        (Size(1280, 720), 2, Size(1280, 704)),
        (Size(1280, 720), 32, Size(1152, 640)),
        (Size(640, 360), 32, Size(640, 352)),
        (Size(1920, 1080), 5, Size(1920, 1088)),
        (Size(1920, 1080), 32, Size(1152, 640)),
        (Size(20, 12), 2, Size(64, 32)),
        (Size(40, 30), 2, Size(64, 64)),
    ],
)
def test_all_frames_of_qwen3_share_one_bound(size: Size, frames: int, resized: Size) -> None:
    assert QWEN3_VL_CLIPS.resized(size, frames) == resized


@pytest.mark.parametrize(
    ("frames", "of_qwen2", "of_qwen3"),
    [
        # 644x364 is 23 by 13 cells; 640x352 is 20 by 11, with 2 marks and at most 9 tokens of time.
        (2, 299 + 2, 220 + 11 + 2),
        (3, 2 * 299 + 2, 2 * (220 + 11) + 2),
        (8, 4 * 299 + 2, 4 * (220 + 11) + 2),
    ],
)
def test_each_two_frames_take_the_tokens_of_one(frames: int, of_qwen2: int, of_qwen3: int) -> None:
    size = Size(640, 360)
    assert QWEN2_VL_CLIPS.clip_tokens(size, frames) == of_qwen2
    assert QWEN3_VL_CLIPS.clip_tokens(size, frames) == of_qwen3
    assert QWEN3_VL.vision_tokens(size, 1) == 220 + 2


def test_what_is_shown_is_counted_medium_by_medium() -> None:
    size, clips = Size(640, 360), QWEN3_VL_CLIPS
    still = QWEN3_VL.vision_tokens(size, 1)
    mixed = ShownRule(clips, QWEN3_VL, (1, 3, 2))
    assert mixed.vision_tokens(size, 6) == (
        still + clips.clip_tokens(size, 3) + clips.clip_tokens(size, 2)
    )
    stills = ShownRule(clips, QWEN3_VL, (1, 1))
    assert stills.vision_tokens(size, 2) == QWEN3_VL.vision_tokens(size, 2)
    assert (mixed.is_estimated, stills.is_estimated) == (True, False)


def test_a_clip_has_even_sides_and_is_no_larger_than_the_model_looks_at() -> None:
    shown = ShownRule(QWEN3_VL_CLIPS, QWEN3_VL, (8, 32))
    assert shown.seen_size(Size(641, 361)) == Size(640, 360)
    # The clip of fewer frames is looked at in full.
    assert shown.seen_size(Size(1920, 1080)) == Size(1920, 1080)
    assert ShownRule(QWEN3_VL_CLIPS, QWEN3_VL, (32,)).seen_size(Size(1920, 1080)) == Size(1152, 640)
    assert ShownRule(QWEN3_VL_CLIPS, QWEN3_VL, (1,)).seen_size(Size(641, 361)) == Size(641, 361)


def test_only_the_qwen_families_count_clips() -> None:
    assert {name for name, family in FAMILIES.items() if family.clips} == {"qwen2-vl", "qwen3-vl"}
