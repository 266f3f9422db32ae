"""Exact counts: against facts measured on real boxes, and against mistral-common itself."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mistral_common.protocol.instruct.chunk import ImageChunk, TextChunk
from mistral_common.protocol.instruct.messages import (
    AssistantMessage,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers import image as mistral_image
from mistral_common.tokens.tokenizers.base import Tokenized
from mistral_common.tokens.tokenizers.image import ImageConfig, ImageEncoder, SpecialImageIDs
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from PIL import Image

from backend.errors import InputError
from backend.sizes import Size
from backend.tokens import (
    MISTRAL_SMALL,
    PIXTRAL,
    QWEN2_VL,
    QWEN3_VL,
    Budget,
    ImageRule,
    TextCounter,
    Verdict,
    estimate_tokens,
    pixtral_image_tokens,
)
from backend.tokens.text_tokens import LONGEST_PIECE

ARM = "a robotic arm hand over a coffee cup to a woman in a modern office."
SCRIPTS = [
    ARM,
    "",
    " ",
    "Ein Gabelstapler fährt rückwärts über nassen Asphalt.",
    "一只机械臂在现代办公室里把咖啡杯递给一位女士。",
    "ذراع آلية تسلم كوب قهوة إلى امرأة في مكتب حديث.",
    "🤖☕️ 👩🏽‍💻 hands over 🇨🇭 x",
    "line one\n\n  line two\ttabbed   ",
    "[INST] not a control token [/INST] <s> [IMG]",
    "a" * 5000,
]

PixtralTokenizer = MistralTokenizer[
    UserMessage, AssistantMessage, ToolMessage, SystemMessage, Tokenized
]

sides = st.integers(1, 20_000)


# --- the users' rule of thumb --------------------------------------------------------------------


def test_the_linear_rule_reproduces_the_users_tables() -> None:
    assert estimate_tokens(320, 180) == 1992
    assert estimate_tokens(1280, 704) == 31_178
    assert estimate_tokens(1280, 704, frames=1) == 15_589


def test_the_linear_rule_refuses_no_pixels() -> None:
    with pytest.raises(InputError):
        estimate_tokens(0, 180)


# --- vision tokens -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "two_frames"), [("320x180", 504), ("1280x704", 4680), ("960x960", 7320)]
)
def test_two_frames_cost_what_was_measured(size: str, two_frames: int) -> None:
    assert PIXTRAL.vision_tokens(Size.parse(size), 2) == two_frames
    assert pixtral_image_tokens(Size.parse(size)) * 2 == two_frames


@pytest.mark.parametrize("rule", [PIXTRAL, MISTRAL_SMALL], ids=["pixtral", "mistral-small"])
@given(width=sides, height=sides)
@example(width=4000, height=3)
@example(width=1, height=20_000)
@example(width=1, height=1)
@example(width=1025, height=1024)
def test_every_size_costs_what_mistral_common_makes_of_it(
    rule: ImageRule, width: int, height: int
) -> None:
    encoder = ImageEncoder(
        ImageConfig(rule.patch, rule.longest, rule.merge), SpecialImageIDs(10, 12, 13)
    )
    # Only the size is looked at, so no pixels are made.
    columns, rows = encoder._image_to_num_tokens(_Sized(width, height))
    assert rule.image_tokens(Size(width, height)) == (columns + 1) * rows


class _Sized(Image.Image):
    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)


# --- text tokens ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pixtral() -> PixtralTokenizer:
    """mistral-common's tokenizer for Pixtral, with everything around the prompt."""
    return MistralTokenizer.v3(is_tekken=True, is_mm=True)


@given(size=st.builds(Size, st.integers(1, 20_000), st.integers(1, 20_000)))
def test_what_the_model_sees_of_a_picture_costs_the_same_as_all_of_it(size: Size) -> None:
    for rule in (PIXTRAL, MISTRAL_SMALL, QWEN2_VL, QWEN3_VL):
        if rule.accepts(size):
            seen = rule.seen_size(size)
            assert rule.seen_size(seen) == seen
            assert rule.image_tokens(seen) == rule.image_tokens(size)


@pytest.mark.parametrize("prompt", SCRIPTS)
def test_text_and_frames_and_overhead_are_the_whole_encoded_message(
    prompt: str, counter: TextCounter, pixtral: PixtralTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Scaling the pixels needs OpenCV and changes no token.
    monkeypatch.setattr(mistral_image, "transform_image", lambda _image, _size: np.zeros(1))
    sizes = [Size(320, 180), Size(50, 70)]
    images = [ImageChunk(image=Image.new("RGB", (size.width, size.height))) for size in sizes]
    message: UserMessage = UserMessage(content=[*images, TextChunk(text=prompt)])
    encoded = pixtral.encode_chat_completion(ChatCompletionRequest(messages=[message]))
    vision = sum(map(pixtral_image_tokens, sizes))
    budget = Budget(limit=4096, reserve=300, text=counter.count(prompt), vision=vision)
    assert len(encoded.tokens) == budget.prompt_tokens


@given(st.text(max_size=200))
def test_any_text_counts_as_mistral_common_counts_it(
    counter: TextCounter, pixtral: PixtralTokenizer, text: str
) -> None:
    tokens = pixtral.instruct_tokenizer.tokenizer.encode(text, bos=False, eos=False)
    assert counter.count(text) == len(tokens)


def test_half_an_emoji_is_counted_and_no_trouble(counter: TextCounter) -> None:
    assert counter.count("\ud83d x") > 0


def test_the_prompt_of_the_measurements_has_16_tokens(counter: TextCounter) -> None:
    assert counter.count(ARM) == 16


@pytest.mark.parametrize("character", [" ", "\t", "\u3000", "\n", "x", "漢"])
def test_a_million_of_one_character_is_counted_and_ends_nothing(
    counter: TextCounter, character: str
) -> None:
    assert 0 < counter.count(character * 1_000_000) <= 3_000_000


def test_a_text_of_many_words_counts_as_in_one_piece(counter: TextCounter) -> None:
    words = "A quiet harbour at warm dusk, 2 cranes against the sky. " * 5_000
    assert len(words) > 2 * LONGEST_PIECE
    whole = counter._loaded().encode_ordinary(words)
    assert counter.count(words) == len(whole)


def test_threads_share_one_loading() -> None:
    text = TextCounter()
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(text.count(ARM))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [16] * 4


# --- the budget ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "text", "prompt_tokens"),
    [("1280x704", 16, 4699), ("960x540", 6, 4157), ("1280x720", 6, 4689), ("940x529", 6, 4089)],
)
def test_prompts_are_as_long_as_the_boxes_said(size: str, text: int, prompt_tokens: int) -> None:
    vision = PIXTRAL.vision_tokens(Size.parse(size), 2)
    assert Budget(4096, 0, text, vision).prompt_tokens == prompt_tokens


@pytest.mark.parametrize(
    ("vision", "verdict", "free"),
    [
        (0, Verdict.FITS, 897),
        (796, Verdict.FITS, 101),
        (797, Verdict.NEAR, 100),
        (897, Verdict.NEAR, 0),
        (898, Verdict.EXCEEDS, -1),
    ],
)
def test_the_verdict_turns_at_90_percent_and_above_the_limit(
    vision: int, verdict: Verdict, free: int
) -> None:
    budget = Budget(limit=1000, reserve=90, text=10, vision=vision)
    assert (budget.verdict, budget.free) == (verdict, free)
    assert budget.fits is (verdict is not Verdict.EXCEEDS)
