"""`upsample results export FOLDER --prompt-files`: NVIDIA's prompt_0.json, prompt_1.json …"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.cli import run
from backend.exit_codes import ExitCode
from backend.specs.model import Skipped
from backend.specs.reading import read_file
from backend.specs.scan import scan
from backend.store import State, Store, default_path
from tests.support.finished_jobs import Finisher
from tests.support.specs import write_spec

Capsys = pytest.CaptureFixture[str]
DUSK = '{"subjects": [], "context": "Dusk, \\u00e9 at 24 fps."}'


@pytest.fixture
def finisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Finisher]:
    monkeypatch.chdir(tmp_path)
    with closing(Store(default_path())) as store:
        yield Finisher(store, tmp_path / "out")


def written(folder: str = "prompts") -> dict[str, object]:
    return {file.name: json.loads(file.read_text()) for file in sorted(Path(folder).iterdir())}


def test_each_prompt_of_a_text_gets_the_file_that_its_line_has_with_nvidia(
    finisher: Finisher, tmp_path: Path, capsys: Capsys
) -> None:
    (tmp_path / "p.txt").write_text("dusk\ndawn\nnoon\n")
    fenced = '```json\n{"subjects":[],\n"context":"Dusk, é at 24 fps."}\n```'
    dusk, dawn, noon = finisher.queue(tmp_path / "p.txt", review=False)
    finisher.answer([dusk, noon], [fenced, "A long noon."])
    finisher.store.set_state(dawn.number, State.FAILED, "no answer")
    assert run(["results", "export", "prompts", "--prompt-files"]) == ExitCode.OK
    said = capsys.readouterr()
    assert said.out.splitlines() == ["prompts/prompt_0.json", "prompts/prompt_2.json"]
    assert "2 prompts exported, 1 of them no JSON object." in said.err
    assert Path("prompts/prompt_0.json").read_text() == (
        '{\n  "prompt": ' + json.dumps(DUSK) + "\n}\n"
    )
    assert written() == {
        "prompt_0.json": {"prompt": DUSK},
        "prompt_2.json": {"prompt": "A long noon."},
    }


def test_the_numbers_go_on_from_file_to_file(finisher: Finisher, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    finisher.finish(tmp_path / "a.txt", "{}", review=False)
    finisher.queue(write_spec(tmp_path / "b.json", {"id": "ps_1", "prompt": "waits"}))
    finisher.finish(write_spec(tmp_path / "c.json", {"id": "ps_2", "prompt": "dusk"}), review=False)
    run(["results", "export", "prompts", "--prompt-files"])
    assert list(written()) == ["prompt_0.json", "prompt_1.json", "prompt_3.json"]


def test_prompt_files_are_read_as_upsampled_prompts(finisher: Finisher, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    finisher.finish(tmp_path / "a.txt", DUSK, review=False)
    run(["results", "export", "prompts", "--prompt-files"])
    (spec,) = scan([Path("prompts")], tmp_path).specs
    assert (spec.prompt, spec.is_upsampled) == (DUSK, True)
    assert not isinstance(read_file(tmp_path / "prompts/prompt_0.json", tmp_path)[0], Skipped)


def test_a_prompt_file_that_says_something_else_is_replaced_only_by_force(
    finisher: Finisher, tmp_path: Path, capsys: Capsys
) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    finisher.finish(tmp_path / "a.txt", DUSK, review=False)
    export = ["results", "export", "prompts", "--prompt-files"]
    run(export)
    assert run(export) == ExitCode.OK
    Path("prompts/prompt_1.json").write_text("mine")
    Path("prompts/prompt_0.json").unlink()
    assert run(export) != ExitCode.OK
    assert "prompts/prompt_1.json exists already" in capsys.readouterr().err
    assert [file.name for file in Path("prompts").iterdir()] == ["prompt_1.json"]
    assert run([*export, "--force"]) == ExitCode.OK
    assert len(written()) == 2
    assert run(["results", "export", "a.txt", "--prompt-files"]) != ExitCode.OK
