"""Plans have exact token counts, and their refusals say what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.config import Layer, Upsampling, check_layers, load_profile
from backend.errors import InputError, MediaError
from backend.planning.plan import Plan, Planner
from backend.planning.requests import make_request
from backend.sizes import Size
from backend.specs.media import NO_MEDIA, ShownMedia
from backend.specs.model import Spec, SpecFormat, Target
from backend.tokens import PIXTRAL, TextCounter, Verdict
from backend.video import Frame, MediaKind, Video

RunFfmpeg = Callable[..., None]
MakePlan = Callable[..., Plan]

PROMPT = "a robotic arm hand over a coffee cup to a woman in a modern office."
"""16 tokens."""


def upsampling(**changes: object) -> Upsampling:
    """The shipped settings with these changes."""
    return check_layers([Layer("the test", {"upsampling": changes})]).upsampling


@pytest.fixture(scope="session")
def wide(clips: Path, run_ffmpeg: RunFfmpeg) -> Path:
    """1280×704, two frames."""
    clip = clips / "wide.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "color=gray:s=1280x704:r=2:d=1", clip)
    return clip


@pytest.fixture
def plan(counter: TextCounter) -> MakePlan:
    """Plans a prompt and a path under the shipped settings with changes."""

    def make(prompt: str, path: Path | None, **changes: object) -> Plan:
        return Planner(upsampling(**changes), counter).plan(prompt, ShownMedia(path))

    return make


# --- sizes ---------------------------------------------------------------------------------------


def test_a_video_that_is_too_large_is_sent_as_the_largest_size_that_fits(
    plan: MakePlan, wide: Path
) -> None:
    found = plan(PROMPT, wide)
    assert found.refusal is None
    assert (found.size, found.frames, found.linear) == (Size(928, 510), 2, 16_375)
    assert found.budget is not None
    assert (found.budget.text, found.budget.vision, found.budget.prompt_tokens) == (16, 3776, 3795)
    assert found.budget.verdict is Verdict.NEAR


def test_a_video_that_fits_is_sent_as_it_is(plan: MakePlan, counted_clip: Path) -> None:
    found = plan(PROMPT, counted_clip)
    assert (found.size, found.refusal) == (Size(64, 36), None)


def test_the_safe_fit_sends_the_safe_size(plan: MakePlan, wide: Path) -> None:
    found = plan(PROMPT, wide, fit="safe")
    assert found.size == Size(320, 176)
    assert found.budget is not None
    assert found.budget.prompt_tokens == 3 + 16 + 2 * (20 + 1) * 11


def test_the_safe_fit_never_enlarges(plan: MakePlan, counted_clip: Path) -> None:
    assert plan(PROMPT, counted_clip, fit="safe").size == Size(64, 36)


@pytest.mark.parametrize(
    ("bound", "size"), [("854x480", "854x470"), ("480", "872x480"), ("100x2000", "98x54")]
)
def test_nothing_larger_than_the_bound_is_sent(
    plan: MakePlan, wide: Path, bound: str, size: str
) -> None:
    assert str(plan(PROMPT, wide, max_upsample_resolution=bound).size) == size


def test_the_bound_holds_for_the_safe_fit_too(plan: MakePlan, wide: Path) -> None:
    found = plan(PROMPT, wide, fit="safe", max_upsample_resolution="100")
    assert found.size == Size(182, 100)


def test_an_image_is_one_frame(plan: MakePlan, picture: Path) -> None:
    found = plan(PROMPT, picture)
    assert found.frames == 1
    assert found.budget is not None
    assert found.budget.vision == (4 + 1) * 3


def test_a_video_shorter_than_the_frames_asked_for_gives_what_it_has(
    plan: MakePlan, wide: Path
) -> None:
    assert plan(PROMPT, wide, frames_to_extract=8).frames == 2


@pytest.mark.parametrize(
    ("profile", "source", "sent"),
    [
        ("transfer1", Size(8064, 6048), Size(1024, 768)),
        ("transfer1-stock", Size(3024, 4032), Size(768, 1024)),
        ("transfer1", Size(1024, 1023), Size(1024, 1023)),
        ("reason1", Size(8064, 6048), Size(4116, 3080)),
        ("reason1", Size(3840, 2160), Size(3840, 2160)),
    ],
)
def test_no_frame_is_sent_larger_than_the_model_looks_at(
    counter: TextCounter, profile: str, source: Size, sent: Size
) -> None:
    still = Video(Path("photo.jpg"), MediaKind.IMAGE, source, 0.0, 0.0, 1, "mjpeg")
    planner = Planner(upsampling(profile=profile, max_tokens=32_768), counter)
    found = planner.plan_read(PROMPT, (still,), 16)
    assert (found.size, found.refusal) == (sent, None)
    assert found.budget == planner.weigh(16, source, 1)
    assert planner.largest(source, 16, 1) == sent


def test_a_video_that_may_be_hdr_is_warned_of(counter: TextCounter) -> None:
    plain = Video(Path("a.mov"), MediaKind.VIDEO, Size(64, 36), 24.0, 1.0, 24, "hevc")
    doubtful = replace(plain, path=Path("b.mov"), is_perhaps_hdr=True)
    planner = Planner(upsampling(), counter)
    assert planner.plan_read(PROMPT, (plain,), 16).warning == ""
    found = planner.plan_read(PROMPT, (plain, doubtful), 16)
    assert found.refusal is None
    assert found.warning.startswith("b.mov says BT.2020 and not whether it is HDR")


def test_a_sequence_with_gaps_is_warned_of_and_refused_where_time_chooses(
    counter: TextCounter,
) -> None:
    whole = Video(Path("f_%d.png"), MediaKind.SEQUENCE, Size(64, 36), 0.0, 0.0, 24, "png")
    planner = Planner(upsampling(), counter)
    assert planner.plan_read(PROMPT, (whole,), 16).warning == ""
    found = planner.plan_read(PROMPT, (replace(whole, gaps=3),), 16)
    assert (found.refusal, found.frames) == (None, 2)
    assert found.warning.startswith("f_%d.png: 3 numbers are missing between the first of its 24")
    planner = Planner(upsampling(frame_sampling="fps"), counter)
    refusal = str(planner.plan_read(PROMPT, (whole,), 16).refusal)
    assert "frame rate is not known" in refusal
    assert 'Give the spec an "fps"' in refusal


def test_the_rate_of_the_spec_is_that_of_its_sequences_and_of_no_video(
    counter: TextCounter,
) -> None:
    whole = Video(Path("f_%d.png"), MediaKind.SEQUENCE, Size(64, 36), 0.0, 0.0, 24, "png")
    video = Video(Path("a.mov"), MediaKind.VIDEO, Size(64, 36), 30.0, 2.0, 60, "png")
    planner = Planner(upsampling(frame_sampling="fps"), counter)
    found = planner.plan_read(PROMPT, (whole, video), 16, target=Target(fps=12))
    assert found.refusal is None
    assert [(each.fps, each.duration) for each, _ in found.shown] == [(12.0, 2.0), (30.0, 2.0)]
    again = planner.plan_anew(found)
    assert [(each.fps, each.duration) for each, _ in again.shown] == [(12.0, 2.0), (30.0, 2.0)]


# --- text ----------------------------------------------------------------------------------------


def test_a_prompt_without_a_video_is_text_only(plan: MakePlan) -> None:
    found = plan(PROMPT, None)
    assert (found.video, found.size, found.frames, found.linear) == (None, None, 0, 0)
    assert found.budget is not None
    assert found.budget.prompt_tokens == 3 + 16


def test_an_empty_prompt_costs_what_is_sent_in_its_place(
    plan: MakePlan, counter: TextCounter
) -> None:
    found = plan("", None)
    assert found.budget is not None
    assert found.budget.text == counter.count("describe the following images")


def test_a_system_prompt_of_the_users_is_sent_and_weighed(
    plan: MakePlan, counter: TextCounter
) -> None:
    system = "You make prompts long."
    found = plan(PROMPT, None, system_prompt=system)
    assert found.budget is not None
    assert found.budget.text == 16 + counter.count(system + "\n\n")
    planner = Planner(upsampling(system_prompt=system), counter)
    assert make_request(found, (), planner, "m", 0, 0).system == system


def test_the_users_system_prompt_wins_over_the_profiles(counter: TextCounter) -> None:
    own = Planner(upsampling(profile="reason1", system_prompt="Be brief."), counter)
    profiles = Planner(upsampling(profile="reason1"), counter)
    assert own.system == "Be brief."
    assert profiles.system == profiles.profile.template.system
    assert own.text_tokens("x") < profiles.text_tokens("x")


def test_without_a_prompt_only_the_system_prompt_counts(counter: TextCounter) -> None:
    assert Planner(upsampling(), counter).text_tokens(None) == 0
    planner = Planner(upsampling(system_prompt="Be brief."), counter)
    assert planner.text_tokens(None) == counter.count("Be brief.\n\n")


def test_a_qwen_is_weighed_by_its_own_rule_and_template(plan: MakePlan, wide: Path) -> None:
    found = plan(PROMPT, wide, profile="reason1", max_tokens=16384)
    assert (found.size, found.refusal) == (Size(1280, 704), None)
    assert found.budget is not None
    assert (found.budget.vision, found.budget.overhead) == (2 * (46 * 25 + 2), 13)
    assert found.budget.estimated
    # By it, the app's table of sizes counts.
    assert found.rule == load_profile("reason1").family.rule
    assert hash(found)


def test_pixtrals_budget_is_no_estimate(plan: MakePlan) -> None:
    budget = plan(PROMPT, None).budget
    assert budget is not None
    assert not budget.estimated


# --- two videos ----------------------------------------------------------------------------------


@pytest.fixture
def with_control(wide: Path, counted_clip: Path) -> Spec:
    """An RGB video of two frames and a control of 48."""
    controls = {"edge": counted_clip}
    return Spec(SpecFormat.TRANSFER1, Path("a.json"), 0, 1, "a", PROMPT, wide, controls)


def test_both_videos_are_weighed_at_one_size(with_control: Spec, counter: TextCounter) -> None:
    planner = Planner(upsampling(media="both", frames_to_extract=4), counter)
    found = planner.plan_spec(with_control)
    assert found.video is not None
    assert [frames for _, frames in found.shown] == [2, 4]
    assert found.size is not None
    assert found.budget is not None
    assert found.budget.vision == PIXTRAL.vision_tokens(found.size, 6)
    assert found.budget.fits


def test_the_control_alone_is_weighed(with_control: Spec, counter: TextCounter) -> None:
    found = Planner(upsampling(media="control"), counter).plan_spec(with_control)
    assert found.video is not None
    assert (found.video.size, found.frames, found.controls) == (Size(64, 36), 2, ())


def test_a_control_that_cannot_be_read_is_a_refusal(
    with_control: Spec, counter: TextCounter
) -> None:
    gone = replace(with_control, controls={"edge": Path("gone.mp4")})
    found = Planner(upsampling(media="both"), counter).plan_spec(gone)
    assert isinstance(found.refusal, MediaError)
    assert (found.refusal.__traceback__, found.refusal.__context__) == (None, None)  # kilobytes
    assert Planner(upsampling(), counter).plan_spec(gone).refusal is None


# --- refusals ------------------------------------------------------------------------------------


def test_a_strip_that_the_model_takes_at_no_size_is_refused(
    counter: TextCounter, clips: Path, run_ffmpeg: RunFfmpeg
) -> None:
    strip = clips / "strip.png"
    run_ffmpeg("-f", "lavfi", "-i", "color=gray:s=804x4", "-frames:v", "1", strip)
    refusal = (
        Planner(upsampling(profile="reason1"), counter).plan(PROMPT, ShownMedia(strip)).refusal
    )
    assert isinstance(refusal, InputError)
    assert "too thin" in refusal.problem
    assert Planner(upsampling(), counter).plan(PROMPT, ShownMedia(strip)).refusal is None


def test_without_resizing_a_large_video_is_refused_with_the_size_that_fits(
    plan: MakePlan, wide: Path
) -> None:
    found = plan(PROMPT, wide, auto_resize=False)
    assert found.size is None
    assert isinstance(found.refusal, InputError)
    assert "at 1280x704" in found.refusal.problem
    assert "4,699 tokens" in found.refusal.problem
    assert "4,999 of 4,096" in found.refusal.problem
    assert "928x510 would fit" in found.refusal.remedy
    assert found.budget is not None
    assert found.budget.prompt_tokens == 4699


def test_without_resizing_a_video_above_the_bound_is_refused(
    plan: MakePlan, counted_clip: Path
) -> None:
    found = plan(PROMPT, counted_clip, auto_resize=False, max_upsample_resolution="32x32")
    assert found.refusal is not None
    assert "max_upsample_resolution (32x32)" in found.refusal.problem


def test_without_resizing_the_safe_size_bounds_nothing(
    plan: MakePlan, clips: Path, wide: Path
) -> None:
    found = plan(PROMPT, wide, auto_resize=False, fit="safe", max_tokens=8192)
    assert (found.size, found.refusal) == (Size(1024, 563), None)


def test_the_linear_estimator_refuses_what_the_exact_one_allows(plan: MakePlan, wide: Path) -> None:
    changes: dict[str, object] = {"auto_resize": False, "max_tokens": 8192}
    assert plan(PROMPT, wide, **changes).refusal is None
    refused = plan(PROMPT, wide, **changes, estimator="linear")
    assert refused.refusal is not None
    assert "31,197 tokens" in refused.refusal.problem


def test_a_prompt_that_fills_the_context_is_refused(plan: MakePlan, counted_clip: Path) -> None:
    for path in (None, counted_clip):
        found = plan("word " * 5000, path)
        assert found.refusal is not None
        assert "Shorten the prompt" in found.refusal.remedy


# --- the budget as the server's concern ------------------------------------------------------------


def test_an_ignored_budget_sends_all_that_the_model_looks_at(plan: MakePlan, wide: Path) -> None:
    found = plan(PROMPT, wide, auto_resize=False, enforce_budget=False)
    assert (found.size, found.refusal) == (Size(1024, 563), None)
    assert found.budget is not None
    assert found.budget.verdict is Verdict.EXCEEDS


def test_an_ignored_budget_still_makes_smaller_what_can_be(plan: MakePlan, wide: Path) -> None:
    assert plan(PROMPT, wide, enforce_budget=False).size == Size(928, 510)


def test_an_ignored_budget_sends_what_no_size_makes_fit(plan: MakePlan, wide: Path) -> None:
    long = "word " * 5000
    assert plan(long, None, enforce_budget=False).refusal is None
    found = plan(long, wide, enforce_budget=False)
    assert (found.size, found.refusal) == (Size(1024, 563), None)
    bounded = plan(long, wide, enforce_budget=False, max_upsample_resolution="480")
    assert (bounded.size, bounded.refusal) == (Size(872, 480), None)


def test_a_bound_of_ones_own_is_no_budget(plan: MakePlan, wide: Path) -> None:
    changes: dict[str, object] = {"auto_resize": False, "max_upsample_resolution": "480"}
    assert plan(PROMPT, wide, **changes, enforce_budget=False).refusal is not None


@pytest.mark.parametrize("name", ["missing.mp4", "folder", "text.mp4", "empty.mp4", "null\0.mp4"])
def test_a_video_that_cannot_be_read_is_a_refusal_and_no_exception(
    plan: MakePlan, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    found = plan(PROMPT, tmp_path / name)
    assert isinstance(found.refusal, MediaError)
    assert (found.budget, found.size, found.frames) == (None, None, 0)


# --- requests ------------------------------------------------------------------------------------

FRAMES = (Frame(Path("0.png"), "ab" * 32, 928, 510, 0.25, 1000),)


def test_a_request_holds_what_decides_the_answer(counter: TextCounter) -> None:
    planner = Planner(upsampling(reserve=250), counter)
    request = make_request(planner.plan(PROMPT, NO_MEDIA), FRAMES, planner, "m", 40, 2)
    assert (request.profile, request.model, request.prompt) == ("transfer1", "m", PROMPT)
    assert request.system == ""
    assert (request.sampling.seed, request.candidate) == (42, 2)
    assert (request.sampling.max_tokens, request.sampling.temperature) == (250, 0.6)
    assert [(f.sha256, f.width, f.height, f.time) for f in request.frames] == [
        ("ab" * 32, 928, 510, 0.25)
    ]


def test_an_empty_prompt_is_asked_as_the_profile_says(counter: TextCounter) -> None:
    planner = Planner(upsampling(), counter)
    request = make_request(planner.plan("", NO_MEDIA), (), planner, "m", 0, 0)
    assert (request.prompt, request.frames) == ("describe the following images", ())


def test_equal_requests_have_one_identity_and_others_another(counter: TextCounter) -> None:
    planner = Planner(upsampling(), counter)
    plan = planner.plan(PROMPT, NO_MEDIA)

    def identity(model: str = "m", seed: int = 0, candidate: int = 0) -> str:
        return make_request(plan, FRAMES, planner, model, seed, candidate).job_id()

    assert identity() == identity()
    # The next candidate is not the same as the first one of the next seed.
    others = {identity(model="n"), identity(seed=1), identity(candidate=1)}
    assert len(others | {identity()}) == 4


def test_an_identity_is_the_same_in_every_version(counter: TextCounter) -> None:
    # What the box has done is found again by it: a change here makes everybody's work be repeated.
    planner = Planner(upsampling(), counter)
    request = make_request(planner.plan(PROMPT, NO_MEDIA), FRAMES, planner, "m", 0, 0)
    assert request.job_id()[:16] == "9a02c4bdd7687493"
