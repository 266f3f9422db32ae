"""Checks an answer that must be one JSON object, and makes the prompt of it.

The object is checked against the profile's schema, its times against the length of the video, and what the
spec decides (size, length, frame rate) is written over what the model said. Source of the rules:
NVIDIA/cosmos-framework, cosmos_framework/inference/prompt_upsampling.py.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import cast

from backend.config.profiles.cleaning import AnswerRules, Cleaned, clean
from backend.errors import AnswerError
from backend.generation import Generation
from backend.specs.quoting import quoted, without_controls
from remote.protocol import Json

MOST_CHARACTERS = 100_000
"""The longest answer that is read as JSON. Those of the known models have 6 to 12 kB."""
_DEEPEST = 16
"""How deeply objects and lists may be nested. Those of the known models have 4 levels."""

_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL | re.IGNORECASE)
_TIMES = re.compile(r"(\d{1,3}):([0-5]\d)\s*-\s*(\d{1,3}):([0-5]\d)")
_TIME_KEYS = ("time", "time_range")


class _NoObject(Exception):
    """The answer is not one JSON object; `str` is what it is instead."""


def json_prompt(
    text: str, finish_reason: str, rules: AnswerRules, schema: str, generation: Generation
) -> Cleaned:
    """Return the prompt in an answer: its object as Cosmos 3 takes it. Raises AnswerError."""
    if finish_reason == "length":
        raise AnswerError(
            "the answer was cut off before its JSON was complete",
            "Raise reserve, the tokens that it may take (and max_tokens with it).",
        )
    text, negative = _without_negative_prompt(text, rules)
    cleaned = clean(text, rules)
    try:
        missing = [tag for tag in rules.unwrap if f"<{tag}>" not in cleaned.removed]
        if missing:
            raise _NoObject(f"the answer has no <{missing[0]}>")
        answer = _object_in(cleaned.text)
        dropped = [name for name in rules.drop if answer.pop(name, None) is not None]
        shape = cast("dict[str, Json]", json.loads(schema)) if schema else {}
        answer |= _pinned(rules, shape, generation)
        _check_shape(answer, shape)
        if generation.seconds:
            _check_times(answer, math.ceil(generation.seconds))
    except _NoObject as error:
        raise AnswerError(str(error), "Draw another one with --seed.") from None
    # Cosmos 3 was trained on what json.dumps writes by default: ", " and ": ", and only ASCII.
    return Cleaned(json.dumps(answer), (*cleaned.removed, *dropped), negative)


def _without_negative_prompt(text: str, rules: AnswerRules) -> tuple[str, str]:
    """Return the answer without the negative prompt in it, and that; empty where there is none."""
    tag = rules.negative_prompt
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL | re.IGNORECASE) if tag else None
    if found is None:
        return text, ""
    return text[: found.start()] + text[found.end() :], without_controls(found[1]).strip()


def _object_in(text: str) -> dict[str, Json]:
    if len(text) > MOST_CHARACTERS:
        raise _NoObject(f"the answer has {len(text):,} characters, too many for a prompt in JSON")
    fenced = _FENCED.findall(text)
    inner = fenced[0] if len(fenced) == 1 else text
    if not inner.strip().startswith("{"):
        raise _NoObject("the answer is no JSON object but other text")
    try:
        value = json.loads(inner, object_pairs_hook=_each_once, parse_constant=_refuse_constant)
    except RecursionError:
        raise _NoObject("the answer's JSON is nested too deeply") from None
    except ValueError as error:
        raise _NoObject(f"the answer is no JSON: {error}") from None
    if _depth(value) > _DEEPEST:
        raise _NoObject("the answer's JSON is nested too deeply")
    return cast("dict[str, Json]", value)


def _each_once(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NoObject(f"the answer gives the key {quoted(twice)} twice")
    return value


def _refuse_constant(name: str) -> Json:
    raise _NoObject(f"the answer holds {name}, which is no JSON")


def _depth(value: Json) -> int:
    """Return how deeply lists and objects are nested."""
    level: list[Json] = [value]
    depth = 0
    while level:
        depth += 1
        inner = [part for part in level if isinstance(part, (dict, list))]
        level = [it for part in inner for it in (part.values() if isinstance(part, dict) else part)]
    return depth


def _pinned(rules: AnswerRules, shape: dict[str, Json], generation: Generation) -> dict[str, Json]:
    """Return the values that the spec decides and for which the schema has a place."""
    values: dict[str, Json] = {
        "resolution": {"H": generation.size.height, "W": generation.size.width},
        "aspect_ratio": generation.aspect_ratio,
        "duration": written_duration(rules, generation),
        "fps": int(generation.fps) if generation.fps.is_integer() else generation.fps,
    }
    places = shape.get("properties")
    return {
        name: values[name] for name in rules.pin if not isinstance(places, dict) or name in places
    }


def written_duration(rules: AnswerRules, generation: Generation) -> str:
    """Return the length of what is to be made, in whole seconds and as the profile writes it."""
    seconds = generation.whole_seconds(rules.whole_seconds)
    return f"{seconds}s" if rules.duration == "5s" else clock(seconds)


def clock(seconds: int) -> str:
    """Format whole seconds as minutes and seconds: "0:05"."""
    return f"{seconds // 60}:{seconds % 60:02}"


def _check_shape(answer: dict[str, Json], shape: dict[str, Json]) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(shape).iter_errors(answer))
    if error is not None:
        where = "/".join(map(str, error.absolute_path))
        words = quoted(error.message)
        raise _NoObject(
            f"the answer does not follow the schema{f' at {where}' if where else ''}: {words}"
        )


def _check_times(answer: Json, seconds: int) -> None:
    """Check that every time range lies within the video, and that none of a list begins before the last."""
    for place, ranges in _time_ranges(answer):
        latest = 0
        for text in ranges:
            found = _TIMES.fullmatch(text.strip())
            if found is None:
                raise _NoObject(f"{place} in the answer is {quoted(text)}, and not like 0:00-0:05")
            minutes, rest, end_minutes, end_rest = map(int, found.groups())
            begin, end = 60 * minutes + rest, 60 * end_minutes + end_rest
            if end < begin or begin < latest:
                raise _NoObject(f"{place} in the answer runs backwards: {quoted(text)}")
            if end > seconds:
                raise _NoObject(
                    f"{place} in the answer is {quoted(text)}, and the video has {clock(seconds)}"
                )
            latest = begin


def _time_ranges(value: Json) -> Iterator[tuple[str, list[str]]]:
    """Yield the time ranges in each list of objects, with the key that they stand under."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _time_ranges(inner)
    elif isinstance(value, list):
        objects = [part for part in value if isinstance(part, dict)]
        for key in _TIME_KEYS:
            ranges = [str(part[key]) for part in objects if key in part]
            if ranges:
                yield key, ranges
        for inner in value:
            yield from _time_ranges(inner)
