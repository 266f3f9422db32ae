"""Tables of prompts: read row by row, and written back with one more column."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest

from backend.errors import InputError
from backend.specs.model import BrokenSpec, Skipped, Spec, SpecFormat
from backend.specs.reading import read_file, read_in_parts
from backend.specs.render import Replacement, embeds_provenance, render
from backend.specs.scan import scan
from backend.specs.tables import reading
from backend.specs.tables.columns import WantedColumns, parse_columns
from backend.specs.tables.csv_table import MOST_ROW_BYTES
from backend.specs.tables.rendering import rows_that_hold


def put(file: Path, content: str | bytes) -> Path:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def specs(file: Path) -> list[Spec]:
    found = read_file(file, Path())
    assert all(isinstance(each, Spec) for each in found), found
    return [each for each in found if isinstance(each, Spec)]


def told(file: Path, columns: WantedColumns = WantedColumns()) -> list[str]:  # noqa: B008
    """What is said of the parts that are no specs, with their lines."""
    return [
        each.reason if isinstance(each, Skipped) else f"{each.line}: {each.problem}"
        for part in read_in_parts(file, Path(), columns)
        for each in part
        if isinstance(each, Skipped | BrokenSpec)
    ]


def rendered(file: Path, prompts: Mapping[int, str]) -> bytes:
    old = {spec.entry: spec.prompt for spec in read_file(file, Path()) if isinstance(spec, Spec)}
    new = {entry: Replacement(prompt, old[entry]) for entry, prompt in prompts.items()}
    (out,) = render(file, new, file.with_name("out") / file.name)
    return out.data


def test_a_table_has_a_spec_for_each_row(tmp_path: Path) -> None:
    file = put(tmp_path / "t.csv", 'id,prompt,video\nfog,"a car, in fog",v/1.mp4\n,dusk,\n')
    first, second = specs(file)
    assert (first.format, first.name, first.prompt) == (SpecFormat.TABLE, "fog", "a car, in fog")
    assert (first.video, first.entry, first.line) == (tmp_path / "v" / "1.mp4", 0, 2)
    assert (second.name, second.prompt, second.video, second.line) == ("t-2", "dusk", None, 3)
    assert not embeds_provenance(file)


def test_a_table_in_a_folder_is_found(tmp_path: Path) -> None:
    put(tmp_path / "t.CSV", "prompt\na car\n")
    put(tmp_path / "u.tsv", "prompt\tvideo\na car\tv.mp4\n")
    put(tmp_path / "numbers.csv", "x,y\n1,2\n")
    found = scan([Path()], tmp_path)
    assert [spec.file.name for spec in found.specs] == ["t.CSV", "u.tsv"]
    assert [skipped.reason for skipped in found.skipped] == [
        "no table of prompts: none of its columns is called prompt, caption or text "
        "(its columns: 'x', 'y'); --columns prompt=NAME names it"
    ]
    assert not found.broken


SAME = [
    pytest.param("\ufeffPrompt,Video Path\na car,v.mp4\n", id="a byte order mark"),
    pytest.param("prompt;video\na car;v.mp4\n", id="semicolons"),
    pytest.param("sep=|\nprompt|video\na car|v.mp4\n", id="Excel's own line"),
    pytest.param("prompt\tvideo\r\na car\tv.mp4\r\n", id="tabs and CR LF"),
    pytest.param('"prompt","video"\n\n"a car","v.mp4"\n\n', id="blank lines"),
    pytest.param("caption,image\na car,v.mp4", id="no newline at the end"),
    pytest.param("text,file_name,prompt_len\na car,v.mp4,5\n", id="other common names"),
]


@pytest.mark.parametrize("text", SAME)
def test_tables_of_all_programs_are_read(tmp_path: Path, text: str) -> None:
    (spec,) = specs(put(tmp_path / "t.csv", text))
    assert (spec.prompt, spec.video) == ("a car", tmp_path / "v.mp4")


def test_a_cell_may_have_lines_quotation_marks_and_delimiters(tmp_path: Path) -> None:
    file = put(tmp_path / "t.csv", 'prompt,x\n"a ""red"" car\n\nat, night",5" wide\n"b",\n')
    first, second = specs(file)
    assert (first.prompt, first.line) == ('a "red" car\n\nat, night', 2)
    assert (second.prompt, second.line) == ("b", 5)


def test_columns_can_be_named(tmp_path: Path) -> None:
    file = put(tmp_path / "t.csv", "prompt,Kurztext,Film,Nr\nno,a car,v.mp4,7\n")
    wanted = parse_columns("prompt=Kurztext, video=Film,id=Nr")
    (spec,) = scan([file], tmp_path, wanted).specs
    assert (spec.prompt, spec.video, spec.name) == ("a car", tmp_path / "v.mp4", "7")
    assert told(file, WantedColumns(prompt="text")) == [
        "1: no column is called 'text' (its columns: 'prompt', 'Kurztext', 'Film', 'Nr')"
    ]


@pytest.mark.parametrize("written", ["prompt", "prompt=", "words=a", "prompt=a,prompt=b"])
def test_columns_that_are_not_understood_are_refused(written: str) -> None:
    with pytest.raises(InputError, match="--columns does not understand"):
        parse_columns(written)


TROUBLES = [
    ("prompt,prompt\na,b\n", ["1: 2 columns are called 'prompt': rename one of them"]),
    (
        "prompt,x\na,b,c\nfine,1\n",
        ["2: the row has 3 cells, and the header 2: a cell that holds ',' must be in quotation marks"],
    ),
    (b"prompt\na caf\xe9\nfine\n", ["2: not UTF-8: byte 5 of the row: save the table as UTF-8"]),
    (b"\xff\xfep\0r\0", ["1: it is UTF-16: save the table as UTF-8"]),
    (b"prompt\ra\rb\r", ["1: its lines end with CR alone: save the table with LF or CR LF"]),
    ('prompt\n"a car\nfine\n', ["2: a quotation mark is never closed"]),
    (b"prompt\na\0b\nfine\n", ["2: not text: a byte is zero"]),
    ("prompt,video\n,\nfine,\n ,\n", ["2 rows hold neither a prompt nor a video (the first on line 2)"]),
    (
        "prompt,first\nfine,\na car,v.mp4\n",
        [
            "3: column 'first' names 'v.mp4', which would not be looked at: --columns video=NAME "
            "names the column of the videos"
        ],
    ),
    ("prompt\n", ["the table has no rows"]),
    ("", ["the file is empty"]),
    ("version https://git-lfs.github.com/spec/v1\n", ["a Git LFS pointer: the file itself was not "
     "fetched; run `git lfs pull` there"]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), TROUBLES)
def test_each_trouble_is_one_message_and_the_other_rows_go_on(
    tmp_path: Path, content: str | bytes, expected: list[str]
) -> None:
    file = put(tmp_path / "t.csv", content)
    assert told(file) == expected
    prompts = [each.prompt for each in read_file(file, Path()) if isinstance(each, Spec)]
    assert prompts == (["fine"] if "fine" in str(content) else [])


def test_a_file_full_of_quotation_marks_that_are_never_closed_is_given_up(tmp_path: Path) -> None:
    file = put(tmp_path / "t.csv", "prompt,video\n" + 'a"b,"c\n' * 20_000)
    assert told(file)[-1].endswith(": many quotation marks are never closed")


def test_many_broken_rows_are_counted(tmp_path: Path) -> None:
    file = put(tmp_path / "t.csv", "prompt,x\n" + "a,b,c\n" * 5_000)
    lines = told(file)
    assert len(lines) == 11
    assert lines[-1] == "0: 4,990 more rows cannot be used"


def test_a_row_of_100_mb_is_refused_in_little_memory_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    with file.open("wb") as writing:
        writing.write(b"prompt,video\nbefore,\n")
        writing.seek(100_000_000)  # zeros that take no room on the disk
        writing.write(b",\nafter,\n")
    tracemalloc.start()
    try:
        found = read_file(file, Path())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [each.prompt for each in found if isinstance(each, Spec)] == ["before", "after"]
    (broken,) = (each for each in found if isinstance(each, BrokenSpec))
    assert (broken.line, broken.problem) == (3, "the row is longer than 4 MiB")
    assert peak < 4 * MOST_ROW_BYTES


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    file = put(tmp_path / "t.csv", "prompt\n" + "a car in the rain at night\n" * 5_000)
    tracemalloc.start()
    try:
        count = sum(len(part) for part in read_in_parts(file, Path()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 5_000
    assert peak < 1_500_000


# --- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b"\xef\xbb\xbfprompt,x\r\na,1\r\n\r\nb,2\r\n",
            b"\xef\xbb\xbfprompt,x,upsampled_prompt\r\na,1,\r\n\r\nb,2,new\r\n",
        ),
        (b"prompt;x\na;1\nb;2", b"prompt;x;upsampled_prompt\na;1;\nb;2;new"),
        (
            b"sep=;\nprompt\n'a'\nb\nc;d;e\n\n",
            b"sep=;\nprompt;upsampled_prompt\n'a';\nb;new\nc;d;e\n\n",
        ),
    ],
)
def test_a_result_is_the_same_table_with_one_more_column(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    assert rendered(put(tmp_path / "t.csv", before), {1: "new"}) == after


@pytest.mark.parametrize("new", ['a "red" car, at\nnight; now', " spaces ", "tab\there", "ü🌧"])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_any_prompt_is_read_back_as_it_was_written(tmp_path: Path, new: str, suffix: str) -> None:
    file = put(tmp_path / f"t.{suffix}", "prompt\ndusk\ndawn\n")
    result = put(tmp_path / f"out.{suffix}", rendered(file, {0: new}))
    first, second = specs(result)
    assert (first.prompt, first.written_prompt, first.is_upsampled) == ("dusk", new.strip(), True)
    assert (second.prompt, second.written_prompt, second.is_upsampled) == ("dawn", None, False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # A cell with a path that leads elsewhere from there, and no other byte.
        (
            b'\xef\xbb\xbfprompt,video\r\nsee a/b.mp4,clips/a.mp4\r\n\r\n"x",  c.mp4\r\n',
            b'\xef\xbb\xbfprompt,video,upsampled_prompt\r\nsee a/b.mp4,../in/clips/a.mp4,\r\n\r\n'
            b'"x",../in/  c.mp4,new\r\n',
        ),
        (
            b'clip;prompt\n"a;""b"".mp4";a\n"c";b',
            b'clip;prompt;upsampled_prompt\n"../in/a;""b"".mp4";a;\n"../in/c";b;new',
        ),
        # What is no relative path of a file stays.
        (
            b"path,prompt,mask_path,note,score\n/a.mp4,a,,x/y.mp4,1/2\nhttps://h/b.mp4,b,m.png,x/y,../t.csv\n",
            b"path,prompt,mask_path,note,score,upsampled_prompt\n/a.mp4,a,,../in/x/y.mp4,1/2,\n"
            b"https://h/b.mp4,b,../in/m.png,x/y,../t.csv,new\n",
        ),
        (b"text,prompt\nx/y.mp4,a\n~/b.mp4,b", b"text,prompt,upsampled_prompt\nx/y.mp4,a,\n~/b.mp4,b,new"),
        (b"video\tcaption\na b\t$X/a\n..\\c.mp4\tb\n", b""),
    ],
)  # fmt: skip
def test_paths_of_a_result_lead_to_the_same_files_from_where_it_stands(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    put(tmp_path / "t.csv", "")
    file = put(tmp_path / "in" / "t.csv", before)
    prompts = {spec.entry: spec.prompt for spec in specs(file)}
    new = {1: Replacement("new", prompts[1])}
    (out,) = render(file, new, tmp_path / "out" / "t.csv")
    assert not after or out.data == after
    result = put(tmp_path / "out" / "t.csv", out.data)
    resolved = [
        [spec.video and os.path.normpath(spec.video) for spec in specs(each)]
        for each in (file, result)
    ]
    assert resolved[0] == resolved[1]
    (beside,) = render(file, new, tmp_path / "in" / "t-2.csv")
    assert [spec.video for spec in specs(put(beside.path, beside.data))] == [
        spec.video for spec in specs(file)
    ]


def test_a_table_that_was_a_result_gets_a_second_column(tmp_path: Path) -> None:
    file = put(tmp_path / "t.csv", "prompt,upsampled_prompt\na,long a\n")
    assert rendered(file, {0: "longer a"}).splitlines() == [
        b"prompt,upsampled_prompt,upsampled_prompt_2",
        b"a,long a,longer a",
    ]


def test_a_table_that_was_changed_meanwhile_is_told(tmp_path: Path) -> None:
    file = put(tmp_path / "t.csv", "prompt\na\n")
    for index, old, why in ((0, "b", "has another prompt now"), (7, "a", "no prompt in row 8")):
        with pytest.raises(InputError, match=why):
            render(file, {index: Replacement("new", old)}, tmp_path / "out.csv")
    assert rows_that_hold(file, [(0, "a"), (0, "b"), (1, "a")]) == {(0, "a")}
    assert rows_that_hold(tmp_path / "gone.csv", [(0, "a")]) == set()
    with pytest.raises(InputError, match="No such file"):
        render(tmp_path / "gone.csv", {}, tmp_path / "out.csv")


def test_the_rows_of_a_table_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path / "t.csv", "prompt\na\nb\nc\n")
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    assert told(file) == []
    monkeypatch.setattr(reading, "MOST_ROWS", 2)
    assert told(file) == ["0: only its first 2 rows are read: split the table"]
