"""Verifying a folder of results finds each fault and names its result."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from backend.cli import run
from backend.exit_codes import ExitCode
from backend.results.decisions import deliver
from backend.results.verify import Check, verify_results
from backend.store import Store, default_path
from remote.protocol import Json
from tests.support.finished_jobs import Finisher
from tests.support.specs import write_spec

Capsys = pytest.CaptureFixture[str]
SPECS: dict[str, object] = {
    "dusk.json": {"id": "ps_1", "prompt": "dusk", "is_upsampled": False, "metadata": {}},
    "dawn.json": {"id": "ps_2", "prompt": "dawn", "is_upsampled": False},
    "dock.json": {"prompt": "a dock", "edge": {"control_weight": 1.0}, "input_video_path": "d.mp4"},
    "batch.json": [
        {"prompt": "rain", "output_video": "1.mp4"},
        {"prompt": "snow", "output_video": "2.mp4"},
    ],
}


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five results in four files of three formats, written by the queue."""
    monkeypatch.chdir(tmp_path)
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, tmp_path / "outputs")
        for name, spec in SPECS.items():
            texts = [f"A long {name} under a wide sky.", f"Another {name}, seen from above."]
            jobs = finisher.finish(write_spec(tmp_path / name, spec), *texts, review=False)
            deliver(store, jobs[0].destination)
    return Path("outputs")


def change(file: Path, edit: Callable[[dict[str, Json]], object]) -> None:
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def told(capsys: Capsys, *arguments: str) -> list[dict[str, Json]]:
    run(["results", "outputs", "--verify", "--json", *arguments])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def faults(out: Path) -> dict[str, set[Check]]:
    """Return the failed checks of each result that has some, by file and entry."""
    return {
        f"{each.file.name}:{each.entry}": {fault.check for fault in each.faults}
        for each in verify_results(out)
        if not each.is_whole
    }


def test_results_as_they_were_written_are_whole(out: Path, capsys: Capsys) -> None:
    assert run(["results", "--verify"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert shown.out.count("✓ whole") == 5
    assert "5 of 5 results are whole." in shown.err
    assert all(each["whole"] for each in told(capsys))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rain.jsonl", '{"prompt": "rain"}\n{"prompt": "snow"}\n'),
        ("rain.yaml", "samples:\n  a: {prompt: rain}\n  b: {prompt: snow}\n"),
        ("rain.txt", "rain\nsnow\n"),
        ("prompts_i2v.txt", "rain\nsnow\n"),
    ],
)
def test_a_file_that_is_no_json_is_found_with_its_sidecar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, tmp_path / "outputs")
        jobs = finisher.finish(tmp_path / name, "A long rain.", "A long snow.", review=False)
        deliver(store, jobs[0].destination)
    for place in (Path("outputs", name), Path("outputs")):
        assert [each.is_whole for each in verify_results(place)] == [True, True]


def test_each_file_can_be_looked_at_by_itself(out: Path) -> None:
    (dock,) = verify_results(out / "dock.json")
    assert (dock.name, dock.is_whole) == ("dock", True)


def sidecar(edit: Callable[[dict[str, Json]], object]) -> Callable[[Path], None]:
    def first(content: dict[str, Json]) -> None:
        results = content["results"]
        assert isinstance(results, list)
        assert isinstance(results[0], dict)
        edit(results[0])

    return lambda out: change(out / ".upsample/dock.upsample.json", first)


def embedded(edit: Callable[[dict[str, Json]], object]) -> Callable[[Path], None]:
    def inside(content: dict[str, Json]) -> None:
        metadata = content["metadata"]
        assert isinstance(metadata, dict)
        assert isinstance(metadata["upsample"], dict)
        edit(metadata["upsample"])

    return lambda out: change(out / "dusk.json", inside)


def spec(name: str, **changes: Json) -> Callable[[Path], None]:
    return lambda out: change(out / name, lambda content: content.update(changes))


def spec_copied(name: str, copy: str, **changes: Json) -> Callable[[Path], None]:
    def make(out: Path) -> None:
        (out / copy).write_bytes((out / name).read_bytes())
        change(out / copy, lambda content: content.update(changes))

    return make


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (embedded(lambda p: p.pop("seed")), {"dusk.json:0": {Check.PROVENANCE}}),
        (embedded(lambda p: p.update(size_sent=None)), {"dusk.json:0": {Check.PROVENANCE}}),
        (embedded(lambda p: p.update(finish_reason="length")), {"dusk.json:0": {Check.WHOLE}}),
        (
            sidecar(lambda p: p.update(tokens={"prompt_estimated": 9, "prompt_reported": 8})),
            {"dock.json:0": {Check.TOKENS}},
        ),
        (sidecar(lambda p: p.pop("prompt")), {"dock.json:0": {Check.PROMPT}}),
        (spec("dawn.json", parent_prompt_text=None), {"dawn.json:0": {Check.PROMPT}}),
        (spec("dawn.json", prompt="dawn"), {"dawn.json:0": {Check.PROMPT}}),
        (spec("dawn.json", prompt=" "), {"dawn.json:0": {Check.PROMPT}}),
        (lambda out: (out / "dock.json").write_text("{"), {"dock.json:None": {Check.PARSES}}),
        (lambda out: (out / "dock.json").unlink(), {"dock.json:None": {Check.PRESENT}}),
        (
            lambda out: (out / ".upsample/dock.upsample.json").write_text("[]"),
            {"dock.upsample.json:None": {Check.PARSES}, "dock.json:0": {Check.PROVENANCE}},
        ),
        (
            lambda out: (out / ".upsample/dock.upsample.json").unlink(),
            {"dock.json:0": {Check.PROVENANCE}},
        ),
        (
            lambda out: (out / "dusk2.json").write_bytes((out / "dusk.json").read_bytes()),
            {"dusk2.json:0": {Check.UNIQUE}},
        ),
        (
            lambda out: change(
                out / ".upsample/batch.upsample.json",
                lambda content: content.update(results=content["results"][:1]),  # type: ignore[index]
            ),
            {"batch.json:1": {Check.PROVENANCE}},
        ),
    ],
)
def test_what_is_wrong_is_found_where_it_is(
    out: Path, damage: Callable[[Path], object], wrong: dict[str, set[Check]]
) -> None:
    damage(out)
    assert faults(out) == wrong
    assert run(["results", "outputs", "--verify"]) == ExitCode.SOME_FAILED


def test_two_controls_of_one_prompt_are_no_duplicates(out: Path) -> None:
    spec_copied("dusk.json", "dusk2.json", control_inputs={"edge": "e.mp4"})(out)
    assert faults(out) == {}


@pytest.mark.parametrize("place", ["../outputs", "../elsewhere/../outputs", "../linked"])
def test_what_is_gone_is_missed_whatever_the_folder_is_called(
    out: Path, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    (out / "dock.json").unlink()
    (out / ".upsample/dock.upsample.json").unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").symlink_to(out.resolve())
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(["results", place, "--verify"]) == ExitCode.SOME_FAILED
    assert "dock.json" in capsys.readouterr().out


@pytest.mark.parametrize("entry", ["1e999", "NaN", "-1e999"])
def test_a_number_that_is_none_is_a_fault_of_its_file(out: Path, entry: str) -> None:
    written = f'{{"file": "dock.json", "results": [{{"entry": {entry}}}]}}'
    (out / ".upsample/dock.upsample.json").write_text(written)
    assert Check.PARSES in faults(out)["dock.upsample.json:None"]


def test_a_pipe_is_no_file_of_ours_and_not_waited_for(out: Path) -> None:
    os.mkfifo(out / ".upsample/pipe.upsample.json")
    assert faults(out) == {"pipe.upsample.json:None": {Check.PARSES}}


def test_a_chosen_candidate_is_no_duplicate_of_its_own_file(out: Path) -> None:
    (out / "dusk-2.json").write_bytes((out / "dusk.json").read_bytes())
    assert faults(out) == {}


def test_a_written_file_that_is_gone_with_its_sidecar_is_missed(out: Path, capsys: Capsys) -> None:
    for file in list(out.rglob("dock.*")):
        file.unlink()
    missing = [each for each in told(capsys) if not each["whole"]]
    assert {Path(str(each["file"])).name for each in missing} == {"dock.json", "dock.upsample.json"}


def test_an_estimate_of_a_tokenizer_that_is_not_here_may_be_above(out: Path) -> None:
    tokens: Json = {"prompt_estimated": 2500, "prompt_reported": 2400}
    sidecar(lambda p: p.update(tokens=tokens, profile="reason1"))(out)
    assert faults(out) == {}


def test_a_folder_without_results_is_not_called_whole(tmp_path: Path, capsys: Capsys) -> None:
    assert run(["results", str(tmp_path), "--verify"]) == ExitCode.SOME_FAILED
    assert "There are no results" in capsys.readouterr().err


def test_usage_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["results", "--verify"]) == ExitCode.USAGE
    assert "there is no outputs" in capsys.readouterr().err
    Path("outputs").mkdir()
    assert run(["results", "outputs"]) == ExitCode.USAGE
    assert "--verify" in capsys.readouterr().err


def test_what_an_earlier_version_wrote_beside_the_result_is_read_and_the_newer_counts(
    out: Path,
) -> None:
    newer = out / ".upsample/dock.upsample.json"
    newer.rename(out / "dock.upsample.json")
    assert faults(out) == {}
    assert faults(out / "dock.json") == {}
    (out / "dock.upsample.json").rename(newer)
    (out / "dock.upsample.json").write_text('{"file": "dock.json", "results": []}')
    assert faults(out) == {}
    assert faults(out / "dock.json") == {}


def test_the_result_of_a_table_is_verified_with_its_sidecar(out: Path, tmp_path: Path) -> None:
    table = tmp_path / "street.csv"
    table.write_text("id;prompt\n7;a car\n8;a bus\n")
    with closing(Store(default_path())) as store:
        jobs = Finisher(store, out.absolute()).finish(
            table, "A long car.", "A bus; long.", review=False
        )
        result, sidecar = deliver(store, jobs[0].destination)
    assert result.read_text() == (
        'id;prompt;upsampled_prompt\n7;a car;A long car.\n8;a bus;"A bus; long."\n'
    )
    assert sidecar == result.parent / ".upsample" / "street.csv.upsample.json"
    assert faults(out) == {}
    result.write_text(result.read_text().replace("A long car.", ""))
    assert faults(out) == {"street.csv:0": {Check.PROMPT}}


def test_one_result_is_verified_with_its_sidecar(out: Path) -> None:
    for result in out.iterdir():
        if result.is_file():
            assert faults(result) == {}
