"""`--filter` on the command line, tried with dry runs."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from backend.cli import run
from backend.exit_codes import ExitCode
from backend.store import Order, State, Store, default_path

Capsys = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted_clip: Path) -> Path:
    """A working directory with three specs."""
    monkeypatch.chdir(tmp_path)
    for name, prompt in (("rain", "wet street"), ("fog", "a street"), ("long", "street " * 9_000)):
        spec = {"prompt": prompt, "input_video_path": str(counted_clip), "edge": {}}
        Path(f"{name}.json").write_text(json.dumps(spec), encoding="utf-8")
    return tmp_path


def chosen(capsys: Capsys, text: str) -> tuple[list[str], str]:
    """The names that a dry run with this filter shows, and what it says beside that."""
    assert run(["--dry-run", "--json", "--include-upsampled", "--filter", text, "."]) in (
        ExitCode.OK,
        ExitCode.SOME_FAILED,
    )
    shown = capsys.readouterr()
    return [json.loads(line)["name"] for line in shown.out.splitlines()], shown.err


def test_only_what_matches_is_taken_and_the_rest_is_counted(capsys: Capsys) -> None:
    names, said = chosen(capsys, "street -wet fits:yes")
    assert names == ["fog"]
    assert "2 of 3 specs do not match 'street -wet fits:yes': passed over.\n" in said
    assert chosen(capsys, "fits:no")[0] == ["long"]


def test_names_that_are_only_similar_are_said_to_be(capsys: Capsys) -> None:
    names, said = chosen(capsys, "rn")
    assert names == ["rain"]
    assert said.startswith("No spec has all the words of 'rn'; these have names like them:\n")


def test_the_state_of_earlier_jobs_counts_while_the_prompt_is_the_same(
    capsys: Capsys, folder: Path
) -> None:
    with closing(Store(default_path())) as store:
        for name, prompt in (("rain", "wet street"), ("fog", "what it said before")):
            order = Order(
                key=name,
                box="local",
                file=folder / f"{name}.json",
                entry=0,
                name=name,
                prompt=prompt,
                video=None,
                candidate=0,
                seed=0,
                settings="{}",
                destination=folder / "out" / f"{name}.json",
            )
            store.set_state(store.queue([order])[0].number, State.FAILED, "no luck")
    assert chosen(capsys, "state:failed")[0] == ["rain"]
    assert chosen(capsys, "state:new fits:yes")[0] == ["fog"]


@pytest.mark.parametrize(
    ("text", "said"), [("fits:maybe", "fits:maybe is no term"), ("marked:yes", "Only the app")]
)
def test_a_filter_that_makes_no_sense_stops_the_command(
    capsys: Capsys, text: str, said: str
) -> None:
    assert run(["--dry-run", "--filter", text, "."]) == ExitCode.USAGE
    assert said in capsys.readouterr().err
