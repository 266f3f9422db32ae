"""With `upsampling.send = "clip"`, a video is sent as one clip of its chosen frames."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import av
import pytest

from backend.cli import run as run_command
from backend.config import load_profile, queued_settings
from backend.config.profiles import profiles_folder
from backend.dispatch.preparing.prepare import Preparer, Ready
from backend.errors import BoxOutdated, ConfigError, InputError
from backend.exit_codes import ExitCode
from backend.planning.box_counts import count_request
from backend.store import Job
from backend.tokens import TextCounter
from remote.engines.openai.chat import chat_body
from remote.protocol import NEWEST_PROTOCOL, Welcome
from tests.support.json_profile import PROFILE
from tests.support.made_up_jobs import made_up_job

Make = Callable[..., Job]


async def newest() -> Welcome:
    return Welcome(NEWEST_PROTOCOL, "r", "j", 0, "vllm 0.32.0", "s", "", 4, 0, "vllm 3f9a", "m")


@pytest.fixture
def job(tmp_path: Path) -> Make:
    """A queued job for a model of Qwen2.5-VL that takes clips of four frames, with changes."""

    def make(video: Path | None, **changes: object) -> Job:
        wanted = {"profile": "reason1", "send": "clip", "frames_to_extract": 4} | changes
        return made_up_job(tmp_path, video, "Warm dusk", **wanted)

    return make


async def prepared(job: Job) -> Ready:
    return await Preparer("m", newest, engine="vllm").prepare(job)


def files_of(ready: Ready) -> list[bytes]:
    return [base64.b64decode(image) for image in ready.message(ready.pictures).images]


def looks_in(clip: bytes) -> tuple[list[tuple[int, int, float]], list[float]]:
    """Each frame's width, height and seconds from the start, and its brightness in the middle."""
    with av.open(io.BytesIO(clip), "r") as container:
        assert [stream.type for stream in container.streams] == ["video"]
        frames = list(container.decode(video=0))
    arrays = [frame.to_ndarray(format="rgb24") for frame in frames]
    middles = [float(array[array.shape[0] // 2, array.shape[1] // 2, 1]) for array in arrays]
    return [(it.width, it.height, it.time or 0.0) for it in frames], middles


async def test_a_clip_has_exactly_the_chosen_frames_at_their_size_and_rate(
    job: Make, counted_clip: Path
) -> None:
    ready = await prepared(job(counted_clip))
    (frame,) = ready.request.frames
    (clip,) = files_of(ready)
    assert frame.times == (0.25, 0.75, 1.25, 1.75)
    assert (frame.time, frame.file) == (0.25, hashlib.sha256(clip).hexdigest())
    assert ready.image_bytes == len(clip)
    shapes, middles = looks_in(clip)
    assert shapes == [(64, 36, seconds) for seconds in (0.0, 0.5, 1.0, 1.5)]
    # Frame N of the video has the luma 16 + 4 N.
    assert [round(it * 219 / 255 / 4) for it in middles] == [6, 18, 30, 42]
    assert ready.request.least_protocol == 8
    # What is counted for a clip tells nothing about pictures.
    assert count_request(ready.request, 900, TextCounter()) is None
    assert ready.plan.budget is not None
    # 64x36 is enlarged to 3 by 2 cells of 28 pixels; two pairs, and two marks around them.
    assert ready.plan.budget.vision == 2 * 6 + 2


async def test_the_clip_is_kept_equal_each_time_and_made_anew_where_it_is_damaged(
    job: Make, counted_clip: Path
) -> None:
    first = await prepared(job(counted_clip))
    (path,) = first.images
    before = path.stat().st_mtime_ns
    assert (await prepared(job(counted_clip))).identity == first.identity
    assert path.stat().st_mtime_ns == before
    path.write_bytes(path.read_bytes()[:-200])
    again = await prepared(job(counted_clip))
    assert again.identity == first.identity
    assert files_of(again) == files_of(first)


async def test_frames_and_a_clip_of_them_are_other_jobs(job: Make, counted_clip: Path) -> None:
    clip, frames = [await prepared(job(counted_clip, send=send)) for send in ("clip", "frames")]
    assert clip.identity != frames.identity
    assert [len(it.request.frames) for it in (clip, frames)] == [1, 4]
    assert {it.times for it in frames.request.frames} == {()}
    assert frames.request.least_protocol < 8


async def test_an_odd_side_loses_a_pixel(job: Make, tmp_path: Path, counted_clip: Path) -> None:
    ready = await prepared(job(counted_clip, max_upsample_resolution="33x33"))
    (frame,) = ready.request.frames
    shapes, _ = looks_in(files_of(ready)[0])
    assert {(width, height) for width, height, _ in shapes} == {(frame.width, frame.height)}
    assert (frame.width % 2, frame.height % 2) == (0, 0)


async def test_an_image_and_a_single_frame_stay_pictures(
    job: Make, counted_clip: Path, picture: Path
) -> None:
    mixed = await prepared(replace(job(picture), controls=(counted_clip,)))
    assert [len(it.times) for it in mixed.request.frames] == [0, 4]
    body = chat_body("m", mixed.request, files_of(mixed))
    (message,) = [it for it in _list(body["messages"]) if it["role"] == "user"]
    parts = _list(message["content"])
    assert [part["type"] for part in parts] == ["image_url", "video_url", "text"]
    url = parts[1]["video_url"]
    assert isinstance(url, dict)
    assert str(url["url"]).startswith("data:video/mp4;base64,")
    alone = await prepared(job(counted_clip, frames_to_extract=1))
    assert [it.times for it in alone.request.frames] == [()]


def _list(value: object) -> list[Mapping[str, object]]:
    assert isinstance(value, list)
    return value


async def test_the_message_names_the_clip(job: Make, counted_clip: Path, picture: Path) -> None:
    profiles_folder().mkdir(parents=True)
    text = PROFILE.partition("[answer]")[0].replace("$outline", "$media")
    (profiles_folder() / "shows.toml").write_text(text)
    shows = job(picture, profile="shows", max_tokens=32768)
    ready = await prepared(replace(shows, controls=(counted_clip,), media="rgb+edge"))
    assert ready.request.prompt.splitlines()[1:] == [
        "Picture 1: the source image.",
        "Video 1: the edge control (outlines of what is to be seen).",
    ]
    assert ready.plan.budget is not None
    assert ready.plan.budget.estimated


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"profile": "transfer1"}, "the family of the profile transfer1, pixtral, takes no clips"),
        ({"profile": "generic"}, "the profile generic, other, takes no clips"),
        ({"frames_to_extract": 33}, "a clip of 33 frames is too long: a model server looks at 32"),
    ],
)
async def test_a_clip_that_the_model_would_not_take_is_refused(
    job: Make, counted_clip: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError) as caught:
        await prepared(job(counted_clip, max_tokens=32768, **changes))
    assert says in str(caught.value)
    assert "upsampling.send" in caught.value.remedy
    # What shows no video is sent as ever.
    assert (await prepared(job(None, **changes))).images == ()


async def test_boxes_that_take_no_clips_are_not_sent_any(job: Make, counted_clip: Path) -> None:
    async def older() -> Welcome:
        return replace(await newest(), protocol=7)

    with pytest.raises(BoxOutdated, match="of an earlier version"):
        await Preparer("m", older, engine="vllm").prepare(job(counted_clip))
    for engine in ("sketch", "llama"):
        with pytest.raises(InputError, match=rf"\({engine}\) takes no clips"):
            await Preparer("m", newest, engine=engine).prepare(job(counted_clip))


def test_a_batch_of_clips_for_an_engine_that_takes_none_is_refused_and_a_dry_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSAMPLE_SEND", "clip")
    spec = tmp_path / "dusk.txt"
    spec.write_text("Warm dusk")
    for options, code in (((), ExitCode.USAGE), (("--dry-run",), ExitCode.OK)):
        assert run_command(["--no-ui", *options, str(spec)]) == code
        assert "(sketch) takes no clips" in capsys.readouterr().err


def test_settings_that_send_frames_are_kept_as_before() -> None:
    frames, clip = (
        json.loads(queued_settings(f'{{"max_tokens": 4096, "send": "{send}"}}').as_json())
        for send in ("frames", "clip")
    )
    assert "send" not in frames
    assert clip["send"] == "clip"


def test_a_profile_that_sends_clips_is_of_a_family_that_takes_them() -> None:
    profiles_folder().mkdir(parents=True)
    wrong = PROFILE.partition("[answer]")[0].replace("qwen3-vl", "pixtral").replace("$outline", "")
    (profiles_folder() / "wrong.toml").write_text(wrong + '[upsampling]\nsend = "clip"\n')
    with pytest.raises(ConfigError, match="the family pixtral takes no clips"):
        load_profile("wrong")
