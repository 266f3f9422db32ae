"""What a batch costs at most is told to the cent, and nothing is told where nothing has a price."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from backend.config import BoxSettings, load_settings
from backend.dispatch.jobs.told_costs import with_told_costs
from backend.planning.costs import cost_text, most_cost, token_cost
from backend.planning.plan import Plan, Planner
from backend.specs.media import ShownMedia
from backend.store import Job
from backend.tokens import TextCounter


@pytest.fixture
def hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BoxSettings:
    monkeypatch.chdir(tmp_path)
    Path("config.toml").touch()
    box = load_settings().boxes["local"]
    openai = box.openai.model_copy(update={"price_in": 0.15, "price_out": 0.6})
    return BoxSettings.model_validate(
        box.model_dump() | {"engine": "openai", "openai": openai.model_dump()}
    )


def _plan(counter: TextCounter) -> Plan:
    return Planner(load_settings().upsampling, counter).plan("a harbour at dusk", ShownMedia(None))


def test_a_batch_costs_its_prompts_and_the_longest_answers(hosted: BoxSettings) -> None:
    plan = _plan(TextCounter())
    assert plan.budget is not None
    tokens = plan.budget.prompt_tokens
    cost = most_cost(
        [
            (plan, 3),
            (replace(plan, budget=None), 5),
            (replace(plan, to_fetch=("https://h/a.mp4",)), 2),
        ],
        hosted,
    )
    assert cost is not None
    assert (cost.requests, cost.prompt_tokens, cost.answer_tokens) == (3, 3 * tokens, 900)
    exact = (Decimal("0.15") * 3 * tokens + Decimal("0.6") * 900) / 1_000_000
    assert Decimal(str(cost.amount)) == exact
    assert f"at most {cost_text(exact)} for 3 requests" in cost.words
    assert cost.words.endswith(", without 2 with media to be fetched")


def test_answers_that_may_be_drawn_again_may_cost_more(hosted: BoxSettings) -> None:
    plan = _plan(TextCounter())
    cost = most_cost([(plan, 1), (replace(plan, profile="cosmos3"), 1)], hosted)
    assert cost is not None
    assert cost.words.endswith(", and up to 5 times that where answers are drawn again")


def test_without_prices_or_with_another_engine_nothing_has_a_cost(hosted: BoxSettings) -> None:
    assert token_cost(hosted, 10, 10) == 0.0000075
    free = hosted.openai.model_copy(update={"price_in": 0.0, "price_out": 0.0})
    assert token_cost(hosted.model_copy(update={"openai": free}), 10, 10) is None
    assert token_cost(hosted.model_copy(update={"engine": "vllm"}), 10, 10) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "0.0000"),
        (0.00001, "less than 0.0001"),
        (0.0051, "0.0051"),
        (0.99999, "1.0000"),
        (1234.5, "1,234.50"),
        (Decimal("2.675"), "2.68"),
    ],
)
def test_an_amount_is_short_and_not_misleading(amount: float | Decimal, text: str) -> None:
    assert cost_text(amount) == text


def test_a_cost_is_told_once_however_many_jobs_share_the_request() -> None:
    jobs: list[Job] = [None, None]  # type: ignore[list-item]
    assert [cost for _, cost in with_told_costs(jobs, 0.5)] == [0.5, 0.0]
    assert [cost for _, cost in with_told_costs(jobs, 0.5, is_paid=True)] == [0.0, 0.0]
    assert [cost for _, cost in with_told_costs(jobs, None)] == [None, None]
