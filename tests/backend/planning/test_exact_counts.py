"""What the model server counts of a text replaces the upper estimate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backend.config import load_settings
from backend.planning.plan import Planner
from backend.specs.model import Mode, Spec, SpecFormat, Target
from backend.tokens import TextCounter

SPEC = Spec(SpecFormat.TEXT, Path("a.txt"), 0, 1, "a", "a red car", target=Target(Mode.TEXT2VIDEO))


def planner_of(**upsampling: object) -> Planner:
    boxes = {"gpu": {"host": "gpu", "engine": "openai"}}
    table: dict[str, object] = {"boxes": boxes, "box": "gpu", "upsampling": upsampling}
    return Planner(load_settings(table).upsampling, TextCounter())


def test_the_tokens_of_a_request_are_those_that_the_server_counts() -> None:
    for profile in ("reason1", "cosmos3", "wan-t2v"):
        planner = planner_of(profile=profile)
        plan = planner.plan_spec(SPEC)
        assert plan.budget is not None
        assert plan.budget.estimated
        whole = plan.budget.prompt_tokens - 7
        again = planner.recounted({planner.sent_texts(plan): whole}).plan_spec(SPEC)
        assert again.budget is not None
        assert (again.budget.prompt_tokens, again.budget.estimated) == (whole, False)


def test_each_kind_of_spec_is_counted_under_its_own_profile() -> None:
    planner = planner_of()
    specs = (SPEC, replace(SPEC, format=SpecFormat.COSMOS3))
    plans = [planner.plan_spec(spec) for spec in specs]
    texts = [planner.sent_texts(plan) for plan in plans]
    assert texts[0] == ("", "a red car")
    assert texts[1][1].endswith("</object>")
    again = planner.recounted(dict(zip(texts, (12, 2000), strict=True)))
    budgets = [again.plan_spec(spec).budget for spec in specs]
    assert [it and it.prompt_tokens for it in budgets] == [12, 2000]


def test_the_pictures_of_an_unknown_model_stay_an_estimate() -> None:
    planner = planner_of(profile="generic")
    plan = planner.plan_spec(SPEC)
    for tokens in (80, 20):  # its template is believed to take 32
        again = planner.recounted({planner.sent_texts(plan): tokens}).plan_spec(SPEC)
        assert again.budget is not None
        assert (again.budget.prompt_tokens, again.budget.estimated) == (tokens, True)


def test_what_was_not_counted_takes_what_it_took_before() -> None:
    planner = planner_of(profile="reason1")
    again = planner.recounted({("", "another"): 80})
    budgets = [it.plan_spec(SPEC).budget for it in (planner, again)]
    assert budgets[0] is not None
    assert budgets[1] is not None
    assert budgets[0].prompt_tokens == budgets[1].prompt_tokens
