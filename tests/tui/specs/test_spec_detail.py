"""What the detail pane says about one spec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from backend.addresses import path_of_address
from backend.config import load_settings
from backend.planning.plan import Plan, Planner
from backend.specs.model import Mode, Spec, SpecFormat, Target
from backend.tokens import TextCounter
from tui.specs.detail_text import describe_facts, describe_prompt, describe_verdict, outline_of
from tui.specs.planning import PromptPlanner
from tui.specs.rows import HeldRow

CWD = Path("/made/up")


def describe(row: HeldRow, width: int = 70) -> str:
    """Everything that is said in words, in its order."""
    parts = (
        describe_verdict(row, width),
        describe_prompt(row.spec, has_outline=False),
        describe_facts(row, CWD, width),
    )
    return "\n".join(part.plain for part in parts)


def described(spec: Spec, planner: PromptPlanner, width: int = 70) -> str:
    return describe(HeldRow(spec, planner.plan_spec(spec)), width)


def test_verdict_sum_and_parts_come_first(street: tuple[Spec, ...], planner: PromptPlanner) -> None:
    lines = described(street[0], planner).splitlines()
    assert lines[0] == "golden_hour"
    assert lines[1] == "~ near  4,084 of 4,096 tokens, 12 free"
    assert lines[3] == "█ vision 3,776  ▓ text 8  ░ reserve 300"


def test_video_size_to_send_and_place_are_told(
    street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    text = described(street[0], planner)
    assert "video     city/1280x704.mp4" in text
    assert "1280×704 · 24 fps · 5.0 s · 121 frames · h264" in text
    assert "sent as   2 frames of 928×510" in text
    assert "file      city/batch.json:3  (upsampler-batch)" in text


def test_the_mode_and_the_profile_are_told(make_spec: Callable[..., Spec]) -> None:
    spec = replace(
        make_spec("a", "tea", ""), format=SpecFormat.COSMOS3, target=Target(Mode.TEXT2VIDEO)
    )
    plan = Planner(load_settings().upsampling, TextCounter()).plan_spec(spec)
    text = describe(HeldRow(spec, plan))
    assert ":3  (cosmos3, text2video)\nprofile   transfer1" in text


def test_a_refusal_says_why_and_what_to_do(
    street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    text = described(street[7], planner)
    assert "✗ refused\n/made/up/city/gone.mp4 does not exist.\n→ Check the path" in text


def test_a_prompt_too_long_exceeds(street: tuple[Spec, ...], planner: PromptPlanner) -> None:
    assert "✗ exceeds" in described(street[8], planner)
    assert "too many" in described(street[8], planner)


def test_an_estimated_budget_is_marked(street: tuple[Spec, ...], planner: PromptPlanner) -> None:
    plan = planner.plan_spec(street[1])
    assert plan.budget is not None
    assert "≈" not in describe(HeldRow(street[1], plan))
    estimated = replace(plan, budget=replace(plan.budget, estimated=True))
    text = describe(HeldRow(street[1], estimated))
    assert f"≈{plan.budget.needed:,} of 4,096" in text
    assert "text ≈" in text


def test_the_whole_prompt_is_there_as_data(
    street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    assert "[/x] [red]\\x1b[31m \\u202eesrever" in described(street[6], planner)


def test_a_prompt_that_is_an_object_is_shown_as_an_outline(make_spec: Callable[..., Spec]) -> None:
    spec = make_spec("a", '{"fps": 24, "note": "\\u001b"}')
    assert describe_prompt(spec, has_outline=True).plain.startswith("JSON prompt; Enter")
    assert [part.values for part in outline_of(spec)] == [
        ((("24", "value"),),),
        ((("\\x1b", "value"),),),
    ]
    kept = replace(spec, prompt="24 cars", written_prompt=spec.prompt)
    assert describe_prompt(kept, has_outline=True).plain.startswith("24 cars\n\nWhat its file")
    assert outline_of(kept)[0].values == ((("24", "kept"),),)
    assert outline_of(replace(spec, prompt="{}")) == []


def test_an_empty_prompt_and_an_upsampled_one_are_told(
    make_spec: Callable[..., Spec], planner: PromptPlanner
) -> None:
    text = described(replace(make_spec("a", ""), is_upsampled=True), planner)
    assert "(empty)" in text
    assert "upsampled already" in text


def test_controls_are_listed(make_spec: Callable[..., Spec], planner: PromptPlanner) -> None:
    spec = replace(make_spec("a"), controls={"edge": CWD / "edge.mp4"})
    assert "edge      edge.mp4" in described(spec, planner)


def test_an_address_is_told_as_one_before_and_after_it_is_fetched(
    street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    address = "https://media.example/a.mp4?key=1"
    spec = replace(street[0], video=path_of_address(address))
    text = describe(HeldRow(spec, Plan("", None, None, 0, None, 0, None, to_fetch=(address,))))
    assert f"↓ to fetch\n{address} is fetched when it is sent\n" in text
    assert f"video     {address}\n" in text
    plan = planner.plan_spec(street[0])
    assert plan.video is not None
    fetched = replace(plan, video=replace(plan.video, path=Path("/cache/3f"), address=address))
    assert f"video     {address}\n" in describe(HeldRow(spec, fetched))
