"""A queued job becomes a message that can be sent, with real frames."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.dispatch.preparing.prepare import Preparer, Ready
from backend.errors import ConfigError, InputError, MediaError
from backend.store import Job
from backend.video import RecentVideos, Video, probe
from remote.protocol import Welcome
from tests.support.made_up_jobs import made_up_job


async def served() -> Welcome:
    """What the box tells."""
    serves = "vllm 3f9a0c4e5b7d8812"
    return Welcome(5, "r", "j", 0, "vllm 0.32.0", "s", "", 4, 0, serves, "told")


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """A queued job for this video, under the shipped settings with changes."""

    def make(video: Path | None, prompt: str = "Warm dusk", **changes: object) -> Job:
        return made_up_job(tmp_path, video, prompt, **changes)

    return make


async def test_the_message_holds_the_frames_that_the_request_names(
    job: Callable[..., Job], counted_clip: Path
) -> None:
    ready = await Preparer("m", served).prepare(job(counted_clip))
    message = ready.message(ready.pictures)
    assert message.job == ready.identity == ready.request.job_id()
    assert (ready.request.model, ready.request.sampling.seed, ready.request.candidate) == (
        "m", 8, 1,
    )  # fmt: skip
    images = [base64.b64decode(image) for image in message.images]
    assert [hashlib.sha256(image).hexdigest() for image in images] == [
        frame.sha256 for frame in ready.request.frames
    ]
    assert [frame.time for frame in ready.request.frames] == [0.5, 1.5]
    assert {(frame.width, frame.height) for frame in ready.request.frames} == {(64, 36)}
    assert ready.image_bytes == sum(map(len, images))
    assert ready.plan.budget is not None
    assert ready.prompt_tokens == ready.plan.budget.prompt_tokens


async def test_frames_of_both_videos_are_sent_at_one_size(
    job: Callable[..., Job], counted_clip: Path, uneven_clip: Path
) -> None:
    both = replace(job(counted_clip), controls=(uneven_clip,))
    ready = await Preparer("m", served).prepare(both)
    times = [frame.time for frame in ready.request.frames]
    assert (times[:2], len(times), len(ready.images)) == ([0.5, 1.5], 4, 4)
    assert times[2] < times[3] < 1.5
    assert {(frame.width, frame.height) for frame in ready.request.frames} == {(64, 36)}
    assert len({frame.sha256 for frame in ready.request.frames}) == 4
    alone = await Preparer("m", served).prepare(job(counted_clip))
    assert ready.prompt_tokens - 3 == 2 * (alone.prompt_tokens - 3) - alone.plan.budget.text  # type: ignore[union-attr]


async def test_a_job_of_an_earlier_version_has_the_defaults_of_younger_settings(
    job: Callable[..., Job], counted_clip: Path
) -> None:
    now = job(counted_clip)
    settings = json.loads(now.settings)
    del settings["media"], settings["system_prompt"]
    then = replace(now, settings=json.dumps(settings))
    first, second = (
        await Preparer("m", served).prepare(now),
        await Preparer("m", served).prepare(then),
    )
    assert first.identity == second.identity


async def test_a_job_whose_profile_is_gone_fails_with_the_reason(
    job: Callable[..., Job], counted_clip: Path
) -> None:
    settings = job(counted_clip).settings.replace('"profile":"auto"', '"profile":"mine"')
    with pytest.raises(ConfigError, match="profile = 'mine': there is no such profile"):
        await Preparer("m", served).prepare(replace(job(counted_clip), settings=settings))


async def test_the_same_job_has_the_same_identity(
    job: Callable[..., Job], counted_clip: Path
) -> None:
    first = await Preparer("m", served).prepare(job(counted_clip))
    second = await Preparer("m", served).prepare(job(counted_clip))
    assert first.identity == second.identity


@pytest.mark.parametrize(
    ("wanted", "engine", "is_near", "protocol", "start"),
    [
        ("auto", "vllm", False, 7, b"RIFF"),
        ("auto", "vllm", True, 7, b"\x89PNG"),
        ("auto", "openai", False, 7, b"\x89PNG"),
        ("auto", "vllm", False, 6, b"\x89PNG"),
        ("webp-lossless", "openai", True, 7, b"RIFF"),
        ("webp-lossless", "sketch", False, 7, b"\x89PNG"),
        ("jpeg", "openai", False, 7, b"\xff\xd8\xff"),
        ("jpeg", "vllm", False, 6, b"\x89PNG"),
        ("png", "vllm", False, 7, b"\x89PNG"),
    ],
)
async def test_frames_are_sent_as_what_the_box_and_its_engine_read(
    job: Callable[..., Job],
    counted_clip: Path,
    wanted: str,
    engine: str,
    is_near: bool,
    protocol: int,
    start: bytes,
) -> None:
    async def tells() -> Welcome:
        return replace(await served(), protocol=protocol)

    as_png = await Preparer("m", served).prepare(job(counted_clip))
    preparer = Preparer("m", tells, engine=engine, is_near=is_near)
    ready = await preparer.prepare(job(counted_clip, frame_format=wanted))
    images = [base64.b64decode(image) for image in ready.message(ready.pictures).images]
    assert [image[: len(start)] for image in images] == [start] * 2
    assert {hashlib.sha256(image).hexdigest() for image in images} == ready.pictures
    assert ready.image_bytes == sum(map(len, images))
    is_lossless = start != b"\xff\xd8\xff"
    assert (ready.identity == as_png.identity) == is_lossless


async def test_a_prompt_without_a_video_is_ready_without_frames(job: Callable[..., Job]) -> None:
    ready = await Preparer("m", served).prepare(job(None))
    assert (ready.images, ready.image_bytes, ready.message(ready.pictures).images) == ((), 0, ())


async def test_a_refused_plan_is_raised(job: Callable[..., Job], tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4 does not exist"):
        await Preparer("m", served).prepare(job(tmp_path / "gone.mp4"))
    with pytest.raises(InputError, match="of 4,096"):
        await Preparer("m", served).prepare(job(None, "word " * 5000))


async def test_frames_that_cannot_be_kept_are_told_with_the_setting(
    job: Callable[..., Job], counted_clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        await Preparer("m", served).prepare(
            job(counted_clip, hint_video_dir=str(tmp_path / "file" / "x"))
        )
    assert "hint_video_dir" in caught.value.remedy


async def test_no_more_frames_are_sent_than_were_weighed(
    job: Callable[..., Job], counted_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def header_lies(path: Path) -> Video:
        return replace(probe(path), frames=1)

    monkeypatch.setattr(RecentVideos, "probe", lambda _videos, path: header_lies(path))
    ready = await Preparer("m", served).prepare(job(counted_clip))
    assert (ready.plan.frames, len(ready.images)) == (1, 1)


async def test_frames_that_are_gone_are_an_oserror(
    job: Callable[..., Job], counted_clip: Path
) -> None:
    ready = await Preparer("m", served).prepare(job(counted_clip))
    ready.images[0].unlink()
    with pytest.raises(FileNotFoundError):
        ready.message(ready.pictures)


async def test_what_frames_weigh_is_told_though_they_were_removed_since(
    job: Callable[..., Job], counted_clip: Path
) -> None:
    """Or a batch would end when somebody tidies up the hint videos."""
    ready = await Preparer("m", served).prepare(job(counted_clip))
    weighed = ready.image_bytes
    for image in ready.images:
        image.unlink()
    assert ready.image_bytes == weighed > 0


async def test_a_model_that_the_box_tells_is_the_requests_where_the_settings_name_none(
    job: Callable[..., Job],
) -> None:
    told = await Preparer("", served).prepare(job(None))
    named = await Preparer("m", served).prepare(job(None))
    assert (told.request.model, named.request.model) == ("told", "m")
    assert told.identity != named.identity


async def test_a_job_whose_settings_say_no_context_follows_what_the_box_tells_of_its_server(
    job: Callable[..., Job],
) -> None:
    said = job(None, "word " * 600)
    settings = json.loads(said.settings)
    del settings["max_tokens"]
    unsaid = replace(said, settings=json.dumps(settings))

    async def telling() -> Welcome:
        return replace(await served(), context=512)

    def limit(ready: Ready) -> int:
        assert ready.plan.budget is not None
        return ready.plan.budget.limit

    short = Preparer("m", telling, asks_server=True)
    with pytest.raises(InputError, match="of 512"):
        await short.prepare(unsaid)
    followed = await short.prepare(replace(unsaid, prompt="dusk"))
    assert (limit(followed), followed.warning) == (512, "")
    bounded = await short.prepare(replace(said, prompt="dusk"))
    assert limit(bounded) == 512
    assert "max_tokens says 4,096 tokens" in bounded.warning
    assert limit(await Preparer("m", served, asks_server=True).prepare(unsaid)) == 4096
    assert limit(await Preparer("m", telling).prepare(said)) == 4096
