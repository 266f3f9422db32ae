"""A real llama.cpp server with a small model, behind a real sshd: answers, cancels, kills, a wrong name."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.store import Store
from tests.support.laptop import Laptop
from tests.support.llama_server import CONTEXT, MODEL, LlamaServer, llama_server
from tests.support.sshd import Sshd
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(180)]


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[LlamaServer]:
    with llama_server(tmp_path / "llama") as server:
        server.start()
        server.wait_until_loaded()
        yield server


@pytest.fixture
def box(trusted: Sshd, laptop: Laptop, box_root: Path, llama: LlamaServer) -> Laptop:
    """A user whose box has that server."""
    _configure(laptop, box_root, llama.engine())
    return laptop


def _configure(laptop: Laptop, root: Path, engine: str, context: str = "") -> None:
    # A small model reads a long system prompt for longer than it writes.
    laptop.configure(
        f'box = "test"\n[upsampling]\nprofile = "generic"\n{context}reserve = 24\n'
        'system_prompt = "Rewrite it in one sentence."\n'
        f'[boxes.test]\nhost = "testbox"\nroot = "{root}"\n{engine}'
    )


def _write_prompts(laptop: Laptop, *prompts: str) -> Path:
    spec = laptop.cwd / "prompts.txt"
    spec.write_text("\n".join(prompts) + "\n")
    return spec


def _results(laptop: Laptop) -> list[dict[str, Any]]:
    (sidecar,) = (laptop.cwd / "outputs").glob(".upsample/*.upsample.json")
    results: list[dict[str, Any]] = json.loads(sidecar.read_text())["results"]
    return results


def test_a_batch_is_written_by_the_model_and_heard_while_it_is_written(box: Laptop) -> None:
    spec = _write_prompts(
        box, "a harbour at dusk", "a red car", "rain", "a robot arm", "a forklift"
    )
    with box.started(spec) as run:
        assert run.end() == 0, run.errors

    kinds = [event["type"] for event in run.events]
    assert kinds.count("done") == 5
    assert kinds.index("text") < kinds.index("done")
    assert kinds.count("text") > 5
    results = _results(box)
    assert {result["model"] for result in results} == {MODEL}
    assert all(result["engine"].startswith("openai b") for result in results)
    assert {result["finish_reason"] for result in results} <= {"stop", "length"}
    for result in results:
        tokens = result["tokens"]
        assert 0 < tokens["prompt_reported"] <= tokens["prompt_estimated"]


def test_a_cancelled_job_frees_its_slot_and_the_others_go_on(
    box: Laptop, llama: LlamaServer
) -> None:
    box.more_environment["UPSAMPLE_RESERVE"] = "900"
    box.more_environment["UPSAMPLE_SYSTEM_PROMPT"] = "You write very long stories."
    spec = _write_prompts(box, "Tell all about a king.", "Tell all about a queen.")
    with box.started(spec) as run:
        running = run.started(2)
        wait_until(lambda: llama.busy_slots == 2)
        with contextlib.closing(Store(box.queue_file)) as store:
            store.ask_to_cancel(running[:1])
            run.until("cancelled", job=running[0])
            # Well before the other story's end.
            wait_until(lambda: llama.busy_slots == 1)
            run.until("text", job=running[1])
            store.ask_to_cancel(running[1:])
        assert run.end() == 0, run.errors
    assert box.states() == {"cancelled": 2}
    wait_until(lambda: llama.busy_slots == 0)


def test_a_server_that_is_killed_and_started_again_costs_no_job(
    box: Laptop, llama: LlamaServer
) -> None:
    box.more_environment["UPSAMPLE_RESERVE"] = "100"
    spec = _write_prompts(box, *(f"a story about the number {n}" for n in range(6)))
    with box.started(spec) as run:
        run.until("text")
        llama.kill()
        away = run.until("engine")["stage"]
        llama.start()
        assert run.end() == 0, run.errors

    assert away.startswith("away: ")
    assert box.states() == {"done": 6}
    assert [event for event in run.events if event["type"] == "failed"] == []


def test_without_a_model_the_box_takes_the_one_that_its_server_has_at_the_time(
    trusted: Sshd, laptop: Laptop, box_root: Path, llama: LlamaServer
) -> None:
    _configure(laptop, box_root, llama.engine(""))
    looked = laptop.run("doctor", "--json").stdout
    assert f"{MODEL}, the only one there" in looked
    laptop.more_environment["UPSAMPLE_RESERVE"] = "100"
    spec = _write_prompts(laptop, *(f"a story about the number {n}" for n in range(4)))
    with laptop.started(spec) as run:
        run.until("done")
        told = json.loads(laptop.run("box", "status", "--json").stdout)
        llama.kill()
        llama.name = "another"
        llama.start()
        assert run.end() == 0, run.errors

    assert told["model"] == MODEL
    assert laptop.states() == {"done": 4}
    models = [result["model"] for result in _results(laptop)]
    assert set(models) == {MODEL, "another"}


def test_without_a_model_a_server_that_is_away_is_named_and_the_jobs_stay(
    trusted: Sshd, laptop: Laptop, box_root: Path, tmp_path: Path
) -> None:
    with llama_server(tmp_path / "llama") as llama:
        _configure(laptop, box_root, llama.engine(""))
        ended = laptop.batch(_write_prompts(laptop, "a red car"))
        assert ended.returncode == 3
        assert (
            f"cannot connect to the model server at http://127.0.0.1:{llama.port}" in ended.stderr
        )
        assert laptop.states() == {"queued": 1}
        llama.start()
        llama.wait_until_loaded()
        assert laptop.batch().returncode == 0
    assert [result["model"] for result in _results(laptop)] == [MODEL]


def test_a_model_that_the_server_does_not_have_is_named_beside_those_that_it_has(
    trusted: Sshd, laptop: Laptop, box_root: Path, llama: LlamaServer
) -> None:
    _configure(laptop, box_root, llama.engine("another"))
    with laptop.started(_write_prompts(laptop, "a red car")) as run:
        assert run.end() == 1
    (failed,) = (event for event in run.events if event["type"] == "failed")
    assert f"a model named another; it has: {MODEL}" in failed["error"]
    assert not list(laptop.cwd.glob("outputs/*.txt"))
    looked = laptop.run("doctor", "--json").stdout
    assert f"has no model 'another'; it has: {MODEL}" in looked


def test_prompts_are_counted_with_the_context_that_the_server_has(
    trusted: Sshd, laptop: Laptop, box_root: Path, llama: LlamaServer
) -> None:
    _configure(laptop, box_root, llama.engine())
    spec = _write_prompts(laptop, "a red car", "harbour-" * CONTEXT)
    with laptop.started(spec) as run:
        assert run.end() == 1
    assert laptop.states() == {"done": 1, "failed": 1}
    (failed,) = (event for event in run.events if event["type"] == "failed")
    assert f"of {CONTEXT:,}" in failed["error"]
    assert run.errors.count("max_tokens says") == 0
    assert f"{CONTEXT:,} tokens, as the server says" in laptop.run("doctor", "--json").stdout
    told = json.loads(laptop.run("box", "status", "--json").stdout)
    assert told["context"] == CONTEXT

    _configure(laptop, box_root, llama.engine(), "max_tokens = 4096\n")
    with laptop.started(_write_prompts(laptop, "a blue car", "two blue cars")) as run:
        assert run.end() == 0, run.errors
    assert run.errors.count("max_tokens says 4,096 tokens, and the model server") == 1


def test_a_profile_that_does_not_fit_is_told_once_and_its_estimates_are_corrected(
    box: Laptop, llama: LlamaServer
) -> None:
    config = box.config.read_text()
    config = config.replace('"generic"', '"transfer1"').replace("Rewrite it in one sentence.", "")
    box.configure(config)
    first = box.batch(_write_prompts(box, "a harbour at dusk", "a red car", "rain on a window"))
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("the profile transfer1 expects") == 1
    assert "The profile generic would fit: `upsample config set" in first.stderr
    assert "From now on what test counts corrects the estimates" in first.stderr

    prompts = ["a robot arm lifts a cup", "a forklift"]
    spec = _write_prompts(box, *prompts)
    looked = box.run("--no-ui", str(spec), "--dry-run", "--json", "--include-upsampled")
    plans = [json.loads(line) for line in looked.stdout.splitlines()]
    assert {plan["measured"] for plan in plans} == {True}
    with box.started(spec, "--force") as run:
        assert run.end() == 0, run.errors
    assert "transfer1 expects" not in run.errors
    estimated = [plan["prompt_tokens"] for plan in plans]
    counts = [r["tokens"] for r in _results(box) if r["prompt"] in prompts]
    assert [each["prompt_estimated"] for each in counts] == estimated
    for each in counts:
        assert abs(each["prompt_reported"] - each["prompt_estimated"]) <= 1

    forgotten = box.run("limits", "--forget")
    assert "What test has counted is forgotten" in forgotten.stderr
    again = box.run("--no-ui", str(spec), "--dry-run", "--json", "--include-upsampled")
    assert not any(json.loads(line)["measured"] for line in again.stdout.splitlines())
