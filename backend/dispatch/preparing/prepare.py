"""Prepares a queued job for sending: counts its tokens, draws its frames and makes its request."""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass, replace
from pathlib import Path

from backend.box.links.link import Box
from backend.config import EngineName, Upsampling, queued_settings, said_max_tokens
from backend.dispatch.preparing.count_watch import CountWatch
from backend.dispatch.preparing.processors import Processors
from backend.errors import BoxOutdated, MediaError
from backend.planning.admission import refuse_json_of_sketch
from backend.planning.box_context import keep_context
from backend.planning.box_counts import BoxCounts
from backend.planning.clips import is_clip, refuse_clip_on
from backend.planning.frame_format import sent_format
from backend.planning.orders import seed_of_draw
from backend.planning.plan import Plan, Planner
from backend.planning.requests import make_request
from backend.sizes import Size
from backend.specs.media import ShownMedia
from backend.store import Job
from backend.tokens import TextCounter
from backend.video import (
    Frame,
    FrameFormat,
    Prepared,
    RecentVideos,
    Video,
    prepare_frames,
    probe,
    read_frame,
)
from backend.video.packing import pack_frames
from backend.video.sent_clips import make_clip
from remote.protocol import Request, Submit, Welcome


@dataclass(frozen=True, slots=True)
class Ready:
    """A job whose request is made and whose frames lie on this machine's disk."""

    job: Job
    plan: Plan
    request: Request
    images: tuple[Path, ...]
    """The pictures' files in the order of the request's frames."""
    image_bytes: int
    """Size of all frames together in bytes, before base64."""
    identity: str
    """The hash by which the box knows the job."""
    context_warning: str = ""
    """A sentence for a context that is longer in the settings than on the server; empty otherwise."""

    @property
    def warning(self) -> str:
        """What may be wrong with the job, though it can be sent; empty when nothing is."""
        return " ".join(filter(None, (self.context_warning, self.plan.warning)))

    @property
    def pictures(self) -> Set[str]:
        """SHA-256 of each frame's file."""
        return frozenset(frame.file for frame in self.request.frames)

    @property
    def prompt_tokens(self) -> int:
        """Prompt tokens by our own count."""
        return self.plan.budget.prompt_tokens if self.plan.budget else 0

    def message(self, pictures: Set[str]) -> Submit:
        """Make the message that submits the job, with the frames whose SHA-256 is in `pictures`.

        Reads these frames' files; raises OSError when one is gone, or is another file now.
        """
        images = tuple(
            base64.b64encode(read_frame(path, frame.file)).decode()
            if frame.file in pictures
            else ""
            for frame, path in zip(self.request.frames, self.images, strict=True)
        )
        return Submit(self.identity, self.request, images)


class Preparer:
    """Prepares jobs for a box with this model. All jobs share one tokenizer."""

    def __init__(
        self,
        model: str,
        welcome: Callable[[], Awaitable[Welcome]],
        counts: CountWatch | None = None,
        *,
        asks_server: bool = False,
        writes_prose: bool = False,
        engine: str = EngineName.VLLM,
        is_near: bool = False,
        probe: Callable[[Path], Video] = probe,
    ) -> None:
        """`model` is empty where the welcome names it. `welcome` waits for one, and returns the last. With
        `asks_server`, the welcome may tell the context length, so no job is planned before it. With
        `writes_prose`, the engine cannot answer in JSON. `engine` and `is_near`, for a box on this machine,
        decide how frames are packed.

        What the box has counted, as `counts` has heard, corrects the plans.
        """
        self._model = model
        self._welcome = welcome
        self._asks_server = asks_server
        self._writes_prose = writes_prose
        self._engine = engine
        self._is_near = is_near
        self._counts = counts
        self._counter = TextCounter()
        self._kept_context = 0
        """The context length that was noted for plans that are made without the box."""
        self._used: BoxCounts | None = None
        """The counts that the planners use."""
        self._videos = RecentVideos(probe)
        self._processors = Processors()
        self._planners: dict[tuple[str, int], Planner] = {}
        """By the settings as JSON, and the context length that the server told."""
        # Specs often share a video: the second waits for the first and then finds its frames in the cache.
        self._drawing: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)

    @classmethod
    def of(
        cls,
        box: Box,
        welcome: Callable[[], Awaitable[Welcome]],
        counts: CountWatch,
        probe: Callable[[Path], Video],
    ) -> Preparer:
        """Make the preparer for a box."""
        setup = box.setup
        return cls(
            setup.model,
            welcome,
            counts,
            asks_server=setup.openai is not None,
            writes_prose=setup.answering == EngineName.SKETCH,
            engine=setup.answering,
            is_near=not box.host,
            probe=probe,
        )

    async def prepare(self, job: Job) -> Ready:
        """Plan the job and draw its frames.

        Raises InputError, MediaError or ConfigError when the job cannot be sent, and BoxOutdated when it can
        be sent later.
        """
        told = await self._told_context(job.box)
        planner = self._planner(job.settings, told, await self._confirmed_counts())
        if self._writes_prose:
            refuse_json_of_sketch(planner.profile, job.box)
        refuse_clip_on(planner.settings, self._engine, job.box)
        shown = ShownMedia(job.video, job.controls, job.media)
        plan = await asyncio.to_thread(planner.plan, job.prompt, shown, job.target)
        if plan.refusal is not None:
            raise plan.refusal
        drawn: list[tuple[Video, tuple[Frame, ...]]] = []
        if plan.size is not None:
            for video, count in plan.shown:
                drawn.append((video, await self._draw(video, plan.size, count, planner)))
        welcome = await self._welcome()
        form = sent_format(
            planner.settings.frame_format,
            self._engine,
            is_near=self._is_near,
            protocol=welcome.protocol,
        )
        frames: list[Frame] = []
        for video, of_one in drawn:
            frames += await self._pack(video, of_one, form, planner)
        model = self._model or welcome.model
        request = replace(
            make_request(plan, frames, planner, model, seed_of_draw(job), job.candidate),
            engine=welcome.serves,
        )
        if welcome.protocol < request.least_protocol:
            raise BoxOutdated(
                f"the program on the box is of an earlier version, and cannot ask as {request.profile} does",
                "It is replaced when its work is done; `upsample box stop` ends it now.",
            )
        images = tuple(frame.path for frame in frames)
        image_bytes = sum(frame.file_size for frame in frames)
        warning = _warn_of_context(job, planner.settings.max_tokens)
        return Ready(job, plan, request, images, image_bytes, request.job_id(), warning)

    async def _draw(
        self, video: Video, size: Size, count: int, planner: Planner
    ) -> tuple[Frame, ...]:
        async with self._drawing[video.path]:
            with self._processors.share() as threads:
                settings, videos = planner.settings, self._videos
                return (await _draw(video, size, count, settings, videos, threads)).frames

    async def _pack(
        self, video: Video, drawn: tuple[Frame, ...], form: FrameFormat, planner: Planner
    ) -> tuple[Frame, ...]:
        async with self._drawing[video.path]:
            if is_clip(planner.settings, len(drawn)):
                return (await make_clip(drawn, video.path),)
            if form is FrameFormat.PNG:
                return drawn
            quality = planner.settings.jpeg_quality
            return await asyncio.to_thread(pack_frames, drawn, form, quality)

    async def _told_context(self, box: str) -> int:
        """Return the context length that the box's server tells; 0 where it tells none or is not asked."""
        if not self._asks_server:
            return 0
        told = (await self._welcome()).context
        if told and told != self._kept_context:
            self._kept_context = told
            await asyncio.to_thread(keep_context, box, told)
        return told

    async def _confirmed_counts(self) -> BoxCounts | None:
        """Return what corrects the plans. Drops it if it is of a model that the box has no more."""
        if self._counts is None or self._counts.correcting is None:
            return None
        welcome = await self._welcome()
        model = self._model or welcome.model
        await asyncio.to_thread(self._counts.confirm, model, welcome.serves)
        return self._counts.correcting

    def _planner(self, settings: str, told: int, counts: BoxCounts | None) -> Planner:
        if counts != self._used:
            self._used = counts
            self._planners.clear()
        if (settings, told) not in self._planners:
            self._planners[settings, told] = Planner(
                queued_settings(settings, told), self._counter, self._videos.probe, counts
            )
        return self._planners[settings, told]


def _warn_of_context(job: Job, counted: int) -> str:
    """Return a warning for a job whose settings say a longer context than was counted with."""
    said = said_max_tokens(job.settings) or 0
    if said <= counted:
        return ""
    return (
        f"max_tokens says {said:,} tokens, and the model server of {job.box} has a context of "
        f"{counted:,}, which counts."
    )


async def _draw(
    video: Video,
    size: Size,
    count: int,
    settings: Upsampling,
    videos: RecentVideos,
    threads: int,
) -> Prepared:
    # Never more frames than were counted, even if the video has more than its header says.
    chosen = await asyncio.to_thread(videos.choose_frames, video, count, settings.frame_sampling)
    if not chosen:
        raise MediaError(f"{video.path} has no frame to show")
    try:
        return await prepare_frames(
            video,
            chosen,
            size,
            settings.hint_video_dir,
            content_key=videos.content_key,
            threads=threads,
        )
    except OSError as error:
        raise MediaError(
            f"frames of {video.path} cannot be kept in {settings.hint_video_dir}: {error.strerror}",
            "Set hint_video_dir to a folder that can be written.",
        ) from error
