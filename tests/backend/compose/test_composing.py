"""Composing replaces nothing that it is not told to, can be stopped, and undone."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.compose.clips import clip_of
from backend.compose.composition import Composition
from backend.compose.formats import FORMATS
from backend.compose.making import Made, make
from backend.compose.pattern import parse_pattern
from backend.compose.prompts import Prompt
from backend.compose.record import latest_record, records_folder, undo
from backend.errors import InputError, ResultError
from backend.files.new_files import put_new
from backend.files.without_links import open_folder
from backend.specs.model import SpecFormat


def on(folder: Path, *prompts: str, kind: SpecFormat = SpecFormat.COSMOS3) -> Composition:
    return Composition(
        tuple(Prompt(prompt) for prompt in prompts or ("one", "two", "three")),
        (clip_of(Path("a.mp4"), folder),),
        (),
        FORMATS[kind],
        parse_pattern("{prompt}"),
        folder / "out",
        folder,
    )


def run(
    composition: Composition, *, force: bool = False, go_on: Callable[[int], bool] = lambda _: True
) -> Made:
    return make(composition, force=force, go_on=go_on)


def files(folder: Path) -> list[str]:
    out = folder / "out"
    return sorted(file.name for file in out.iterdir()) if out.exists() else []


def undo_last(folder: Path) -> tuple[int, int, tuple[str, ...]]:
    record = latest_record(folder)
    assert record is not None
    undone = undo(record)
    return undone.removed, undone.restored, undone.changed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def test_what_exists_is_not_replaced_and_nothing_is_written(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "two.json").write_text("mine")
    with pytest.raises(ResultError, match=r"two\.json exists already"):
        run(on(folder))
    assert files(folder) == ["two.json"]
    assert (folder / "out" / "two.json").read_text() == "mine"
    assert latest_record(folder) is None


def test_what_appears_meanwhile_is_not_replaced_either(folder: Path) -> None:
    def go_on(done: int) -> bool:
        (folder / "out" / "three.json").write_text("mine")
        return True

    with pytest.raises(ResultError, match=r"after 2 of 3 files.*File exists") as refused:
        run(on(folder), go_on=go_on)
    assert "--undo" in refused.value.remedy
    assert (folder / "out" / "three.json").read_text() == "mine"
    assert undo_last(folder) == (2, 0, ("three.json",))
    assert files(folder) == ["three.json"]


def test_with_force_it_is_replaced_and_undo_brings_it_back(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "two.json").write_bytes(b"mine\xff")
    assert run(on(folder), force=True).replaced == 1
    assert json.loads((folder / "out" / "two.json").read_text())["prompt"] == "two"
    assert undo_last(folder) == (2, 1, ())
    assert files(folder) == ["two.json"]
    assert (folder / "out" / "two.json").read_bytes() == b"mine\xff"


def test_undo_removes_its_own_files_alone(folder: Path) -> None:
    run(on(folder))
    (folder / "out" / "four.json").write_text("another")
    (folder / "out" / "one.json").write_text("changed")
    (folder / "out" / "two.json").unlink()
    (folder / "elsewhere").write_bytes((folder / "out" / "three.json").read_bytes())
    (folder / "out" / "three.json").unlink()
    (folder / "out" / "three.json").symlink_to(folder / "elsewhere")
    assert undo_last(folder) == (0, 0, ("one.json", "three.json"))
    assert files(folder) == ["four.json", "one.json", "three.json"]
    assert latest_record(folder) is None


def test_undo_removes_the_folder_that_was_made(folder: Path) -> None:
    run(on(folder))
    undo_last(folder)
    assert not (folder / "out").exists()
    (folder / "out").mkdir()
    run(on(folder))
    undo_last(folder)
    assert (folder / "out").exists()


def test_the_last_is_undone_first_and_only_in_its_own_working_directory(folder: Path) -> None:
    run(on(folder, "one"))
    run(on(folder, "two"))
    assert latest_record(folder / "other") is None
    undo_last(folder)
    assert files(folder) == ["one.json"]
    undo_last(folder)
    assert files(folder) == []


def test_a_stopped_one_leaves_whole_files_and_goes_on_where_it_was(folder: Path) -> None:
    made = run(on(folder), go_on=lambda done: done < 2)
    assert (made.is_stopped, made.specs, made.files) == (True, 2, 2)
    assert files(folder) == ["one.json", "two.json"]
    again = run(on(folder))
    assert (again.is_stopped, again.specs, again.files, again.already) == (False, 3, 1, 2)
    undo_last(folder)
    assert files(folder) == ["one.json", "two.json"]
    undo_last(folder)
    assert files(folder) == []


@pytest.mark.parametrize(
    "kind", [SpecFormat.TABLE, SpecFormat.PREDICT2, SpecFormat.TRANSFER1_BATCH]
)
def test_one_file_is_written_as_a_whole_or_not_at_all(folder: Path, kind: SpecFormat) -> None:
    made = run(on(folder, kind=kind), go_on=lambda done: done < 2)
    assert (made.is_stopped, made.specs, files(folder)) == (True, 0, [])
    made = run(on(folder, kind=kind))
    assert (made.specs, made.files) == (3, 1)
    with pytest.raises(ResultError, match="exists already"):
        run(on(folder, "other", kind=kind))
    undo_last(folder)
    assert files(folder) == []


def test_a_record_of_a_killed_program_is_good_up_to_its_cut_line(folder: Path) -> None:
    run(on(folder))
    record = latest_record(folder)
    assert record is not None
    record.write_bytes(record.read_bytes()[:-20])
    assert undo_last(folder) == (2, 0, ())
    assert files(folder) == ["three.json"]


def test_a_record_cannot_lead_out_of_its_folder(folder: Path) -> None:
    run(on(folder, "one"))
    (folder / "mine").write_text("")
    record = latest_record(folder)
    assert record is not None
    with record.open("a") as file:
        nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        file.write(json.dumps({"name": "../mine", "sha256": nothing}) + "\n")
    assert undo_last(folder) == (1, 0, ())
    assert (folder / "mine").exists()
    (records_folder() / "9.jsonl").write_text('{"folder": "x"}\n')
    with pytest.raises(InputError, match="no record"):
        undo(records_folder() / "9.jsonl")


def test_old_records_are_dropped(folder: Path) -> None:
    for number in range(25):
        run(on(folder, f"p{number}"))
    assert len(list(records_folder().iterdir())) == 20


def test_a_folder_that_became_a_link_is_not_followed(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "out").symlink_to(folder / "real")
    with pytest.raises(ResultError, match="link"):
        run(on(folder))
    assert list((folder / "real").iterdir()) == []


@pytest.mark.parametrize("call", ["link", "open"])
def test_a_new_file_is_put_where_no_file_can_be_without_a_name(
    call: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(name: str, *arguments: int, **keywords: object) -> int:
        if call == "link" or name == ".":
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real(name, *arguments, **keywords)  # type: ignore[arg-type]

    with open_folder(folder) as opened:
        monkeypatch.setattr(os, call, refuse)
        put_new("a", b"x", opened)
        with pytest.raises(FileExistsError):
            put_new("a", b"y", opened)
        put_new("b", b"z", opened)
        put_new("b", b"y", opened, replace=True)
        monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"a": b"x", "b": b"y"}
