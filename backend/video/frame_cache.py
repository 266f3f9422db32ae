"""A cache of drawn frames and hint videos on disk, keyed by the content that they were made from.

The folder for hint videos contains:

    3f9a…-896x504.mp4          a hint video: SHA-256 of the source (16 digits) and size
    3f9a…-896x504-1b22…/       the frames of one choice, as frame-0.png, frame-1.png, … and packed
    3f9a…-896x504-hlg-bt2020.mp4, 3f9a…-896x504-1b22…-hlg-bt2020/
                               the same of a video with such colours, which are drawn for an ordinary screen
    .drawing-…/                a temporary folder: finished results are renamed out of it

So a file with a final name is complete, and a changed source gets other names. Damaged frames are replaced,
and temporary folders of killed processes removed; `kept_pictures` removes what was used longest ago.
Everything here blocks.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from backend.errors import InputError, MediaError, UpsampleError
from backend.files import mark_in_use, open_regular, read_regular, sweep_parts
from backend.files.without_links import open_folder, open_plain, path_of_descriptor, read_plain
from backend.sizes import Size
from backend.video.allowed_formats import MAX_PIXELS
from backend.video.colours import Colours
from backend.video.frame_choice import ChosenFrame, FrameSampling, choose_frames
from backend.video.picture_sequences import find_sequence, sequence_key
from backend.video.probe import Video

FRAMES = "frames"
HINT = "hint.mp4"
"""Names inside a drawing folder."""
TIME_LIMIT = 300.0
"""Seconds that reading a whole file may take, to name its frames by its content."""

_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_PNG_END = b"IEND\xae\x42\x60\x82"
MOST_FRAME_BYTES = 4 * MAX_PIXELS
"""The most bytes that are read of a frame: three a pixel before it is compressed, and some for the format."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture that can be sent: an RGB PNG with 8 bits in each channel, or what it was packed as. Also a
    clip of several."""

    path: Path
    sha256: str
    """The SHA-256 of the PNG file, as 64 hex digits; of a frame that was packed as JPEG, that of the JPEG."""
    width: int
    height: int
    time: float
    """Seconds from the start of the video; 0 for an image and in a sequence of unknown rate."""
    file_size: int
    """Bytes."""
    webp: str = ""
    """The SHA-256 of the WebP file at `path` that holds the PNG's pixels; empty where `path` is no WebP."""
    times: tuple[float, ...] = ()
    """The times of the frames of a clip, which `path` is then; empty for a picture."""


# --- names and files of the cache ----------------------------------------------------------------


def content_key(path: Path, time_limit: float = TIME_LIMIT) -> str:
    """Return a key for the file's content: 16 digits of its SHA-256. Of a sequence of pictures, which may
    be long, it is made of the files' names, sizes and times (`sequence_key`).

    Raises MediaError, also when reading takes more than `time_limit` seconds. A file with holes may be
    longer than any disk.
    """
    sequence = find_sequence(path)
    end, digest = monotonic() + time_limit, hashlib.sha256()
    try:
        if sequence is not None:
            return sequence_key(sequence.pictures)
        with open_regular(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                if monotonic() > end:
                    raise MediaError(
                        f"{path} takes longer than {time_limit:g} s to be read.",
                        "Copy it to a faster disk, or cut it to the part that is wanted.",
                    )
        return digest.hexdigest()[:16]
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error


def choice_key(chosen: Sequence[ChosenFrame]) -> str:
    indices = ",".join(str(frame.index) for frame in chosen)
    return hashlib.sha256(indices.encode()).hexdigest()[:8]


def hint_path(hint_video_dir: Path, content: str, size: Size, colours: Colours | None) -> Path:
    return hint_video_dir / f"{content}-{size.even}{_suffix(colours)}.mp4"


def frames_path(
    hint_video_dir: Path,
    content: str,
    size: Size,
    chosen: Sequence[ChosenFrame],
    colours: Colours | None,
) -> Path:
    return hint_video_dir / f"{content}-{size}-{choice_key(chosen)}{_suffix(colours)}"


def _suffix(colours: Colours | None) -> str:
    return f"-{colours}" if colours else ""


def frame_name(position: int) -> str:
    return f"frame-{position}.png"


@contextmanager
def drawing_folder(parent: Path) -> Iterator[Path]:
    """Make a temporary folder in `parent`, so that renaming out of it is atomic. Raises InputError.

    No link on the way to `parent` is followed. The path of the folder and that of its parent lead there even
    if a link is put in the way meanwhile: see `backend.files.without_links:path_of_descriptor`.
    """
    name = f".drawing-{secrets.token_hex(6)}"
    parent = parent.absolute()
    with ExitStack() as opened:
        try:
            descriptor = opened.enter_context(open_folder(parent, make=True))
            sweep_parts(parent, descriptor)
            os.mkdir(name, 0o700, dir_fd=descriptor)
            made = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=descriptor)
            opened.callback(os.close, made)
            mark_in_use(made)
        except OSError as error:
            raise InputError(
                f"Nothing can be written in {parent}: {error.strerror}",
                "Give another folder, for instance as hint_video_dir in config.toml.",
            ) from error
        folder = path_of_descriptor(descriptor, parent) / name
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def keep_frames(
    folder: Path, frames_dir: Path, chosen: Sequence[ChosenFrame], size: Size
) -> tuple[Frame, ...]:
    """Move the drawn frames out of the drawing folder into the cache, and read them there."""
    drawn, kept = folder / FRAMES, folder.parent / frames_dir.name
    try:
        drawn.rename(kept)
    except OSError:
        # The folder exists. If it holds good frames, another process made them, and they are kept.
        # Damaged ones are moved into the temporary folder, which is removed.
        if kept_frames(frames_dir, chosen, size) is None:
            kept.rename(folder / "damaged")
            drawn.rename(kept)
    return _read_frames(frames_dir, chosen, size)


def keep_copy(drawn: Path, kept: Path) -> None:
    with drawing_folder(kept.parent) as folder:
        copy = shutil.copyfile(drawn, folder / HINT)
        copy.replace(folder.parent / kept.name)


def copy_kept(kept: Path, copy: Path) -> None:
    """Copy a hint video out of the cache. Raises OSError, also where a link lies in its place."""
    with open_plain(kept) as source, copy.open("xb") as target:
        shutil.copyfileobj(source, target)


# --- reading frames back -------------------------------------------------------------------------


def kept_frames(
    folder: Path, chosen: Sequence[ChosenFrame], size: Size
) -> tuple[Frame, ...] | None:
    """Return the cached frames in `folder`; None when they are missing or damaged."""
    try:
        return _read_frames(folder, chosen, size)
    except (OSError, MediaError):
        return None


def check_drawn(video: Video, folder: Path, chosen: Sequence[ChosenFrame], size: Size) -> None:
    """Check the frames that ffmpeg wrote. Raises MediaError; ffmpeg does not report a missing frame."""
    for position, frame in enumerate(chosen):
        if not (folder / frame_name(position)).is_file():
            raise MediaError(
                f"Frame {frame.index} of {video.path}, at {frame.time:.2f} s, cannot be decoded.",
                "The file is damaged or incomplete: copy it again, or re-encode it with ffmpeg.",
            )
    # The folder is a new one of our own, and its path may be that of a descriptor, which is a link.
    _read_frames(folder, chosen, size, read_regular)


def _read_frames(
    folder: Path,
    chosen: Sequence[ChosenFrame],
    size: Size,
    read: Callable[[Path, int], bytes] = read_plain,
) -> tuple[Frame, ...]:
    return tuple(
        _read_frame(folder / frame_name(position), frame.time, size, read)
        for position, frame in enumerate(chosen)
    )


def read_frame(path: Path, sha256: str) -> bytes:
    """Read a frame to send it. Raises OSError, also when it is not the file with this hash any more."""
    png = read_plain(path, MOST_FRAME_BYTES)
    if hashlib.sha256(png).hexdigest() != sha256:
        raise FileNotFoundError(errno.ENOENT, "was changed since it was drawn", str(path))
    return png


def _read_frame(path: Path, time: float, size: Size, read: Callable[[Path, int], bytes]) -> Frame:
    """Read a PNG. Raises OSError, and MediaError when it is not a complete PNG of this size."""
    png = read(path, MOST_FRAME_BYTES)
    if not png.startswith(_PNG_START) or not png.endswith(_PNG_END):
        raise MediaError(f"{path} is not a whole PNG.")
    width, height = struct.unpack_from(">II", png, len(_PNG_START))
    if (width, height) != (size.width, size.height):
        raise MediaError(f"{path} has {width}×{height} pixels where {size} was asked for.")
    return Frame(path, hashlib.sha256(png).hexdigest(), width, height, time, len(png))


# --- looking frames up without drawing any -------------------------------------------------------


class DrawnFrames:
    """The frames in a folder for hint videos, as they were when this object was made."""

    def __init__(
        self,
        hint_video_dir: Path,
        sampling: FrameSampling,
        bytes_in: Callable[[Path, int], int | None],
    ) -> None:
        """`bytes_in` returns the bytes of so many frames in a folder, as they are sent; None where some are
        missing.
        """
        self._folder = hint_video_dir
        self._sampling = sampling
        self._bytes_in = bytes_in
        self._sizes: set[str] = set()
        self._contents: dict[Path, str] = {}
        if hint_video_dir.is_dir():
            # The name of a folder of frames is content-size-choice.
            self._sizes = {path.name.split("-")[1] for path in hint_video_dir.glob("*-*-*")}

    def image_bytes(self, video: Video, size: Size, count: int) -> int | None:
        """Return the bytes of all frames that would be sent; None when they are not drawn yet. Blocks.

        The whole video is read to hash its content, but only where the folder has frames of this size.
        """
        if str(size) not in self._sizes:
            return None
        try:
            if video.path not in self._contents:
                self._contents[video.path] = content_key(video.path)
            chosen = choose_frames(video, count, self._sampling)
            content = self._contents[video.path]
            folder = frames_path(self._folder, content, size, chosen, video.colours)
            return self._bytes_in(folder, len(chosen))
        except (OSError, UpsampleError):
            return None
