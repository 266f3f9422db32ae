"""YAML is divided by one of two parsers. Whichever it is, the same is read, and the same is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.specs import yaml_events, yaml_spans
from backend.specs.json_spans import Node, NotJson
from backend.specs.yaml_events import NotYaml, full_events, quick_events
from backend.specs.yaml_spans import parse_events, parse_yaml

SPEC = """\
# a comment
inference_type: video2world   # the mode
defaults: &d {seed: 3, 'it''s': "a\\u00e9\\n"}
prompt: >-
  A car
  at noon.

samples:
  - {<<: *d, path: http://x/y#w}
  - |
    two lines
    of text
  -
  - [1, ~, yes]
"""
PIECES = (
    *("a", "b", "prompt", "1.5", "yes", "012", "12:30:00", "~", "é", "🌧", " ", "  ", "\n", "\n  "),
    *("- ", "\n- ", ": ", ":", ", ", "[", "]", "{", "}", " # ", "#", "&a ", "*a", "!", "<<: *a"),
    *("| \n  ", ">-\n  ", '"', "'", "\\", "\\n", "%", "?", "? ", "\n---\n", "\n...\n", "\r\n"),
    *("\t", "\x85", "\u2028", "\ufeff", "%YAML 1.21\n---\n"),
)


def parts_of(node: Node) -> object:
    """Return what a node consists of, with all positions but those of values that are not written."""
    assert node.yaml is not None
    position = (node.start, node.end) if node.start < node.end else None
    members = [(m.key, m.key_start, m.key_end, parts_of(m.node)) for m in node.yaml.members]
    return node.value, position, members, [parts_of(item) for item in node.yaml.items]


def quick(text: str) -> Node | None:
    """Read a text with libyaml alone; None where the other parser decides."""
    events = quick_events(text)
    try:
        return None if events is None else parse_events(text, events)
    except NotYaml:
        return None


def full(text: str) -> Node | None:
    """Read a text with ruamel.yaml's parser alone; None where it is no YAML for it."""
    try:
        return parse_events(text, full_events(text))
    except NotYaml:
        return None


def spliced() -> st.SearchStrategy[str]:
    """Make texts of a spec from which something is cut, and into which pieces are put."""
    places = st.integers(0, len(SPEC))
    cuts = st.tuples(places, st.integers(0, 3), st.lists(st.sampled_from(PIECES), max_size=3))
    return cuts.map(lambda cut: f"{SPEC[: cut[0]]}{''.join(cut[2])}{SPEC[cut[0] + cut[1] :]}")


@settings(max_examples=150, deadline=None)
@given(spliced() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_both_parsers_read_the_same(text: str) -> None:
    try:
        first, second = quick(text), full(text)
    except NotJson:
        with pytest.raises(NotJson):  # whoever is asked
            parse_yaml(text)
        return
    if first is None or second is None:
        return
    # A text that is one scalar is no spec; the two see its end in different places.
    if isinstance(first.value, (dict, list)) or isinstance(second.value, (dict, list)):
        assert parts_of(first) == parts_of(second)


def test_a_spec_is_read_by_libyaml_and_as_the_other_parser_reads_it() -> None:
    node, other = quick(SPEC), full(SPEC)
    assert node is not None
    assert other is not None
    assert parts_of(node) == parts_of(other)


@pytest.mark.parametrize("written", ["yes", "on", "012", "12:30:00", "0x1F", "1_000", "2026-01-01"])
def test_what_yaml_1_1_takes_for_something_else_is_text(written: str) -> None:
    number = {"012": 12.0}
    for node in (quick(f"a: {written}"), full(f"a: {written}")):
        assert node is not None
        assert node.value == {"a": number.get(written, written)}


@pytest.mark.parametrize(
    "text",
    [
        "prompt: !!python/object:os.system {}",
        "prompt: !x a",
        "a: &p a\nb: *p",
        "a: *p",
        "a: b\n---\na: c",
        "a: " + "[" * 80,
        "[a, b, c, d, e, f, g, h, i, j, k, l]",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]",
        "",
    ],
)
def test_both_parsers_are_held_to_the_same_bounds(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_spans, "MOST_VALUES", 12)
    refused = []
    for parse in (quick, full):
        with pytest.raises(NotJson) as error:
            parse(text)
        refused.append((error.value.problem, error.value.position))
    assert refused[0] == refused[1]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\ufeff"])
def test_what_breaks_a_line_in_yaml_1_1_alone_is_part_of_a_prompt(character: str) -> None:
    assert parse_yaml(f"prompt: a{character}b\nseed: 1").value == {
        "prompt": f"a{character}b",
        "seed": 1.0,
    }


def test_without_libyaml_the_other_parser_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    node = parse_yaml(SPEC)
    monkeypatch.setattr(yaml_events, "CParser", None)
    assert parts_of(parse_yaml(SPEC)) == parts_of(node)


def test_what_one_of_the_parsers_refuses_the_other_may_read() -> None:
    assert parse_yaml("a: >-\n \n  b").value == {"a": "\nb"}  # by libyaml alone
    assert parse_yaml("a: {b:}").value == {"a": {"b:": None}}  # by the other one alone


def test_an_unknown_version_of_yaml_is_no_error_of_the_program() -> None:
    with pytest.raises(NotJson):
        parse_yaml("%YAML 1.21\n---\na: \t1\n? *")
