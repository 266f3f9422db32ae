"""What is kept of a box's counts, what it corrects, and what the user is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.config import Estimator, Settings, load_profile, load_settings
from backend.planning import box_counts
from backend.planning.box_counts import (
    BoxCounts,
    counts_of,
    describe_drift,
    find_fitting,
    forget_counts,
    keep_counts,
    read_counts,
)
from backend.planning.box_planner import make_planner
from backend.sizes import Size
from backend.tokens import FAMILIES, CountedRequest, TextCounter

LARGE = Size(910, 512)
PIXTRAL = FAMILIES["pixtral"]


def words(tokens: int, prompt: int = 8) -> CountedRequest:
    return CountedRequest(0, prompt, 0, None, 0, tokens)


def pictures(family: str, template: int, prompt: int = 20) -> CountedRequest:
    vision = FAMILIES[family].rule.vision_tokens(LARGE, 2)
    return CountedRequest(0, prompt, 0, LARGE, 2, template + prompt + vision)


def of(*counted: CountedRequest, model: str = "m") -> BoxCounts:
    return BoxCounts(box="gpu", model=model, serves="abc", counted=counted)


@pytest.fixture
def settings() -> Settings:
    return load_settings(
        {
            "box": "gpu",
            "boxes": {
                "gpu": {"host": "gpu", "engine": "openai", "model": "m"},
                "other": {"host": "b"},
            },
        }
    )


def test_what_a_box_counted_corrects_its_estimates_until_it_is_forgotten(
    settings: Settings, counter: TextCounter
) -> None:
    prompt = "a red car on a bridge"
    before = make_planner(settings, counter).plan_read(prompt, ()).budget
    keep_counts(of(words(38)))
    after = make_planner(settings, counter).plan_read(prompt, ()).budget
    assert before is not None
    assert after is not None
    assert (after.prompt_tokens, after.measured) == (before.prompt_tokens + 27, True)
    elsewhere = make_planner(settings, counter, box="other").plan_read(prompt, ()).budget
    assert elsewhere == before
    assert not before.measured
    assert forget_counts("gpu")
    assert make_planner(settings, counter).plan_read(prompt, ()).budget == before
    assert not forget_counts("gpu")


def test_counts_of_another_model_correct_nothing(settings: Settings) -> None:
    keep_counts(of(words(38), model="another"))
    assert counts_of(settings) is None
    unnamed = settings.boxes["gpu"].model_copy(update={"model": ""})
    without = settings.model_copy(update={"boxes": settings.boxes | {"gpu": unnamed}})
    assert counts_of(without) is not None


def test_the_rule_of_thumb_is_not_corrected(settings: Settings, counter: TextCounter) -> None:
    keep_counts(of(words(38)))
    upsampling = settings.upsampling.model_copy(update={"estimator": Estimator.LINEAR})
    linear = settings.model_copy(update={"upsampling": upsampling})
    budget = make_planner(linear, counter).plan_read("a red car", ()).budget
    assert budget is not None
    assert not budget.measured


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"box": "gpu", "model": "m", "serves": "", "counted": [{"system": -1}]}',
        '{"box": "gpu", "model": "m", "serves": "", "counted": [{"system": 0, "prompt": 1, '
        '"beyond_ascii": 0, "size": {"width": 0, "height": 1}, "frames": 1, "tokens": 9}]}',
        '{"box": "gpu", "model": "m", "serves": "", "counted": [{"system": 0, "prompt": 1, '
        '"beyond_ascii": 0, "size": {"width": 9, "height": 9}, "frames": 0, "tokens": 9}]}',
    ],
)
def test_a_damaged_file_counts_as_none(text: str) -> None:
    keep_counts(of(words(38)))
    assert read_counts("gpu") == of(words(38))
    file: Path = box_counts._file("gpu")
    file.write_text(text)
    assert read_counts("gpu") is None


FITTING: dict[str, tuple[list[CountedRequest], tuple[tuple[str, ...], str]]] = {
    "profiles of a family": ([pictures("qwen3-vl", 8)], (("cosmos3", "reason2"), "")),
    "a family that no profile has": ([pictures("mistral-small", 3)], ((), "mistral-small")),
    "texts alone do not tell a family": ([words(27)], (("generic",), "")),
    "nothing": ([pictures("qwen3-vl", 8), words(300)], ((), "")),
}


@pytest.mark.parametrize("case", FITTING)
def test_what_gives_the_counts_is_found(case: str) -> None:
    counted, found = FITTING[case]
    assert find_fitting(counted) == found


SAID = {
    "a template": (
        "transfer1", [words(38)],
        "gpu counts 38 tokens where the profile transfer1 expects 11: the profile does not fit its model m. "
        "The chat template takes 30 tokens, not 3. The profile generic would fit: `upsample config set "
        "upsampling.profile generic`. From now on what gpu counts corrects the estimates, which are marked "
        "as measured; `upsample limits --forget --box gpu` ends that.",
    ),
    "another family": (
        "transfer1", [pictures("qwen2-vl", 19)],
        "Pictures take what those of the family qwen2-vl take. The profiles reason1, wan-flf2v, wan-i2v and "
        "wan-t2v count as it does: choose with `upsample config set upsampling.profile NAME`.",
    ),
    "a family without a profile": (
        "reason1", [pictures("mistral-small", 3), words(17, 14)],
        'A profile of your own with family = "mistral-small" would fit: docs/profiles.md',
    ),
    "no pictures": (
        "transfer1", [CountedRequest(0, 20, 0, LARGE, 2, 23), CountedRequest(0, 30, 0, LARGE, 1, 33)],
        "which counts nothing for the pictures. Does it see them?",
    ),
    "no rule": ("transfer1", [words(50), words(400)], "its counts follow no rule that is known here"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_the_user_is_told_in_plain_words(case: str) -> None:
    name, counted, said = SAID[case]
    assert said in describe_drift(of(*counted), load_profile(name), counted[0])


def test_two_counts_that_contradict_the_earlier_ones_replace_them() -> None:
    counts = of(words(38), words(42, 12), words(130, 100))
    once = counts.with_count(words(11), PIXTRAL)
    assert once.family_of(PIXTRAL, has_system=False) == PIXTRAL
    assert once.counted == (*counts.counted, words(11))
    twice = once.with_count(words(23, 20), PIXTRAL)
    assert twice.counted == (words(11), words(23, 20))
    assert twice.correction(PIXTRAL, has_system=False) is None


def test_the_oldest_counts_are_forgotten_first() -> None:
    counts = of()
    for prompt in range(1, 40):
        counts = counts.with_count(words(30 + prompt, prompt), PIXTRAL)
    assert [each.prompt for each in counts.counted] == list(range(24, 40))
