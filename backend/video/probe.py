"""Probes a video or image: finds its size as shown and its length, and checks that a frame can be decoded.

`probe` reads headers and decodes one frame, which takes 1 to 20 ms. The decoded frame tells the rotation, and
shows whether a file that looks like media is media. Everything here blocks: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from backend.addresses import address_of
from backend.errors import MediaError
from backend.sizes import Size
from backend.video.allowed_formats import MAX_PICTURE_BYTES, MAX_PIXELS, ONLY_THESE, ONLY_VIDEOS
from backend.video.colours import Colours, is_perhaps_hdr
from backend.video.damage import (
    holds_only,
    refuse_cut_off,
    undecodable,
    unreadable,
    without_size,
)
from backend.video.kept_media import kept_file
from backend.video.missing import folder_in_place_of_file, missing
from backend.video.picture_sequences import PictureSequence, find_sequence
from backend.video.tiles import ALL_TILES, drawn_size

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_SIDE = 16_384
"""The longest side, in pixels. A header that claims more is damaged or malicious."""

_MOST_STRETCHED = 4
"""The most that a pixel is wider than high, or higher than wide. Film of 1.78 squeezed to 4:3 has 1.33."""

TIME_LIMIT = 60.0
"""Seconds that reading all packets of a file may take."""
_OPEN_LIMIT = 20.0
"""Seconds that each step of opening a file may take: finding its format, its header, its streams."""
MAX_PACKETS = 5_000_000
"""The most packets of one file: two days of video."""

_STILL_BRANDS = frozenset({"avif", "heic", "heix", "mif1"})
"""Major brands of MP4-like files that contain a still picture."""


class MediaKind(StrEnum):
    """What can be looked at."""

    VIDEO = "video"
    IMAGE = "image"
    SEQUENCE = "sequence"
    """The numbered pictures of one folder (`picture_sequences`), whose frame rate only a spec can say."""


@dataclass(frozen=True, slots=True)
class Video:
    """A video or image that a model can look at."""

    path: Path
    """The path, as the caller gave it; of a sequence, that of the folder or the numbered name; of an address,
    that of the file that was fetched from it."""
    kind: MediaKind
    size: Size
    """The size in pixels at which the video plays: after the rotation that the file asks for, and with the
    width stretched where its pixels are not square."""
    fps: float
    """Frames a second on average; 0 for an image, and for a sequence unless its spec says it."""
    duration: float
    """Seconds; 0 where `fps` is 0."""
    frames: int
    """The number of frames, at least 1: from the header, or duration × fps where it has none (Matroska)."""
    codec: str
    """ffmpeg's name of the codec: "h264", "hevc", "png"."""
    stream: int = 0
    """Index of the picture stream in the file; ALL_TILES for a photograph in tiles."""
    is_stretched: bool = False
    """Whether the frames in the file have another width than `size`, because their pixels are not square."""
    colours: Colours | None = None
    """The colours, where they are not those of an ordinary screen."""
    is_perhaps_hdr: bool = False
    """Whether it says BT.2020 and not whether it is HDR. Its frames are drawn as if it were not."""
    gaps: int = 0
    """How many numbers of a sequence have no picture, between its first and its last."""
    address: str = ""
    """The address that it was fetched from; empty for a file of the user's."""

    def with_rate(self, fps: float | None) -> Video:
        """Return a sequence of pictures with the frame rate that its spec says; anything else as it is."""
        if self.kind is not MediaKind.SEQUENCE or not fps:
            return self
        return replace(self, fps=float(fps), duration=self.frames / fps)

    @property
    def called(self) -> str:
        """The address or the path, as people know it."""
        return self.address or str(self.path)


def probe(path: str | Path) -> Video:
    """Probe a file, a sequence of pictures, or what was fetched from an address.

    Raises MediaError when it is none that can be read, and NotFetched when the address was not fetched yet.
    """
    path = Path(path)
    address = address_of(path)
    if address is not None:
        return replace(_probe_file(kept_file(address)), address=address)
    sequence = find_sequence(path)
    return _probe_file(path) if sequence is None else _probe_sequence(path, sequence)


def picture_of(path: Path, picture: Path, size: Size) -> Video:
    """Probe one picture of the sequence at `path`, which must be a still picture of this size.

    Raises MediaError.
    """
    still = _probe_still(path, picture)
    if still.size != size:
        raise MediaError(
            f"{picture} is {still.size}, where the first picture of its sequence is {size}.",
            "Give pictures of one size.",
        )
    return still


def _probe_sequence(path: Path, sequence: PictureSequence) -> Video:
    first = _probe_still(path, sequence.pictures[0])
    count = len(sequence.pictures)
    return replace(first, path=path, kind=MediaKind.SEQUENCE, frames=count, gaps=sequence.gaps)


def _probe_still(path: Path, picture: Path) -> Video:
    still = _probe_file(picture)
    if still.kind is not MediaKind.IMAGE:
        raise MediaError(
            f"{picture} is a video, and {path} stands for a sequence of pictures.",
            "Name the video itself.",
        )
    return still


def _probe_file(path: Path) -> Video:
    with open_media(path) as container:
        stream = picture_stream(path, container)
        _refuse_sizes(path, stream.codec_context.width, stream.codec_context.height)
        frame = _first_frame(path, container, stream)
        still = _is_still(container)
        # A picture's pixels are square for every program that shows pictures, whatever resolution it notes.
        ratio = Fraction(1) if still else _pixel_ratio(container, stream)
        size = _shown_size(frame, ratio)
        is_stretched = size != _shown_size(frame, Fraction(1))
        colours, perhaps_hdr = Colours.of(frame), is_perhaps_hdr(frame)
        codec, index = stream.codec_context.name, stream.index
        in_heif = still and _brand(container) in _STILL_BRANDS
        if in_heif and len(container.streams.video) > 1:
            index = ALL_TILES
        duration, fps, frames = (0.0, 0.0, 1) if still else _length(container, stream)
    refuse_cut_off(path)
    if in_heif:
        size = drawn_size(path, index)
        _refuse_sizes(path, size.width, size.height)
    if frames < 1:
        duration, frames = _walked_length(path, fps)
    kind = MediaKind.IMAGE if still else MediaKind.VIDEO
    return Video(
        path, kind, size, fps, duration, frames, codec, index, is_stretched, colours, perhaps_hdr
    )


@contextmanager
def open_media(path: Path, time_limit: float = TIME_LIMIT) -> Iterator[InputContainer]:
    """Open a file. Every error of ffmpeg's inside the block becomes a MediaError.

    Import parts of PyAV only inside the block: two threads that import different parts first, as jobs that
    are prepared at the same time may, get half-initialised modules.
    """
    import av

    name = str(path.absolute())
    try:
        _refuse_non_files(path)
        allowed = ONLY_THESE if path.stat().st_size <= MAX_PICTURE_BYTES else ONLY_VIDEOS
        with av.open(
            # With the prefix, a name such as "https:…" is only a file's name.
            f"file:{name}",
            "r",
            # An image named a%03d.png is that file, not a numbered sequence.
            container_options=allowed | ({"pattern_type": "none"} if "%" in name else {}),
            options={"max_pixels": str(MAX_PIXELS)},
            metadata_errors="replace",
            # The second one is for each packet: a file may have a hole of terabytes in it.
            timeout=(min(_OPEN_LIMIT, time_limit), time_limit),
        ) as container:
            yield container
    except av.ArgumentError as error:
        # ffmpeg raises this for a format that is not in the list.
        why = "it is of a kind that is not read"
        if path.stat().st_size > MAX_PICTURE_BYTES:
            why += f", or a picture or a bare stream of more than {MAX_PICTURE_BYTES >> 20} MiB"
        raise unreadable(path, why) from error
    except (av.ExitError, av.BlockingIOError) as error:
        raise _too_slow(path) from error
    except av.FFmpegError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error}") from error


def packets(
    path: Path, container: InputContainer, stream: VideoStream, time_limit: float = TIME_LIMIT
) -> Iterator[Packet[VideoStream]]:
    """Yield the stream's packets. Do not keep them: each holds its part of the file in memory.

    Raises MediaError when there are too many, or when reading them takes too long.
    """
    end = monotonic() + time_limit
    for count, packet in enumerate(container.demux(stream)):
        if count >= MAX_PACKETS or monotonic() > end:
            raise _too_slow(path)
        yield packet


def _too_slow(path: Path) -> MediaError:
    return MediaError(
        f"{path} takes too long to be looked through.",
        "Copy it to a faster disk, or cut it to the part that is wanted.",
    )


def picture_stream(path: Path, container: InputContainer) -> VideoStream:
    """Return the first stream of pictures that is not cover art. Raises MediaError when there is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            context: VideoCodecContext | None = stream.codec_context
            if context is None:
                raise unreadable(path, "there is no decoder for it here")
            return stream
    what = "sound" if container.streams.audio else "nothing that can be shown"
    raise holds_only(path, what)


def _refuse_non_files(path: Path) -> None:
    """Refuse what is not a regular file: a pipe would block, and ffmpeg reads a folder as a sequence."""
    if path.is_dir():
        raise folder_in_place_of_file(path)
    if not path.exists():
        raise missing(path)
    if not path.is_file():
        raise MediaError(f"{path} is not a regular file.", "Copy it to a file and give that.")
    if path.stat().st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes).", "Copy or download it again.")


def _refuse_sizes(path: Path, width: int, height: int) -> None:
    # ffmpeg leaves the size at 0 when it is above max_pixels.
    if width < 1 or height < 1:
        raise without_size(path)
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise MediaError(
            f"{path} claims a picture of {width}×{height}; {MAX_SIDE:,} a side and "
            f"{MAX_PIXELS // 1_000_000} million pixels are the most that is read.",
            "Scale it down first, or check that the file is not damaged.",
        )


def _first_frame(path: Path, container: InputContainer, stream: VideoStream) -> VideoFrame:
    from av import InvalidDataError

    # One frame is wanted: starting decoder threads would take longer than decoding it.
    stream.thread_type = "NONE"
    trouble = ""
    for packet in packets(path, container, stream):
        # A damaged frame is skipped, as ffmpeg does when it draws.
        try:
            for frame in packet.decode():
                return frame
        except InvalidDataError as error:
            trouble = f": {error.strerror}"
    raise undecodable(path, trouble)


def _pixel_ratio(container: InputContainer, stream: VideoStream) -> Fraction:
    """Return the width of a pixel over its height; 1 where it is not told, or cannot be true."""
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return (
        Fraction(ratio)
        if ratio and 1 / _MOST_STRETCHED <= ratio <= _MOST_STRETCHED
        else Fraction(1)
    )


def _shown_size(frame: VideoFrame, pixel_ratio: Fraction) -> Size:
    """Return the size at which a frame is shown."""
    width = max(1, round(frame.width * pixel_ratio))
    sideways = round(frame.rotation / 90) % 2 == 1
    return Size(frame.height, width) if sideways else Size(width, frame.height)


def _is_still(container: InputContainer) -> bool:
    name = container.format.name
    return name == "image2" or name.endswith("_pipe") or _brand(container) in _STILL_BRANDS


def _brand(container: InputContainer) -> str:
    return container.metadata.get("major_brand", "").strip()


def _length(container: InputContainer, stream: VideoStream) -> tuple[float, float, int]:
    """Return duration in seconds, frames a second, and number of frames; 0 where the header has no value."""
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    else:
        duration = (container.duration or 0) / 1_000_000
    return duration, fps, stream.frames or round(duration * fps)


def _walked_length(path: Path, fps: float) -> tuple[float, int]:
    """Return duration and number of frames of a bare stream (.h264), which has no header, by reading it."""
    with open_media(path) as container:
        stream = picture_stream(path, container)
        frames = sum(1 for packet in packets(path, container, stream) if packet.size)
    return frames / fps if fps else 0.0, frames
