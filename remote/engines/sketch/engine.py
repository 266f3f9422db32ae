"""The engine `sketch`: measures the frames and writes a paragraph, without a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from remote.engines import BadRequest, Completion, Piece
from remote.engines.sketch.grid import GridPicture, read_picture
from remote.engines.sketch.measure import Measurements, measure
from remote.engines.sketch.paragraph import Voice, cut_to_words, split_pieces, write_paragraph
from remote.protocol import EngineLoad, Request

NOTICE = "Written by the sketch engine from measurements of the frames; no language model wrote it."
"""What every result of this engine says about itself, outside of its text."""


class SketchEngine:
    """Describes what it measures in the frames, around the user's prompt.

    The same request and images always give the same text, on every machine.
    """

    def __init__(self) -> None:
        self._running = 0

    @property
    def name(self) -> str:
        """Engine and version; the version changes when the same input gives another text."""
        return "sketch 1"

    def serves(self) -> str:
        """Its name, which tells all."""
        return self.name

    @property
    def model(self) -> str:
        """Nothing: it has no model."""
        return ""

    @property
    def notice(self) -> str:
        """That no language model wrote the text."""
        return NOTICE

    @property
    def slots(self) -> int:
        """Requests worked on at once; Python measures one at a time, however many wait."""
        return 4

    @property
    def stage(self) -> str:
        """Ready: nothing has to be started."""
        return "ready"

    async def load(self) -> EngineLoad:
        """How many requests it works on; it lets none wait and knows no tokens."""
        return EngineLoad(running=self._running, waiting=0)

    async def context(self) -> int:
        """0: it counts no tokens."""
        return 0

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """None: it has no tokens."""
        return None

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """The paragraph in pieces of a few words; `max_tokens` bounds the number of words.

        Raises BadRequest when a frame cannot be read, or when there is neither prompt nor frame.
        """
        if len(images) != len(request.frames):
            raise BadRequest(f"{len(request.frames)} frames are named, {len(images)} pictures came")
        if not images and not request.prompt.strip():
            raise BadRequest("the prompt is empty and no frame came with it")
        self._running += 1
        try:
            seen = await _look(request, images) if images else None
        finally:
            self._running -= 1
        most_words = max(0, request.sampling.max_tokens)
        text = write_paragraph(request.prompt, seen, _voice(request), most_words)
        text, cut = cut_to_words(text, most_words)
        for piece in split_pieces(text):
            yield piece
            await asyncio.sleep(0)
        yield Completion("length" if cut else "stop")

    async def close(self) -> None:
        """Nothing is held."""


async def describe_frames(request: Request, images: Sequence[bytes], most_words: int) -> str:
    """Say what the frames of a request show, without its prompt, in the same words for the same frames.

    Raises BadRequest when a frame cannot be read.
    """
    seen = await _look(request, images)
    return write_paragraph("", seen, Voice("the frames"), most_words)


async def _look(request: Request, images: Sequence[bytes]) -> Measurements:
    """Measure the frames beside the event loop, one thread call a frame, so that a cancel is heard."""
    pictures: list[GridPicture] = []
    for image in images:
        pictures.append(await asyncio.to_thread(read_picture, image))
    return await asyncio.to_thread(measure, pictures, [frame.time for frame in request.frames])


def _voice(request: Request) -> Voice:
    """What decides the wording: the seed, the prompt and the frames, but no floating-point number."""
    frames = [frame.sha256 for frame in request.frames]
    return Voice(
        "\n".join([str(request.sampling.seed), request.prompt, *frames]), request.candidate
    )
