"""How long jobs will take comes from the earlier answers of their box with its engine and model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.config import BoxSettings, check_layers
from backend.planning.pace import Pace, measured_pace
from backend.store import Store
from tests.support.queued_jobs import ANSWER, REQUEST, new_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


def box_with(model: str, engine: str = "vllm") -> BoxSettings:
    settings = check_layers([])
    return settings.box_defaults.model_copy(update={"model": model, "engine": engine})


def answered(
    store: Store, box: str, model: str, seconds: float, engine: str = "vllm 0.32.0"
) -> None:
    """A job that a box has answered."""
    key = f"{box} {model} {seconds} {engine}"
    (job,) = store.queue([new_job(key, box=box)])
    request = replace(REQUEST, model=model, prompt=key)
    identity = store.set_request(job.number, request, 9)
    answer = replace(ANSWER, engine=engine, started=100.0, ended=100.0 + seconds)
    store.keep_answer(identity, box, answer)


def test_only_answers_of_the_box_with_its_engine_and_model_count(store: Store) -> None:
    for seconds in (2.0, 4.0, 60.0):
        answered(store, "h100", "small", seconds)
    answered(store, "h100", "large", 500.0)
    answered(store, "laptop", "small", 900.0)
    answered(store, "h100", "small", 0.1, engine="sketch 1")
    assert measured_pace(store, "h100", box_with("small")).seconds_an_answer == 4.0
    assert measured_pace(store, "h100", box_with("large")).seconds_an_answer == 500.0
    assert measured_pace(store, "laptop", box_with("small")).seconds_an_answer == 900.0
    assert measured_pace(store, "laptop", box_with("large")).seconds_an_answer is None


def test_answers_count_when_their_jobs_are_cleared(store: Store) -> None:
    answered(store, "h100", "small", 2.0)
    store.finish(1, ANSWER)
    store.forget([1])
    assert store.jobs() == []
    assert measured_pace(store, "h100", box_with("small")).seconds_an_answer == 2.0


@pytest.mark.parametrize(("engines", "slots"), [(1, 16), (4, 64), (0, 16)])
def test_all_engines_of_a_vllm_answer_at_the_same_time(
    store: Store, engines: int, slots: int
) -> None:
    """How many there are with 0, the box alone knows, and tells when it works."""
    box = box_with("small")
    vllm = box.vllm.model_copy(update={"data_parallel_size": engines})
    assert measured_pace(store, "h100", box.model_copy(update={"vllm": vllm})).slots == slots


def test_jobs_take_turns_in_the_slots() -> None:
    assert Pace(30.0, 4).seconds_for(8) == 60.0
    assert Pace(30.0, 4).seconds_for(2) == 30.0
    assert Pace(30.0, 4).seconds_for(0) is None
    assert Pace(None, 4).seconds_for(8) is None
