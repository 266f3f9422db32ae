"""What an address leads to is fetched once, and kept if it is a video or a picture."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from backend.addresses import path_of_address
from backend.errors import MediaError
from backend.fetching import Fetcher, Network
from backend.fetching.fetcher import FetchLimits
from backend.video import probe
from backend.video.kept_media import NotFetched, fetched_folder, kept_name, list_kept_media
from tests.support.tls_server import TlsServer, body, status

QUICK = FetchLimits(most_bytes=1 << 20, seconds=20, pauses=(0.0, 0.0))


def names_kept() -> list[str]:
    return [each.name for each in fetched_folder().iterdir()]


@pytest.fixture
def fetcher(network: Network) -> Fetcher:
    return Fetcher(network, QUICK)


async def test_a_video_is_fetched_kept_and_used_again(
    server: TlsServer, fetcher: Fetcher, clip: bytes
) -> None:
    address = server.address("/clip.mp4?key=%2F%2Fa%2F")
    server.answers["/clip.mp4?key=%2F%2Fa%2F"] = body(clip)
    path = path_of_address(server.address("/clip.mp4?key=//a/"))
    with pytest.raises(NotFetched):
        probe(path)
    await fetcher.fetch(path)
    found = probe(path)
    assert (str(found.size), found.frames, found.address) == ("64x36", 8, address)
    assert found.path == fetched_folder() / kept_name(address)
    await fetcher.fetch(path)
    await Fetcher(fetcher._network).fetch(path)
    assert server.asked.total() == 1
    assert (found.path.stat().st_mode & 0o777, fetched_folder().stat().st_mode & 0o777) == (
        0o600, 0o700,
    )  # fmt: skip
    assert names_kept() == [kept_name(address)]


async def test_jobs_that_name_one_address_wait_for_one_download(
    server: TlsServer, fetcher: Fetcher, clip: bytes
) -> None:
    server.answers["/clip.mp4"] = body(clip)
    path = path_of_address(server.address("/clip.mp4"))
    await asyncio.gather(*(fetcher.fetch(path) for _ in range(5)))
    assert server.asked["/clip.mp4"] == 1


async def test_a_path_of_a_file_is_left_alone(fetcher: Fetcher, tmp_path: Path) -> None:
    await fetcher.fetch(tmp_path / "gone.mp4")
    await fetcher.fetch(Path("s3:/bucket/clip.mp4"))
    assert not fetched_folder().exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!doctype html><title>Sign in</title>", "it is a web page (HTML)"),
        (b"", "is empty (0 bytes)"),
        (b"#EXTM3U\nhttp://169.254.169.254/a.ts\n", "it is text or a playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "it is text or a playlist"),
        (b"\x00" * 4096, "begins with zeros"),
    ],
)
async def test_what_is_no_video_or_picture_is_not_kept(
    server: TlsServer, fetcher: Fetcher, content: bytes, why: str
) -> None:
    server.answers["/clip.mp4"] = body(content, {"Content-Type": "video/mp4"})
    address = server.address("/clip.mp4")
    with pytest.raises(MediaError) as refused:
        await fetcher.fetch(path_of_address(address))
    assert refused.value.problem.startswith(address)
    assert why in refused.value.problem
    assert names_kept() == []
    assert server.asked["/clip.mp4"] == 1


async def test_a_drop_is_tried_again_a_few_times(
    server: TlsServer, fetcher: Fetcher, clip: bytes
) -> None:
    def better_and_better(handler: BaseHTTPRequestHandler) -> None:
        answers = (status(503), body(clip[:99], {"Content-Length": str(len(clip))}), body(clip))
        answers[server.asked["/clip.mp4"] - 1](handler)

    server.answers["/clip.mp4"] = better_and_better
    await fetcher.fetch(path_of_address(server.address("/clip.mp4")))
    assert server.asked["/clip.mp4"] == 3
    server.answers["/away.mp4"] = status(502)
    with pytest.raises(MediaError, match=r"answers 502 Bad Gateway \(3 tries\)"):
        await fetcher.fetch(path_of_address(server.address("/away.mp4")))
    assert server.asked["/away.mp4"] == 3
    assert len(list_kept_media()) == 1


def stalling(server: TlsServer, begun: threading.Event) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "99999")
        handler.end_headers()
        handler.wfile.write(b"begun")
        begun.set()
        server.ended.wait(20)

    server.answers["/slow.mp4"] = stall


async def test_a_cancelled_download_stops_and_leaves_nothing(
    server: TlsServer, fetcher: Fetcher
) -> None:
    begun = threading.Event()
    stalling(server, begun)
    path = path_of_address(server.address("/slow.mp4"))
    fetching = asyncio.create_task(fetcher.fetch(path))
    assert await asyncio.to_thread(begun.wait, 10)
    before = time.monotonic()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert time.monotonic() - before < 5
    assert names_kept() == []


async def test_a_server_that_stalls_is_given_up(server: TlsServer, network: Network) -> None:
    stalling(server, threading.Event())
    fetcher = Fetcher(network, FetchLimits(seconds=0.3))
    with pytest.raises(MediaError, match=r"cannot be fetched within 0\.3 s"):
        await fetcher.fetch(path_of_address(server.address("/slow.mp4")))
    assert names_kept() == []


async def test_parts_that_a_killed_process_left_are_removed(
    server: TlsServer, fetcher: Fetcher, clip: bytes
) -> None:
    left = fetched_folder() / ".drawing-0123456789ab"
    left.mkdir(parents=True)
    (left / "half.mp4").write_bytes(b"half")
    os.utime(left, (1, 1))
    server.answers["/clip.mp4"] = body(clip)
    await fetcher.fetch(path_of_address(server.address("/clip.mp4")))
    assert not left.exists()
