"""`upsample results` and its verbs, on a queue of jobs that are done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.cli import run
from backend.exit_codes import ExitCode
from backend.store import Job, State, Store, default_path
from tests.support.finished_jobs import Finisher
from tests.support.specs import write_spec

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Job]]:
    """Two results that are held; the second one has a lint."""
    monkeypatch.chdir(tmp_path)
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, tmp_path / "out")
        yield [
            *finisher.finish(write_spec(tmp_path / "dusk.json", {"id": "ps_1", "prompt": "dusk"})),
            *finisher.finish(
                write_spec(tmp_path / "dawn.json", {"id": "ps_2", "prompt": "three dawns"}),
                "A dawn \x1b[31m[/x].",
            ),
        ]


def objects(capsys: Capsys, *arguments: str) -> list[dict[str, object]]:
    run(["results", *arguments, "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_results_are_listed_with_decision_and_lints(jobs: list[Job], capsys: Capsys) -> None:
    assert run(["results"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "○ undecided" in shown
    assert "lost words" in shown
    dusk, dawn = objects(capsys)
    assert (dusk["job"], dusk["decision"], dusk["lints"]) == (jobs[0].number, "undecided", [])
    assert dusk["prompt"] == "A long, warm dusk over the docks."
    assert dawn["original"] == "three dawns"
    assert "lost words" in json.dumps(dawn["lints"])


def test_the_number_of_a_job_is_told_how_its_result_is_shown(
    jobs: list[Job], capsys: Capsys
) -> None:
    assert run(["results", str(jobs[0].number)]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert f"`upsample results show {jobs[0].number}` shows it" in told
    assert "verify" not in told


def test_results_are_shown_beside_their_prompts_and_objects_in_lines(
    jobs: list[Job], tmp_path: Path, capsys: Capsys
) -> None:
    with closing(Store(default_path())) as store:
        spec = write_spec(tmp_path / "noon.json", {"id": "ps_3", "prompt": "noon"})
        (noon,) = Finisher(store, tmp_path / "out").finish(spec, '{"a": ["M\\u00f6we\\u001b"]}')
    assert run(["results", "show", str(jobs[1].number), str(noon.number)]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert shown.startswith(f"job {jobs[1].number}  dawn  undecided  {tmp_path / 'out'}")
    assert "! lost words: " in shown
    assert "\nthree dawns\n\nA dawn [31m[/x].\n" in shown
    assert shown.endswith('\nnoon\n\n{\n  "a": [\n    "Möwe\\u001b"\n  ]\n}\n\n')
    (told,) = objects(capsys, "show", str(noon.number))
    assert told["prompt"] == '{"a": ["M\\u00f6we\\u001b"]}'
    assert run(["results", "show", "99"]) == ExitCode.USAGE


def test_two_results_are_compared_key_by_key_and_a_prompt_with_its_result(
    jobs: list[Job], tmp_path: Path, capsys: Capsys
) -> None:
    texts = (
        '{"lighting": {"conditions": "fog"}, "fps": 24, "mood": "calm"}',
        '{"lighting": {"conditions": "\\u001brain"}, "fps": 24}',
    )
    with closing(Store(default_path())) as store:
        spec = write_spec(tmp_path / "noon.json", {"id": "ps_3", "prompt": "noon"})
        found = Finisher(store, tmp_path / "out").finish(spec, *texts, candidates=2)
    numbers = [str(job.number) for job in found]
    assert run(["results", "diff", *numbers]) == ExitCode.OK
    told = capsys.readouterr()
    assert told.out == "lighting/conditions\n  - fog\n  + \\x1brain\n\nmood\n  - calm\n\n"
    assert "2 values are different, 1 the same: 1 changed, 1 removed, 0 added." in told.err
    changed, removed = objects(capsys, "diff", *numbers)
    assert changed == {
        "path": ["lighting", "conditions"],
        "change": "changed",
        "before": "fog",
        "after": "\x1brain",
    }
    assert (removed["change"], removed["after"]) == ("removed", None)
    assert run(["results", "diff", str(jobs[0].number)]) == ExitCode.OK
    assert "prompt\n  - dusk\n  + A long, warm dusk over the docks.\n" in capsys.readouterr().out
    assert run(["results", "diff", numbers[0], "99"]) == ExitCode.USAGE


def test_accepting_writes_and_undo_takes_it_back(
    jobs: list[Job], tmp_path: Path, capsys: Capsys
) -> None:
    numbers = [str(job.number) for job in jobs]
    assert run(["results", "accept", *numbers]) == ExitCode.OK
    assert "accepted;" in capsys.readouterr().out
    assert {"dusk.json", "dawn.json"} < {file.name for file in (tmp_path / "out").iterdir()}
    assert objects(capsys, "--undecided") == []
    assert run(["results", "undo"]) == ExitCode.OK
    assert f"job {numbers[1]} (dawn) was accepted" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
    assert len(objects(capsys, "--undecided")) == 2


def test_only_what_has_no_lint_is_accepted_without_a_look(
    jobs: list[Job], tmp_path: Path, capsys: Capsys
) -> None:
    assert [it["job"] for it in objects(capsys, "accept", "--clean")] == [jobs[0].number]
    assert run(["results", "accept", "--clean"]) == ExitCode.OK
    assert "Nothing that is undecided is without lints." in capsys.readouterr().err
    assert not (tmp_path / "out" / "dawn.json").exists()


def test_a_rejected_one_that_was_written_is_taken_away(jobs: list[Job], tmp_path: Path) -> None:
    number = str(jobs[0].number)
    run(["results", "accept", number])
    assert run(["results", "reject", number]) == ExitCode.OK
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_accepted_is_told_and_the_others_are(
    jobs: list[Job], tmp_path: Path, capsys: Capsys
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dusk.json").write_text("mine")
    numbers = [str(job.number) for job in jobs]
    told = objects(capsys, "accept", *numbers)
    assert [it["ok"] for it in told] == [False, True]
    assert "exists already" in str(told[0]["outcome"])
    assert run(["results", "accept", numbers[0]]) == ExitCode.SOME_FAILED
    assert run(["results", "accept", numbers[0], "--force"]) == ExitCode.OK


def test_jobs_that_are_not_there_are_refused(jobs: list[Job]) -> None:
    assert run(["results", "accept", "99"]) == ExitCode.USAGE
    assert run(["results", "accept"]) == ExitCode.USAGE


def test_an_empty_queue_has_no_results(tmp_path: Path, capsys: Capsys) -> None:
    assert run(["results"]) == ExitCode.OK
    assert "There are no results yet." in capsys.readouterr().err
    assert run(["results", "undo"]) == ExitCode.OK
    assert "nothing to undo" in capsys.readouterr().err


# --- export --------------------------------------------------------------------------------------


def test_what_is_accepted_or_failed_is_exported_as_one_list(
    jobs: list[Job], tmp_path: Path, capsys: Capsys
) -> None:
    with closing(Store(default_path())) as store:
        broken = write_spec(tmp_path / "noon.json", {"id": "ps_3", "prompt": "noon"})
        (failed,) = Finisher(store, tmp_path / "elsewhere").queue(broken, review=False)
        store.set_state(failed.number, State.FAILED, "no frame")
    run(["results", "accept", str(jobs[0].number)])
    capsys.readouterr()
    assert run(["results", "export", "all.json"]) == ExitCode.OK
    assert "2 prompts exported. Not reviewed yet: 1." in capsys.readouterr().err
    dusk = {
        "name": jobs[0].name,
        "original_prompt": "dusk",
        "upsampled_prompt": "A long, warm dusk over the docks.",
        "video_path": None,
        "success": True,
    }
    noon = {
        "name": failed.name,
        "original_prompt": "noon",
        "upsampled_prompt": "",
        "video_path": None,
        "success": False,
    }
    assert json.loads(Path("all.json").read_text()) == [dusk, noon]
    assert run(["results", "export", "some.json", "--below", "out"]) == ExitCode.OK
    assert json.loads(Path("some.json").read_text()) == [dusk]
    assert run(["results", "export", "some.json"]) != ExitCode.OK
    assert "some.json exists already" in capsys.readouterr().err
    assert run(["results", "export", "some.json", "--force"]) == ExitCode.OK
    assert run(["results", "export", "no/such/folder.json"]) != ExitCode.OK
