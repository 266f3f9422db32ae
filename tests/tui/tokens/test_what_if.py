"""What a spec would take under other settings, against the numbers that were measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from textual.binding import Binding, BindingType

from backend.config import Settings, Upsampling, load_settings
from backend.limits.calibration import Calibration, Sample
from backend.planning.box_counts import BoxCounts
from backend.planning.plan import Planner
from backend.sizes import AspectRatio, Size
from backend.specs.media import Media
from backend.specs.model import Mode, Spec, SpecFormat, Target
from backend.tokens import CountedRequest, TextCounter, Verdict
from backend.video import MediaKind, Video
from tests.support.specs import draw_three_clips
from tui.tokens.screen import TokensScreen
from tui.tokens.text import describe_what_if
from tui.tokens.what_if import MeasuredSpec, WhatIf, read_subject

MakeSpec = Callable[..., Spec]
MakeWhatIf = Callable[..., WhatIf]
COFFEE = "a robotic arm hand over a coffee cup to a woman in a modern office."


@pytest.fixture(scope="module")
def counter() -> TextCounter:
    return TextCounter()


@pytest.fixture
def make_what_if(make_spec: MakeSpec, settings: Settings, counter: TextCounter) -> MakeWhatIf:
    """For a video of this size that is not read from a disk."""

    def make(size: str, config: Upsampling | None = None, prompt: str = COFFEE) -> WhatIf:
        spec = make_spec("coffee", prompt, f"{size}.mp4" if size else "")
        config = config or settings.upsampling
        subject = read_subject(spec, config, counter)
        if spec.video is not None:
            source = Size.parse(size)
            video = Video(spec.video, MediaKind.VIDEO, source, 24.0, 5.0, 121, "h264")
            subject = replace(subject, videos={spec.video: video}, troubles={})
        return WhatIf.of(subject, config)

    return make


def test_the_original_costs_what_was_measured(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704")
    assert what.original is not None
    assert what.original.prompt_tokens == 4699
    assert what.original.verdict is Verdict.EXCEEDS
    (wide,) = [row for row in what.matrix if row.category == 720 and row.aspect is AspectRatio.WIDE]
    assert (wide.check.budget.prompt_tokens, wide.check.linear) == (4699, 31_178)


def test_the_largest_size_that_fits_is_named(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x720")
    assert what.largest == what.plan.size == Size(910, 512)
    assert make_what_if("640x480").largest == Size(640, 480)


def test_a_spec_of_cosmos3_is_weighed_with_its_generators_sizes_and_its_profile(
    make_spec: MakeSpec, counter: TextCounter
) -> None:
    spec = replace(make_spec("tea", COFFEE, ""), format=SpecFormat.COSMOS3)
    remote = {"boxes": {"gpu": {"host": "gpu", "engine": "openai"}}, "box": "gpu"}
    config = load_settings({**remote, "upsampling": {"profile": "auto"}}).upsampling
    what = WhatIf.of(read_subject(spec, config, counter), config)
    assert what.settings.profile == "cosmos3"
    assert [str(row.check.size) for row in what.matrix][:2] == ["1360x768", "1184x880"]
    assert len(what.matrix) == 20
    assert what.with_profile(1).settings.profile == "generic"


def test_the_matrix_has_all_sizes_and_follows_what_is_tried(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704")
    assert len(what.matrix) == 25
    assert sum(row.check.budget.fits for row in what.matrix) == 15
    higher = what.with_limit(1)
    assert higher.settings.max_tokens == 8192
    assert sum(row.check.budget.fits for row in higher.matrix) == 24
    assert higher.plan.size == higher.seen == Size(1024, 563)


def test_each_change_is_told_with_the_command_that_keeps_it(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704").with_limit(1).with_frames(2).with_resize()
    assert [(it.key, it.was, it.now) for it in what.changes] == [
        ("max_tokens", 4096, 8192),
        ("frames_to_extract", 2, 4),
        ("auto_resize", True, False),
    ]
    assert what.commands == (
        "upsample config set upsampling.max_tokens 8192",
        "upsample config set upsampling.frames_to_extract 4",
        "upsample config set upsampling.auto_resize false",
    )
    assert what.reset().changes == ()


def test_a_command_quotes_what_is_empty(make_what_if: MakeWhatIf, settings: Settings) -> None:
    config = settings.upsampling.model_copy(update={"max_upsample_resolution": "256"})
    what = make_what_if("1280x704", config).with_bound(1)
    assert what.commands == ("upsample config set upsampling.max_upsample_resolution ''",)


def test_a_profile_brings_its_settings_and_leaves_those_of_the_user(
    make_what_if: MakeWhatIf, settings: Settings
) -> None:
    config = settings.upsampling.model_copy(update={"frames_to_extract": 3})
    what = make_what_if("1280x704", config)
    while what.settings.profile != "reason1":
        what = what.with_profile(1)
    assert (what.settings.max_tokens, what.settings.reserve) == (16_384, 4096)
    assert what.settings.frames_to_extract == 3
    assert what.estimated
    assert what.plan.budget is not None
    assert what.plan.budget.estimated
    # What the profile brings needs no command of its own.
    assert what.commands == ("upsample config set upsampling.profile reason1",)
    assert what.with_profile(-1).with_profile(1) == what


def test_going_round_all_profiles_ends_where_it_began(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704")
    there = what
    for _ in what.subject.profiles:
        there = there.with_profile(1)
    assert there == what


def test_the_stock_profile_sends_the_original_or_nothing(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704")
    while what.settings.profile != "transfer1-stock":
        what = what.with_profile(1)
    assert what.plan.size is None
    assert what.plan.refusal is not None
    assert what.largest == Size(928, 510)


def test_what_the_config_would_not_take_changes_nothing(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704")
    assert what.with_frames(-2) is what
    assert what.with_limit(-1).changes == ()
    assert what.with_frames(-1).settings.frames_to_extract == 1


def test_a_smaller_bound_is_kept_to(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704").with_bound(-1)
    assert what.settings.max_upsample_resolution == "256"
    assert what.plan.size is not None
    assert what.plan.size.height == 256


def test_a_text_says_why_frames_and_sizes_change_nothing(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("")
    assert what.original is None
    assert what.largest is None
    assert "no video" in what.why_not("frames")
    assert what.plan.budget is not None
    assert what.plan.budget.vision == 0
    assert len(what.matrix) == 25


def test_one_video_leaves_no_choice_of_media(make_what_if: MakeWhatIf) -> None:
    assert "one video" in make_what_if("1280x704").why_not("media")
    assert make_what_if("1280x704").why_not("frames") == ""


def test_media_are_read_once_and_broken_ones_told(
    tmp_path: Path, make_spec: MakeSpec, settings: Settings, counter: TextCounter
) -> None:
    rgb, edge, *_ = draw_three_clips(tmp_path, "320x192")
    gone = tmp_path / "gone.mp4"
    spec = replace(make_spec("a", COFFEE), video=rgb, controls={"edge": edge})
    subject = read_subject(spec, settings.upsampling, counter)
    assert isinstance(subject, MeasuredSpec)
    assert set(subject.videos) == {rgb, edge}
    both = WhatIf.of(subject, settings.upsampling).with_media().with_media()
    assert both.settings.media is Media.BOTH
    assert [frames for _, frames in both.plan.shown] == [2, 2]
    broken = read_subject(replace(spec, controls={"edge": gone}), settings.upsampling, counter)
    control = WhatIf.of(broken, settings.upsampling).with_media()
    assert control.plan.refusal is not None
    assert "gone.mp4 does not exist" in control.plan.refusal.problem


def test_with_auto_a_spec_is_weighed_under_the_profile_for_its_format(
    make_spec: MakeSpec, counter: TextCounter
) -> None:
    box: dict[str, object] = {"boxes": {"gpu": {"host": "gpu", "engine": "openai"}}, "box": "gpu"}
    auto = load_settings({**box, "upsampling": {"profile": "auto"}})
    spec = replace(
        make_spec("tea", "tea", ""), format=SpecFormat.COSMOS3, target=Target(Mode.TEXT2VIDEO)
    )
    planned = Planner(auto.upsampling, counter).plan_spec(spec).budget
    what = WhatIf.of(read_subject(spec, auto.upsampling, counter), auto.upsampling)
    assert (what.settings.profile, what.plan.budget) == ("cosmos3", planned)
    longer = what.with_limit(1)
    used = longer.applied_to(auto.upsampling)
    assert (used.profile, used.for_spec("cosmos3", None).max_tokens) == (
        "auto",
        longer.settings.max_tokens,
    )
    assert what.with_profile(1).applied_to(auto.upsampling).profile not in ("auto", "cosmos3")


def measured(*samples: tuple[int, int, int, int], profile: str = "transfer1") -> Calibration:
    return Calibration(
        box="h100", model="/m", profile=profile, engine="vllm 0.8.1", ended=1_760_000_000.0,
        max_model_len=4096,
        samples=tuple(Sample(width=w, height=h, frames=n, vision=v) for w, h, n, v in samples),
    )  # fmt: skip


def panel(what: WhatIf, calibration: Calibration) -> str:
    subject = replace(what.subject, calibration=calibration)
    return describe_what_if(replace(what, subject=subject), 120, TokensScreen).plain


def test_what_a_box_counted_stands_beside_our_count(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704")
    shown = panel(what, measured((1280, 704, 2, 4680), (928, 510, 2, 3776)))
    assert "measured  3,795 as sent; 4,699 the original (h100, vllm 0.8.1, 2025-10-09)" in shown
    assert "!" not in shown.splitlines()[8]


def test_a_box_that_counts_otherwise_is_warned_about(make_what_if: MakeWhatIf) -> None:
    shown = panel(make_what_if("1280x704"), measured((1280, 704, 2, 5000)))
    assert "5,019 the original, not 4,699" in shown
    assert "! 1 of 1 sizes that were measured" in shown


def test_what_was_measured_under_another_profile_is_not_shown(make_what_if: MakeWhatIf) -> None:
    shown = panel(make_what_if("1280x704"), measured((1280, 704, 2, 5000), profile="reason1"))
    assert "measured" not in shown


def test_a_spec_costs_what_the_box_has_counted_and_the_panel_says_so(
    make_what_if: MakeWhatIf, settings: Settings, counter: TextCounter
) -> None:
    counted = CountedRequest(0, 20, 0, None, 0, 50)
    counts = BoxCounts(box="h100", model="m", serves="", counted=(counted,))
    before = make_what_if("")
    subject = read_subject(before.subject.spec, settings.upsampling, counter, counts)
    after = WhatIf.of(subject, settings.upsampling)
    assert before.plan.budget is not None
    assert after.plan.budget is not None
    assert after.plan.budget.prompt_tokens == before.plan.budget.prompt_tokens + 27
    cost, corrected = (what.matrix[0].check.budget.prompt_tokens for what in (before, after))
    assert corrected == cost + 27
    shown = describe_what_if(after, 120, TokensScreen).plain
    assert "free, measured" in shown
    assert "prompt tokens, measured, then" in shown
    assert "measured" not in describe_what_if(before, 120, TokensScreen).plain


class OtherKeys(TokensScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "frames(1)"),
        Binding("w", "copy"),
        Binding("g", "use"),
    ]


def test_the_panel_names_the_keys_that_are_bound(make_what_if: MakeWhatIf) -> None:
    what = make_what_if("1280x704").with_frames(1)
    assert "+ - frames" in describe_what_if(what, 120, TokensScreen).plain
    other = describe_what_if(what, 120, OtherKeys).plain
    assert "f - frames" in other
    assert "g uses it for this session. To keep it (w copies):" in other
