"""A written file is the file that was read, in every byte that need not change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.specs.model import Spec
from backend.specs.reading import read_file
from backend.specs.render import OutputFile, Replacement, render
from remote.protocol import Json


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


own_keys = {"prompt", "input_video_path", "metadata", "is_upsampled", "parent_prompt_text"}
reserved = own_keys | {"id", "control_inputs", "video_path", "prompt_path", "spec_id"}
any_text = st.text(st.characters(), max_size=8)  # halves of surrogate pairs as well
keys = any_text.filter(lambda key: key not in reserved)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(keys, values, max_size=5)
prompts = st.text(max_size=20)
words = prompts.filter(str.strip)
provenances = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=3)
layouts = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 2, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([None, (",", ":"), (" , ", " : ")]),
    }
)
newlines = st.sampled_from(["\n", "\r\n"])
with_files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def spelled(value: Json, layout: dict[str, Json], newline: str) -> str:
    # A lone half of a surrogate pair can only be spelled as an escape.
    text = json.dumps(value, **layout)  # type: ignore[arg-type]
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value, **{**layout, "ensure_ascii": True})  # type: ignore[arg-type]
    return text.replace("\n", newline)


@with_files
@given(objects, objects, prompts, prompts, layouts, newlines)
def test_only_the_prompt_changes(
    tmp_path: Path,
    head: dict[str, Json],
    tail: dict[str, Json],
    old: str,
    new: str,
    layout: dict[str, Json],
    newline: str,
) -> None:
    before: dict[str, Json] = {**head, "input_video_path": "v.mp4", "prompt": old, **tail}
    file = put(tmp_path / "a.json", spelled(before, layout, newline))
    after = text_with(file, new)
    # Read back, because two halves of a surrogate pair that meet become one character.
    same_but_prompt = {**json.loads(file.read_bytes()), "prompt": new}
    assert list(json.loads(after).items()) == list(same_but_prompt.items())
    if new.isascii() and "\x7f" not in new:  # which is escaped, whatever the layout
        assert after == spelled({**before, "prompt": new}, layout, newline)
    assert text_with(file, old) == file.read_bytes().decode()


@with_files
@given(objects, st.none() | objects, provenances, words, prompts, layouts, newlines)
def test_only_prompt_flags_and_provenance_change_in_a_prompt_spec(
    tmp_path: Path,
    head: dict[str, Json],
    metadata: dict[str, Json] | None,
    provenance: dict[str, int | str],
    old: str,
    new: str,
    layout: dict[str, Json],
    newline: str,
) -> None:
    before: dict[str, Json] = {"id": "p", **head, "prompt": old, "metadata": metadata}
    file = put(tmp_path / "a.json", spelled(before, layout, newline))
    expected = json.loads(file.read_bytes())
    expected |= {"prompt": new, "is_upsampled": True, "parent_prompt_text": old}
    if metadata is not None:
        expected["metadata"]["upsample"] = provenance
    after = json.loads(text_with(file, new, provenance))
    assert list(after.items()) == list(expected.items())


@with_files
@given(st.lists(st.tuples(prompts, prompts, objects), min_size=1, max_size=4), newlines)
def test_only_the_prompts_change_in_a_batch(
    tmp_path: Path, entries: list[tuple[str, str, dict[str, Json]]], newline: str
) -> None:
    before = [{"visual_input": "v", "prompt": old, **rest} for old, _, rest in entries]
    file = put(tmp_path / "a.jsonl", newline.join(json.dumps(entry) for entry in before))
    before = [json.loads(line) for line in file.read_text().splitlines()]
    (out,) = rendered(file, {index: new for index, (_, new, _) in enumerate(entries)})
    after = [json.loads(line) for line in out.text.split(newline)]
    assert after == [{**e, "prompt": new} for e, (_, new, _) in zip(before, entries, strict=True)]
