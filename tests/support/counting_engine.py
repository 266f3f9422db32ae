"""A stand-in for a model server that counts: by Pixtral's rule, skewed or not, against a context length.

Real vLLM is measured in tests/end_to_end; it counts in one way only, and never otherwise than it should.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from backend.sizes import Size
from backend.tokens import PIXTRAL, TextCounter
from remote.engines import BadRequest, Completion, EngineError, Piece
from remote.protocol import Request
from tests.support.near_box import PatientEngine


class CountingEngine(PatientEngine):
    """Answers at once, or refuses in vLLM's words."""

    name = "vllm 0.0.0"

    def __init__(
        self, counter: TextCounter, *, limit: int = 4096, skew: int = 0, keeps_room: bool = True
    ) -> None:
        """`skew` is added to each picture's tokens; `keeps_room`: whether the answer must fit, too."""
        super().__init__(slots=4)
        self._counter = counter
        self.limit, self.skew, self.keeps_room = limit, skew, keeps_room
        self.fails = False
        """Whether every request fails for a reason of the engine's own."""
        self.asked: list[Request] = []

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        assert len(images) == len(request.frames)
        self.asked.append(request)
        if self.fails:
            raise EngineError("CUDA error: an illegal memory access was encountered")
        prompt = 3 + self._counter.count(request.prompt)
        for frame in request.frames:
            prompt += PIXTRAL.image_tokens(Size(frame.width, frame.height)) + self.skew
        if prompt + (request.sampling.max_tokens if self.keeps_room else 1) > self.limit:
            raise BadRequest(
                f"This model's maximum context length is {self.limit} tokens and your request has "
                f"{prompt} input tokens ({request.sampling.max_tokens} > {self.limit} - {prompt})."
            )
        yield "A"
        yield Completion("length", prompt, 1)
