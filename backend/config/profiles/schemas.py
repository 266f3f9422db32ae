"""Reads the JSON schemas that a profile's answers must follow."""

from __future__ import annotations

import json
from collections.abc import Callable

from backend.errors import ConfigError

MOST_BYTES = 256 * 1024
"""The largest file with a schema. It is sent with each request."""


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
    try:
        schema = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source}: its schema {file} is not JSON: {error}") from None
    _check(schema, f"{source}: {file}")
    return json.dumps(schema, separators=(",", ":"))


def _check(schema: object, place: str) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ConfigError(
            f"{place} is no schema of a JSON object", 'Its "type" must be "object" at the top.'
        )
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "its top"
        raise ConfigError(f"{place} is no JSON schema: at {where}, {error.message[:200]}") from None
