"""Schemas and variants of a user's own profile: what is refused when read, and that nothing is fetched."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic

import pytest

from backend.config.profiles import load_profile
from backend.config.profiles.cleaning import AnswerRules
from backend.config.profiles.json_answer import json_prompt
from backend.config.profiles.schemas import read_schema
from backend.errors import AnswerError, ConfigError
from backend.generation import Generation
from backend.planning.answer_schema import narrowed
from backend.planning.generation import generation_of
from backend.planning.message import outline
from backend.sizes import Size
from backend.specs.model import Mode, Target
from remote.protocol import Json
from tests.support.json_profile import NAME, PROFILE, SCHEMA, write_json_profile

CLIP = Generation("text2video", Size(1280, 720), "16,9", fps=24.0, seconds=7.875)
RULES = AnswerRules(format="json")


def read(schema: Json | bytes) -> str:
    data = schema if isinstance(schema, bytes) else json.dumps(schema).encode()
    return read_schema("scene.json", "the profile", lambda _: data)


def with_part(part: Json) -> dict[str, Json]:
    return {"type": "object", "properties": {"scene": part}}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (with_part({"$ref": "#/$defs/scene"}), "is no place within it"),
        (with_part({"$ref": "other.json#/scene"}), "is no place within it"),
        (with_part({"$dynamicRef": "https://example.com/x"}), "is no place within it"),
        (with_part({"$id": "https://example.com/x", "$ref": "#/type"}), "a name of its own"),
        (with_part({"$ref": "#/type"}), "is no place within it"),
        (with_part({"pattern": "^(a+)+$"}), "may take for ever"),
        (with_part({"pattern": r"^(?:\w|\d){2,}$"}), "may take for ever"),
        (with_part({"pattern": "(a{1,9}){9}"}), "may take for ever"),
        ({"type": "object", "patternProperties": {"(x*)*y": {}}}, "may take for ever"),
        (b'{"type": "object", "items":' + 100 * b'{"items":' + b"{}" + 101 * b"}", "64 levels"),
        (b'{"type": "object", "maximum": 1e999}', "not JSON"),
    ],
)
def test_a_schema_by_which_no_answer_can_be_checked_is_refused(
    schema: Json | bytes, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        read(schema)


@pytest.mark.parametrize(
    "pattern", [r"^\d{1,3}:[0-5]\d$", r"^(?:\d{3}){2}$", "[(a+)+]+", r"\(a+\)+", "(?:ab)+c*"]
)
def test_a_pattern_that_takes_no_time_is_taken(pattern: str) -> None:
    assert json.loads(read(with_part({"pattern": pattern})))


def test_nothing_outside_of_a_schema_is_read(tmp_path: Path) -> None:
    beside = tmp_path / "beside.json"
    beside.write_text('{"type": "string"}')
    with pytest.raises(ConfigError, match="no place within it"):
        read(with_part({"$ref": beside.as_uri()}))
    named = {"$schema": "https://example.com/s", "$id": beside.as_uri()}
    schema = read(named | with_part({"$ref": "#/$defs/b"}) | {"$defs": {"b": {}}})
    assert "://" not in schema
    assert json_prompt('{"scene": 1}', "stop", RULES, schema, CLIP).text


def test_a_schema_that_holds_itself_is_outlined_and_checked() -> None:
    parts: Json = {"name": {"description": "who"}, "child": {"$ref": "#/$defs/a~1b"}}
    actor: Json = {"type": "object", "properties": parts}
    schema = read(with_part({"$ref": "#/$defs/a~1b"}) | {"$defs": {"a/b": actor}})
    assert json.loads(outline(schema)) == {"scene": {"name": "who", "child": ""}}
    assert (
        "deep"
        in json_prompt('{"scene": {"child": {"name": "deep"}}}', "stop", RULES, schema, CLIP).text
    )
    with pytest.raises(AnswerError, match="at scene/child"):
        json_prompt('{"scene": {"child": 1}}', "stop", RULES, schema, CLIP)


def test_a_schema_that_leads_only_to_itself_fails_the_job_and_draws_nothing_again() -> None:
    schema = read(with_part({"$ref": "#/properties/scene"}))
    assert json.loads(outline(schema)) == {"scene": ""}
    with pytest.raises(ConfigError, match="without end"):
        json_prompt('{"scene": 1}', "stop", RULES, schema, CLIP)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "an empty object"),
        ('{"a": 1e999}', "no number in JSON"),
        ('{"a": -1e999}', "no number in JSON"),
        (f'{{"a": {"1" * 3000}}}', "no number in JSON"),
        (r'{"\u001b[31m\ud800": 1}', r"at \\x1b\[31m\\ud800: "),
        ('{"b": "' + "b" * 20_000 + '"}', "too many for a pattern"),
    ],
)
def test_a_hostile_answer_is_refused_in_harmless_words(text: str, problem: str) -> None:
    schema = read({"type": "object", "additionalProperties": {"pattern": "b@"}})
    if "31m" in text:
        schema = read({"type": "object", "additionalProperties": {"type": "string"}})
    with pytest.raises(AnswerError, match=problem) as raised:
        json_prompt(text, "stop", RULES, schema, CLIP)
    str(raised.value).encode()
    assert len(raised.value.problem) < 250


def test_blocks_without_an_end_take_no_time() -> None:
    began = monotonic()
    with pytest.raises(AnswerError, match="other text"):
        json_prompt("x```\n" * 19_000, "stop", RULES, "", CLIP)
    assert monotonic() - began < 3


def test_an_image_has_no_length_where_no_schema_says_what_there_is() -> None:
    rules = AnswerRules(format="json", pin=("resolution", "duration", "fps"))
    picture = Generation("text2image", Size(640, 480), "4,3", 0.0, 0.0)
    made = json.loads(json_prompt('{"a": 1}', "stop", rules, "", picture).text)
    assert made == {"a": 1, "resolution": {"H": 480, "W": 640}}


def test_the_negative_prompt_is_the_last_one_and_not_one_of_the_thoughts() -> None:
    rules = AnswerRules(format="json", strip_thinking=True, negative_prompt="no")
    text = '<think>So <no>rain</no>?</think><no>fog</no>{"a": 1}'
    assert json_prompt(text, "stop", rules, "", CLIP).negative_prompt == "fog"
    began = monotonic()
    with pytest.raises(AnswerError):
        json_prompt("<no>" * 40_000, "stop", rules, "", CLIP)
    assert monotonic() - began < 5


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('[variants.text2video]\nuser = "$prompt costs $"', "begins no variable"),
        ('[variants.text2video]\nuser = "$prompt $colour"', "no variable \\$colour"),
        ("[variants.text2vidoe]", "is no mode; there are: text2image"),
        ('[answer]\nformat = "json"\nnegative_prompt = "("', "is no tag"),
    ],
)
def test_a_slip_in_a_profile_is_told_when_it_is_loaded(line: str, problem: str) -> None:
    write_json_profile(PROFILE.partition("[answer]")[0] + line)
    with pytest.raises(ConfigError, match=problem):
        load_profile(NAME)


def test_a_format_that_there_is_not_fits_no_profile() -> None:
    write_json_profile('fits = ["cosmos 3"]\n' + PROFILE)
    with pytest.raises(ConfigError, match="is no format of specs; there are: prompt-spec"):
        load_profile(NAME)


def test_a_variant_for_a_source_has_a_schema_of_its_own_and_else_what_the_mode_has() -> None:
    file = write_json_profile(
        PROFILE
        + '[variants.transfer]\nuser = "Transfer $prompt"\n[variants.transfer-image]\nschema = "image.json"'
    )
    file.with_name("image.json").write_text(json.dumps(SCHEMA | {"title": "image"}))
    profile = load_profile(NAME)
    assert "title" in profile.schema_for("transfer", "image")
    assert "title" not in profile.schema_for("transfer", "video")
    assert profile.user_template("transfer", "image") == "Transfer $prompt"


def test_what_a_spec_says_of_its_video_never_stops_a_plan() -> None:
    assert generation_of(Target(Mode.TEXT2VIDEO, resolution="1" * 5000), None).size.height == 720
    endless = generation_of(Target(Mode.TEXT2VIDEO, fps=1e-310, num_frames=10**14), None)
    began = monotonic()
    assert narrowed('{"type":"object"}', endless.whole_seconds("up")) == '{"type":"object"}'
    assert monotonic() - began < 1
