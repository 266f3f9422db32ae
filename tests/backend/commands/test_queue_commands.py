"""`upsample queue cancel|retry|pause|resume|move|clear` on a queue whose jobs no box has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.cli import run
from backend.commands.queue import cancel as cancel_command
from backend.commands.queue import pause as pause_command
from backend.config import user_file
from backend.dispatch.runs.lock import dispatcher_lock
from backend.exit_codes import ExitCode
from backend.results.decisions import decide
from backend.store import Job, Order, State, Store, Written, default_path
from backend.store.decision import Decision
from remote.protocol import Answer, Request, Sampling
from tests.support.finished_jobs import Finisher

Capsys = pytest.CaptureFixture[str]

ANSWER = Answer("A long dusk.", "stop", "e 1", 7, 5, "r", "", 1, 100.0, 102.5)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.chdir(tmp_path)
    with closing(Store(default_path())) as opened:
        yield opened


def queue(store: Store, *states: State, destination: str = "") -> list[Job]:
    """Jobs that stand so, each with a destination of its own unless one is given."""
    first = len(store.jobs()) + 1
    spec = Path("prompts.txt").absolute()
    spec.write_text("".join(f"prompt {n}\n" for n in range(20)))
    jobs = store.queue(
        [
            Order(
                key=f"key {n}",
                box="local",
                file=spec,
                entry=n,
                name=f"job {n}",
                prompt=f"prompt {n}",
                video=None,
                candidate=0,
                seed=0,
                settings="{}",
                destination=Path(destination or f"{n}.txt").absolute(),
            )
            for n in range(first, first + len(states))
        ]
    )
    for job, state in zip(jobs, states, strict=True):
        if state is State.DONE:
            request = Request("transfer1", "m", "", job.prompt, (), Sampling(0.6, 300, 0))
            store.keep_answer(store.set_request(job.number, request, 9), job.box, ANSWER)
        store.set_state(job.number, state)
    return store.jobs(job.number for job in jobs)


def outcomes(capsys: Capsys, *arguments: str) -> tuple[int, dict[int, str]]:
    """The exit code of `upsample queue …`, and what it says of each job."""
    code = run(["queue", *arguments, "--json"])
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {each["job"]: each["outcome"] for each in told}


# --- which jobs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["cancel", "retry", "pause", "resume"])
def test_an_unknown_number_is_bad_usage_and_changes_nothing(
    store: Store, capsys: Capsys, verb: str
) -> None:
    before = queue(store, State.QUEUED, State.FAILED)
    assert run(["queue", verb, "1", "2", "7"]) == ExitCode.USAGE
    assert "there is no job 7" in capsys.readouterr().err
    assert store.jobs() == before
    assert store.asked_to_cancel() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["cancel"],
        ["cancel", "1", "--all"],
        ["retry"],
        ["retry", "1", "--failed"],
        ["pause"],
        ["resume"],
    ],
)
def test_jobs_are_either_named_or_all_are_meant(store: Store, arguments: list[str]) -> None:
    before = queue(store, State.FAILED)
    assert run(["queue", *arguments]) == ExitCode.USAGE
    assert store.jobs() == before


# --- cancel --------------------------------------------------------------------------------------


def test_jobs_that_were_not_sent_are_cancelled_at_once(store: Store, capsys: Capsys) -> None:
    queue(store, State.QUEUED, State.PREPARING, State.QUEUED)
    assert outcomes(capsys, "cancel", "1", "2") == (ExitCode.OK, {1: "cancelled", 2: "cancelled"})
    assert [job.state for job in store.jobs()] == [State.CANCELLED, State.CANCELLED, State.QUEUED]


def test_all_means_those_that_have_not_ended(store: Store, capsys: Capsys) -> None:
    queue(store, State.QUEUED, State.DONE, State.FAILED)
    assert outcomes(capsys, "cancel", "--all") == (ExitCode.OK, {1: "cancelled"})
    assert outcomes(capsys, "cancel", "--all") == (ExitCode.OK, {})


def test_a_job_that_has_ended_is_told_as_such(store: Store, capsys: Capsys) -> None:
    queue(store, State.DONE, State.QUEUED)
    code, told = outcomes(capsys, "cancel", "1", "2")
    assert code == ExitCode.SOME_FAILED
    assert told == {1: "was done already", 2: "cancelled"}
    assert store.jobs()[0].state is State.DONE


def test_a_file_that_waited_for_the_cancelled_job_alone_is_written(
    store: Store, capsys: Capsys
) -> None:
    queue(store, State.DONE, State.QUEUED, destination="out.txt")
    assert run(["queue", "cancel", "2"]) == ExitCode.OK
    assert "A long dusk." in Path("out.txt").read_text()
    assert "out.txt was written" in capsys.readouterr().err


def test_another_process_that_heeds_nothing_is_named_and_the_request_stays(
    store: Store, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_command, "_APPLIED_SECONDS", 0.3)
    queue(store, State.QUEUED)
    with dispatcher_lock(store):
        assert run(["queue", "cancel", "1"]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert "will be cancelled" in shown.out
    assert "The request stays" in shown.err
    assert [job.number for job in store.asked_to_cancel()] == [1]
    assert outcomes(capsys, "cancel", "1") == (ExitCode.OK, {1: "cancelled"})


def test_a_box_that_is_not_in_the_config_keeps_the_request(store: Store, capsys: Capsys) -> None:
    (job,) = queue(store, State.QUEUED)
    gone = store.queue([Order(**{f: getattr(job, f) for f in Order.__dataclass_fields__} | {
        "key": "gone", "box": "gone",
    })])[0]  # fmt: skip
    store.set_state(gone.number, State.SENT)
    code, told = outcomes(capsys, "cancel", "1", "2")
    assert code == ExitCode.SOME_FAILED
    assert told[1] == "cancelled"
    assert told[2].startswith("sent; will be cancelled")
    assert [job.number for job in store.asked_to_cancel()] == [2]


# --- retry ---------------------------------------------------------------------------------------


def test_failed_and_cancelled_jobs_are_queued_again(store: Store, capsys: Capsys) -> None:
    queue(store, State.FAILED, State.CANCELLED, State.DONE, State.RUNNING)
    code, told = outcomes(capsys, "retry", "1", "2", "3", "4")
    assert code == ExitCode.SOME_FAILED
    assert told == {
        1: "queued again; it had failed",
        2: "queued again; it had been cancelled",
        3: "is done already",
        4: "has not ended: it is running",
    }
    states = [job.state for job in store.jobs()]
    assert states == [State.QUEUED, State.QUEUED, State.DONE, State.RUNNING]


def test_failed_means_those_that_failed(store: Store, capsys: Capsys) -> None:
    queue(store, State.FAILED, State.CANCELLED)
    assert outcomes(capsys, "retry", "--failed") == (
        ExitCode.OK,
        {1: "queued again; it had failed"},
    )
    assert [job.state for job in store.jobs()] == [State.QUEUED, State.CANCELLED]


# --- pause and resume ----------------------------------------------------------------------------


def test_what_no_box_has_is_paused_and_goes_on_when_it_is_resumed(
    store: Store, capsys: Capsys
) -> None:
    queue(store, State.QUEUED, State.PREPARING, State.SENT, State.DONE)
    code, told = outcomes(capsys, "pause", "1", "2", "3", "4")
    assert code == ExitCode.SOME_FAILED
    assert (told[1], told[2], told[4]) == ("paused", "paused", "was done already")
    assert told[3] == (
        "is on the box, and only an open upsample takes it back; or `upsample queue cancel 3`"
    )
    assert [job.number for job in store.to_do()] == [3]
    assert outcomes(capsys, "resume", "2", "1") == (ExitCode.OK, {1: "goes on", 2: "goes on"})
    assert [job.number for job in store.to_do()] == [1, 2, 3]


def test_all_that_waits_is_paused_and_all_that_is_paused_resumed(
    store: Store, capsys: Capsys
) -> None:
    queue(store, State.QUEUED, State.RUNNING, State.QUEUED)
    assert outcomes(capsys, "pause", "--all") == (ExitCode.OK, {1: "paused", 3: "paused"})
    assert outcomes(capsys, "pause", "--all") == (ExitCode.OK, {})
    assert outcomes(capsys, "resume", "--all")[1].keys() == {1, 3}
    code, told = outcomes(capsys, "resume", "1")
    assert (code, told) == (ExitCode.SOME_FAILED, {1: "is not paused: it is queued"})


def test_another_process_that_does_not_pause_is_named_and_the_request_stays(
    store: Store, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pause_command, "_APPLIED_SECONDS", 0.3)
    queue(store, State.QUEUED)
    with dispatcher_lock(store):
        assert run(["queue", "pause", "1"]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert "will be paused" in shown.out
    assert f"process {os.getpid()}" in shown.err
    assert [job.number for job in store.asked_to_pause()] == [1]
    # Whoever changes their mind is heard.
    assert outcomes(capsys, "resume", "1") == (ExitCode.OK, {1: "goes on"})
    assert store.asked_to_pause() == []


# --- move ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "order"),
    [
        (["4", "--first"], [4, 1, 2]),
        (["1", "--last"], [2, 4, 1]),
        (["4", "--up"], [1, 4, 2]),
        (["1", "--down"], [2, 1, 4]),
    ],
    ids=["first", "last", "up", "down"],
)
def test_what_waits_is_moved(store: Store, arguments: list[str], order: list[int]) -> None:
    queue(store, State.QUEUED, State.QUEUED, State.RUNNING, State.PAUSED)
    assert run(["queue", "move", *arguments]) == ExitCode.OK
    store.resume([4])
    assert [job.number for job in store.to_do() if job.number != 3] == order


def test_what_does_not_wait_is_told_as_such(store: Store, capsys: Capsys) -> None:
    queue(store, State.QUEUED, State.RUNNING)
    code, told = outcomes(capsys, "move", "1", "2", "--first")
    assert code == ExitCode.SOME_FAILED
    assert told == {1: "1 of 1 that wait", 2: "does not wait: it is running"}


@pytest.mark.parametrize("arguments", [["1"], ["1", "--first", "--up"], ["--first"]], ids=" ".join)
def test_one_place_to_move_to_is_needed(store: Store, arguments: list[str]) -> None:
    queue(store, State.QUEUED)
    assert run(["queue", "move", *arguments]) == ExitCode.USAGE


# --- clear ---------------------------------------------------------------------------------------


def written(store: Store, *jobs: Job) -> None:
    for job in jobs:
        store.note_written({job.destination: Written("ab", job.file)})


def test_what_has_ended_is_forgotten(store: Store, capsys: Capsys) -> None:
    jobs = queue(store, *State)
    written(store, *jobs)
    code, told = outcomes(capsys, "clear")
    assert code == ExitCode.OK
    assert set(told.values()) == {"forgotten"}
    assert store.jobs() == [job for job in jobs if not job.state.ended]


def test_a_result_that_was_never_written_is_kept_and_named(store: Store, capsys: Capsys) -> None:
    kept, cleared = queue(store, State.DONE, State.DONE)
    written(store, cleared)
    assert run(["queue", "clear"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert "never written" in shown.out
    assert "Forgotten: 1. Kept: 1." in shown.err
    assert store.jobs() == [kept]


def test_a_result_is_kept_while_its_file_waits_for_other_jobs(store: Store, capsys: Capsys) -> None:
    """It is written anew, from all of its jobs, when they end."""
    done, waiting = queue(store, State.DONE, State.QUEUED, destination="out.txt")
    written(store, done)
    _, told = outcomes(capsys, "clear")
    assert told[done.number].startswith("kept: other jobs for")
    assert store.jobs() == [done, waiting]


def test_what_waits_for_a_review_is_kept_with_all_that_its_file_has(
    store: Store, tmp_path: Path, capsys: Capsys
) -> None:
    spec = tmp_path / "prompts.txt"
    spec.write_text("dusk\ndawn\n")
    dusk, dawn = Finisher(store, tmp_path / "out").finish(spec)
    decide(store, dusk.number, Decision.ACCEPTED)
    _, told = outcomes(capsys, "clear")
    assert told[dusk.number].startswith("kept: other jobs for")
    assert told[dawn.number] == "kept: it waits for a review"
    decide(store, dawn.number, Decision.REJECTED)
    assert set(outcomes(capsys, "clear")[1].values()) == {"forgotten"}
    assert (store.jobs(), store.decisions()) == ([], {})
    assert "A long, warm dusk" in (tmp_path / "out" / "prompts.txt").read_text()


@pytest.mark.parametrize(
    ("option", "left"),
    [("--done", [State.FAILED, State.CANCELLED]), ("--failed", [State.DONE])],
)
def test_only_some_are_forgotten(store: Store, option: str, left: list[State]) -> None:
    written(store, *queue(store, State.DONE, State.FAILED, State.CANCELLED))
    assert run(["queue", "clear", option]) == ExitCode.OK
    assert [job.state for job in store.jobs()] == left


def test_the_queue_is_cleared_while_another_process_works_on_it(
    store: Store, capsys: Capsys
) -> None:
    written(store, *queue(store, State.DONE, State.RUNNING))
    with dispatcher_lock(store):
        assert outcomes(capsys, "clear") == (ExitCode.OK, {1: "forgotten"})


# --- another box ---------------------------------------------------------------------------------


def two_boxes(model: str = "pixtral") -> None:
    """A config with the boxes h100 and a100, of which the second has this model."""
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(
        "[boxes.h100]\nhost = 'one'\nengine = 'vllm'\nmodel = 'pixtral'\n"
        f"[boxes.a100]\nhost = 'two'\nengine = 'vllm'\nmodel = '{model}'\n"
    )


def of_h100(store: Store, *states: State) -> list[Job]:
    jobs = queue(store, *[State.QUEUED] * len(states))
    store.reassign([job.number for job in jobs], "h100")
    for job, state in zip(jobs, states, strict=True):
        store.set_state(job.number, state)
    return jobs


def test_jobs_are_given_to_another_box(store: Store, capsys: Capsys) -> None:
    two_boxes()
    waiting, sent, done = of_h100(store, State.QUEUED, State.SENT, State.DONE)
    code, told = outcomes(
        capsys, "reassign", *(str(job.number) for job in (waiting, sent, done)), "--box", "a100"
    )
    assert code == ExitCode.SOME_FAILED
    assert told == {
        waiting.number: "given to a100, from h100",
        sent.number: "given to a100, from h100",
        done.number: "was done already",
    }
    assert [job.number for job in store.to_do("a100")] == [waiting.number, sent.number]
    code, told = outcomes(capsys, "reassign", str(sent.number), "--box", "a100")
    assert told == {sent.number: "is a job of a100 already"}


def test_all_that_a_box_has_is_given_to_another_one(store: Store, capsys: Capsys) -> None:
    two_boxes()
    (here,) = queue(store, State.QUEUED)
    jobs = of_h100(store, State.QUEUED, State.RUNNING, State.FAILED)
    code, told = outcomes(capsys, "reassign", "--from", "h100", "--box", "a100")
    assert (code, list(told)) == (ExitCode.OK, [job.number for job in jobs[:2]])
    assert store.jobs([here.number])[0].box == "local"


def test_a_box_with_another_model_gets_jobs_only_when_that_is_asked_for(
    store: Store, capsys: Capsys
) -> None:
    two_boxes("qwen")
    (job,) = of_h100(store, State.SENT)
    wanted = ["queue", "reassign", str(job.number), "--box", "a100"]
    assert run(wanted) == ExitCode.USAGE
    assert "the model is pixtral on h100, qwen on a100" in capsys.readouterr().err
    assert store.jobs([job.number])[0].state is State.SENT
    assert run([*wanted, "--mixed"]) == ExitCode.OK
    assert store.jobs([job.number])[0].box == "a100"


def test_of_a_box_that_is_in_the_config_no_more_nobody_knows_how_it_answered(
    store: Store, capsys: Capsys
) -> None:
    two_boxes()
    (job,) = of_h100(store, State.SENT)
    _, table, rest = user_file().read_text().partition("[boxes.a100]")
    user_file().write_text(f"{table}{rest}")
    wanted = ["queue", "reassign", "--from", "h100", "--box", "a100"]
    assert run(wanted) == ExitCode.USAGE
    assert "h100 is not in the config any more" in capsys.readouterr().err
    assert run([*wanted, "--mixed"]) == ExitCode.OK
    assert store.jobs([job.number])[0].box == "a100"


def test_jobs_are_given_to_a_box_that_there_is(store: Store, capsys: Capsys) -> None:
    (job,) = queue(store, State.QUEUED)
    assert run(["queue", "reassign", str(job.number), "--box", "a100"]) == ExitCode.USAGE
    assert "no box is named 'a100'" in capsys.readouterr().err
