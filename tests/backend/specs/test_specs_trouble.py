"""Files that are no specs, or broken ones: what is said about them, and that the others go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.specs import entries
from backend.specs.model import BrokenSpec, Skipped, Spec
from backend.specs.reading import Finding, read_file
from backend.specs.source import MOST_LINES
from remote.protocol import Json

CWD = Path("/work/project")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, name: str, content: str | Json) -> tuple[Finding, ...]:
    """What is found in a file of this name with this text, or this value as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return read_file(folder / name, CWD)


def read_spec(folder: Path, name: str, content: str | Json) -> Spec:
    (found,) = read(folder, name, content)
    assert isinstance(found, Spec), found
    return found


def read_broken(folder: Path, name: str, content: str | Json) -> BrokenSpec:
    (found,) = read(folder, name, content)
    assert isinstance(found, BrokenSpec), found
    return found


def read_skipped(folder: Path, name: str, content: str | Json) -> Skipped:
    (found,) = read(folder, name, content)
    assert isinstance(found, Skipped), found
    return found


# --- no specs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        [[]],
        "text",
        {"prompt": "p", "why": 1},
        {"id": 7},
        {"depth": 3},
        {"depth": {"min": 0}},
        {"video_path": "v.mp4", "caption": "c"},
        [{"video_path": "v.mp4", "caption": "c"}],
    ],
)
def test_other_json_is_skipped(folder: Path, value: Json) -> None:
    assert read_skipped(folder, "a.json", json.dumps(value)).reason.startswith("not a prompt spec")


def test_the_reason_for_skipping_names_the_keys_safely(folder: Path) -> None:
    reason = read_skipped(folder, "a.json", {"promt\x1b[31m": 1, "video_path": "v"}).reason
    assert r"'promt\x1b[31m', 'video_path'" in reason


def test_other_json_lines_are_skipped_as_one_file(folder: Path) -> None:
    assert "'text'" in read_skipped(folder, "a.jsonl", '{"text":1}\n{"text":2}\nbroken\n').reason


def test_a_file_of_no_json_lines_at_all_is_broken_once(folder: Path) -> None:
    assert read_broken(folder, "a.jsonl", "a,b\n1,2\n").line == 1


# --- broken specs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ('{"is_upsampled": true}', 1, 'no "prompt"'),
        ('{"input_video_path": "v",\n "prompt": 5}', 2, "must be text, not a number"),
        ('{"input_video_path": "v",\n\n "prompt": null}', 3, "must be text, not null"),
        ('{"prompt": "p",\r\n"input_video_path": [1]}', 2, "must be a path, not a list"),
        ('{"prompt": "p",\r"input_video_path": "a\\u0000"}', 2, r"is no path: 'a\x00'"),
        ('{"prompt": "p",\n"edge": {"input_control": 5}}', 2, "'input_control' of 'edge' must be"),
        ('{"prompt": "p",\n"control_inputs": "depth"}', 2, "must be an object, not text"),
        ('{"prompt": "p",\n"control_inputs": {"depth": false}}', 2, "must be a path, not false"),
        ('{"edge": {},\n"prompt": "\\ud800"}', 2, "half of a surrogate pair"),
        ('{"video_path": "v",\n"prompt_path": "gone.txt"}', 2, "there is no such file"),
        ('{"prompt": "p",\n\n  oops', 3, "(column 3)"),
        ('{"prompt":\n"p"}\n{"prompt": "q"}', 3, "More text follows the JSON value (column 1)"),
        ('{"prompt": "p', 1, "Unterminated string"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    folder: Path, text: str, line: int, problem: str
) -> None:
    broken = read_broken(folder, "a.json", text)
    assert broken.line == line
    assert problem in broken.problem
    assert broken.problem.isprintable()


def test_a_broken_line_does_not_stop_the_others(folder: Path) -> None:
    good = '{"visual_input":"a.mp4","prompt":"p"}'
    found = read(folder, "a.jsonl", f"{good}\n{{oops\n\n[]\n{good}\n")
    assert [type(each) for each in found] == [Spec, BrokenSpec, BrokenSpec, Spec]
    assert [each.line for each in found if isinstance(each, BrokenSpec)] == [2, 4]
    assert [each.entry for each in found if isinstance(each, Spec)] == [0, 3]


def test_a_broken_entry_does_not_stop_the_others(folder: Path) -> None:
    good: Json = {"input_video": "a.jpg", "prompt": "p"}
    text = json.dumps([good, {"prompt": 1, "input_video": "b"}, 7, good], indent=1)
    found = read(folder, "a.json", text)
    assert [type(each) for each in found] == [Spec, BrokenSpec, BrokenSpec, Spec]


def test_nesting_without_end_is_broken(folder: Path) -> None:
    text = '{"prompt":"p","edge":' + '{"a":' * 100_000 + "1" + "}" * 100_001
    assert "nested too deeply" in read_broken(folder, "a.json", text).problem


@pytest.mark.parametrize("depth", range(900, 1000, 7))
def test_nesting_at_the_decoders_limit_never_raises(folder: Path, depth: int) -> None:
    text = '{"input_video_path":5,"prompt":"p","a":' + "[" * depth + "]" * depth + "}"
    assert isinstance(read(folder, "a.json", text)[0], BrokenSpec)


def test_numbers_that_python_finds_hard_do_no_harm(folder: Path) -> None:
    text = '{"prompt":"p","edge":{"control_weight":NaN},"seed":' + "9" * 5000 + "}"
    assert read_spec(folder, "a.json", text).prompt == "p"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", '{"prompt":"p"}\n' * 4),
        ("a.json", '{"prompt":"p"}\n' * 4),
        ("b.json", "[" + ",".join(['{"prompt":"p"}'] * 4) + "]"),
        ("c.json", '{"samples":{' + ",".join(f'"{i}":{{"prompt":"p"}}' for i in range(4)) + "}}"),
        ("a.txt", "p\n" * 4),
    ],
)
def test_a_file_of_too_many_prompts_is_refused_as_a_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    """Millions of short ones fit into a file that is small once it is packed, and not into the memory."""
    (folder / name).write_text(text)
    for most, refused in ((4, False), (3, True)):
        monkeypatch.setattr(entries, "MOST_ENTRIES", most)
        (first, *more) = read_file(folder / name, folder)
        assert isinstance(first, BrokenSpec) == refused
        if isinstance(first, BrokenSpec):
            assert "more than 3 prompts" in first.problem
            assert more == []


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_a_file_of_nothing_but_lines_is_refused_at_once(folder: Path, ending: str) -> None:
    file = folder / "a.txt"
    file.write_bytes(b"first\n" + ending.encode() * (MOST_LINES + 1) + b"last\n")
    (found,) = read_file(file, folder)
    assert isinstance(found, BrokenSpec)
    assert "more than 4,000,000 lines" in found.problem


def test_the_last_of_two_equal_keys_counts(folder: Path) -> None:
    spec = read_spec(folder, "a.json", '{"edge":{},"prompt":"first","prompt":"last"}')
    assert spec.prompt == "last"


def test_a_message_about_a_file_with_a_hostile_name_is_printable() -> None:
    assert str(BrokenSpec(Path("a\x1b[2J\udcff.json"), 3, "no")) == r"a\x1b[2J\udcff.json:3: no"
