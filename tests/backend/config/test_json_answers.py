"""Answers that must be one JSON object: what is taken, what is written over it, and what is refused."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.config.profiles.cleaning import AnswerRules
from backend.config.profiles.json_answer import MOST_CHARACTERS, json_prompt
from backend.errors import AnswerError
from backend.generation import Generation
from backend.sizes import Size
from remote.protocol import Json

RULES = AnswerRules.model_validate(
    {
        "format": "json",
        "strip_thinking": True,
        "pin": ["resolution", "aspect_ratio", "duration", "fps"],
        "drop": ["scene_imagination"],
    }
)
SCHEMA = json.dumps(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["subjects", "fps"],
        "properties": {
            "subjects": {"type": "array", "items": {"type": "string"}},
            "actions": {"type": "array", "items": {"type": "object"}},
            "duration": {"type": "string"},
            "fps": {"type": "number"},
            "resolution": {"type": "object"},
        },
    }
)
CLIP = Generation("text2video", Size(1280, 720), "16,9", fps=24.0, seconds=7.875)
RIGHT: dict[str, Json] = {"subjects": ["a crane", "die Möwe"], "duration": "1h", "fps": 3}
WHOLE = json.dumps(RIGHT)


def prompt_of(text: str, finish_reason: str = "stop") -> str:
    return json_prompt(text, finish_reason, RULES, SCHEMA, CLIP).text


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        f"```json\n{WHOLE}\n```",
        f"<think>Hm {{}}.</think>\n{WHOLE}",
        f"Here it is:\n```\n{WHOLE}\n```\nDone.",
    ],
)
def test_the_object_is_found_and_what_the_spec_decides_is_written_over_it(answer: str) -> None:
    prompt = prompt_of(answer)
    assert json.loads(prompt) == RIGHT | {
        "duration": "7s",
        "fps": 24,
        "resolution": {"H": 720, "W": 1280},
    }


def test_the_prompt_is_spelled_as_cosmos3_was_trained_on() -> None:
    assert '"subjects": ["a crane", "die M\\u00f6we"], "duration"' in prompt_of(WHOLE)


def test_a_key_that_the_schema_has_no_place_for_is_not_pinned() -> None:
    assert "aspect_ratio" not in json.loads(prompt_of(WHOLE))


def test_what_a_model_imagined_before_is_taken_off() -> None:
    cleaned = json_prompt(
        json.dumps({"scene_imagination": "Fog."} | RIGHT), "stop", RULES, SCHEMA, CLIP
    )
    assert "scene_imagination" not in json.loads(cleaned.text)
    assert cleaned.removed == ("scene_imagination",)


@pytest.mark.parametrize(
    ("rules", "written"),
    [
        ({"whole_seconds": "up"}, "8s"),
        ({"duration": "0:05"}, "0:07"),
    ],
)
def test_a_profile_says_how_the_length_is_rounded_and_written(
    rules: dict[str, str], written: str
) -> None:
    changed = RULES.model_copy(update=rules)
    prompt = json_prompt(WHOLE, "stop", changed, SCHEMA, CLIP).text
    assert json.loads(prompt)["duration"] == written


def with_times(*times: str) -> str:
    return json.dumps(RIGHT | {"actions": [{"time": it} for it in times]})


def test_times_that_follow_one_another_within_the_clip_are_right() -> None:
    prompt_of(with_times("0:00-0:03", "0:03-0:08"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A long paragraph.", "no JSON object but other text"),
        ("[1, 2]", "no JSON object but other text"),
        (WHOLE[:-9], "no JSON: "),
        ('{"subjects": [], "subjects": []}', "gives the key 'subjects' twice"),
        ('{"subjects": NaN}', "NaN, which is no number in JSON"),
        ('{"subjects": ' + "[" * 30 + "]" * 30 + "}", "nested too deeply"),
        ('{"subjects": ' + "[" * 50_000, "nested too deeply"),
        ('{"a": "' + "x" * 2 * MOST_CHARACTERS + '"}', "200,009 characters, too many"),
        ('{"subjects": "one"}', "at subjects: "),
        ('{"fps": 1}', "'subjects' is a required property"),
        ("{}", "an empty object"),
        (json.dumps(RIGHT | {"mood": ""}), "mood"),
        (with_times("0:02-0:01"), "runs backwards: '0:02-0:01'"),
        (with_times("0:04-0:05", "0:00-0:01"), "runs backwards: '0:00-0:01'"),
        (with_times("0:00-0:09"), "'0:00-0:09', and the video has 0:08"),
        (with_times("at dusk"), "'at dusk', and not like 0:00-0:05"),
    ],
    ids=count(),
)
def test_anything_else_is_refused_with_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(AnswerError) as refused:
        prompt_of(text)
    assert problem in refused.value.problem
    assert len(refused.value.problem) < 400


def test_an_answer_that_was_cut_off_names_the_setting() -> None:
    with pytest.raises(AnswerError, match="cut off before its JSON was complete") as refused:
        prompt_of(WHOLE[:20], "length")
    assert "reserve" in refused.value.remedy


@given(st.lists(st.text()))
def test_every_object_of_the_schema_comes_back_whole(subjects: list[str]) -> None:
    rules = AnswerRules.model_validate({"format": "json"})
    prompt = json_prompt(
        json.dumps({"subjects": subjects, "fps": 1}), "stop", rules, SCHEMA, CLIP
    ).text
    assert json.loads(prompt)["subjects"] == subjects


# --- with a negative prompt ----------------------------------------------------------------------

TAGGED = AnswerRules.model_validate(
    {"format": "json", "unwrap": ["final_prompt"], "negative_prompt": "negative_prompt"}
)


def test_a_negative_prompt_is_taken_out_of_the_answer() -> None:
    text = (
        f"<final_prompt>{WHOLE}</final_prompt>\n<negative_prompt> jump\x1b cuts </negative_prompt>"
    )
    cleaned = json_prompt(text, "stop", TAGGED, SCHEMA, CLIP)
    assert json.loads(cleaned.text) == RIGHT
    assert cleaned.negative_prompt == "jump cuts"


def test_an_answer_without_the_tag_of_its_prompt_is_wrong() -> None:
    with pytest.raises(AnswerError, match="has no <final_prompt>"):
        json_prompt(WHOLE, "stop", TAGGED, SCHEMA, CLIP)
    alone = json_prompt(f"<final_prompt>{WHOLE}</final_prompt>", "stop", TAGGED, SCHEMA, CLIP)
    assert alone.negative_prompt == ""
