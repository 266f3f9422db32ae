"""The engine `openai`: sends requests to a chat server and yields its text while it comes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from pathlib import PurePath
from typing import cast

from remote.engines import (
    BadRequest,
    EngineAway,
    EngineError,
    EngineGone,
    EngineReplaced,
    Hold,
    Piece,
)
from remote.engines.fingerprint import fingerprint
from remote.engines.http import (
    Client,
    LostConnection,
    NoWay,
    Response,
    Server,
    Silent,
    Unanswered,
    Unreachable,
)
from remote.engines.openai.chat import (
    SCHEMA_FIELD,
    Chunk,
    Ending,
    Model,
    OnlyThoughts,
    chat_body,
    read_chunk,
    read_models,
    smallest_chat_body,
)
from remote.engines.openai.context import ContextReader
from remote.engines.openai.limits import Limits
from remote.engines.openai.metrics import LoadReader
from remote.engines.openai.rate_limit import pause_after_answer, pause_after_refusal
from remote.engines.openai.refusal import (
    PAUSE_FOR_GOOD,
    AnsweredError,
    broken_off_error,
    is_about_schema,
    refusal_error,
)
from remote.engines.openai.token_counts import count_tokens
from remote.protocol import EngineLoad, Json, Request

_CHAT = "/v1/chat/completions"
_DONE = "[DONE]"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_REFUSAL = 1 << 16
"""Bytes that are read of the body of a refusal."""


class OpenAIEngine:
    """Answers requests through a chat server that others run: the user, or a supervisor such as `VllmEngine`.

    Each request has a connection of its own, which is closed when it ends or its task is cancelled; the
    server stops generating then. A server that is not there, loads or has too much to do raises
    EngineAway. Silence beyond the limits raises `remote.engines.http.Silent`, if the server still answers
    other questions.
    """

    def __init__(
        self, server: Server, model: str, slots: int, limits: Limits | None = None
    ) -> None:
        """`model`: as the server names it, or empty for the only one that it has; `slots`: requests that it
        is given at once.
        """
        self._server = server
        self._model = model
        self._chooses = not model
        self._slots = slots
        self._limits = limits or Limits()
        self._client = Client(server, self._limits.connect)
        self._load = LoadReader(server)
        self._context = ContextReader(server)
        self._version: str | None = None
        self._own_names = {model}
        """Names in answers that are the model's."""
        self._most_tokens = 0
        """The most tokens that a request has taken with its answer, as far as the server tells."""
        self._was_away = False
        """Whether the last request that ended found the server away."""
        self._refused_schemas: set[str] = set()
        """Schemas because of which the server has refused a request. It may take others."""

    @property
    def name(self) -> str:
        """ "openai" and the version that the server gave in its last answer, or else its address."""
        path = self._server.socket_path
        address = self._server.host_header if path is None else PurePath(path).name
        return f"openai {self._version or address}"

    def serves(self) -> str:
        """A hash of the server's address and the model's name: such a server tells nothing of weights.

        An address that is the box's own means another server on another box. Where no model is named, the
        server is asked each time: raises EngineAway when it is away, and EngineError when it has not one.
        """
        if self._chooses:
            self._choose(asyncio.run(self._asked_models()))
        return fingerprint("openai", [*_whereabouts(self._server), self._model])

    @property
    def model(self) -> str:
        """The model that the server had when it was asked last, where none is named; empty otherwise."""
        return self._model if self._chooses else ""

    @property
    def notice(self) -> str:
        """Nothing: a language model wrote the text."""
        return ""

    @property
    def slots(self) -> int:
        """Requests that the server is given at once."""
        return self._slots

    @property
    def stage(self) -> str:
        """Nothing: it does not watch over the server."""
        return ""

    async def load(self) -> EngineLoad | None:
        """What the server has to do, if it is a vLLM."""
        return await self._load.read()

    async def context(self) -> int:
        """What the server tells, or told last, of the model's context; 0 when it never did."""
        return await self._context.read(self._model)

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """What the server counts, if it is a vLLM or llama.cpp."""
        return await count_tokens(self._server, self._model, system, prompt)

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """The text as the server sends it, then how it ended.

        Raises BadRequest with the server's words when it refuses the request itself, EngineAway when the
        server is not ready for any request, EngineGone when it breaks this answer off and is there for
        others, and EngineError for everything else.
        """
        if request.model != self._model:
            # The job was accepted under other settings; this model's answer would be wrong for it.
            raise BadRequest(f"it asks for {request.model!r}, and the box has {self._model!r} now")
        if len(images) != len(request.frames):
            raise BadRequest(f"{len(request.frames)} frames are named, {len(images)} pictures came")
        if not images and not request.prompt.strip():
            raise BadRequest("the prompt is empty and no frame came with it")
        try:
            if self._was_away:
                # A small question first: pictures need not be sent to a server that is still away, and a
                # server that dies after this answer dies during the request.
                await self._require_server()
            # Closes the connection however this generator ends.
            async with aclosing(self._answer(request, images)) as pieces:
                async for piece in pieces:
                    self._was_away = False
                    yield piece
        except EngineError as error:
            away = await self._as_away(error)
            self._was_away = away is not None
            if away is None and self._chooses:
                await self._require_same_choice()
            meant = away or _as_gone(error)
            if meant is error:
                raise
            meant.usage = error.usage
            raise meant from error

    async def is_healthy(self) -> bool:
        """Whether GET /health gives 200. A hung engine may still, and Ollama has no such page."""
        limit = self._limits.question
        try:
            async with self._client.request("GET", "/health", silence=limit) as response:
                return response.status == 200
        except EngineError:
            return False

    async def models(self) -> tuple[Model, ...]:
        """The models that the server has. Raises EngineError."""
        limit = self._limits.question
        try:
            async with self._client.request("GET", "/v1/models", silence=limit) as response:
                await self._check(response, "/v1/models")
                return read_models(await response.read())
        except BadRequest as error:
            raise EngineError(f"{self._server.label} gives no models: {error}") from None

    async def server_model(self) -> Model:
        """Find our model among the server's. Raises EngineError, also when the server does not have it."""
        models = await self.models()
        if self._chooses:
            self._choose(models)
        for model in models:
            if model.is_named(self._model):
                return model
        raise self._no_model(models)

    async def probe(self) -> None:
        """Ask for one token, because only that shows that the model works.

        Raises BadRequest and EngineError like `generate`.
        """
        with suppress(OnlyThoughts):
            async for _ in self._chat(smallest_chat_body(self._model)):
                pass

    async def close(self) -> None:
        """Nothing is held between requests."""

    def _no_model(self, models: Sequence[Model]) -> EngineError:
        have = ", ".join(model.id for model in models) or "none"
        return EngineError(f"{self._server.label} has no model {self._model!r}; it has: {have}")

    async def _as_away(self, error: EngineError) -> EngineAway | None:
        """Return the EngineAway that this error of a request means; None when the server is there.

        A connection that ends in the middle of an answer may be the end of that answer alone, so the server
        is asked whether it is there.
        """
        if isinstance(error, EngineAway):
            return error
        if isinstance(error, NoWay):
            return EngineAway(str(error), PAUSE_FOR_GOOD, for_good=True)
        if isinstance(error, Unreachable):
            return EngineAway(str(error))
        if isinstance(error, Unanswered):
            return EngineAway(str(error), died=True)
        try:
            await self._require_server()
            await self._require_living_model()
        except EngineAway as away:
            return EngineAway(str(error), away.retry_after, died=True)
        except EngineError:
            return None
        return None

    async def _require_server(self) -> None:
        """Ask for the server's models, whatever it answers. Raises EngineAway when it is away."""
        limit = self._limits.question
        try:
            async with self._client.request("GET", "/v1/models", silence=limit) as response:
                if response.status == 200:
                    return
                refused = await self._refusal(response, "/v1/models")
                if isinstance(refused, EngineAway) and not refused.for_good:
                    raise refused
        except NoWay:
            raise
        except (Unreachable, Unanswered, Silent) as error:
            raise EngineAway(str(error)) from None

    async def _require_living_model(self) -> None:
        """Raise EngineAway when GET /health says 503, as a vLLM does whose engine has just died."""
        limit = self._limits.question
        async with self._client.request("GET", "/health", silence=limit) as response:
            if response.status == 503:
                raise EngineAway(f"{self._server.label} is not healthy")

    async def _require_own_model(self, name: str | None) -> None:
        """Raise EngineError when the name that an answer gives is another of the server's models.

        llama.cpp answers with the model that it has, whichever was asked for. A name that the server does
        not list says nothing: OpenAI answers with "gpt-4o-2024-08-06" for "gpt-4o".
        """
        if name is None or name in self._own_names:
            return
        models = await self._listed_models()
        is_another = any(model.is_named(name) for model in models)
        if is_another and not any(model.is_named(self._model) for model in models):
            raise self._no_model(models)
        self._own_names.add(name)

    async def _asked_models(self) -> tuple[Model, ...]:
        """Return the server's models. Raises EngineAway when it is away, and EngineError."""
        try:
            return await self.models()
        except EngineError as error:
            raise await self._as_away(error) or error from None

    def _choose(self, models: Sequence[Model]) -> None:
        """Take the only model. Raises EngineError when there is no choice."""
        if len(models) > 1:
            have = ", ".join(model.id for model in models)
            raise EngineError(
                f"{self._server.label} has {len(models)} models: {have}; "
                "set `model` of the box to one of them"
            )
        if not models:
            raise EngineError(f"{self._server.label} has no model")
        self._model = models[0].id
        self._own_names = {self._model}

    async def _require_same_choice(self) -> None:
        """Raise EngineReplaced when the server has another model than the one that was taken."""
        models = await self._listed_models()
        if models and not any(model.is_named(self._model) for model in models):
            have = ", ".join(repr(model.id) for model in models)
            raise EngineReplaced(f"{self._server.label} has {have} now, and not {self._model!r}")

    async def _listed_models(self) -> tuple[Model, ...]:
        """Return the server's models; none when it does not tell."""
        try:
            return await self.models()
        except EngineError:
            return ()

    async def _answer(
        self, request: Request, images: Sequence[bytes]
    ) -> AsyncGenerator[Piece, None]:
        """Ask with the request's schema, and without it where the server takes none: the app checks, too."""
        body = chat_body(self._model, request, images)
        if SCHEMA_FIELD in body and request.schema not in self._refused_schemas:
            try:
                async with aclosing(self._chat(body)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except BadRequest as error:
                if not is_about_schema(str(error)):
                    raise
                self._refused_schemas.add(request.schema)
        body.pop(SCHEMA_FIELD, None)
        async with aclosing(self._chat(body)) as pieces:
            async for piece in pieces:
                yield piece

    async def _chat(self, body: dict[str, Json]) -> AsyncGenerator[Piece, None]:
        limits, began = self._limits, False
        ending = Ending(cast(int, body["max_tokens"]))
        async with self._client.request("POST", _CHAT, silence=limits.first, body=body) as response:
            await self._check(response, f"model {self._model!r}, or no {_CHAT}")
            pause = pause_after_answer(response.headers, self._most_tokens)
            if pause:
                told = f"{self._server.label} takes no further request now (x-ratelimit-remaining)"
                yield Hold(pause, told)
            try:
                async for chunk in self._chunks(response):
                    ending.note(chunk)
                    await self._require_own_model(chunk.model)
                    self._version = chunk.fingerprint or self._version
                    if chunk.text:
                        began = True
                        yield chunk.text
                    # After the yield, so that the caller's time does not count as the server's silence.
                    response.allow(limits.between if began else limits.first)
                completion = ending.completion()
            except (EngineError, BadRequest) as error:
                error.usage = ending.usage
                raise
            used = (completion.prompt_tokens or 0) + (completion.completion_tokens or 0)
            self._most_tokens = max(self._most_tokens, used)
            yield completion

    async def _chunks(self, response: Response) -> AsyncIterator[Chunk]:
        """The answer's chunks; one, when the server sends it whole."""
        try:
            if response.media_type != "text/event-stream":
                yield read_chunk(await response.read())
                return
            async for event in response.events():
                if event.strip() == _DONE:
                    return
                if event.strip():  # an empty one only keeps the connection alive
                    yield read_chunk(event)
        except AnsweredError as error:
            raise broken_off_error(self._server, error) from None

    async def _check(self, response: Response, wanted: str) -> None:
        if response.status != 200:
            raise await self._refusal(response, wanted)

    async def _refusal(self, response: Response, wanted: str) -> EngineError | BadRequest:
        response.allow(self._limits.question)
        body = await response.read_beginning(_MOST_REFUSAL)
        wait = pause_after_refusal(response.headers)
        return refusal_error(self._server, wanted, response.status, body, wait)


def _as_gone(error: EngineError) -> EngineError:
    """Return what an error means when the server is there: behind a proxy, a replica may have gone."""
    return EngineGone(str(error)) if isinstance(error, LostConnection) else error


def _whereabouts(server: Server) -> tuple[str, str]:
    """The server's address, and the box's name where the address means the box itself."""
    address = server.socket_path or server.base_url.rstrip("/").removesuffix("/v1")
    is_own = server.socket_path is not None or server.host in _LOOPBACK
    return address, socket.gethostname() if is_own else ""
