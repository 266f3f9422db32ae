"""Where new prompts go in a file of each format, and what is written with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from backend.errors import InputError
from backend.specs.model import Spec
from backend.specs.reading import read_file
from backend.specs.render import OutputFile, Replacement, embeds_provenance, render
from remote.protocol import Json

NEW = 'A "long" prompt\nwith naïve words 🌧'


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="")
    return file


def rendered(
    file: Path,
    prompts: Mapping[int, str],
    destination: Path | None = None,
    provenance: Mapping[str, Json] | None = None,
) -> tuple[OutputFile, ...]:
    """The output for new prompts by entry, each made from the prompt that the file has now."""
    old = {spec.entry: spec.prompt for spec in read_file(file, Path()) if isinstance(spec, Spec)}
    replacements = {
        entry: Replacement(prompt, old[entry], provenance) for entry, prompt in prompts.items()
    }
    return render(file, replacements, destination or file.with_name("out" + file.suffix))


def text_with(file: Path, prompt: str, provenance: Mapping[str, Json] | None = None) -> str:
    return rendered(file, {0: prompt}, provenance=provenance)[0].text


# --- the flags of a PromptSpec -------------------------------------------------------------------


def test_a_prompt_spec_gets_its_prompt_and_two_flags_and_nothing_else(tmp_path: Path) -> None:
    before = (
        r'{"id":"ps_1","prompt":"Warm dusk", "input_video_path":"in\\color.mp4","cfg":7.50,'
        r'"metadata":{"by": "me"},"is_upsampled":false,"parent_prompt_text":null, "x": 1e3}'
    )
    after = text_with(put(tmp_path / "a.json", before), "Long")
    assert after == before.replace("Warm dusk", "Long").replace("false", "true").replace(
        "null", '"Warm dusk"'
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{\n    "id": "p",\n    "prompt": "a"\n}\n',
            '{\n    "id": "p",\n    "prompt": "b",\n'
            '    "is_upsampled": true,\n    "parent_prompt_text": "a"\n}\n',
        ),
        (
            '{\r\n\t"id" : "p",\r\n\t"prompt" : "a"\r\n}',
            '{\r\n\t"id" : "p",\r\n\t"prompt" : "b",\r\n'
            '\t"is_upsampled" : true,\r\n\t"parent_prompt_text" : "a"\r\n}',
        ),
        (
            '{"prompt":"a","id":"p"}',
            '{"prompt":"b","id":"p","is_upsampled":true,"parent_prompt_text":"a"}',
        ),
    ],
)
def test_missing_flags_come_last_in_the_files_own_layout(
    tmp_path: Path, before: str, after: str
) -> None:
    assert text_with(put(tmp_path / "a.json", before), "b") == after


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("{}", '{"upsample": {"seed": 1}}'),
        ('{"a":1}', '{"a":1,"upsample":{"seed":1}}'),
        ('{"upsample": "old", "a": 1}', '{"upsample": {"seed": 1}, "a": 1}'),
        (
            '{\n    "a": 1\n  }',
            '{\n    "a": 1,\n    "upsample": {\n      "seed": 1\n    }\n  }',
        ),
    ],
)
def test_provenance_goes_into_metadata(tmp_path: Path, metadata: str, expected: str) -> None:
    file = put(tmp_path / "a.json", f'{{"id":"p","prompt":"a","metadata":{metadata}}}')
    assert embeds_provenance(file)
    after = text_with(file, "b", {"seed": 1})
    assert f'"metadata":{expected},"is_upsampled":true' in after


@pytest.mark.parametrize(
    "text",
    [
        '{"id":"p","prompt":"a"}',
        '{"id":"p","prompt":"a","metadata":null}',
        '{"prompt":"a","edge":{},"metadata":1}',
    ],
)
def test_provenance_is_left_out_where_it_has_no_place(tmp_path: Path, text: str) -> None:
    file = put(tmp_path / "a.json", text)
    assert not embeds_provenance(file)
    assert text_with(file, "b", {"seed": 1}) == text_with(file, "b")


# --- spelling ------------------------------------------------------------------------------------


def test_new_text_is_escaped_only_where_the_file_escapes(tmp_path: Path) -> None:
    plain = put(tmp_path / "a.json", '{"prompt":"dusk C:\\\\u1234","edge":{}}')
    escaped = put(tmp_path / "b.json", '{"prompt":"dusk","edge":{},"by":"Zo\\u00eb"}')
    assert "naïve words 🌧" in text_with(plain, NEW)
    assert r"na\u00efve words \ud83c\udf27" in text_with(escaped, NEW)


def test_the_last_of_two_equal_keys_is_replaced(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", '{"prompt":"first","prompt":"last","edge":{}}')
    assert text_with(file, "new") == '{"prompt":"first","prompt":"new","edge":{}}'


def test_a_byte_order_mark_and_windows_line_ends_are_kept(tmp_path: Path) -> None:
    before = '\ufeff{\r\n"prompt": "a",\r\n"edge": {}\r\n}\r\n'
    file = put(tmp_path / "a.json", before)
    assert text_with(file, "b") == before.replace('"a"', '"b"')


def test_half_a_surrogate_pair_never_reaches_a_file(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", '{"prompt":"a","edge":{}}')
    assert text_with(file, "x\ud800") == '{"prompt":"x\ufffd","edge":{}}'


# --- batches and text ----------------------------------------------------------------------------


def test_entries_of_a_batch_are_replaced_one_by_one(tmp_path: Path) -> None:
    before = '[ {"prompt":"a","video_path":"v"},\n  {"prompt":"a","video_path":"w"}, 7 ]'
    file = put(tmp_path / "a.json", before)
    (out,) = rendered(file, {1: "b"})
    assert out.text == '[ {"prompt":"a","video_path":"v"},\n  {"prompt":"b","video_path":"w"}, 7 ]'


def test_a_transfer1_batch_is_written_without_blank_lines(tmp_path: Path) -> None:
    lines = '\n{"visual_input":"a","prompt":"1"}\r\n  \n\n{"visual_input":"b","prompt":"2"}\n\n'
    (out,) = rendered(put(tmp_path / "a.jsonl", lines), {0: "x\ny", 1: "z"})
    assert out.text == (
        '{"visual_input":"a","prompt":"x\\ny"}\r\n{"visual_input":"b","prompt":"z"}\n'
    )


def test_a_prompt_a_line_stays_a_line(tmp_path: Path) -> None:
    (out,) = rendered(put(tmp_path / "a.txt", "one\r\n two\r\n"), {1: "first\n\nsecond \n"})
    assert out.text == "one\r\n first second\r\n"


def test_a_text_of_one_prompt_stays_one_prompt(tmp_path: Path) -> None:
    file = put(tmp_path / "a.txt", "one\n")
    assert text_with(file, "two\nlines") == "two lines\n"
    assert text_with(file, "two\n\nparagraphs") == "two\n\nparagraphs\n"


# --- Transfer2.5 ---------------------------------------------------------------------------------


def test_the_paths_of_a_moved_transfer25_spec_lead_to_the_same_files(tmp_path: Path) -> None:
    file = put(
        tmp_path / "specs" / "dock.json",
        '{"prompt":"a","video_path":"clips\\\\v.mp4","image_context_path":"/abs.png",'
        '"edge":{"control_path":"../e.mp4","control_prompt":"x/y"}}',
    )
    (out,) = rendered(file, {0: "b"}, tmp_path / "out" / "dock.json")
    assert json.loads(out.text) == {
        "prompt": "b",
        "video_path": "../specs/clips/v.mp4",
        "image_context_path": "/abs.png",
        "edge": {"control_path": "../e.mp4", "control_prompt": "x/y"},
    }


def test_the_paths_of_a_transfer25_spec_that_stays_are_untouched(tmp_path: Path) -> None:
    text = '{"prompt":"a","video_path":"clips\\\\.\\\\v.mp4"}'
    file = put(tmp_path / "dock.json", text)
    assert text_with(file, "b") == text.replace('"a"', '"b"')


def test_a_prompt_in_its_own_file_is_written_beside_the_new_spec(tmp_path: Path) -> None:
    put(tmp_path / "specs" / "prompts" / "p.txt", "\ufeffa\r\n")
    file = put(tmp_path / "specs" / "dock.json", '{"prompt_path": "prompts/p.txt", "seed": 1}')
    spec, prompt = rendered(file, {0: "b"}, tmp_path / "out" / "dock-2.json")
    assert spec.text == '{"prompt_path": "dock-2.txt", "seed": 1}'
    assert prompt == OutputFile(tmp_path / "out" / "dock-2.txt", "\ufeffb\r\n")


# --- files that changed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "now",
    [
        '{"prompt":"other","edge":{}}',
        '{"prompt":5,"edge":{}}',
        '{"edge":{}}',
        "[]",
        '[{"prompt":"old","video_path":',
        "",
        "{}",
        '{"prompt":' + "[" * 100_000,
    ],
)
def test_a_file_that_changed_meanwhile_is_not_rendered(tmp_path: Path, now: str) -> None:
    file = put(tmp_path / "a.json", now)
    with pytest.raises(InputError) as trouble:
        render(file, {0: Replacement("new", "old")}, tmp_path / "out.json")
    assert str(file) in trouble.value.problem
    assert trouble.value.remedy


def test_an_entry_or_a_file_that_is_gone_is_not_rendered(tmp_path: Path) -> None:
    file = put(tmp_path / "a.txt", "old\n")
    for index in (1, -1):
        with pytest.raises(InputError):
            render(file, {index: Replacement("new", "old")}, tmp_path / "out.txt")
    with pytest.raises(InputError):
        render(tmp_path / "gone.json", {}, tmp_path / "out.json")


def test_of_a_prompt_of_the_pipelines_database_only_its_text_changes(tmp_path: Path) -> None:
    text = '[\n {"id": "x", "prompt_text": "old", "inputs": {"video": "v.mp4"}, "parameters": {"a": 1}}\n]'
    file = put(tmp_path / "a.json", text)
    (out,) = render(file, {0: Replacement("new", "old")}, tmp_path / "out.json")
    assert out.text == text.replace('"old"', '"new"')


def test_a_negative_prompt_of_the_answer_stands_in_a_cosmos3_spec(tmp_path: Path) -> None:
    spec = {"model_mode": "text2video", "prompt": "tea", "negative_prompt": "old"}
    for extra, negative in (({}, "cuts"), ({"negative_prompt_file": "n.json"}, "old")):
        file = tmp_path / "a.json"
        file.write_text(json.dumps(spec | extra))
        new = Replacement("long", "tea", negative_prompt="cuts")
        (out,) = render(file, {0: new}, tmp_path / "out.json")
        written = json.loads(out.text)
        assert (written["prompt"], written["negative_prompt"]) == ("long", negative)
