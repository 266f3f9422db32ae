"""Decides what a server's refusal means: BadRequest if no attempt can succeed, EngineAway if the server is
not ready for any request, EngineGone if a replica behind it broke down, EngineError for the rest.
"""

from __future__ import annotations

import html
import json
import re
from typing import cast

from remote.engines import BadRequest, EngineAway, EngineError, EngineGone
from remote.engines.http import Server
from remote.protocol import Json

PAUSE_FOR_GOOD = 300.0
"""Seconds until a server is tried again that answers nothing until the box is mended."""
MOST_WORDS = 1000
"""Characters that are kept of what the server says; some repeat the whole request."""

_ABOUT_THE_REQUEST = (400, 413, 422)
_ABOUT_THE_KEY = (401, 403)
_ABOUT_ALL_REQUESTS = (401, 402)
"""Statuses that no other request changes: the key is wrong, or its account has no money left."""
_UNKNOWN_KEY = "No connected db."
"""With this, under 400, LiteLLM's proxy refuses a key that is not its own when it has no database of keys."""
_AWAY = (429, 502, 503, 504, 529)
"""Statuses of a server that has too much to do or loads, and of a proxy whose server is not there."""
_OF_A_PROXY = {502: "a proxy gets no answer of {}", 504: "a proxy waited too long for {}"}
"""What it means when a proxy answers with a page of its own."""
_AWAY_WORDS = re.compile(
    r"(?:is|still) loading|loading (?:the )?model|overload|too busy|warming up|starting up|at capacity"
    r"|temporarily unavailable|Exception - Connection error",
    re.I,
)
"""Words with which some servers say the same under another 5xx; the last are of LiteLLM's proxy, which
does not reach the server behind it."""
_BROKEN_DOWN = re.compile(
    r"\s*(?:Internal Server Error)?\s*$"
    r"|.*\b(?:The actor (?:died|is unavailable)|Actor(?:Died|Unavailable)Error)\b",
    re.S,
)
"""What stands under a 500 when the replica that was to answer broke down: the bare name of the status, of
uvicorn and Starlette, which tells nothing of the request, or Ray Serve's words. A model server that finds
fault with a request says what it is."""
_UNROUTED_WORDS = "Ping http://.../-/routes for available routes"
"""Words with which Ray Serve refuses every path, under 404, until it has a model to route requests to."""

_MOST_OF_PAGE = 8192
"""Characters of an error page that are looked at."""
_TITLE = re.compile(r"<title[^<>]*>([^<>]*)</title", re.I)
_TAG = re.compile(r"<(?:style|script)\b[^<>]*>[^<]*|<[^<>]*>|<")

_TOO_LONG = (
    "maximum context length",  # vLLM, SGLang
    "maximum model length",  # vLLM, when the images are counted
    "model's context length",  # SGLang
    "context size",  # llama.cpp
)
"""Words for a prompt that is too long. vLLM 0.8 says them in a stream, under HTTP 200, with the same
code as when its engine has died."""

_NO_PICTURES = ("image input is not supported",)
"""Words for pictures that the model cannot see. llama.cpp says them under 500."""

_ABOUT_SCHEMAS = ("response_format", "json_schema", "json schema", "grammar", "structured output")


class AnsweredError(Exception):
    """The server answered with an error where a part of the answer was to be; these are its words."""


def error_in(value: Json) -> str | None:
    """The words of an error, in either shape; None when this is no error.

    vLLM writes {"object": "error", "message": …} up to 0.9.2 and {"error": {"message": …}} since.
    """
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if not error and value.get("object") == "error":
        error = value
    if not error:
        return None
    if isinstance(error, dict):
        message = error.get("message")
        return message if isinstance(message, str) else json.dumps(error)
    return error if isinstance(error, str) else json.dumps(error)


def words_in(body: bytes) -> str:
    """Return the message in the body of a refusal, in any of the known forms."""
    text = body.decode("utf-8", "replace")
    try:
        value = cast(Json, json.loads(text))
    except (ValueError, RecursionError):
        return _words_of_page(text) if _is_page(text) else text
    words = error_in(value)
    if words is None and isinstance(value, dict) and isinstance(value.get("detail"), str):
        words = str(value["detail"])  # FastAPI's own
    return text if words is None else words


def _is_page(text: str) -> bool:
    """Whether the body is HTML or XML, as the error pages of proxies are."""
    return text.lstrip()[:1] == "<"


def _words_of_page(text: str) -> str:
    """Return the title of a page, or else its text. A page is never shown as it is."""
    page = text[:_MOST_OF_PAGE]
    title = _TITLE.search(page)
    return html.unescape(title[1] if title else _TAG.sub(" ", page))


def refusal_error(
    server: Server, wanted: str, status: int, body: bytes, wait: float | None = None
) -> EngineError | BadRequest:
    """The error for an HTTP status that is not 200.

    `wanted` says what was asked of the server; `wait` is what `pause_after_refusal` gives.
    """
    is_page = _is_page(body.decode("utf-8", "replace"))
    words = tidy_words(server, words_in(body))
    if is_page:
        words = words.removeprefix(str(status)).lstrip(" :-")  # "502 Bad Gateway"
    said = f": {words}" if words else ""
    if status == 413 and not _too_long(words):
        way = f"{server.label}, or a proxy before it,"
        # A page only repeats the name of the status.
        return BadRequest(
            f"{way} takes no request as large as this one (413){'' if is_page else said}"
        )
    is_unknown = words == _UNKNOWN_KEY
    if status in _ABOUT_THE_KEY or is_unknown:
        key = "refuses the API key" if server.api_key else "wants an API key, and none is set"
        told = f"{server.label} {key} ({status}){said}"
        is_about_all = is_unknown or status in _ABOUT_ALL_REQUESTS
        return _stopped(told) if is_about_all else EngineError(told)
    if status in _ABOUT_ALL_REQUESTS:
        return _stopped(f"{server.label} wants to be paid before it answers ({status}){said}")
    if status in _ABOUT_THE_REQUEST or _can_never_be(words):
        return BadRequest(words or f"{server.label} refuses the request ({status})")
    if status == 404:
        return _not_found(f"{server.label} has no {wanted}{said}", words, wait)
    if 300 <= status < 400:
        return EngineError(f"{server.label} points elsewhere ({status}); is base_url right?")
    if is_page and status in _OF_A_PROXY:
        told = f"{status} {words}".rstrip()
        return EngineAway(f"{_OF_A_PROXY[status].format(server.label)} ({told})", wait)
    return _fault_of_server(f"{server.label} answered {status}{said}", status, words, wait)


def _fault_of_server(told: str, status: int, words: str, wait: float | None) -> EngineError:
    """The error for a status that tells of the server, or of a replica behind it."""
    if status in _AWAY or (status >= 500 and _AWAY_WORDS.search(words)):
        return EngineAway(told, wait)
    if status == 500 and _BROKEN_DOWN.match(words):
        return EngineGone(told)
    return EngineError(told)


def _not_found(told: str, words: str, wait: float | None) -> EngineError:
    """The error for a path or model that the server does not have. Ray Serve may get it soon."""
    if _UNROUTED_WORDS in words:
        return EngineAway(f"{told}; it is starting, or base_url is wrong", wait)
    return EngineError(told)


def _stopped(told: str) -> EngineAway:
    return EngineAway(told, PAUSE_FOR_GOOD, for_good=True)


def broken_off_error(server: Server, error: AnsweredError) -> EngineError | BadRequest:
    """The error for one that came under HTTP 200."""
    words = tidy_words(server, str(error))
    if _can_never_be(words):
        return BadRequest(words)
    return EngineError(f"{server.label} broke off: {words}")


def tidy_words(server: Server, words: str) -> str:
    """Put the server's words on one line, shorten them, and remove the key."""
    # The key goes first: cut in two, it would not be found.
    return " ".join(server.without_key(words).split())[:MOST_WORDS]


def is_about_schema(words: str) -> bool:
    """Whether a server refuses a request because of the JSON schema that its answer is to follow."""
    return any(wording in words.lower() for wording in _ABOUT_SCHEMAS)


def _too_long(words: str) -> bool:
    return any(wording in words for wording in _TOO_LONG)


def _can_never_be(words: str) -> bool:
    """Whether the request itself is what the server cannot answer, whatever the status says."""
    return _too_long(words) or any(wording in words for wording in _NO_PICTURES)
