from __future__ import annotations

import asyncio
import hashlib
import io
import subprocess
import sys
from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw

from remote.engines import BadRequest, Completion, Engine, Piece
from remote.engines.sketch import NOTICE, SketchEngine
from remote.protocol import FrameInfo, Request, Sampling

PROMPT = "a robot waters a plant"


def frame(colour: str, x: int = 12) -> bytes:
    image = Image.new("RGB", (96, 54), colour)
    ImageDraw.Draw(image).ellipse([x, 14, x + 26, 40], fill="white", outline="black", width=4)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def request(
    images: Sequence[bytes],
    prompt: str = PROMPT,
    seed: int = 1,
    candidate: int = 0,
    max_tokens: int = 300,
) -> Request:
    frames = tuple(
        FrameInfo(hashlib.sha256(image).hexdigest(), 96, 54, number)
        for number, image in enumerate(images)
    )
    return Request("transfer1", "", "", prompt, frames, Sampling(0.6, max_tokens, seed), candidate)


async def collect(asked: Request, images: Sequence[bytes]) -> list[Piece]:
    engine: Engine = SketchEngine()
    return [piece async for piece in engine.generate(asked, images)]


async def answer(asked: Request, images: Sequence[bytes]) -> str:
    return "".join(piece for piece in await collect(asked, images) if isinstance(piece, str))


BLUE = (frame("navy"), frame("navy", 36))
RED = (frame("firebrick"), frame("firebrick"))


async def test_text_comes_in_pieces_and_then_how_it_ended() -> None:
    *text, end = await collect(request(BLUE), BLUE)
    assert len(text) > 20
    assert all(isinstance(piece, str) and piece for piece in text)
    assert end == Completion("stop", None, None)


async def test_the_same_frames_give_the_same_text() -> None:
    assert await answer(request(BLUE), BLUE) == await answer(request(BLUE), BLUE)


async def test_other_frames_give_another_text() -> None:
    blue, red = await answer(request(BLUE), BLUE), await answer(request(RED), RED)
    assert "navy" in blue
    assert "navy" not in red
    assert "to the right" in blue
    assert "to the right" not in red


async def test_other_seed_same_facts_other_words() -> None:
    texts = {await answer(request(BLUE, seed=seed), BLUE) for seed in range(4)}
    assert len(texts) == 4
    assert all(text.startswith(f"{PROMPT}. ") for text in texts)
    assert all("navy" in text.lower() and "to the right" in text for text in texts)


async def test_another_candidate_is_worded_differently() -> None:
    texts = {await answer(request(BLUE, candidate=number), BLUE) for number in range(3)}
    assert len(texts) == 3


async def test_a_prompt_longer_than_max_tokens_is_cut_at_a_word() -> None:
    whole = await answer(request(BLUE), BLUE)
    *text, end = await collect(request(BLUE, max_tokens=2), BLUE)
    cut = "".join(str(piece) for piece in text)
    assert whole.startswith(f"{cut} ")
    assert len(cut.split()) == 2
    assert end == Completion("length")


async def test_the_paragraph_is_of_the_length_that_a_world_model_likes() -> None:
    assert 90 <= len((await answer(request(BLUE), BLUE)).split()) <= 180


async def test_a_frame_that_is_no_picture_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="not a PNG"):
        await collect(request([b"GIF89a"]), [b"GIF89a"])


async def test_frames_without_their_pictures_are_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="2 frames are named, 1 pictures came"):
        await collect(request(BLUE), BLUE[:1])


async def test_nothing_to_go_by_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="empty"):
        await collect(request([], prompt="  "), [])


async def test_other_tasks_run_while_frames_are_measured() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    *text, _ = await collect(request(BLUE), BLUE)
    counting.cancel()
    assert turns > len(text)


def test_the_notice_says_that_no_language_model_wrote_it() -> None:
    engine = SketchEngine()
    assert (engine.name, engine.notice) == ("sketch 1", NOTICE)
    assert "no language model" in NOTICE


def test_nothing_outside_the_standard_library_is_imported() -> None:
    code = (
        "import sys, remote.engines.sketch\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(t for t in tops - sys.stdlib_module_names if not t.startswith('_')))"
    )
    # -S: without site-packages, so that nothing else could be found either.
    found = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "['remote']"
