"""Writing results replaces no file of the user, and each result says how it was made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend import __version__
from backend.errors import AnswerError, InputError, ResultError
from backend.planning.history import own_results
from backend.results.sidecars import earlier_sidecar_path, sidecar_path
from backend.results.undelivered import undelivered
from backend.results.writing import (
    check_destination,
    is_own_result,
    load_result,
    take_away_results,
    write_results,
)
from backend.specs.model import Spec
from backend.specs.quoting import without_controls
from backend.specs.reading import read_file
from backend.store import Job, Order, State, Store
from remote.protocol import Answer, FrameInfo, Json, Request, Sampling
from tests.support import finished_jobs

ANSWER = replace(finished_jobs.ANSWER, text="  A long, warm dusk over the docks.\n")
OTHER = replace(ANSWER, text="Another dusk.")
SKETCH_NOTICE = "No language model wrote this text."

PROMPT_SPEC = (
    '{"id": "ps_1", "prompt": "Warm dusk", "is_upsampled": false, "metadata": {"by": "me"}}'
)
TRANSFER1 = (
    '{"prompt": "a forklift", "input_video_path": "in.mp4", "edge": {"control_weight": 1.0}}'
)
BATCH = (
    '{"visual_input": "a.mp4", "prompt": "rainy dock"}\n'
    '{"visual_input": "b.mp4", "prompt": "foggy dock"}\n'
    '{"visual_input": "c.mp4", "prompt": "snowy dock"}\n'
)
TRANSFER25 = '{"name": "dock", "prompt_path": "dock.txt", "video_path": "dock.mp4", "guidance": 3}'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder for results."""
    return tmp_path / "out"


@pytest.fixture
def finish(store: Store, out: Path) -> Callable[..., list[Job]]:
    """Queues the prompts of a spec file and answers them, but for the entries that failed."""

    def do(
        file: Path, answer: Answer = ANSWER, *, failed: Sequence[int] = (), seed: int = 7
    ) -> list[Job]:
        jobs = []
        for spec in read_file(file, file.parent):
            assert isinstance(spec, Spec)
            made = _new_job(spec, out / file.name, seed)
            (job,) = store.queue([made])
            request = _request(spec.prompt, seed)
            identity = store.set_request(job.number, request, 2481)
            if spec.entry in failed:
                store.set_state(job.number, State.FAILED, "the video is gone")
            else:
                store.keep_answer(identity, job.box, answer)
                store.set_state(job.number, State.DONE)
            jobs.append(job.number)
        return store.jobs(jobs)

    return do


def _new_job(spec: Spec, destination: Path, seed: int) -> Order:
    return Order(
        key=f"{spec.file} {spec.entry} {spec.prompt} {seed}",
        box="h100",
        file=spec.file,
        entry=spec.entry,
        name=spec.name,
        prompt=spec.prompt,
        video=spec.video,
        candidate=0,
        seed=seed,
        settings="{}",
        destination=destination,
    )


def _request(prompt: str, seed: int) -> Request:
    frames = (FrameInfo("ab" * 32, 640, 480, 1.25), FrameInfo("cd" * 32, 640, 480, 3.75))
    return Request("transfer1", "/models/up", "", prompt, frames, Sampling(0.6, 300, seed))


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def files_in(folder: Path) -> set[str]:
    """The names of the files below a folder."""
    return {file.name for file in folder.rglob("*") if file.is_file()}


def json_of(file: Path) -> dict[str, Json]:
    value = json.loads(file.read_text("utf-8"))
    assert isinstance(value, dict)
    return value


Finish = Callable[..., list[Job]]


# --- what is written -----------------------------------------------------------------------------


def test_a_prompt_spec_keeps_its_metadata_and_gets_the_provenance_in_it(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "dusk.json", PROMPT_SPEC))
    assert write_results(store, out / "dusk.json", jobs, force=False) == [out / "dusk.json"]
    written = json_of(out / "dusk.json")
    assert written["prompt"] == "A long, warm dusk over the docks."
    assert (written["is_upsampled"], written["parent_prompt_text"]) == (True, "Warm dusk")
    metadata = written["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["by"] == "me"
    assert metadata["upsample"] == dict(load_result(store, jobs[0]).provenance)


def test_other_formats_get_a_sidecar(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "lift.json", TRANSFER1))
    files = write_results(store, out / "lift.json", jobs, force=False)
    assert files == [out / "lift.json", out / ".upsample/lift.upsample.json"]
    assert json_of(out / "lift.json").keys() == json.loads(TRANSFER1).keys()
    sidecar = json_of(out / ".upsample/lift.upsample.json")
    assert sidecar["file"] == "lift.json"
    assert sidecar["results"] == [
        {"entry": 0, "name": "lift", "prompt": "a forklift"}
        | dict(load_result(store, jobs[0]).provenance)
    ]


def test_a_prompt_in_a_file_of_its_own_is_written_beside(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    put(tmp_path / "dock.txt", "a dock")
    jobs = finish(put(tmp_path / "dock.json", TRANSFER25))
    files = write_results(store, out / "dock.json", jobs, force=False)
    assert files[0] == out / "dock.json"
    assert set(files) == {path for path in out.rglob("*") if path.is_file()}
    assert len(files) == 3
    (spec,) = read_file(out / "dock.json", out)
    assert isinstance(spec, Spec)
    assert spec.prompt.strip() == "A long, warm dusk over the docks."


def test_failed_entries_of_a_batch_keep_their_prompt(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "docks.jsonl", BATCH), failed=[1])
    write_results(store, out / "docks.jsonl", jobs, force=False)
    lines = (out / "docks.jsonl").read_text().splitlines()
    assert [json.loads(line)["prompt"] for line in lines] == [
        "A long, warm dusk over the docks.",
        "foggy dock",
        "A long, warm dusk over the docks.",
    ]
    results = json_of(out / ".upsample/docks.jsonl.upsample.json")["results"]
    assert isinstance(results, list)
    assert [result["entry"] for result in results if isinstance(result, dict)] == [0, 2]


def test_nothing_is_written_when_nothing_is_done(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "dusk.json", PROMPT_SPEC), failed=[0])
    assert write_results(store, out / "dusk.json", jobs, force=False) == []
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "sidecar"),
    [
        ("a.json", "a.upsample.json"),
        ("a.jsonl", "a.jsonl.upsample.json"),
        ("a.txt", "a.txt.upsample.json"),
        ("a.b.json", "a.b.upsample.json"),
    ],
)
def test_a_sidecar_is_named_after_its_file(name: str, sidecar: str) -> None:
    assert sidecar_path(Path("out") / name) == Path("out") / ".upsample" / sidecar


def test_the_sidecar_of_an_earlier_version_goes_when_its_result_is_written_again(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    file, result = put(tmp_path / "lift.json", TRANSFER1), out / "lift.json"
    write_results(store, result, finish(file), force=False)
    # As an earlier version leaves it:
    sidecar, earlier = sidecar_path(result), earlier_sidecar_path(result)
    written = store.written(sidecar)
    assert written is not None
    sidecar.rename(earlier)
    sidecar.parent.rmdir()
    store.note_written({earlier: written})
    store.forget_written(sidecar)

    write_results(store, result, finish(file, OTHER), force=False)
    assert list(out.glob("*.json")) == [result]
    assert "seed" in sidecar.read_text()
    assert own_results(store).keys() == {result, sidecar}


def test_the_sidecar_of_an_earlier_version_that_was_changed_stays(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    earlier = out / "lift.upsample.json"
    out.mkdir()
    put(earlier, "mine")
    jobs = finish(put(tmp_path / "lift.json", TRANSFER1))
    write_results(store, out / "lift.json", jobs, force=False)
    assert earlier.read_text() == "mine"


def test_a_link_in_the_place_of_the_sidecars_folder_is_not_followed(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "lift.json", TRANSFER1))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    out.mkdir()
    (out / ".upsample").symlink_to(theirs)
    with pytest.raises(ResultError, match="link"):
        write_results(store, out / "lift.json", jobs, force=False)
    assert list(theirs.iterdir()) == []
    assert files_in(out) == set()


# --- provenance ----------------------------------------------------------------------------------


def test_a_result_says_everything_about_how_it_was_made(
    store: Store, finish: Finish, tmp_path: Path
) -> None:
    (job,) = finish(put(tmp_path / "dusk.json", PROMPT_SPEC))
    assert dict(load_result(store, job).provenance) == {
        "program": f"upsample {__version__}",
        "written_by": "/models/up with vllm 0.32.0",
        "engine": "vllm 0.32.0",
        "profile": "transfer1",
        "model": "/models/up",
        "box": "h100",
        "media": None,
        "frames": [{"time": 1.25, "sha256": "ab" * 32}, {"time": 3.75, "sha256": "cd" * 32}],
        "size_sent": "640x480",
        "tokens": {
            "prompt_estimated": 2481,
            "prompt_reported": 2479,
            "answer_reported": 9,
            "answer_limit": 300,
        },
        "cost": None,
        "temperature": 0.6,
        "seed": 7,
        "candidate": 0,
        "finish_reason": "stop",
        "removed_from_answer": [],
        "seconds": {"generating": 2.5, "queued_to_done": round(job.changed - job.queued, 3)},
        "ended": "1970-01-01T00:16:42+00:00",
        "runner": "0123456789ab",
        "job": job.identity,
        "edited": False,
    }


def test_a_result_says_that_a_clip_was_sent_and_of_which_frames(
    store: Store, finish: Finish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = FrameInfo("ab" * 32, 640, 480, 1.25, times=(1.25, 3.75))
    plain = _request

    def with_clip(prompt: str, seed: int) -> Request:
        return replace(plain(prompt, seed), frames=(clip,))

    monkeypatch.setitem(globals(), "_request", with_clip)
    (job,) = finish(put(tmp_path / "dusk.json", PROMPT_SPEC))
    provenance = load_result(store, job).provenance
    frames = [{"time": time, "sha256": "ab" * 32} for time in (1.25, 3.75)]
    assert (provenance["sent"], provenance["frames"]) == ("clip", frames)


def test_what_was_taken_off_the_answer_is_told(
    store: Store, finish: Finish, tmp_path: Path
) -> None:
    raw = 'Upsampled prompt:\n"A long dusk."'
    (job,) = finish(put(tmp_path / "dusk.json", PROMPT_SPEC), replace(ANSWER, text=raw))
    result = load_result(store, job)
    assert result.prompt == "A long dusk."
    assert result.provenance["removed_from_answer"] == ["opener", "quotes"]
    assert result.answer.text == raw


def test_an_empty_answer_is_never_written(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "dusk.json", PROMPT_SPEC), replace(ANSWER, text=" \n"))
    with pytest.raises(AnswerError, match="empty"):
        write_results(store, out / "dusk.json", jobs, force=False)
    assert not out.exists()


def test_a_text_that_no_language_model_wrote_says_so(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    answer = replace(ANSWER, engine="sketch 1", notice=SKETCH_NOTICE, prompt_tokens=None)
    jobs = finish(put(tmp_path / "lift.json", TRANSFER1), answer)
    write_results(store, out / "lift.json", jobs, force=False)
    assert f'"written_by": "{SKETCH_NOTICE}"' in (out / ".upsample/lift.upsample.json").read_text()


def test_a_box_whose_clock_is_wrong_stops_no_result(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "dusk.json", PROMPT_SPEC), replace(ANSWER, ended=1e15))
    write_results(store, out / "dusk.json", jobs, force=False)
    assert load_result(store, jobs[0]).provenance["ended"] is None


def test_a_job_without_an_answer_has_no_result(
    store: Store, finish: Finish, tmp_path: Path
) -> None:
    (job,) = finish(put(tmp_path / "dusk.json", PROMPT_SPEC), failed=[0])
    with pytest.raises(KeyError):
        load_result(store, job)


# --- what is never replaced ----------------------------------------------------------------------


def test_a_file_of_somebody_else_is_not_replaced(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "dusk.json", PROMPT_SPEC))
    out.mkdir()
    foreign = put(out / "dusk.json", "mine")
    with pytest.raises(ResultError, match=r"dusk\.json exists already") as caught:
        write_results(store, foreign, jobs, force=False)
    assert "--force" in caught.value.remedy
    assert foreign.read_text() == "mine"
    assert list(out.iterdir()) == [foreign]


def test_a_sidecar_of_somebody_else_is_not_replaced_and_then_nothing_is_written(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    jobs = finish(put(tmp_path / "lift.json", TRANSFER1))
    out.mkdir()
    foreign = put(sidecar_path(out / "lift.json"), "mine")
    with pytest.raises(ResultError, match=r"lift\.upsample\.json exists already"):
        write_results(store, out / "lift.json", jobs, force=False)
    assert files_in(out) == {foreign.name}


def test_a_result_of_ours_that_was_edited_since_is_not_replaced(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    source = put(tmp_path / "dusk.json", PROMPT_SPEC)
    write_results(store, out / "dusk.json", finish(source), force=False)
    edited = put(out / "dusk.json", (out / "dusk.json").read_text().replace("warm", "cold"))
    with pytest.raises(ResultError, match="left as it was written"):
        write_results(store, edited, finish(source, seed=8), force=False)
    assert "cold" in edited.read_text()


def test_a_result_of_ours_is_replaced_by_the_next_one(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    source = put(tmp_path / "lift.json", TRANSFER1)
    write_results(store, out / "lift.json", finish(source), force=False)
    write_results(
        store, out / "lift.json", finish(source, replace(ANSWER, text="New"), seed=8), force=False
    )
    assert json_of(out / "lift.json")["prompt"] == "New"
    assert '"seed": 8' in (out / ".upsample/lift.upsample.json").read_text()


def test_the_result_of_another_spec_is_not_replaced(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    (tmp_path / "other").mkdir()
    write_results(
        store, out / "dusk.json", finish(put(tmp_path / "dusk.json", PROMPT_SPEC)), force=False
    )
    before = (out / "dusk.json").read_bytes()
    # Another seed: the same request has the same answer, and the same text may be there already.
    other = finish(put(tmp_path / "other" / "dusk.json", PROMPT_SPEC), seed=8)
    with pytest.raises(ResultError, match="the result of another spec"):
        write_results(store, out / "dusk.json", other, force=False)
    assert (out / "dusk.json").read_bytes() == before


def test_force_replaces_everything(store: Store, finish: Finish, tmp_path: Path, out: Path) -> None:
    jobs = finish(put(tmp_path / "lift.json", TRANSFER1))
    out.mkdir()
    put(out / "lift.json", "mine")
    put(out / ".upsample/lift.upsample.json", "mine")
    write_results(store, out / "lift.json", jobs, force=True)
    assert (
        "mine"
        not in (out / "lift.json").read_text() + (out / ".upsample/lift.upsample.json").read_text()
    )


def test_writing_the_same_again_is_no_trouble_even_if_the_queue_forgot(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    # A crash between writing a file and noting it.
    jobs = finish(put(tmp_path / "dusk.json", PROMPT_SPEC))
    write_results(store, out / "dusk.json", jobs, force=False)
    content = (out / "dusk.json").read_bytes()
    source = jobs[0].file
    with closing(Store(tmp_path / "forgetful.db")) as forgetful:
        check_destination(forgetful, out / "dusk.json", source, force=False, data=content)
        with pytest.raises(ResultError):
            check_destination(forgetful, out / "dusk.json", source, force=False)


def test_writing_the_same_again_changes_nothing_in_the_queue(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    spec = put(tmp_path / "scene.txt", "a tram\n")
    jobs = finish(spec)
    files = write_results(store, out / spec.name, jobs, force=False)
    with closing(Store(store.path)) as other:
        version = other.others_version()
        assert write_results(store, out / spec.name, jobs, force=False) == files
        assert other.others_version() == version
        files[-1].unlink()
        assert write_results(store, out / spec.name, jobs, force=False) == files
        assert files[-1].exists()
        assert other.others_version() != version


def test_a_destination_that_is_not_there_may_be_written(store: Store, out: Path) -> None:
    check_destination(store, out / "deep" / "a.json", Path("a.json"), force=False)


# --- specs that changed since --------------------------------------------------------------------


def test_a_prompt_that_was_edited_meanwhile_is_not_overwritten(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    source = put(tmp_path / "dusk.json", PROMPT_SPEC)
    jobs = finish(source)
    put(source, PROMPT_SPEC.replace("Warm", "Cold"))
    with pytest.raises(InputError, match="has another prompt now"):
        write_results(store, out / "dusk.json", jobs, force=False)
    assert not out.exists()


def test_results_of_entries_that_were_removed_since_do_not_stop_the_others(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    source = put(tmp_path / "docks.jsonl", BATCH)
    write_results(store, out / "docks.jsonl", finish(source), force=False)
    put(source, "".join(BATCH.splitlines(keepends=True)[1:]))
    finish(source, replace(ANSWER, text="New"), seed=8)
    # Entry 2 is in the queue still.
    jobs = store.with_destination(out / "docks.jsonl")
    assert [job.entry for job in jobs] == [0, 1, 2]
    write_results(store, out / "docks.jsonl", jobs, force=False)
    lines = (out / "docks.jsonl").read_text().splitlines()
    assert [json.loads(line)["prompt"] for line in lines] == ["New", "New"]
    results = json_of(out / ".upsample/docks.jsonl.upsample.json")["results"]
    assert isinstance(results, list)
    assert len(results) == 2


# --- trouble while writing -----------------------------------------------------------------------


def test_a_write_that_fails_leaves_no_half_file_and_no_spec_without_its_sidecar(
    store: Store, finish: Finish, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = finish(put(tmp_path / "lift.json", TRANSFER1))
    real = os.replace

    def full_disk(source: str, target: str, **folders: int | None) -> None:
        if Path(target).name == "lift.json":
            raise OSError(28, "No space left on device")
        real(source, target, **folders)

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(ResultError, match=r"lift\.json cannot be written: No space") as caught:
        write_results(store, out / "lift.json", jobs, force=False)
    assert "kept in the queue" in caught.value.remedy
    assert files_in(out) == {"lift.upsample.json"}

    monkeypatch.undo()
    write_results(store, out / "lift.json", jobs, force=False)
    assert files_in(out) == {"lift.json", "lift.upsample.json"}


class Killed(BaseException):
    """In place of a kill -9: nothing that comes after it is done."""


@pytest.mark.parametrize("file", ["lift.json", "lift.upsample.json"])
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_result_whose_writer_was_killed_at_the_rename_is_written_by_the_next_run(
    store: Store, finish: Finish, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch,
    file: str, after: bool,
) -> None:  # fmt: skip
    spec = put(tmp_path / "lift.json", TRANSFER1)
    jobs = finish(spec)
    real = os.replace

    def killed(source: str, target: str, **folders: int | None) -> None:
        if Path(target).name != file or after:
            real(source, target, **folders)
        if Path(target).name == file:
            raise Killed

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(Killed):
        write_results(store, out / "lift.json", jobs, force=False)
    monkeypatch.undo()

    # What both ways of going on look at first: the queue, and the place.
    assert [due.job.number for due in undelivered(store)] == [1]
    check_destination(store, out / "lift.json", spec, force=False)
    write_results(store, out / "lift.json", jobs, force=False)
    assert undelivered(store) == []
    assert own_results(store).keys() == {out / "lift.json", out / ".upsample/lift.upsample.json"}


def test_what_a_killed_writer_replaced_by_force_is_still_known(
    store: Store, finish: Finish, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = finish(put(tmp_path / "lift.json", TRANSFER1))
    out.mkdir()
    put(out / "lift.json", "somebody's own")

    def killed(_store: Store, _files: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "note_written", killed)
        with pytest.raises(Killed):
            write_results(store, out / "lift.json", jobs, force=True)

    take_away_results(store, out / "lift.json")
    assert (out / "lift.json").read_text() == "somebody's own"


def test_a_file_in_the_place_of_the_folder_is_told(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    out.touch()
    jobs = finish(put(tmp_path / "dusk.json", PROMPT_SPEC))
    with pytest.raises(ResultError, match="cannot be written"):
        write_results(store, out / "dusk.json", jobs, force=False)


def test_a_folder_in_the_place_of_the_file_is_told_even_with_force(
    store: Store, finish: Finish, tmp_path: Path, out: Path
) -> None:
    (out / "dusk.json").mkdir(parents=True)
    jobs = finish(put(tmp_path / "dusk.json", PROMPT_SPEC))
    with pytest.raises(ResultError, match="Is a directory"):
        write_results(store, out / "dusk.json", jobs, force=True)
    assert list(out.iterdir()) == [out / "dusk.json"]


@pytest.mark.parametrize("spec", [PROMPT_SPEC, TRANSFER1])
@pytest.mark.parametrize(
    "text",
    ["half a pair \ud83d", "bell \x07 escape \x1b[31m null \0", 'quotes " and \\', "🌧\u2028"],
)
def test_no_answer_of_a_model_breaks_the_writing(
    store: Store, finish: Finish, tmp_path: Path, out: Path, spec: str, text: str
) -> None:
    answer = replace(ANSWER, text=text, finish_reason=text, engine=text, notice=text)
    jobs = finish(put(tmp_path / "dusk.json", spec), answer)
    for file in write_results(store, out / "dusk.json", jobs, force=False):
        json_of(file)
    written = without_controls(text).replace("\ud83d", "\ufffd").strip()
    assert json_of(out / "dusk.json")["prompt"] == written


# --- what somebody else put in the way -----------------------------------------------------------


def test_a_link_in_the_way_is_not_followed(
    store: Store, out: Path, tmp_path: Path, finish: Callable[..., list[Job]]
) -> None:
    theirs = put(tmp_path / "precious.json", "mine")
    out.mkdir()
    (out / "a.json").symlink_to(theirs)
    jobs = finish(put(tmp_path / "a.json", PROMPT_SPEC))
    with pytest.raises(ResultError, match="exists already"):
        write_results(store, out / "a.json", jobs, force=False)
    write_results(store, out / "a.json", jobs, force=True)
    assert theirs.read_text() == "mine"
    assert not (out / "a.json").is_symlink()


def test_a_link_that_leads_nowhere_does_not_let_a_result_appear_there(
    store: Store, out: Path, tmp_path: Path, finish: Callable[..., list[Job]]
) -> None:
    out.mkdir()
    (out / "a.json").symlink_to(tmp_path / "elsewhere.json")
    write_results(store, out / "a.json", finish(put(tmp_path / "a.json", PROMPT_SPEC)), force=False)
    assert not (tmp_path / "elsewhere.json").exists()


@pytest.mark.parametrize("when", ["before", "after the check"])
def test_a_link_in_a_folders_place_is_not_followed_to_write_or_to_take_back(
    store: Store,
    out: Path,
    tmp_path: Path,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    jobs = finish(put(tmp_path / "a.json", PROMPT_SPEC))
    write_results(store, out / "a.json", jobs, force=False)
    theirs = out.rename(tmp_path / "theirs")
    before = {file: file.read_bytes() for file in theirs.iterdir()}

    def swap(*_: object) -> None:
        if not out.is_symlink():
            out.symlink_to(theirs)

    if when == "before":
        swap()
    else:
        monkeypatch.setattr("backend.results.writing.check_folder", swap)
    with pytest.raises(ResultError, match="link"):
        write_results(store, out / "a.json", finish(tmp_path / "a.json", OTHER), force=True)
    with pytest.raises(ResultError, match="link"):
        take_away_results(store, out / "a.json")
    assert {file: file.read_bytes() for file in theirs.iterdir()} == before


@pytest.mark.parametrize("force", [False, True])
def test_a_pipe_in_the_way_does_not_keep_us_waiting(
    store: Store, out: Path, tmp_path: Path, finish: Callable[..., list[Job]], force: bool
) -> None:
    out.mkdir()
    os.mkfifo(out / "a.json")
    jobs = finish(put(tmp_path / "a.json", PROMPT_SPEC))
    with pytest.raises(ResultError, match="not a regular file"):
        write_results(store, out / "a.json", jobs, force=force)


def test_a_result_that_became_a_pipe_is_no_result_of_ours(
    store: Store, out: Path, tmp_path: Path, finish: Callable[..., list[Job]]
) -> None:
    write_results(store, out / "a.json", finish(put(tmp_path / "a.json", PROMPT_SPEC)), force=False)
    (out / "a.json").unlink()
    os.mkfifo(out / "a.json")
    assert not is_own_result(store, out / "a.json")
    assert own_results(store) == {}
