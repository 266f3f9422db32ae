"""Real model servers behind a real sshd: answers, cancels, kills, wrong names and keys, and a proxy's limits.

llama.cpp with a small model writes; LiteLLM's proxy and nginx may stand before it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.store import Store
from tests.end_to_end.conftest import StartSshd
from tests.support.certificates import Authority
from tests.support.forward_proxies import forwarding
from tests.support.laptop import IDLE_SECONDS, Laptop
from tests.support.litellm_proxy import KEY, litellm_proxy
from tests.support.llama_server import CONTEXT, MODEL, LlamaServer, llama_server
from tests.support.model_servers import KEY_VARIABLE, SERVERS, ModelServer, model_server
from tests.support.nginx import MOST_BYTES, nginx_before
from tests.support.sshd import LOOPBACK, Sshd
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(180)]

_AWAY_SECONDS = 30
_WRONG_VARIABLE = "ANOTHER_KEY"
_WRONG_KEY = "sk-of-somebody-else"
"""A key of the box's environment that the server does not know."""


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[LlamaServer]:
    with llama_server(tmp_path / "llama") as server:
        server.start()
        server.wait_until_loaded()
        yield server


@pytest.fixture(params=SERVERS)
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModelServer]:
    """A server that the box asks, with a key."""
    proxy = request.getfixturevalue("litellm") if request.param == "LiteLLM" else None
    with llama_server(tmp_path / "llama", proxy.behind if proxy else None) as llama:
        llama.key = KEY
        llama.start()
        llama.wait_until_loaded()
        yield model_server(request.param, llama, proxy)


@pytest.fixture
def sshd(start_sshd: StartSshd, laptop: Laptop, box_root: Path) -> Sshd:
    """The server of the box named test, whose environment holds keys."""
    server = start_sshd(more_environment={KEY_VARIABLE: KEY, _WRONG_VARIABLE: _WRONG_KEY})
    laptop.add_host("testbox", server.port)
    return server


@pytest.fixture
def box(trusted: Sshd, laptop: Laptop, box_root: Path, asked: ModelServer) -> Laptop:
    """A user whose box has that server."""
    _configure(laptop, box_root, asked.engine())
    return laptop


def _configure(laptop: Laptop, root: Path, engine: str, context: str = "") -> None:
    # A small model reads a long system prompt for longer than it writes.
    laptop.configure(
        f'box = "test"\n[upsampling]\nprofile = "generic"\n{context}reserve = 24\n'
        'system_prompt = "Rewrite it in one sentence."\n'
        f'[boxes.test]\nhost = "testbox"\nroot = "{root}"\n{engine}'
    )


def _is_of_gateway(stage: str) -> bool:
    """Whether the server is away because nginx waited too long for it."""
    return "answered 504" in stage or "(504 Gateway Time-out)" in stage


def _alone(llama: LlamaServer) -> ModelServer:
    return model_server("llama.cpp", llama, None)


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


def test_a_dry_run_lets_the_server_count_what_a_request_will_take(
    box: Laptop, asked: ModelServer
) -> None:
    spec = _write_prompts(box, "a harbour at dusk", "港口 at night")
    shown = box.run("--dry-run", "--exact", "--json", spec)
    assert shown.returncode == 0, shown.stderr
    planned = [json.loads(line)["prompt_tokens"] for line in shown.stdout.splitlines()]
    if asked.name != "llama.cpp":
        assert "counted 0 of 2 texts" in shown.stderr
        return
    assert box.batch(spec).returncode == 0
    assert sorted(it["tokens"]["prompt_reported"] for it in _results(box)) == sorted(planned)


def test_a_cancelled_job_frees_its_slot_and_the_others_go_on(
    box: Laptop, asked: ModelServer
) -> None:
    llama = asked.llama
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
    box: Laptop, asked: ModelServer
) -> None:
    llama = asked.llama
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


@pytest.mark.timeout(300)
def test_a_server_that_comes_late_is_away_for_half_a_minute_and_restarts_twice_fails_nothing(
    trusted: Sshd, laptop: Laptop, box_root: Path, tmp_path: Path
) -> None:
    """While it loads its model, llama.cpp listens already, and answers 503."""
    jobs = 16
    with llama_server(tmp_path / "llama") as llama:
        _configure(laptop, box_root, _alone(llama).engine())
        laptop.more_environment["UPSAMPLE_RESERVE"] = "40"
        spec = _write_prompts(laptop, *(f"a story about the number {n}" for n in range(jobs)))
        with laptop.started(spec) as run:
            run.until("engine")
            llama.start()
            run.until("done")
            llama.kill()
            stage = run.until("engine")["stage"]
            time.sleep(_AWAY_SECONDS)
            llama.start()
            for _ in range(2):
                run.until("done")
                llama.kill()
                llama.start()
            assert run.end() == 0, run.errors

    assert stage.startswith("away: ")
    assert laptop.states() == {"done": jobs}
    events = run.events
    assert [event for event in events if event["type"] == "failed"] == []
    started = [event for event in events if event["type"] == "started"]
    assert {event["reason"] for event in started} == {""}  # none was counted as a failure
    done = [event["job"] for event in events if event["type"] == "done"]
    assert len(set(done)) == len(done) == len(_results(laptop)) == jobs


def test_without_a_model_the_box_takes_the_one_that_its_server_has_at_the_time(
    trusted: Sshd, laptop: Laptop, box_root: Path, llama: LlamaServer
) -> None:
    _configure(laptop, box_root, _alone(llama).engine(""))
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
        _configure(laptop, box_root, _alone(llama).engine(""))
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
    box: Laptop, box_root: Path, asked: ModelServer
) -> None:
    _configure(box, box_root, asked.engine("another"))
    with box.started(_write_prompts(box, "a red car")) as run:
        assert run.end() == 1
    (failed,) = (event for event in run.events if event["type"] == "failed")
    # LiteLLM's refusal names no others; the doctor does.
    others = f"; it has: {MODEL}" if asked.name == "llama.cpp" else ""
    assert f"a model named another{others}" in failed["error"]
    assert not list(box.cwd.glob("outputs/*.txt"))
    looked = box.run("doctor", "--json").stdout
    assert f"has no model 'another'; it has: {MODEL}" in looked


def test_a_key_that_the_server_refuses_stops_the_box_in_words_without_the_key(
    box: Laptop, box_root: Path, asked: ModelServer
) -> None:
    _configure(box, box_root, asked.engine().replace(KEY_VARIABLE, _WRONG_VARIABLE))
    ended = box.batch("--json", _write_prompts(box, "a red car"))
    assert ended.returncode == 3
    assert "The server wants a key, and did not accept the one it was sent" in ended.stderr
    assert _WRONG_KEY not in ended.stdout + ended.stderr
    assert "failed" not in box.states()

    assert box.run("box", "stop").returncode == 0
    _configure(box, box_root, asked.engine())
    assert box.batch().returncode == 0
    assert box.states() == {"done": 1}


def test_a_proxy_with_limits_costs_no_job_but_the_one_that_is_too_large(
    box: Laptop, box_root: Path, asked: ModelServer, tmp_path: Path
) -> None:
    with nginx_before(asked.port, tmp_path / "nginx") as port:
        _configure(box, box_root, asked.through(port).engine())
        large = "harbour-" * (MOST_BYTES // 8)
        spec = _write_prompts(box, *(f"a story about the number {n}" for n in range(3)), large)
        with box.started(spec) as run:
            with asked.llama.halted():
                while not _is_of_gateway(run.until("engine")["stage"]):
                    pass
            assert run.end() == 1, run.errors

    assert box.states() == {"done": 3, "failed": 1}
    stages = [event["stage"] for event in run.events if event["type"] == "engine"]
    assert any("answered 429: slow down" in stage for stage in stages)
    (failed,) = (event for event in run.events if event["type"] == "failed")
    assert "client_max_body_size" in failed["error"]


def test_prompts_are_counted_with_the_context_that_the_server_has(
    trusted: Sshd, laptop: Laptop, box_root: Path, llama: LlamaServer
) -> None:
    _configure(laptop, box_root, _alone(llama).engine())
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

    _configure(laptop, box_root, _alone(llama).engine(), "max_tokens = 4096\n")
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


# --- on the other side of the net ---


def test_litellm_is_asked_over_tls_through_a_forward_proxy(
    start_sshd: StartSshd, laptop: Laptop, box_root: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    proxied = tmp_path / "proxy"
    proxied.mkdir()
    with forwarding(proxied) as proxy, litellm_proxy(tmp_path, authority) as server:
        sshd = start_sshd(more_environment={KEY_VARIABLE: KEY, "HTTPS_PROXY": proxy.address})
        laptop.add_host("testbox", sshd.port)
        laptop.trust(sshd.port, sshd.host_key)
        with llama_server(tmp_path / "llama", server.behind) as llama:
            llama.key = KEY
            llama.start()
            llama.wait_until_loaded()
            engine = (
                f'engine = "openai"\nmodel = "{MODEL}"\nidle_timeout = {IDLE_SECONDS}\n'
                f'[boxes.test.openai]\nbase_url = "{server.url}"\nslots = 2\n'
                f'api_key_env = "{KEY_VARIABLE}"\n'
            )
            spec = _write_prompts(laptop, "a harbour at dusk", "rain")
            _configure(laptop, box_root, engine)
            refused = laptop.batch(spec)
            assert refused.returncode == 3
            assert "certificate verify failed" in refused.stderr
            _configure(laptop, box_root, f'{engine}ca_file = "{authority.path}"\n')
            done = laptop.batch(spec)
            assert done.returncode == 0, done.stderr
        assert laptop.states() == {"done": 2}
        wait_until(lambda: proxy.passed.count(f"CONNECT {LOOPBACK}:{server.port}") >= 2)
