"""Decisions about results change the result files, and undo changes them back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import InputError, ResultError
from backend.planning.orders import draw_again
from backend.results.decisions import decide, decide_all, deliver, undo
from backend.results.lints import LintKind
from backend.results.replaced import results_replaced_by, words_on_replaced
from backend.results.review import Reviewed, load_review, waiting_for_review
from backend.results.undelivered import undelivered
from backend.store import Job, State, Store
from backend.store.decision import Decision
from tests.support.finished_jobs import Finisher
from tests.support.specs import write_spec

DUSK = {"id": "ps_1", "prompt": "Warm dusk", "is_upsampled": False, "metadata": {"by": "me"}}
LIFT = {"prompt": "a forklift", "input_video_path": "in.mp4", "edge": {"control_weight": 1.0}}
DOCKS = (
    '{"visual_input": "a.mp4", "prompt": "rainy dock"}\n'
    '{"visual_input": "b.mp4", "prompt": "foggy dock"}\n'
)
DOCK25 = {"name": "dock", "prompt_path": "dock.txt", "video_path": "dock.mp4", "guidance": 3}
ACCEPTED, EDITED, REJECTED, UNDECIDED = (
    Decision.ACCEPTED,
    Decision.EDITED,
    Decision.REJECTED,
    Decision.UNDECIDED,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder for results."""
    return tmp_path / "out"


@pytest.fixture
def finisher(store: Store, out: Path) -> Finisher:
    return Finisher(store, out)


@pytest.fixture
def dusk(tmp_path: Path) -> Path:
    return write_spec(tmp_path / "dusk.json", DUSK)


def prompt_in(file: Path) -> str:
    prompt = json.loads(file.read_text("utf-8"))["prompt"]
    assert isinstance(prompt, str)
    return prompt


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file()}


def write_at_once(store: Store, jobs: list[Job]) -> None:
    """Write the jobs' results, as a run does when its jobs have ended."""
    for file in {job.destination for job in jobs}:
        deliver(store, file)


def the_only(store: Store) -> Reviewed:
    (prompt,) = load_review(store).prompts
    return prompt


def stands(store: Store) -> list[Decision]:
    return [candidate.decision for candidate in the_only(store).candidates]


# --- held for a review ---------------------------------------------------------------------------


def test_what_is_held_is_written_when_it_is_accepted_and_gone_when_that_is_undone(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk, "A long dusk.")
    write_at_once(store, [job])
    assert not out.exists()
    assert waiting_for_review(store) == {job.number}
    assert decide(store, job.number, ACCEPTED).written == (out / "dusk.json",)
    assert prompt_in(out / "dusk.json") == "A long dusk."
    assert (stands(store), waiting_for_review(store)) == ([ACCEPTED], set())
    (taken,), outcome = undo(store)
    assert (taken.job, taken.decision) == (job.number, ACCEPTED)
    assert outcome.taken_back == (out / "dusk.json",)
    assert names(out) == set()
    assert stands(store) == [UNDECIDED]


def test_every_file_of_a_result_goes_with_it(
    store: Store, finisher: Finisher, tmp_path: Path, out: Path
) -> None:
    (tmp_path / "dock.txt").write_text("a dock")
    (job,) = finisher.finish(write_spec(tmp_path / "dock.json", DOCK25))
    written = decide(store, job.number, ACCEPTED).written
    assert set(written) == {path for path in out.rglob("*") if path.is_file()}
    assert len(written) == 3
    assert set(decide(store, job.number, REJECTED).taken_back) == set(written)
    assert list(out.iterdir()) == []


def test_each_accepted_entry_of_a_batch_joins_the_others(
    store: Store, finisher: Finisher, tmp_path: Path, out: Path
) -> None:
    source = tmp_path / "docks.jsonl"
    source.write_text(DOCKS)
    rainy, foggy = finisher.finish(source, "Long rain.", "Long fog.")

    def prompts() -> list[str]:
        lines = (out / "docks.jsonl").read_text().splitlines()
        return [json.loads(line)["prompt"] for line in lines]

    decide(store, foggy.number, ACCEPTED)
    assert prompts() == ["rainy dock", "Long fog."]
    decide(store, rainy.number, ACCEPTED)
    assert prompts() == ["Long rain.", "Long fog."]
    decide(store, foggy.number, REJECTED)
    assert prompts() == ["Long rain.", "foggy dock"]
    undo(store)
    assert prompts() == ["Long rain.", "Long fog."]


def test_a_text_of_the_users_own_is_what_is_written_and_says_so(
    store: Store, finisher: Finisher, tmp_path: Path, out: Path
) -> None:
    (job,) = finisher.finish(write_spec(tmp_path / "lift.json", LIFT), "A forklift I saw.")
    decide(store, job.number, EDITED, "A yellow forklift.")
    assert prompt_in(out / "lift.json") == "A yellow forklift."
    assert '"edited": true' in (out / ".upsample/lift.upsample.json").read_text()
    decide(store, job.number, EDITED, "A red forklift.")
    assert prompt_in(out / "lift.json") == "A red forklift."
    undo(store)
    assert prompt_in(out / "lift.json") == "A yellow forklift."
    assert stands(store) == [EDITED]
    undo(store)
    assert names(out) == set()


def test_an_edit_needs_a_text_and_nothing_else_takes_one(
    store: Store, finisher: Finisher, dusk: Path
) -> None:
    (job,) = finisher.finish(dusk)
    for decision, text in ((EDITED, None), (EDITED, " \n"), (ACCEPTED, "text")):
        with pytest.raises(InputError):
            decide(store, job.number, decision, text)
    assert store.decisions() == {}


# --- written at once -----------------------------------------------------------------------------


def test_what_was_written_at_once_counts_as_accepted_and_can_be_rejected(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk, "A long dusk.", review=False)
    write_at_once(store, [job])
    assert (stands(store), names(out)) == ([ACCEPTED], {"dusk.json"})
    decide(store, job.number, REJECTED)
    assert (stands(store), names(out)) == ([REJECTED], set())
    assert undelivered(store) == []
    undo(store)
    assert (stands(store), prompt_in(out / "dusk.json")) == ([ACCEPTED], "A long dusk.")


def test_what_is_rejected_and_asked_for_again_is_written_again(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk, "A long dusk.", review=False)
    write_at_once(store, [job])
    decide(store, job.number, REJECTED)
    (again,) = finisher.queue(dusk, review=False)
    assert again.number == job.number
    write_at_once(store, [again])
    assert prompt_in(out / "dusk.json") == "A long dusk."


def test_who_asks_for_files_gets_what_waits_for_a_review_too(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    finisher.finish(dusk, "A long dusk.")
    write_at_once(store, finisher.finish(dusk, review=False))
    assert prompt_in(out / "dusk.json") == "A long dusk."


# --- files of somebody else ----------------------------------------------------------------------


def test_a_file_that_was_changed_by_hand_is_never_touched(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk, "A long dusk.")
    decide(store, job.number, ACCEPTED)
    mine = (out / "dusk.json").read_text().replace("long", "short")
    (out / "dusk.json").write_text(mine)
    for change in (
        lambda: decide(store, job.number, REJECTED),
        lambda: decide(store, job.number, EDITED, "Other."),
        lambda: undo(store),
    ):
        with pytest.raises(ResultError):
            change()
        assert (out / "dusk.json").read_text() == mine
        assert store.decisions()[job.number].decision is ACCEPTED


def test_one_changed_file_of_a_result_keeps_the_others_from_being_taken(
    store: Store, finisher: Finisher, tmp_path: Path, out: Path
) -> None:
    (job,) = finisher.finish(write_spec(tmp_path / "lift.json", LIFT))
    decide(store, job.number, ACCEPTED)
    (out / ".upsample/lift.upsample.json").write_text("mine")
    with pytest.raises(ResultError, match=r"lift\.upsample\.json was changed since"):
        decide(store, job.number, REJECTED)
    assert names(out) == {"lift.json", "lift.upsample.json"}


def test_a_file_of_somebody_else_is_not_replaced_and_nothing_is_decided(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk)
    out.mkdir()
    (out / "dusk.json").write_text("mine")
    with pytest.raises(ResultError, match="exists already"):
        decide(store, job.number, ACCEPTED)
    assert (out / "dusk.json").read_text() == "mine"
    assert stands(store) == [UNDECIDED]


def test_what_force_replaced_comes_back(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk, "A long dusk.")
    out.mkdir()
    (out / "dusk.json").write_text("mine")
    decide(store, job.number, ACCEPTED, force=True)
    decide(store, job.number, EDITED, "Other.")
    assert prompt_in(out / "dusk.json") == "Other."
    decide(store, job.number, REJECTED)
    assert (out / "dusk.json").read_text() == "mine"
    with pytest.raises(ResultError):
        decide(store, job.number, ACCEPTED)


def test_a_file_that_is_gone_already_stops_no_rejection_and_comes_back_when_accepted(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk, "A long dusk.")
    decide(store, job.number, ACCEPTED)
    (out / "dusk.json").unlink()
    decide(store, job.number, ACCEPTED)
    assert prompt_in(out / "dusk.json") == "A long dusk."
    (out / "dusk.json").unlink()
    assert decide(store, job.number, REJECTED).taken_back == ()
    assert stands(store) == [REJECTED]


# --- candidates ----------------------------------------------------------------------------------


def test_candidates_that_are_held_share_one_file_and_one_of_them_is_in_it(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    one, two, three = finisher.finish(dusk, "One.", "Two.", "Three.", candidates=3)
    assert stands(store) == [UNDECIDED] * 3
    decide(store, two.number, ACCEPTED)
    assert (names(out), prompt_in(out / "dusk.json")) == ({"dusk.json"}, "Two.")
    assert stands(store) == [REJECTED, ACCEPTED, REJECTED]
    assert the_only(store).decision is ACCEPTED
    decide(store, three.number, ACCEPTED)
    assert prompt_in(out / "dusk.json") == "Three."
    assert stands(store) == [REJECTED, REJECTED, ACCEPTED]
    undo(store)
    assert prompt_in(out / "dusk.json") == "Two."
    decide(store, two.number, REJECTED)
    assert names(out) == set()
    assert stands(store) == [UNDECIDED, REJECTED, UNDECIDED]
    assert one.number in waiting_for_review(store)


def test_candidates_with_files_of_their_own_keep_them_and_the_accepted_one_gets_the_name(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    one, two = jobs = finisher.finish(dusk, "One.", "Two.", candidates=2, review=False)
    write_at_once(store, jobs)
    assert names(out) == {"dusk-1.json", "dusk-2.json"}
    assert stands(store) == [UNDECIDED, UNDECIDED]
    assert waiting_for_review(store) == set()
    decide(store, two.number, ACCEPTED)
    assert names(out) == {"dusk-1.json", "dusk-2.json", "dusk.json"}
    assert prompt_in(out / "dusk.json") == "Two."
    decide(store, one.number, REJECTED)
    assert names(out) == {"dusk-2.json", "dusk.json"}
    decide(store, two.number, EDITED, "Mine.")
    assert (prompt_in(out / "dusk-2.json"), prompt_in(out / "dusk.json")) == ("Mine.", "Mine.")
    for _ in range(3):
        undo(store)
    assert names(out) == {"dusk-1.json", "dusk-2.json"}
    assert prompt_in(out / "dusk-2.json") == "Two."
    assert undo(store)[0] == []


def test_another_seed_is_the_next_one_and_its_answer_a_candidate_to_be_decided(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    one, two = finisher.finish(dusk, "One.", "Two.", candidates=2, seed=7)
    decide(store, one.number, ACCEPTED)
    order = draw_again(one, [two])
    assert (order.seed, order.candidate, order.held) == (9, 0, True)
    (again,) = store.queue([order])
    assert store.queue([draw_again(two, [one, again])])[0].seed == 10
    finisher.answer([again], ["Three."])
    assert stands(store) == [ACCEPTED, REJECTED, UNDECIDED]
    assert the_only(store).decision is UNDECIDED
    assert prompt_in(out / "dusk.json") == "One."
    decide(store, again.number, ACCEPTED)
    assert prompt_in(out / "dusk.json") == "Three."


def test_after_the_greatest_seed_the_least_unused_one_is_next(
    finisher: Finisher, dusk: Path
) -> None:
    (job,) = finisher.queue(dusk, seed=2**31 - 1)
    (zero,) = finisher.queue(dusk, seed=0)
    assert draw_again(job, [zero]).seed == 1


def test_a_result_drawn_again_replaces_one_that_was_written_at_once_only_when_it_is_accepted(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk, "One.", review=False)
    write_at_once(store, [job])
    (again,) = finisher.answer(store.queue([draw_again(job, [])]), ["Two."])
    write_at_once(store, [again])
    assert prompt_in(out / "dusk.json") == "One."
    decide(store, again.number, ACCEPTED)
    assert prompt_in(out / "dusk.json") == "Two."
    assert stands(store) == [REJECTED, ACCEPTED]
    decide(store, again.number, REJECTED)
    assert prompt_in(out / "dusk.json") == "One."


def test_a_batch_that_takes_the_place_of_accepted_results_is_told_of_them_beforehand(
    store: Store, finisher: Finisher, dusk: Path
) -> None:
    (job,) = finisher.finish(dusk, "One.", review=False)
    write_at_once(store, [job])
    elsewhere = replace(job, box="lab", key="lab")
    assert results_replaced_by(store, [job, replace(elsewhere, held=True)]) == []
    assert results_replaced_by(store, [elsewhere]) == [job.number]
    assert words_on_replaced([]) == ""
    assert words_on_replaced([job.number]).startswith("1 accepted result will be replaced")
    decide(store, job.number, REJECTED)
    assert results_replaced_by(store, [elsewhere]) == []


# --- many at once --------------------------------------------------------------------------------


def test_all_that_were_accepted_at_once_are_undone_at_once(
    store: Store, finisher: Finisher, tmp_path: Path, out: Path
) -> None:
    jobs = [
        *finisher.finish(write_spec(tmp_path / "a.json", DUSK | {"prompt": "a"})),
        *finisher.finish(write_spec(tmp_path / "b.json", DUSK | {"prompt": "b"})),
        *finisher.finish(write_spec(tmp_path / "c.json", DUSK | {"prompt": "c"})),
    ]
    out.mkdir()
    (out / "b.json").write_text("mine")
    outcome, troubles = decide_all(store, [job.number for job in jobs], Decision.ACCEPTED)
    assert outcome.written == (out / "a.json", out / "c.json")
    assert "b.json exists already" in str(troubles[0])
    assert len(undo(store)[0]) == 2
    assert names(out) == {"b.json"}


# --- what cannot be ------------------------------------------------------------------------------


def test_only_a_job_that_is_done_can_be_decided_about(
    store: Store, finisher: Finisher, dusk: Path
) -> None:
    (job,) = finisher.queue(dusk)
    with pytest.raises(InputError, match="it is queued"):
        decide(store, job.number, ACCEPTED)
    with pytest.raises(InputError, match="there is no job 99"):
        decide(store, 99, ACCEPTED)


def test_a_spec_that_was_edited_meanwhile_is_told_and_nothing_is_decided(
    store: Store, finisher: Finisher, dusk: Path, out: Path
) -> None:
    (job,) = finisher.finish(dusk)
    write_spec(dusk, DUSK | {"prompt": "Cold dusk"})
    with pytest.raises(InputError, match="has another prompt now"):
        decide(store, job.number, ACCEPTED)
    assert (stands(store), names(out)) == ([UNDECIDED], set())


@pytest.mark.parametrize("name", ["lift.json", "lift.upsample.json"])
def test_a_disk_that_is_full_leaves_decision_and_files_as_they_were(
    store: Store,
    finisher: Finisher,
    tmp_path: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    (job,) = finisher.finish(write_spec(tmp_path / "lift.json", LIFT), "One.")
    decide(store, job.number, ACCEPTED)
    before = {file: file.read_bytes() for file in out.rglob("*.json")}
    real = os.replace

    def full_disk(source: str, target: str, **folders: int | None) -> None:
        if Path(target).name == name:
            raise OSError(28, "No space left on device")
        real(source, target, **folders)

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(ResultError, match="No space"):
        decide(store, job.number, EDITED, "Other.")
    monkeypatch.undo()
    assert {file: file.read_bytes() for file in out.rglob("*.json")} == before
    assert stands(store) == [ACCEPTED]
    decide(store, job.number, REJECTED)
    assert names(out) == set()


def test_a_result_that_cannot_be_read_any_more_hides_no_other(
    store: Store, finisher: Finisher, dusk: Path, tmp_path: Path
) -> None:
    finisher.finish(dusk)
    finisher.finish(write_spec(tmp_path / "no.json", DUSK | {"prompt": "Cold dusk"}), " ")
    review = load_review(store)
    assert [prompt.place.name for prompt in review.prompts] == ["dusk.json"]
    assert "the model's answer is empty" in review.troubles[0]


# --- lints ---------------------------------------------------------------------------------------

LONG = (
    "A forklift with two amber lights moves slowly between tall racks of crates while warm light "
    "falls through the skylights onto the concrete floor."
)


def test_an_edit_is_looked_at_instead_of_the_answer(
    store: Store, finisher: Finisher, dusk: Path
) -> None:
    (job,) = finisher.finish(dusk, "This prompt asks for dusk and", reason="length")
    kinds = [it.kind for it in the_only(store).candidates[0].lints]
    assert kinds == [LintKind.CUT_OFF, LintKind.META]
    decide(store, job.number, EDITED, "A long dusk.")
    (candidate,) = the_only(store).candidates
    assert (candidate.lints, candidate.result.prompt) == ((), "A long dusk.")


def test_answers_to_different_prompts_that_say_the_same_are_pointed_at(
    store: Store, finisher: Finisher, tmp_path: Path
) -> None:
    for n, asked in enumerate(("a forklift", "a dog", "a dog")):
        spec = {"prompt": asked, "input_video_path": "in.mp4", "edge": {"control_weight": n}}
        finisher.finish(write_spec(tmp_path / f"s{n}.json", spec), LONG, LONG, candidates=2)
    for prompt in load_review(store).prompts:
        for candidate in prompt.candidates:
            assert [it.kind for it in candidate.lints] == [LintKind.DUPLICATE]


def test_candidates_of_one_prompt_may_be_alike(
    store: Store, finisher: Finisher, dusk: Path
) -> None:
    finisher.finish(dusk, LONG, LONG, candidates=2)
    assert [c.lints for c in the_only(store).candidates] == [(), ()]


def test_what_is_known_is_taken_as_it_is_and_what_changed_is_made_anew(
    store: Store, finisher: Finisher, dusk: Path
) -> None:
    one, two = finisher.finish(dusk, "One.", "Two.", candidates=2)
    known = {c.number: c for c in the_only(store).candidates}
    decide(store, two.number, EDITED, "Mine.")
    (prompt,) = load_review(store, known).prompts
    assert prompt.candidates[0].result is known[one.number].result
    assert prompt.candidates[1].result.prompt == "Mine."
    undo(store)
    again = {c.number: c for c in prompt.candidates}
    (prompt,) = load_review(store, again).prompts
    assert prompt.candidates[1].result.prompt == "Two."
    assert store.jobs([one.number])[0].state is State.DONE
