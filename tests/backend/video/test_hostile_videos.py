"""Videos that are something else, refer to something else, or lie: looked at and drawn without harm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.errors import MediaError
from backend.sizes import Size
from backend.video import (
    ChosenFrame,
    FrameSampling,
    choose_frames,
    find_ffmpeg,
    prepare_frames,
    probe,
)
from backend.video.damage import refuse_cut_off
from backend.video.ffmpeg import Drawing, draw
from backend.video.frame_cache import content_key
from backend.video.probe import open_media, packets, picture_stream
from tests.backend.conftest import REAL_FFMPEG
from tests.support.memory import measure

RunFfmpeg = Callable[..., None]
LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
    "hls by file": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:{clip}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{clip}'\nfile '{address}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
    "<BaseURL>{address}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="36">'
    '<image href="file://{clip}" width="64" height="36"/></svg>',
    "text": "A text of several lines.\n" * 200,
    "script": 'AviSource("{clip}")\n',
}


@pytest.fixture
def address() -> Iterator[tuple[str, Callable[[], int]]]:
    """An address on this machine, and how many have come to it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)

        def visits() -> int:
            count = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    listening.accept()[0].close()
                    count += 1
            return count

        yield f"http://127.0.0.1:{listening.getsockname()[1]}/a.ts", visits


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "txt", "svg", "avs", "vpy"])
async def test_a_list_or_a_script_in_a_videos_place_is_neither_followed_nor_drawn(
    tmp_path: Path,
    counted_clip: Path,
    address: tuple[str, Callable[[], int]],
    kind: str,
    suffix: str,
) -> None:
    url, visits = address
    file = tmp_path / f"clip.{suffix}"
    file.write_text(LISTS[kind].format(address=url, clip=counted_clip))
    with pytest.raises(MediaError, match="not a video or image"):
        probe(file)
    # Drawn without a look before: ffmpeg itself refuses it, too.
    folder = tmp_path / "drawing"
    folder.mkdir()
    with pytest.raises(MediaError):
        await draw(
            Drawing(file, 0, frames=[(ChosenFrame(0, 0.0), "a.png")]),
            folder,
            ffmpeg=find_ffmpeg(),
            time_limit=30,
        )
    assert list(folder.iterdir()) == []
    assert visits() == 0


async def test_a_picture_that_changes_its_size_on_the_way_is_drawn_at_the_size_that_was_weighed(
    tmp_path: Path, run_ffmpeg: RunFfmpeg
) -> None:
    parts = []
    for size in ("64x36", "320x180"):
        part = tmp_path / f"{size}.ts"
        run_ffmpeg("-f", "lavfi", "-i", f"testsrc=s={size}:r=10:d=1", part)
        parts.append(part.read_bytes())
    clip = tmp_path / "growing.ts"
    clip.write_bytes(b"".join(parts))
    video = probe(clip)
    assert video.size == Size(64, 36)
    chosen = choose_frames(video, 2, FrameSampling.FIRST)
    made = await prepare_frames(video, chosen, Size(32, 18), tmp_path / "kept")
    assert {(frame.width, frame.height) for frame in made.frames} == {(32, 18)}


@pytest.mark.parametrize("sides", [(1, 1), (4096, 4096)])
def test_the_size_is_that_of_the_picture_whatever_the_header_says(
    tmp_path: Path, counted_clip: Path, sides: tuple[int, int]
) -> None:
    lying = tmp_path / "lying.mp4"
    lying.write_bytes(_with_header_size(counted_clip.read_bytes(), *sides))
    assert probe(lying).size == Size(64, 36)


def test_a_header_that_claims_an_absurd_size_is_refused(tmp_path: Path, counted_clip: Path) -> None:
    lying = tmp_path / "lying.mp4"
    lying.write_bytes(_with_header_size(counted_clip.read_bytes(), 65535, 65535))
    with contextlib.suppress(MediaError):
        assert probe(lying).size == Size(64, 36)


def test_a_duration_of_years_changes_nothing_about_the_frames(
    tmp_path: Path, counted_clip: Path
) -> None:
    data = bytearray(counted_clip.read_bytes())
    for box in (b"mvhd", b"mdhd"):
        at = data.index(box) + 4 + 16
        data[at : at + 4] = b"\x7f\xff\xff\xff"
    lying = tmp_path / "long.mp4"
    lying.write_bytes(data)
    chosen = choose_frames(probe(lying), 3)
    assert all(frame.time <= 2 for frame in chosen)


def test_a_folder_named_like_a_sequence_is_that_folder(tmp_path: Path, picture: Path) -> None:
    for folder, content in (("a%03d", picture.read_bytes()), ("a000", b"not this one")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.png").write_bytes(content)
    assert probe(tmp_path / "a%03d" / "p.png").size == Size(64, 36)


@pytest.mark.parametrize(
    "name", ["-i.mp4", "a%03d.mp4", "a:b?c=d.mp4", "https:x.mp4", "it's\n$(touch x).mp4", "a|b.mp4"]
)
async def test_frames_are_drawn_of_a_video_of_any_name(
    tmp_path: Path, counted_clip: Path, name: str
) -> None:
    shutil.copy(counted_clip, tmp_path / name)
    video = probe(tmp_path / name)
    made = await prepare_frames(video, choose_frames(video, 1), Size(32, 18), tmp_path / "kept")
    assert len(made.frames) == 1
    assert not (tmp_path / "x").exists()


def test_packets_that_do_not_end_are_given_up(counted_clip: Path) -> None:
    with open_media(counted_clip) as container:
        stream = picture_stream(counted_clip, container)
        with pytest.raises(MediaError, match="takes too long"):
            list(packets(counted_clip, container, stream, time_limit=-1.0))


def test_choosing_frames_does_not_hold_the_file_in_memory(
    tmp_path: Path, run_ffmpeg: RunFfmpeg
) -> None:
    clip = tmp_path / "large.avi"
    run_ffmpeg("-f", "lavfi", "-i", "color=s=640x480:r=25:d=14", "-c:v", "rawvideo", clip)
    size = clip.stat().st_size
    program = (
        "import sys; from backend.video import choose_frames, probe; "
        "choose_frames(probe(sys.argv[1]), 2)"
    )
    ended = measure([sys.executable, "-c", program, clip])
    assert ended.status == 0, ended.err
    assert ended.peak < size, f"{ended.peak:,} bytes for a file of {size:,}"


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_picture_with_holes_of_gigabytes_is_not_read_as_a_whole(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, ending: str
) -> None:
    """An archive of some kilobytes may bring one along."""
    picture = tmp_path / f"a.{ending}"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x36", "-frames:v", "1", "-update", "1", picture)
    os.truncate(picture, 2**31 - 2**20)
    program = f"from backend.video import probe; probe({str(picture)!r})"
    ended = measure([sys.executable, "-c", program])
    assert "MediaError" in ended.err
    assert ended.peak < 2**28


@pytest.mark.parametrize("ending", ["mkv", "avi"])
def test_a_video_with_a_hole_of_terabytes_is_given_up(
    tmp_path: Path, counted_clip: Path, run_ffmpeg: RunFfmpeg, ending: str
) -> None:
    video = tmp_path / f"a.{ending}"
    run_ffmpeg("-i", counted_clip, "-c:v", "mjpeg", video)
    os.truncate(video, 2**40)
    with pytest.raises(MediaError, match="too long"), open_media(video, 0.2) as container:
        list(packets(video, container, picture_stream(video, container)))


def test_a_bare_stream_with_a_hole_of_gigabytes_is_not_read(
    tmp_path: Path, counted_clip: Path, run_ffmpeg: RunFfmpeg
) -> None:
    """ffmpeg would keep all of it, in search of the next picture."""
    video = tmp_path / "a.h264"
    run_ffmpeg("-i", counted_clip, "-c", "copy", video)
    assert probe(video).frames == 48
    os.truncate(video, 2**32)
    with pytest.raises(MediaError, match="a bare stream of more than 512 MiB"):
        probe(video)


def test_a_jpeg_is_looked_through_piece_by_piece(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    for end, is_cut in ((b"\xff\xd9", False), (b"", True)):
        picture.write_bytes(b"\xff\xd8\xff\xda" + b"\0" * (2**20 - 1) + end)
        with pytest.raises(MediaError, match="cut off") if is_cut else contextlib.nullcontext():
            refuse_cut_off(picture)


def test_hashing_a_file_has_an_end(counted_clip: Path) -> None:
    with pytest.raises(MediaError, match="longer than"):
        content_key(counted_clip, time_limit=-1.0)


async def test_a_program_that_ffmpeg_started_ends_with_it(
    tmp_path: Path, counted_clip: Path
) -> None:
    """`ffmpeg` on the PATH may be a wrapper; here, a shell that does not hand over."""
    told = tmp_path / "child"
    wrapper = tmp_path / "ffmpeg"
    wrapper.write_text(f'#!/bin/sh\nsleep 600 &\necho $! > "{told}"\nwait\n{REAL_FFMPEG} "$@"\n')
    wrapper.chmod(0o755)
    folder = tmp_path / "drawing"
    folder.mkdir()
    drawing = Drawing(counted_clip, 0, frames=[(ChosenFrame(0, 0.0), "a.png")])
    with pytest.raises(MediaError, match="took longer"):
        await draw(drawing, folder, ffmpeg=wrapper, time_limit=4.0)
    child = int(told.read_text())
    async with asyncio.timeout(20):
        while _is_alive(child):  # noqa: ASYNC110 - it is no child of ours
            await asyncio.sleep(0.02)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def _with_header_size(data: bytes, width: int, height: int) -> bytes:
    """An MP4 whose sample description claims this size."""
    at = data.index(b"avc1", data.index(b"stsd")) + 4 + 24
    return data[:at] + width.to_bytes(2, "big") + height.to_bytes(2, "big") + data[at + 4 :]
