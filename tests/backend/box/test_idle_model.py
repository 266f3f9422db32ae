"""What is said of a box that holds a model and has nothing to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.box.idle_model import idle_words, is_idle, kept_models
from backend.config import BoxSettings, EngineName, check_layers
from backend.store import State
from tests.support.made_up_jobs import made_up_job


def box_with(engine: EngineName) -> BoxSettings:
    shipped = check_layers([]).boxes["local"]
    return shipped.model_copy(update={"engine": engine, "idle_timeout": 900.0})


@pytest.mark.parametrize(
    ("engine", "seconds", "worth_a_word"),
    [
        (EngineName.VLLM, 179.0, False),
        (EngineName.VLLM, 180.0, True),
        (EngineName.LLAMA, 400.0, False),
        (EngineName.RAY, 899.0, True),
        (EngineName.RAY, 900.0, False),
        (EngineName.OPENAI, 400.0, False),
        (EngineName.SKETCH, 400.0, False),
    ],
)
def test_only_a_model_that_the_box_loaded_is_idle_until_it_is_unloaded(
    engine: EngineName, seconds: float, worth_a_word: bool
) -> None:
    assert is_idle(box_with(engine), seconds) is worth_a_word


def test_the_words_say_how_long_the_model_has_been_idle_and_stays() -> None:
    words = idle_words(box_with(EngineName.VLLM), 300.0)
    assert words == "its model is idle for 5 min, and unloaded in 10 min"


def test_a_batch_ends_with_the_command_that_frees_the_gpu(tmp_path: Path) -> None:
    boxes = {"h100": box_with(EngineName.VLLM), "web": box_with(EngineName.OPENAI)}
    boxes |= {"a100": boxes["h100"], "lab": boxes["h100"]}
    job = made_up_job(tmp_path, None, "dusk")
    jobs = [
        replace(job, number=1, box="h100", state=State.DONE),
        replace(job, number=2, box="web", state=State.DONE),
        replace(job, number=3, box="a100", state=State.DONE),
        replace(job, number=4, box="a100", state=State.SENT),
        replace(job, number=5, box="lab", state=State.DONE),
        replace(job, number=6, box="gone from the config", state=State.DONE),
    ]
    assert kept_models(jobs, {1, 2, 3, 4, 6}, boxes) == [
        "h100 keeps the model loaded for 15 min; `upsample box stop h100` gives the GPU back now."
    ]
