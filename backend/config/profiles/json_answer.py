"""Checks an answer that must be one JSON object, and makes the prompt of it.

The object is checked against the profile's schema, its times against the length of the video, and what the
spec decides (size, length, frame rate) is written over what the model said. Source of the rules:
NVIDIA/cosmos-framework, cosmos_framework/inference/prompt_upsampling.py.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

from backend.config.profiles.cleaning import AnswerRules, Cleaned, clean
from backend.config.profiles.schemas import depth_of
from backend.errors import AnswerError, ConfigError
from backend.generation import Generation
from backend.specs.quoting import LONGEST_QUOTE, printable, quoted, without_controls
from remote.protocol import Json

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MOST_CHARACTERS = 100_000
"""The longest answer that is read as JSON. Those of the known models have 6 to 12 kB."""
_DEEPEST = 16
"""How deeply objects and lists may be nested. Those of the known models have 4 levels."""
_MOST_DIGITS = 100
"""Digits of a whole number. Greater ones are no numbers to other programs."""
_LONGEST_COMPARED = 10_000
"""Characters of a text that is compared with a pattern, which may take the square of their number."""

_FENCE_BEGIN = re.compile(r"```(?:json)?[ \t]*\n", re.IGNORECASE)
_FENCE_END = re.compile(r"\n[ \t]*```")
_TIMES = re.compile(r"(\d{1,3}):([0-5]\d)\s*-\s*(\d{1,3}):([0-5]\d)")
_TIME_KEYS = ("time", "time_range")


class _NoObject(Exception):
    """The answer is not one JSON object; `str` is what it is instead."""


def json_prompt(
    text: str,
    finish_reason: str,
    rules: AnswerRules,
    schema: str,
    generation: Generation,
    *,
    is_taken: bool = False,
) -> Cleaned:
    """Return the prompt in an answer: its object as Cosmos 3 takes it. Raises AnswerError.

    With `is_taken`, the answer was right when it came, and schema and times are not checked again.
    """
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
        if not answer:
            raise _NoObject("the answer is an empty object")
        shape = cast("dict[str, Json]", json.loads(schema)) if schema else {}
        answer |= _pinned(rules, shape, generation)
        if not is_taken:
            _check_shape(answer, shape)
        if not is_taken and generation.seconds:
            _check_times(answer, math.ceil(generation.seconds))
    except _NoObject as error:
        raise AnswerError(str(error), "Draw another one with --seed.") from None
    # Cosmos 3 was trained on what json.dumps writes by default: ", " and ": ", and only ASCII.
    return Cleaned(json.dumps(answer), (*cleaned.removed, *dropped), negative)


def _without_negative_prompt(text: str, rules: AnswerRules) -> tuple[str, str]:
    """Return the answer without the negative prompt in it, and that; empty where there is none."""
    tag = rules.negative_prompt
    # In what the model thinks, there may be earlier ones.
    *_, start = (None, *re.finditer(rf"<{tag}>", text, re.IGNORECASE)) if tag else (None,)
    end = re.compile(rf"</{tag}>", re.IGNORECASE).search(text, start.end()) if start else None
    if start is None or end is None:
        return text, ""
    negative = without_controls(text[start.end() : end.start()]).strip()
    return text[: start.start()] + text[end.end() :], negative


def _object_in(text: str) -> dict[str, Json]:
    if len(text) > MOST_CHARACTERS:
        raise _NoObject(f"the answer has {len(text):,} characters, too many for a prompt in JSON")
    fenced = _fenced(text)
    inner = fenced[0] if len(fenced) == 1 else text
    if not inner.strip().startswith("{"):
        raise _NoObject("the answer is no JSON object but other text")
    try:
        value = json.loads(
            inner,
            object_pairs_hook=_each_once,
            parse_constant=_refuse_number,
            parse_float=_finite,
            parse_int=_short,
        )
    except RecursionError:
        raise _NoObject("the answer's JSON is nested too deeply") from None
    except ValueError as error:
        raise _NoObject(f"the answer is no JSON: {error}") from None
    if depth_of(value) > _DEEPEST:
        raise _NoObject("the answer's JSON is nested too deeply")
    return cast("dict[str, Json]", value)


def _fenced(text: str) -> list[str]:
    """Return the inside of each code block."""
    found, at = [], 0
    # Where one block has no end, no later one has: so the text is searched once.
    while (begin := _FENCE_BEGIN.search(text, at)) and (
        end := _FENCE_END.search(text, begin.end())
    ):
        found.append(text[begin.end() : end.start()])
        at = end.end()
    return found


def _each_once(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NoObject(f"the answer gives the key {quoted(twice)} twice")
    return value


def _refuse_number(text: str) -> Json:
    raise _NoObject(f"the answer holds {text[:20]}, which is no number in JSON")


def _finite(text: str) -> Json:
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)


def _short(text: str) -> Json:
    return int(text) if len(text) <= _MOST_DIGITS else _refuse_number(text)


def _pinned(rules: AnswerRules, shape: dict[str, Json], generation: Generation) -> dict[str, Json]:
    """Return the values that the spec decides and for which the schema has a place."""
    values: dict[str, Json] = {
        "resolution": {"H": generation.size.height, "W": generation.size.width},
        "aspect_ratio": generation.aspect_ratio,
        "duration": written_duration(rules, generation),
        "fps": int(generation.fps) if generation.fps.is_integer() else generation.fps,
    }
    places = shape.get("properties")
    if not isinstance(places, dict):
        # An image has no length.
        places = values if generation.seconds else {"resolution": "", "aspect_ratio": ""}
    return {name: values[name] for name in rules.pin if name in places}


def written_duration(rules: AnswerRules, generation: Generation) -> str:
    """Return the length of what is to be made, in whole seconds and as the profile writes it."""
    seconds = generation.whole_seconds(rules.whole_seconds)
    return f"{seconds}s" if rules.duration == "5s" else clock(seconds)


def clock(seconds: int) -> str:
    """Format whole seconds as minutes and seconds: "0:05"."""
    return f"{seconds // 60}:{seconds % 60:02}"


def _check_shape(answer: dict[str, Json], shape: dict[str, Json]) -> None:
    from jsonschema.exceptions import best_match

    try:
        error = best_match(_validator()(shape).iter_errors(answer))
    except RecursionError:
        raise ConfigError(
            "no answer can be checked against the profile's schema, which refers to itself without end",
            "Mend the schema, and queue the job again.",
        ) from None
    if error is not None:
        where = printable("/".join(map(str, error.absolute_path))[:LONGEST_QUOTE])
        words = quoted(error.message)
        raise _NoObject(
            f"the answer does not follow the schema{f' at {where}' if where else ''}: {words}"
        )


@cache
def _validator() -> type[Validator]:
    """Return the class that checks by a schema. Its patterns are compared with texts of some length alone."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def compare(
        validator: Validator, pattern: str, text: Json, schema: Json
    ) -> Iterator[ValidationError]:
        if isinstance(text, str) and len(text) > _LONGEST_COMPARED:
            yield ValidationError(f"{len(text):,} characters are too many for a pattern")
        elif isinstance(text, str) and not re.search(pattern, text):
            yield ValidationError(f"{text!r} does not match {pattern!r}")

    made: Callable[[type[Validator], dict[str, object]], type[Validator]] = extend
    return made(Draft202012Validator, {"pattern": compare})


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
