"""`upsample results --html`, `--csv` and `--parquet`, of the queue and of a folder."""

from __future__ import annotations

import csv
import io
import json
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pyarrow import parquet

from backend.cli import run
from backend.exit_codes import ExitCode
from backend.results.decisions import decide, deliver
from backend.results.ratings import rate
from backend.results.report import page
from backend.results.report.from_folder import report_of_folder
from backend.results.report.reported import Reported
from backend.results.report.result_table import COLUMNS, write_csv_table
from backend.store import Store, default_path
from backend.store.decision import Decision
from tests.support.finished_jobs import Finisher
from tests.support.plain_clips import draw_plain_clip
from tests.support.reported_results import hostile_report, reported_prompt, reported_result
from tests.support.specs import write_spec

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three prompts, one of them with a clip and one with two candidates, of which one is accepted."""
    monkeypatch.chdir(tmp_path)
    clip = draw_plain_clip(tmp_path / "clip.mov", 160, 96, 20)
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, tmp_path / "out")
        dusk = write_spec(
            tmp_path / "dusk.json", {"id": "ps_1", "prompt": "dusk", "input_video_path": str(clip)}
        )
        finisher.finish(dusk)
        dock = write_spec(tmp_path / "dock.json", {"prompt": "three docks", "edge": {}})
        jobs = finisher.finish(dock, "A dock.", "Three docks.", review=False, candidates=2)
        for job in jobs:
            deliver(store, job.destination)
        decide(store, jobs[1].number, Decision.ACCEPTED)
        rain = finisher.finish(write_spec(tmp_path / "rain.json", {"id": "ps_2", "prompt": "rain"}))
        decide(store, rain[0].number, Decision.REJECTED)
        rate(store, rain[0].number, 2, "=too dark")
    return tmp_path


def test_the_queue_becomes_a_page_and_tables(folder: Path, capsys: Capsys) -> None:
    files = {kind: folder / f"report.{kind}" for kind in ("html", "csv", "parquet")}
    options = [word for kind, file in files.items() for word in (f"--{kind}", str(file))]
    assert run(["results", *options]) == ExitCode.OK
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [str(file) for file in files.values()]
    assert "4 results of 3 prompts." in shown.err
    text = files["html"].read_text("utf-8")
    assert text.count("<article") == 3
    assert text.count('src="data:image/') == 2
    assert 'aria-label="Rated 2 of 5">★★☆☆☆' in text
    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text("utf-8"))))
    assert [row["decision"] for row in rows] == ["undecided", "rejected", "accepted", "rejected"]
    assert rows[1]["original"] == "three docks"
    assert rows[1]["lints"] == "lost words"
    assert (rows[3]["rating"], rows[3]["note"]) == ("2", "'=too dark")
    table = parquet.read_table(files["parquet"])
    assert table.column_names == [column.name for column in COLUMNS] == list(rows[0])
    assert table.column("prompt").to_pylist() == [row["prompt"] for row in rows]
    assert table.column("tokens_reported").to_pylist() == [2479] * 4


def test_a_file_that_is_there_is_replaced_with_force_alone(folder: Path, capsys: Capsys) -> None:
    (folder / "report.html").write_text("mine")
    assert run(["results", "--html", "report.html", "--csv", "new.csv"]) == ExitCode.USAGE
    assert "report.html exists already" in capsys.readouterr().err
    assert not (folder / "new.csv").exists()
    assert run(["results", "--html", "report.html", "--force", "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told == {"file": "report.html", "prompts": 3, "results": 4}
    assert run(["results", "--html", "nowhere/report.html"]) == ExitCode.USAGE
    assert "cannot be written" in capsys.readouterr().err
    assert run(["results", "--csv", "new.csv", "--undecided"]) == ExitCode.OK
    assert "1 result of 1 prompt." in capsys.readouterr().err


def test_a_folder_is_told_from_its_files(folder: Path, capsys: Capsys) -> None:
    assert run(["results", "out", "--html", "report.html"]) == ExitCode.OK
    assert "2 results of 1 prompt." in capsys.readouterr().err
    (prompt,) = report_of_folder(Path("out")).prompts
    assert prompt.original == "three docks"
    assert [result.text for result in prompt.results] == ["A dock.", "Three docks."]
    # The file without a number holds what the second candidate's own file holds.
    assert [result.decision for result in prompt.results] == [None, Decision.ACCEPTED]
    assert [result.made.seed for result in prompt.results] == [0, 1]
    assert [lint.kind for lint in prompt.results[0].lints] == ["lost words"]
    assert run(["results", "accept", "1"]) == ExitCode.OK
    found = {prompt.original: prompt for prompt in report_of_folder(Path("out")).prompts}
    assert found["dusk"].media == (folder / "clip.mov",)


def test_an_empty_queue_becomes_a_page_too(tmp_path: Path, capsys: Capsys) -> None:
    file = tmp_path / "report.html"
    assert run(["results", "--html", str(file)]) == ExitCode.OK
    assert "There are no results" in capsys.readouterr().err
    assert "There are no results." in file.read_text("utf-8")


def test_what_does_not_go_together_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    for arguments, told in (
        ("nowhere --html a.html", "there is no nowhere"),
        (". --csv a.csv --undecided", "do not tell what is undecided"),
        ("--verify --csv a.csv", "--verify writes no file"),
        ("out", "Add --verify, or --html FILE."),
    ):
        assert run(["results", *arguments.split()]) == ExitCode.USAGE
        assert told in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert run(["results", "--parquet", "a.parquet", "--csv", "a.csv"]) == ExitCode.USAGE
    assert "cosmos-upsample[tables]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_an_interrupted_page_leaves_the_file_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "report.html").write_text("before")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "make_card", interrupt)
    with pytest.raises(SystemExit) as ended:
        run(["results", "--html", "report.html", "--force"])
    assert ended.value.code == ExitCode.INTERRUPTED
    assert (folder / "report.html").read_text() == "before"
    assert not list(folder.glob(".*.part"))


def test_no_cell_of_a_csv_is_a_formula_and_hostile_text_is_kept() -> None:
    signs = ["=1+1", "+1", "-1", "@A1", "\t=1", "fine"]
    prompts = [reported_prompt(sign, sign, reported_result(sign, seed=-1)) for sign in signs]
    file = io.BytesIO()
    write_csv_table(file, Reported((*prompts, *hostile_report().prompts)))
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
    assert [row["prompt"][0] for row in rows[:6]] == ["'", "'", "'", "'", "'", "f"]
    assert rows[5]["seed"] == ""
    assert "\x1b[31m" in rows[7]["prompt"]
    assert not [cell for row in rows for cell in row.values() if cell[:1] in tuple("=+-@\t\r")]
