"""What a server's counts say of a family's rules, and what the corrected rules then give."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backend.sizes import Size
from backend.tokens import (
    FAMILIES,
    PIXTRAL,
    QWEN2_VL,
    CountedRequest,
    Family,
    TextCounter,
    expected_tokens,
    find_correction,
    fits_family,
)
from backend.tokens.vision_tokens import FixedRule, ScaledRule, VisionRule

PIXTRAL_FAMILY, QWEN2, OTHER = FAMILIES["pixtral"], FAMILIES["qwen2-vl"], FAMILIES["other"]
SMALL, LARGE = Size(320, 180), Size(910, 512)


def counted(
    tokens: int, text: int = 20, size: Size | None = None, frames: int = 2, system: int = 0
) -> CountedRequest:
    return CountedRequest(system, text, 0, size, frames if size else 0, tokens)


def pictured(
    rule: VisionRule, template: int, text: int, size: Size, frames: int = 2
) -> CountedRequest:
    return counted(template + text + rule.vision_tokens(size, frames), text, size, frames)


AGREEING = {
    "exactly": (PIXTRAL_FAMILY, [pictured(PIXTRAL, 3, 20, LARGE)]),
    "but for a few tokens": (PIXTRAL_FAMILY, [counted(31), counted(15)]),
    "but for a fiftieth": (PIXTRAL_FAMILY, [counted(2043, 2000)]),
    "with the words estimated": (QWEN2, [counted(19 + 100, 100), counted(19 + 190, 200)]),
    "with nothing known of the model": (OTHER, [counted(20), pictured(QWEN2_VL, 19, 20, LARGE)]),
}


@pytest.mark.parametrize("case", AGREEING)
def test_counts_that_a_family_gives_need_no_correction(case: str) -> None:
    family, found = AGREEING[case]
    assert all(fits_family(family, each) for each in found)
    assert find_correction(family, tuple(found), has_system=False) is None


FIXED = FixedRule(256, PIXTRAL)
CORRECTED = {
    "a template, by one count": ([counted(50)], "pixtral", 30, 1.0),
    "a template, by two": ([counted(50), counted(80, 50)], "pixtral", 30, 1.0),
    "two short texts say little of the rate": (
        [counted(36, 8), counted(42, 12)], "pixtral", 29, pytest.approx(1.04, abs=0.01),
    ),
    "long and short texts say it": (
        [counted(30 + 12, 10), counted(30 + 240, 200), counted(30 + 120, 100)], "pixtral", 30,
        pytest.approx(1.2, abs=0.005),
    ),
    "another family's pictures, by one count": (
        [pictured(QWEN2_VL, 19, 20, LARGE)], "qwen2-vl", 19, 1.0,
    ),
    "another family's pictures with a longer template": (
        [pictured(QWEN2_VL, 60, 20, LARGE), pictured(QWEN2_VL, 60, 25, SMALL, 1)],
        "qwen2-vl", 60, 1.0,
    ),
    "pictures that take the same at each size": (
        [pictured(FIXED, 3, 20, LARGE), pictured(FIXED, 3, 20, SMALL)], "", 3, 1.0,
    ),
    "pictures, by counts with and without them": (
        [counted(30), pictured(FIXED, 10, 20, LARGE), pictured(FIXED, 10, 20, LARGE, 1)], "", 10, 1.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CORRECTED)
def test_counts_tell_template_pictures_and_words_apart(case: str) -> None:
    found, rule_of, template, rate = CORRECTED[case]
    correction = find_correction(PIXTRAL_FAMILY, tuple(found), has_system=False)
    assert correction is not None
    assert correction.is_close
    assert correction.rule_of == rule_of
    assert correction.family.overhead == template
    assert correction.family.text_rate == rate
    for each in found:
        assert 0 <= expected_tokens(correction.family, each) - each.tokens <= correction.spread <= 2


def test_one_count_of_pictures_that_no_family_gives_scales_the_familys_own_rule() -> None:
    correction = find_correction(PIXTRAL_FAMILY, (pictured(FIXED, 3, 20, LARGE),), has_system=False)
    assert correction is not None
    assert isinstance(correction.family.rule, ScaledRule)
    assert correction.family.rule.vision_tokens(LARGE, 2) == 512


def test_a_server_that_counts_no_pictures_corrects_nothing() -> None:
    found = tuple(counted(23, 20, size) for size in (LARGE, SMALL))
    correction = find_correction(PIXTRAL_FAMILY, found, has_system=False)
    assert correction is not None
    assert not correction.sees_pictures
    assert not correction.is_close


def test_counts_that_follow_no_rule_correct_nothing() -> None:
    found = (counted(50), counted(400), counted(90, 60))
    correction = find_correction(PIXTRAL_FAMILY, found, has_system=False)
    assert correction is not None
    assert not correction.is_close


def test_a_template_that_adds_a_system_prompt_of_its_own_is_corrected_for_each_kind() -> None:
    found = (counted(60), counted(36, 20, system=8))
    for has_system, template in ((False, 40), (True, 8)):
        correction = find_correction(PIXTRAL_FAMILY, found, has_system=has_system)
        if has_system:
            assert correction is None  # 5 tokens more are no drift
        else:
            assert correction is not None
            assert correction.family.overhead == template


def test_measured_rules_count_texts_without_a_margin(counter: TextCounter) -> None:
    family = replace(OTHER, measured=True, overhead=30, text_rate=1.0)
    words = "a red car on a bridge"
    assert family.text_tokens(counter, "", words) == counter.count(words)
    assert family.text_tokens(counter, "", "雨") == counter.count("雨") + 1


@st.composite
def true_counts(draw: st.DrawFn) -> tuple[Family, list[CountedRequest]]:
    """Counts by one rule, one template and Pixtral's own words; and a family that is believed instead."""
    rules = [family.rule for family in FAMILIES.values() if family is not OTHER]
    rule: VisionRule = draw(
        st.sampled_from([*rules, FixedRule(draw(st.integers(20, 900)), PIXTRAL)])
    )
    template = draw(st.integers(3, 60))
    sizes = st.builds(Size, st.integers(64, 1200), st.integers(64, 1200))
    found = [
        pictured(rule, template, draw(st.integers(1, 400)), draw(sizes), draw(st.integers(1, 4)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    found += [counted(template + n, n) for n in draw(st.lists(st.integers(1, 400), max_size=2))]
    return draw(st.sampled_from(list(FAMILIES.values()))), found


@given(true_counts())
def test_exact_counts_give_rules_that_are_exact_for_them(
    case: tuple[Family, list[CountedRequest]],
) -> None:
    family, found = case
    correction = find_correction(family, tuple(found), has_system=False)
    assume(correction is not None)
    assert correction is not None
    assert correction.is_close
    for each in found:
        assert 0 <= expected_tokens(correction.family, each) - each.tokens <= 1


@given(st.sampled_from(list(FAMILIES.values())), st.integers(3, 300), st.data())
def test_exact_counts_of_texts_give_the_count_of_every_other_text(
    family: Family, template: int, data: st.DataObject
) -> None:
    lengths = data.draw(st.lists(st.integers(1, 2000), min_size=1, max_size=5))
    found = tuple(counted(template + n, n) for n in lengths)
    correction = find_correction(family, found, has_system=False)
    assume(correction is not None)
    assert correction is not None
    other = counted(0, data.draw(st.integers(1, 5000)))
    assert expected_tokens(correction.family, other) == template + other.prompt
