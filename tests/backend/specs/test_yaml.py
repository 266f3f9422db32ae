"""Specs in YAML: what is read, what is refused, and that a result keeps comments, order and layout."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from backend.specs.json_spans import NotJson
from backend.specs.model import BrokenSpec, Skipped, Spec, SpecFormat
from backend.specs.reading import Finding, read_file
from backend.specs.render import Replacement, render
from backend.specs.yaml_spans import parse_yaml

COSMOS3 = """\
# a comment
model_mode: video2video   # the mode
prompt: >-
  A car
  at noon.

# the control
edge: {control_path: "e.mp4", weight: 1.0}
fps: 24
"""
PREDICT25 = """\
inference_type: image2world
defaults: &d
  seed: 3
samples:
  one: {prompt: p, input_path: i.jpg, <<: *d}
  two:
    prompt_path: a.txt
    input_path: 'j.jpg'
"""


def read(folder: Path, text: str, name: str = "s.yaml") -> tuple[Finding, ...]:
    (folder / name).write_text(text, newline="")
    return read_file(folder / name, Path("/work"))


def test_a_cosmos3_spec_is_read(tmp_path: Path) -> None:
    (spec,) = read(tmp_path, COSMOS3)
    assert isinstance(spec, Spec)
    assert (spec.format, spec.prompt) == (SpecFormat.COSMOS3, "A car at noon.")
    assert spec.video == tmp_path / "e.mp4"


def test_samples_are_read_with_the_keys_that_they_share(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A car.")
    found = read(tmp_path, PREDICT25, "s.yml")
    assert [(spec.name, spec.prompt, spec.video) for spec in found if isinstance(spec, Spec)] == [
        ("one", "p", tmp_path / "i.jpg"),
        ("two", "A car.", tmp_path / "j.jpg"),
    ]


def test_a_result_keeps_comments_order_and_layout(tmp_path: Path) -> None:
    (spec,) = read(tmp_path, COSMOS3)
    assert isinstance(spec, Spec)
    new = 'She said: "é"\n- 漢 🌧'
    (out,) = render(spec.file, {0: Replacement(new, spec.prompt)}, tmp_path / "out" / "s.yaml")
    assert out.text == COSMOS3.replace(
        ">-\n  A car\n  at noon.", '"She said: \\"é\\"\\n- 漢 🌧"'
    ).replace("e.mp4", "../e.mp4")
    (again,) = read(tmp_path, out.text)
    assert isinstance(again, Spec)
    assert again.prompt == new


@pytest.mark.parametrize("prompt", ["a\xa0", "|\n  a\xa0", "'a\xa0'"])
def test_a_new_prompt_replaces_the_space_at_the_end_of_the_old_one(
    tmp_path: Path, prompt: str
) -> None:
    (spec,) = read(tmp_path, f"model_mode: text2video\nprompt: {prompt}\nfps: 24\n")
    assert isinstance(spec, Spec)
    (out,) = render(spec.file, {0: Replacement("b", spec.prompt)}, tmp_path / "out.yaml")
    assert out.text == 'model_mode: text2video\nprompt: "b"\nfps: 24\n'


def test_samples_are_rewritten_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A car.")
    read(tmp_path, PREDICT25)
    new = {0: Replacement("x", "p"), 1: Replacement("y", "A car.")}
    spec, prompt = render(tmp_path / "s.yaml", new, tmp_path / "out" / "s.yaml")
    assert spec.text == PREDICT25.replace("prompt: p", 'prompt: "x"').replace(
        "prompt_path: a.txt", 'prompt_path: "s-2.txt"'
    ).replace("i.jpg", '"../i.jpg"').replace("'j.jpg'", '"../j.jpg"')
    assert (prompt.path.name, prompt.text) == ("s-2.txt", "y")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("seed: 1\nprompt: !!python/object:os.system {}", 2, "a tag (!), which is not read"),
        ("prompt: &p a\nnegative_prompt: *p", 2, "an alias of a single value"),
        ("prompt: *p", 1, "an alias without an anchor"),
        ("prompt: [", 1, "expected the node content"),
        ("prompt: a\n---\nprompt: b", 2, "several documents"),
        ("prompt: " + "[" * 200, 1, "nested too deeply"),
        ("d: &d {prompt: p}\n<<: *d\nvision_path: v.mp4", 1, "stands elsewhere in the file"),
    ],
)
def test_what_is_not_read_of_a_prompt_spec_is_broken(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    (broken,) = read(tmp_path, text)
    assert isinstance(broken, BrokenSpec)
    assert broken.line == line
    assert problem in broken.problem
    assert broken.problem.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "name: CI\non: push\n",
        "template: '{{ prompt }}'\nbad: {{ it }}\n- x",
        "- prompt\n",
        "a: prompt\n",
        "prompt engineering",
    ],
)
def test_yaml_for_other_tools_is_skipped(tmp_path: Path, text: str) -> None:
    (skipped,) = read(tmp_path, text)
    assert isinstance(skipped, Skipped)
    assert skipped.reason.startswith("not a prompt spec")


def test_aliases_that_multiply_are_refused_at_once() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    began = monotonic()
    with pytest.raises(NotJson, match="too many values"):
        parse_yaml(bomb)
    with pytest.raises(NotJson, match="KiB of YAML"):
        parse_yaml("a: " + "x" * 300_000)
    assert monotonic() - began < 2


def test_plain_values_are_told_from_quoted_ones() -> None:
    node = parse_yaml("[1.5, '1.5', true, 'true', ~, , no, 2026-01-01]".replace(" ,", ""))
    assert node.value == [1.5, "1.5", True, "true", None, "no", "2026-01-01"]
