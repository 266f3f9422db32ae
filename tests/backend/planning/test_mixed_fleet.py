"""Boxes that would answer differently share a batch only when the user asks for that."""

from __future__ import annotations

import pytest

from backend.config import Layer, Settings, Table, check_layers
from backend.errors import InputError
from backend.planning.box_context import keep_context
from backend.planning.mixed_fleet import refuse_mixed, shared_upsampling


def settings(h100: Table, a100: Table) -> Settings:
    alike: Table = {"host": "gpu", "engine": "vllm", "model": "pixtral"}
    boxes: Table = {"h100": alike | h100, "a100": alike | a100}
    made = check_layers([Layer("the test", {"box": ["h100", "a100"], "boxes": boxes})])
    made._max_tokens.update(
        {name: box.max_tokens for name, box in made.boxes.items() if box.max_tokens}
    )
    return made


def test_like_boxes_are_taken_whatever_starts_their_model() -> None:
    refuse_mixed(settings({}, {"engine": "openai"}))


def test_what_differs_is_told_in_one_message() -> None:
    with pytest.raises(InputError) as caught:
        refuse_mixed(settings({"model": "pixtral"}, {"model": "qwen", "max_tokens": 8192}))
    assert str(caught.value) == (
        "h100 and a100 would answer differently: the model is pixtral on h100, qwen on a100; max_tokens is "
        "4,096 on h100, 8,192 on a100\n"
        "  Choose boxes that are alike; or --mixed (in the app, yes after `mixed`) shares the batch "
        "among them all the same."
    )


def test_a_sketch_is_no_answer_of_a_model() -> None:
    with pytest.raises(
        InputError, match="the kind of answer is a model's on h100, a sketch on a100"
    ):
        refuse_mixed(settings({"model": ""}, {"model": "", "engine": "sketch"}))


def test_the_contexts_that_servers_have_told_are_compared() -> None:
    made = settings({"engine": "openai"}, {"engine": "openai"})
    made._without_max_tokens.update(("h100", "a100"))
    keep_context("h100", 8192)
    keep_context("a100", 32768)
    with pytest.raises(InputError, match="max_tokens is 8,192 on h100, 32,768 on a100"):
        refuse_mixed(made)
    keep_context("a100", 8192)
    refuse_mixed(made)


def test_a_mixed_batch_is_planned_for_the_shortest_context() -> None:
    made = settings({}, {"max_tokens": 2048})
    assert shared_upsampling(made).max_tokens == 2048
