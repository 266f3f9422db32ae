"""Builds the JSON of requests to a chat server, and reads the JSON of its answers. It sends nothing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from remote.engines import BadRequest, Completion, EngineAway, EngineError, Usage
from remote.engines.openai.refusal import AnsweredError, error_in
from remote.protocol import BEYOND_NUMBERS, Json, Request, Sampling

SCHEMA_FIELD = "response_format"
"""The field of a body that holds the answer to a JSON schema. SGLang, llama.cpp and vLLM from 0.8 on know
it, too. vLLM's own fields have changed: `guided_json` until 0.11, `structured_outputs` since.
"""

_ENDINGS = ("stop", "length")
_ABORTED = "abort"
_SHUTDOWN_SECONDS = 15.0
"""The most that a vLLM takes for its end after it has aborted what it worked on. Before that, it may take
another request that nobody answers any more."""
_THOUGHTS = ("reasoning", "reasoning_content")
"""Fields beside `content`: of vLLM since 0.12 and Ollama; of older vLLM, SGLang and llama.cpp."""
_CLIP = "video/mp4"
_FINGERPRINT = re.compile(r"[\w.:+-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Model:
    """A model that a server has."""

    id: str
    max_model_len: int | None
    """Tokens of its context, prompt and answer together; None when the server does not say."""
    aliases: tuple[str, ...] = ()
    """Other names that it has there."""

    def is_named(self, name: str) -> bool:
        """Return whether a request for this name is one for this model."""
        # Ollama lists "llava:latest" and takes "llava".
        return self.id in (name, f"{name}:latest") or name in self.aliases


@dataclass(frozen=True)
class Chunk:
    """A part of an answer, or all of it when the server does not stream."""

    text: str = ""
    is_thought: bool = False
    """Whether the model thought, too. Its thoughts are no part of the answer, and are left out."""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    fingerprint: str | None = None
    """The server's own version string (system_fingerprint), if it sends one."""
    model: str | None = None
    """The model that answers, as the server names it; some repeat the name in the request."""


class OnlyThoughts(BadRequest):
    """The answer ended before the model had begun it. Another attempt has the same seed and the same room."""


class Aborted(EngineAway):
    """The server has aborted the answer, and nobody has asked for that: a vLLM that is told to end, or one of
    whose engines has died, does so with all that it works on. It may still listen for some seconds.
    """


class Ending:
    """Collects from an answer's chunks how it ended."""

    def __init__(self, most_tokens: int) -> None:
        """`most_tokens`: the tokens that the answer may have."""
        self._most = most_tokens
        self._wrote = False
        self._thought = False
        self._reason: str | None = None
        self._prompt: int | None = None
        self._completion: int | None = None

    def note(self, chunk: Chunk) -> None:
        """Add a chunk. The usage may come after the finish reason, in every chunk, or never."""
        self._wrote = self._wrote or bool(chunk.text)
        self._thought = self._thought or chunk.is_thought
        self._reason = chunk.finish_reason or self._reason
        if chunk.prompt_tokens is not None:
            self._prompt = chunk.prompt_tokens
        if chunk.completion_tokens is not None:
            self._completion = chunk.completion_tokens

    @property
    def usage(self) -> Usage | None:
        """The tokens that the server has counted so far; None when it has told of none."""
        if self._prompt is None:
            return None
        return Usage(self._prompt, self._completion or 0)

    def completion(self) -> Completion:
        """Return the Completion of a whole answer. Raises Aborted or EngineError for an incomplete one, and
        OnlyThoughts for one that has no text.
        """
        if self._reason is None:
            raise EngineError("the model server ended its answer early")
        if self._reason == _ABORTED:
            raise Aborted(
                "the model server aborted the answer, as it does when it shuts down",
                _SHUTDOWN_SECONDS,
                died=True,
            )
        if self._reason not in _ENDINGS:
            raise EngineError(f"the model server gave up the answer ({self._reason[:40]!r})")
        if self._thought and not self._wrote:
            if self._reason == "length":
                used = self._completion or self._most
                raise OnlyThoughts(
                    f"the model was still thinking when its {used} tokens were used up"
                )
            raise OnlyThoughts(
                "all text of the model came as thoughts, and none of it as an answer"
            )
        return Completion(self._reason, self._prompt, self._completion)


def chat_body(model: str, request: Request, images: Sequence[bytes]) -> dict[str, Json]:
    """The body for this request: system prompt, then the images, clips and text in one message."""
    body = _body(model, chat_messages(request.system, request.prompt, images), request.sampling)
    if request.schema:
        schema = cast(Json, json.loads(request.schema))
        body[SCHEMA_FIELD] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema},
        }
    return body


def chat_messages(system: str, prompt: str, images: Sequence[bytes] = ()) -> list[Json]:
    """The messages of a request. An empty system prompt is none."""
    user: dict[str, Json] = {"role": "user", "content": _content(prompt, images)}
    return [{"role": "system", "content": system}, user] if system else [user]


def smallest_chat_body(model: str) -> dict[str, Json]:
    """The body that asks for one token."""
    return _body(model, [{"role": "user", "content": "Hello"}], Sampling(0.0, 1, seed=0))


def read_chunk(data: str | bytes) -> Chunk:
    """The chunk that this JSON is.

    Raises AnsweredError when it is an error instead, and EngineError when it is neither.
    """
    try:
        value = cast(Json, json.loads(data))
    except (ValueError, RecursionError):
        raise EngineError("the model server's answer is not JSON; is base_url right?") from None
    error = error_in(value)
    if error is not None:
        raise AnsweredError(error)
    if not isinstance(value, dict):
        raise EngineError("the model server's answer is not an object")
    choice = _first(value.get("choices"))
    usage = _object(value.get("usage"))
    said = _object(choice.get("delta")) or _object(choice.get("message"))
    return Chunk(
        text=_text_in(said.get("content")),
        is_thought=any(said.get(name) for name in _THOUGHTS) or _has_thoughts(said.get("content")),
        finish_reason=_text(choice.get("finish_reason")),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        fingerprint=_fingerprint(value.get("system_fingerprint")),
        model=_text(value.get("model")) or None,
    )


def read_models(data: bytes) -> tuple[Model, ...]:
    """The models in the answer to /v1/models. Raises EngineError."""
    try:
        value = cast(Json, json.loads(data))
    except (ValueError, RecursionError):
        value = None
    entries = _object(value).get("data")
    if not isinstance(entries, list):
        raise EngineError("the model server's answer is not a list of models")
    return tuple(model for model in map(_read_model, entries) if model.id)


def read_props(data: bytes) -> int:
    """The context length in the answer of llama.cpp to /props; 0 when it is none."""
    try:
        value = cast(Json, json.loads(data))
    except (ValueError, RecursionError):
        return 0
    settings = _object(_object(value).get("default_generation_settings"))
    return _count(settings.get("n_ctx")) or 0


def _read_model(value: Json) -> Model:
    entry = _object(value)
    context = _count(entry.get("max_model_len"))  # vLLM, SGLang
    if context is None:
        context = _count(_object(entry.get("meta")).get("n_ctx"))  # llama.cpp
    aliases = entry.get("aliases")
    others = tuple(filter(None, map(_text, aliases))) if isinstance(aliases, list) else ()
    return Model(_text(entry.get("id")) or "", context, others)


def _content(prompt: str, images: Sequence[bytes]) -> Json:
    """Plain text where there is no image: some servers take parts only for models that see."""
    if not images:
        return prompt
    parts: list[Json] = [_part(image) for image in images]
    if prompt:
        parts.append({"type": "text", "text": prompt})
    return parts


def _part(image: bytes) -> Json:
    """Return the part of a message that holds a picture, or a clip, which vLLM and SGLang take."""
    media_type = _type_of(image)
    kind = "video_url" if media_type == _CLIP else "image_url"
    return {"type": kind, kind: {"url": f"data:{media_type};base64,{_base64(image)}"}}


def _type_of(image: bytes) -> str:
    """Return the media type of a picture's or a clip's file, by its first bytes."""
    if image[4:8] == b"ftyp":
        return _CLIP
    if image.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if image[:4] == b"RIFF" and image[8:12] == b"WEBP" else "image/png"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _body(model: str, messages: list[Json], sampling: Sampling) -> dict[str, Json]:
    given = {name: value for name, value in asdict(sampling).items() if value is not None}
    return {
        "model": model,
        "messages": messages,
        **given,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _first(value: Json) -> dict[str, Json]:
    """The one choice; none in a chunk that tells of usage."""
    return _object(value[0]) if isinstance(value, list) and value else {}


def _text_in(content: Json) -> str:
    """Return the text of a content, which is a string or a list of parts."""
    if not isinstance(content, list):
        return _text(content) or ""
    parts = map(_object, content)
    return "".join(_text(part.get("text")) or "" for part in parts if part.get("type") == "text")


def _has_thoughts(content: Json) -> bool:
    """Whether one of the parts is a thought, as Mistral writes them."""
    parts = map(_object, content) if isinstance(content, list) else ()
    return any(part.get("type") in ("thinking", "reasoning") for part in parts)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Json) -> int | None:
    """Read a number of tokens; None for a value that no message of the protocol can hold."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return cast(int, value) if whole and 0 <= cast(int, value) < BEYOND_NUMBERS else None


def _fingerprint(value: Json) -> str | None:
    return value if isinstance(value, str) and _FINGERPRINT.fullmatch(value) else None
