"""Chooses the frames of a video that the model looks at, by their real presentation timestamps.

Timestamps are read from the packets without decoding a picture, so variable frame rates and reordered
frames (B-frames) come out right. Everything here blocks: call it from a thread.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backend.errors import InputError, MediaError
from backend.video.picture_sequences import find_sequence
from backend.video.probe import MediaKind, Video, open_media, packets

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

_FPS_STEP = Fraction(1, 2)
"""Seconds between the frames of a hint video."""


class FrameSampling(StrEnum):
    """The ways to choose frames."""

    UNIFORM = "uniform"
    """The frame shown at the centre of each of N equal parts."""
    FIRST = "first"
    """Frames 0 to N-1, as Transfer1's own upsampler takes them."""
    FPS = "fps"
    """The frame shown at each half second from the start, as in a hint video."""
    LAST = "last"
    """The last N frames, as Predict1's Video2World upsampler takes the last one."""
    FIRST_LAST = "first-last"
    """The first and the last frame, and between them frames that lie equally far apart."""
    KEYFRAMES = "keyframes"
    """The key frame nearest to the centre of each of N equal parts. Nothing between them is decoded."""


@dataclass(frozen=True, slots=True)
class ChosenFrame:
    """One frame of a video."""

    index: int
    """The frame's position, from 0, in the order in which frames are shown."""
    time: float
    """When the frame appears, in seconds after the video's first frame; 0 in a sequence of unknown rate."""
    picture: Path | None = None
    """The picture that is the frame, in a sequence of pictures."""
    key_time: float | None = None
    """The timestamp of a key frame that was chosen as one, in seconds, as the file has it; None for any other
    frame, and where the file has no timestamps."""


def frame_label(kind: MediaKind, frame: ChosenFrame) -> str:
    """Return how a frame is called below its picture: when it appears, or which of the pictures it is."""
    match kind:
        case MediaKind.IMAGE:
            return "picture"
        case MediaKind.SEQUENCE:
            return f"picture {frame.index + 1}"
        case MediaKind.VIDEO:
            return f"{frame.time:.2f} s"


def choose_frames(
    video: Video, count: int, sampling: FrameSampling = FrameSampling.UNIFORM
) -> tuple[ChosenFrame, ...]:
    """Choose `count` different frames of the video, in order.

    Returns fewer when the video has fewer (an image has one), or when one frame is on screen at several of
    the moments. Raises InputError when count is below 1, and MediaError when the file can no longer be read.
    """
    if count < 1:
        raise InputError(f"{count} frames cannot be chosen.", "Ask for at least 1.")
    if video.kind is MediaKind.IMAGE:
        return (ChosenFrame(0, 0.0),)
    if video.kind is MediaKind.SEQUENCE:
        return _choose_pictures(video, count, sampling)
    line = _read_timeline(video)
    if sampling is FrameSampling.KEYFRAMES:
        return _choose_key_frames(line, count)
    indices: Sequence[int]
    if sampling is FrameSampling.UNIFORM:
        moments = [line.end * (2 * part + 1) / (2 * count) for part in range(count)]
        indices = _shown_at(line, moments)
    elif sampling is FrameSampling.FPS:
        moments = [step * _FPS_STEP for step in range(count)]
        indices = _shown_at(line, [moment for moment in moments if moment < line.end])
    else:
        indices = _by_number(len(line.starts), count, sampling)
    return tuple(ChosenFrame(index, float(line.starts[index])) for index in indices)


def _choose_key_frames(line: _Timeline, count: int) -> tuple[ChosenFrame, ...]:
    """Choose the key frames nearest to the centres of equal parts, each once; all where there are fewer."""
    keys = line.keys or range(len(line.starts))
    starts = [line.starts[index] for index in keys]
    count = min(count, len(keys))
    chosen: list[int] = []
    for part in range(count):
        near = _nearest(starts, line.end * (2 * part + 1) / (2 * count))
        # Later than the one before, and early enough that one is left for each of the parts that follow.
        least, most = chosen[-1] + 1 if chosen else 0, len(keys) - (count - part)
        chosen.append(min(max(near, least), most))
    return tuple(
        ChosenFrame(
            keys[at],
            float(starts[at]),
            key_time=None if line.offset is None else float(line.offset + starts[at]),
        )
        for at in chosen
    )


def _nearest(starts: Sequence[Fraction], moment: Fraction) -> int:
    """Return the position of the start that is nearest to this moment; of two, the earlier."""
    after = bisect_left(starts, moment)
    if after in (0, len(starts)):
        return max(0, after - 1)
    return after if starts[after] - moment < moment - starts[after - 1] else after - 1


def _choose_pictures(video: Video, count: int, sampling: FrameSampling) -> tuple[ChosenFrame, ...]:
    """Choose pictures of a sequence by their places in it, and by time where its frame rate is known."""
    if sampling is FrameSampling.FPS and not video.fps:
        raise without_rate(video)
    sequence = find_sequence(video.path)
    if sequence is None:
        raise MediaError(f"{video.path} has changed since it was read.", "Try again.")
    there = len(sequence.pictures)
    indices: Sequence[int] = range(min(count, there))
    if sampling is FrameSampling.FPS:
        places = (int(step * _FPS_STEP * Fraction(video.fps)) for step in range(count))
        indices = sorted({place for place in places if place < there})
    elif sampling not in (FrameSampling.UNIFORM, FrameSampling.KEYFRAMES):
        indices = _by_number(there, count, sampling)
    elif count < there:
        indices = [there * (2 * part + 1) // (2 * count) for part in range(count)]
    return tuple(
        ChosenFrame(index, index / video.fps if video.fps else 0.0, sequence.pictures[index])
        for index in indices
    )


def _by_number(there: int, count: int, sampling: FrameSampling) -> Sequence[int]:
    """Choose `count` of the frames 0 to `there` - 1 by their numbers."""
    if count >= there or sampling is FrameSampling.FIRST:
        return range(min(count, there))
    if sampling is FrameSampling.LAST:
        return range(there - count, there)
    return sorted({round(part * (there - 1) / max(1, count - 1)) for part in range(count)})


def without_rate(video: Video) -> InputError:
    """Return the error for a sequence of pictures whose frames are to be chosen by time."""
    return InputError(
        f"{video.path} is a sequence of pictures, whose frame rate is not known.",
        'Give the spec an "fps", set frame_sampling to "uniform" or "first", or make a video of it with '
        "ffmpeg.",
    )


class _Timeline(NamedTuple):
    starts: list[Fraction]
    """When each frame appears: sorted, in seconds after the first one, which is 0."""
    end: Fraction
    """When the last frame disappears; greater than every start."""
    keys: Sequence[int] = ()
    """The indices of the key frames, in order."""
    offset: Fraction | None = None
    """The timestamp of the first frame in seconds; None where the file has no timestamps."""


def _shown_at(line: _Timeline, moments: list[Fraction]) -> list[int]:
    """Return the indices of the frames that are on screen at these moments, in order and without repeats."""
    return sorted({bisect_right(line.starts, moment) - 1 for moment in moments})


def _read_timeline(video: Video) -> _Timeline:
    with open_media(video.path) as container:
        from av.video.stream import VideoStream

        stream = container.streams[video.stream]
        if not isinstance(stream, VideoStream):
            raise MediaError(f"{video.path} has changed since it was read.", "Try again.")
        times = [
            (packet.pts, packet.duration or 0, packet.is_keyframe)
            for packet in packets(video.path, container, stream)
            if _is_shown(packet)
        ]
        base = stream.time_base or Fraction(1, 1)
        step = 1 / Fraction(stream.average_rate or stream.guessed_rate or 25)
    if not times:
        raise MediaError(f"{video.path} holds no frames.", "Check that the file is complete.")
    return _timeline(times, base, step)


def _timeline(
    times: list[tuple[int | None, int, bool]], base: Fraction, step: Fraction
) -> _Timeline:
    """Make the timeline from each frame's timestamp and duration, in units of `base` seconds, and whether it
    is a key frame.

    Where a frame has no timestamp (bare streams, some AVI), the frames are `step` seconds apart.
    """
    known = sorted((pts, duration, is_key) for pts, duration, is_key in times if pts is not None)
    if len(known) < len(times):
        keys = [index for index, (_, _, is_key) in enumerate(times) if is_key]
        return _Timeline([index * step for index in range(len(times))], len(times) * step, keys)
    first, (last, duration, _) = known[0][0], known[-1]
    starts = [(pts - first) * base for pts, _, _ in known]
    keys = [index for index, (_, _, is_key) in enumerate(known) if is_key]
    return _Timeline(starts, (last - first) * base + (duration * base or step), keys, first * base)


def _is_shown(packet: Packet[VideoStream]) -> bool:
    """Whether a packet is shown. The empty packet at the end is not, nor is one that an edit list removes."""
    return packet.size > 0 and not packet.is_discard
