"""Reads the JSON schemas that a profile's answers must follow.

A schema is checked when it is read, so that an answer can be checked against it at any time: it refers to
nothing outside of itself, so nothing is ever fetched, and no pattern in it can take for ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import cast
from urllib.parse import unquote

from backend.errors import ConfigError
from backend.specs.quoting import quoted
from remote.protocol import Json

MOST_BYTES = 256 * 1024
"""The largest file with a schema. It is sent with each request."""
_DEEPEST = 64
"""How deeply a schema may be nested. Those of the known models have 12 levels."""

_REFERENCES = ("$ref", "$dynamicRef")
_NAMES_OF_THE_WHOLE = ("$schema", "$id")
_PART_OF_PATTERN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?P?<\w+>|\?<?[:=!])?|\)|[*+?|]|\{\d*(?P<most>,?\d*)\}|.",
    re.DOTALL,
)


def read_schema(file: str, source: str, read: Callable[[str], bytes]) -> str:
    """Return the schema in this file as JSON without white space. Raises ConfigError.

    `source` is the profile that names the file, and `read` reads a file that lies beside it.
    """
    if not file.endswith(".json") or "/" in file or "\\" in file:
        raise ConfigError(
            f"{source}: the schema {file!r} is not the name of a .json file beside the profile",
            'Write schema = "NAME.json", and put the file into the folder of the profile.',
        )
    try:
        data = read(file)
    except OSError as error:
        raise ConfigError(
            f"{source}: its schema {file} cannot be read: {error.strerror}",
            "Put the file into the folder of the profile.",
        ) from error
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{source}: its schema {file} has more than {MOST_BYTES:,} bytes")
    return _checked(data, f"{source}: its schema {file}")


def depth_of(value: Json) -> int:
    """Return how deeply lists and objects are nested."""
    level: list[Json] = [value]
    depth = 0
    while level:
        depth += 1
        inner = [part for part in level if isinstance(part, (dict, list))]
        level = [it for part in inner for it in (part.values() if isinstance(part, dict) else part)]
    return depth


def part_at(reference: str, schema: Mapping[str, Json]) -> Json:
    """Return the part of a schema that a `$ref` in it names: "#/$defs/actor". Raises KeyError for none."""
    part: Json = dict(schema)
    if reference in ("#", ""):
        return part
    if not reference.startswith("#/"):
        raise KeyError(reference)
    for step in unquote(reference).removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, dict):
            part = part[name]
        elif (
            isinstance(part, list) and name.isdecimal() and len(name) < 9 and int(name) < len(part)
        ):
            part = part[int(name)]
        else:
            raise KeyError(reference)
    return part


@lru_cache(maxsize=64)  # a user's own profile is read anew for each job
def _checked(data: bytes, place: str) -> str:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        schema = cast(Json, json.loads(data))
        text = json.dumps(schema, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{place} is not JSON: {error}") from None
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ConfigError(
            f"{place} is no schema of a JSON object", 'Its "type" must be "object" at the top.'
        )
    if depth_of(schema) > _DEEPEST:
        raise ConfigError(f"{place} is nested more deeply than {_DEEPEST} levels")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "its top"
        raise ConfigError(f"{place} is no JSON schema: at {where}, {error.message[:200]}") from None
    named = schema.keys() & set(_NAMES_OF_THE_WHOLE)
    if named:
        # They say nothing of the answer, and a name would change what its references mean.
        schema = {name: part for name, part in schema.items() if name not in named}
        text = json.dumps(schema, separators=(",", ":"))
    for problem in _problems(schema):
        raise ConfigError(f"{place} cannot be used: {problem}", "docs/profiles.md says what can.")
    return text


def _problems(schema: Mapping[str, Json]) -> Iterator[str]:
    """Yield why answers could not be checked against this schema, in words."""
    for shape in _objects_in(dict(schema)):
        if isinstance(shape.get("$id"), str):
            yield f"a part of it has a name of its own, {quoted(str(shape['$id']))}"
        for name in _REFERENCES:
            reference = shape.get(name)
            if isinstance(reference, str) and not _is_within(reference, schema):
                yield f"{name} {quoted(reference)} is no place within it"
        patterns = shape.get("patternProperties")
        named = list(patterns) if isinstance(patterns, dict) else []
        for pattern in (shape.get("pattern"), *named):
            if isinstance(pattern, str) and _repeats_a_choice(pattern):
                yield (
                    f"the pattern {quoted(pattern)} repeats what can be read in several ways, and may take "
                    "for ever"
                )


def _objects_in(value: Json) -> Iterator[dict[str, Json]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from _objects_in(part)


def _is_within(reference: str, schema: Mapping[str, Json]) -> bool:
    try:
        return isinstance(part_at(reference, schema), (dict, bool))
    except KeyError:
        return False


def _repeats_a_choice(pattern: str) -> bool:
    """Whether a pattern repeats a group that itself has a repeat of no fixed number, or a choice.

    Only such patterns take exponentially long, as (a+)+ does. Some harmless ones are among them.
    """
    open_groups, closed = [False], False
    for part in _PART_OF_PATTERN.finditer(pattern):
        text, most = part[0], part["most"]
        is_repeat = text in ("*", "+") or most is not None
        if is_repeat and closed:
            return True
        open_groups[-1] |= text in ("*", "+", "?", "|") or bool(most)
        closed = False
        if text.startswith("("):
            open_groups.append(False)
        elif text == ")" and len(open_groups) > 1:
            closed = open_groups.pop()
            open_groups[-1] |= closed
    return False
