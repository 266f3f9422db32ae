"""Measures a box: asks its model about every size, and finds the largest size that it accepts.

Each request asks for one token. This is a real generation, and the box counts the prompt for it. For each
aspect ratio, our largest size must be accepted and the next larger one refused. Where that is wrong,
bisection finds the largest size that is accepted.

The size that is sent for users is smaller, because it leaves room for the answer. It is tested with an answer
of that length, and so is one larger size, because servers differ: some refuse a prompt that leaves too little
room, others accept it and cut the answer off.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.box.asker import Asker
from backend.box.links.link import Box
from backend.config import EngineName, Upsampling
from backend.errors import ConfigError
from backend.limits.bisection import find_last
from backend.limits.conversation import Conversation, open_conversation
from backend.limits.estimates import LimitsLab
from backend.limits.measurement import Confirmed, MeasuredSize, Measurement
from backend.limits.reply import Reply, ReplyOutcome
from backend.limits.sample_videos import draw_test_videos
from backend.limits.sampled_sizes import NamedSize
from backend.limits.saved_replies import SavedReplies
from backend.planning.plan import Plan, Planner
from backend.planning.requests import make_request
from backend.sizes import AspectRatio, Size
from backend.tokens import Budget, TextCounter
from backend.video import Frame, Video, choose_frames, prepare_frames
from remote.protocol import Submit

SHORT_ANSWER = 1
"""Tokens of the answer that a request asks for. One is enough to have the prompt counted."""
_DRAWN_AT_ONCE = 2


_OF_NO_MATTER = {"hint_video_dir", "send", "frame_format", "jpeg_quality"}
"""Settings that change nothing here: frames are kept in a folder of the measurement, and sent as PNG."""
_Ask = Callable[[Size | None, int, int], Awaitable[tuple[Budget, Reply]]]
"""Asks about a size, a number of frames and a length of the answer; returns our count and the reply."""


@dataclass(frozen=True, slots=True)
class MeasurementWatchers:
    """Callbacks that report the progress of a measurement."""

    doing: Callable[[str], None]
    """Gets the current step, in a few words."""
    progress: Callable[[int, int], None]
    """Gets the number of answered questions, and the number of all questions so far."""


class MeasurementRun:
    """One measurement. It can be stopped at any moment without losing a reply."""

    def __init__(self, lab: LimitsLab, counter: TextCounter, box: Box, folder: Path) -> None:
        """`folder` holds the test videos, their frames and the saved replies until the measurement
        is done."""
        self._lab = lab
        self._counter = counter
        self._box = box
        self._folder = folder
        self._saved = SavedReplies(folder / "replies.jsonl", self._hash_subject())
        self._drawing = asyncio.Semaphore(_DRAWN_AT_ONCE)
        # Several questions use one video; the first one draws it.
        self._videos: defaultdict[Size, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._answered = self._known = 0

    @property
    def kept(self) -> int:
        """The number of replies that are saved."""
        return self._saved.count

    async def run(
        self,
        sizes: Sequence[NamedSize],
        frame_counts: Sequence[int],
        asker: Asker,
        watchers: MeasurementWatchers,
    ) -> Measurement:
        """Ask all questions. Raises BoxError, ConfigError, MediaError and ResultError."""
        if self._box.setup.answering == EngineName.OPENAI and not self._box.setup.model:
            raise ConfigError(
                f"a measurement is one of a model, and {self._box.name} names none",
                f"Set `model` of the box to the name that `upsample doctor {self._box.name}` shows.",
            )
        settings = self._lab.planner.settings
        frames = settings.frames_to_extract
        async with open_conversation(self._box, asker, watchers.doing) as talk:
            ask = self._counting_ask(talk, watchers)
            async with asyncio.TaskGroup() as group:
                rows = [
                    group.create_task(_measure_row(ask, named, count))
                    for named, count in [
                        (None, 0),
                        *((named, count) for named in sizes for count in frame_counts),
                    ]
                ]
                largest = [group.create_task(self._confirm(ask, a, frames)) for a in AspectRatio]
                room = group.create_task(self._measure_room(ask, AspectRatio.WIDE, frames))
        asked = tuple(task.result() for task in rows)
        engines = [row.reply.engine for row in asked if row.reply.engine]
        return Measurement(
            box=self._box.name,
            model=self._box.setup.model,
            profile=self._lab.planner.profile.name,
            engine=engines[-1] if engines else "",
            ended=time.time(),
            max_model_len=settings.max_tokens,
            reserve=settings.reserve,
            prompt=self._lab.prompt,
            rows=asked,
            confirmed=tuple(task.result() for task in largest),
            keeps_room=room.result(),
        )

    async def _confirm(self, ask: _Ask, aspect: AspectRatio, frames: int) -> Confirmed:
        limit = self._lab.planner.settings.max_tokens
        shortest = LimitsLab(
            self._planner(frames, SHORT_ANSWER), self._lab.prompt, (), self._lab.text
        )
        sizes = shortest.sizes(aspect, frames)
        estimated = shortest.largest_of(aspect, frames, limit).size
        sent = self._lab.largest_of(aspect, frames, limit).size
        replies: dict[Size, Reply] = {}

        async def accepts(size: Size) -> bool:
            replies[size] = (await ask(size, frames, SHORT_ANSWER))[1]
            if replies[size].outcome is ReplyOutcome.FAILED:
                raise _Unanswered(f"{size}: {replies[size].words}")
            return replies[size].outcome is ReplyOutcome.ACCEPTED

        accepted, refused, trouble = None, None, ""
        try:
            guess = sizes.index(estimated) if estimated else -1
            last = await find_last(len(sizes), guess, lambda at: accepts(sizes[at]))
            accepted = sizes[last] if last >= 0 else None
            refused = shortest.above(aspect, accepted) if accepted else sizes[0]
            if refused and await accepts(refused):
                trouble = f"{refused} is accepted, too"
        except _Unanswered as error:
            trouble = str(error)
        return Confirmed(
            aspect,
            frames,
            estimated,
            accepted=accepted,
            accepted_tokens=replies[accepted].prompt_tokens if accepted else None,
            refused=refused if not trouble else None,
            sent=sent,
            sent_reply=(await ask(sent, frames, self._reserve))[1] if sent else None,
            trouble=trouble,
        )

    async def _measure_room(self, ask: _Ask, aspect: AspectRatio, frames: int) -> bool | None:
        """Find `Measurement.keeps_room`, with a size that leaves too little room for the answer."""
        above = self._lab.largest_of(aspect, frames, self._lab.planner.settings.max_tokens).above
        if (
            above is None
            or not self._planner(frames, SHORT_ANSWER).weigh(self._lab.text, above, frames).fits
        ):
            return None
        outcome = (await ask(above, frames, self._reserve))[1].outcome
        return None if outcome is ReplyOutcome.FAILED else outcome is ReplyOutcome.REFUSED

    @property
    def _reserve(self) -> int:
        return self._lab.planner.settings.reserve

    def _counting_ask(self, talk: Conversation, watchers: MeasurementWatchers) -> _Ask:
        """Return a function that asks, and reports the number of answered questions."""

        async def ask(size: Size | None, frames: int, answer: int) -> tuple[Budget, Reply]:
            self._known += 1
            found = await self._ask(talk, size, frames, answer)
            self._answered += 1
            watchers.progress(self._answered, self._known)
            return found

        return ask

    async def _ask(
        self, talk: Conversation, size: Size | None, frames: int, answer: int
    ) -> tuple[Budget, Reply]:
        async with self._drawing:
            budget, message = await self._make_message(size, frames, answer)
        reply = self._saved.reply(message.job)
        if reply is None:
            reply = await talk.ask(message)
            if reply.outcome is not ReplyOutcome.FAILED:
                # A failed question is asked again in the next measurement.
                await asyncio.to_thread(self._saved.keep, message.job, reply)
        return budget, reply

    async def _make_message(
        self, size: Size | None, frames: int, answer: int
    ) -> tuple[Budget, Submit]:
        """Make an ordinary request with frames of this size, even where it does not fit by our count."""
        planner = self._planner(frames, answer)
        video = await self._draw_video(size) if size else None
        plan = planner.plan_read(self._lab.prompt, (video,) if video else (), self._lab.text)
        drawn = await self._draw_frames(plan, planner) if video else ()
        request = make_request(plan, drawn, planner, self._box.setup.model, self._saved.seed, 0)
        images = await asyncio.gather(*(asyncio.to_thread(_base64, f.path) for f in drawn))
        return planner.weigh(self._lab.text, size, frames), Submit(
            request.job_id(), request, tuple(images)
        )

    def _planner(self, frames: int, answer: int) -> Planner:
        changes = {
            "reserve": answer,
            "frames_to_extract": max(frames, 1),
            "auto_resize": False,
            "enforce_budget": False,
            "max_upsample_resolution": "",
        }
        settings: Upsampling = self._lab.planner.settings.model_copy(update=changes)
        return Planner(settings, self._counter)

    async def _draw_video(self, size: Size) -> Video:
        folder = self._folder / "videos"
        async with self._videos[size]:
            (video,) = await asyncio.to_thread(lambda: list(draw_test_videos([size], folder)))
        return video

    async def _draw_frames(self, plan: Plan, planner: Planner) -> tuple[Frame, ...]:
        assert plan.video is not None  # noqa: S101 - it is called for plans with one
        sampling = planner.settings.frame_sampling
        chosen = await asyncio.to_thread(choose_frames, plan.video, plan.frames, sampling)
        folder = self._folder / "frames"
        return (await prepare_frames(plan.video, chosen, plan.video.size, folder)).frames

    def _hash_subject(self) -> str:
        """Return a hash of the box, the model, the server and the settings that are measured."""
        lab, setup = self._lab, self._box.setup
        settings = lab.planner.settings.model_dump_json(exclude=_OF_NO_MATTER)
        parts = [self._box.name, self._box.host, setup.fingerprint(), settings, lab.prompt]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


async def _measure_row(ask: _Ask, named: NamedSize | None, frames: int) -> MeasuredSize:
    """Measure one size; None is the prompt without a picture."""
    size = named.size if named else None
    return MeasuredSize(
        named.name if named else "", size, frames, *await ask(size, frames, SHORT_ANSWER)
    )


class _Unanswered(Exception):
    """A question failed for a reason that says nothing about the size."""


def _base64(picture: Path) -> str:
    return base64.b64encode(picture.read_bytes()).decode()
