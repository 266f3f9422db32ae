"""What each model family counts: against the real code where it can run, and against golden numbers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mistral_common.protocol.instruct.chunk import ImageChunk, TextChunk
from mistral_common.protocol.instruct.messages import ChatMessage, SystemMessage, UserMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers import image as mistral_image
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from PIL import Image

from backend.sizes import Size
from backend.tokens import (
    FAMILIES,
    PIXTRAL,
    QWEN2_VL,
    QWEN3_VL,
    Budget,
    SmartResizeRule,
    TextCounter,
    fit,
)
from tests.support.tiny_pixtral import SITE_CUSTOMIZE, find_python

SYSTEM = "You make prompts long."
ARM = "a robotic arm hand over a coffee cup to a woman in a modern office."

sides = st.integers(1, 9000)

# --- pictures ------------------------------------------------------------------------------------

_REFERENCE = """
import json, sys
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
found = []
for cell, least, greatest, width, height in json.load(sys.stdin):
    try:
        found.append(smart_resize(height, width, cell, least, greatest))
    except ValueError:
        found.append(None)
print(json.dumps(found))
"""


def _random_size(random: Random) -> Size:
    """Of every kind: tiny, common, huge, thin, and the halves at which rounding is decided."""
    match random.randrange(5):
        case 0:
            return Size(random.randint(1, 120), random.randint(1, 120))
        case 1:
            return Size(random.randint(100, 2000), random.randint(100, 2000))
        case 2:
            return Size(random.randint(2000, 20_000), random.randint(2000, 20_000))
        case 3:
            thin = random.randint(1, 40), random.randint(1, 8000)
            return Size(*(thin if random.random() < 0.5 else thin[::-1]))
        case _:
            return Size(14 * random.randint(1, 200), 16 * random.randint(1, 200))


@pytest.mark.campaign
def test_every_size_costs_what_transformers_makes_of_it(tmp_path: Path) -> None:
    python = find_python()
    (tmp_path / "sitecustomize.py").write_text(SITE_CUSTOMIZE)
    random = Random(28)
    rules = [QWEN2_VL, QWEN3_VL, SmartResizeRule(28, 4 * 784, 1280 * 784)]
    asked = [(rule, _random_size(random)) for rule in rules for _ in range(2000)]
    done = subprocess.run(
        [python, "-c", _REFERENCE],
        input=json.dumps([(r.cell, r.least, r.greatest, s.width, s.height) for r, s in asked]),
        capture_output=True,
        text=True,
        timeout=110,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    reference = json.loads(done.stdout.splitlines()[-1])
    for (rule, size), theirs in zip(asked, reference, strict=True):
        assert rule.accepts(size) == (theirs is not None), size
        if theirs is not None:
            height, width = theirs
            assert rule.resized(size) == Size(width, height), size


@pytest.mark.parametrize(
    ("rule", "size", "resized"),
    [
        (QWEN2_VL, "1280x704", "1288x700"),
        (QWEN2_VL, "1920x1080", "1932x1092"),
        (QWEN2_VL, "42x70", "56x56"),  # 1.5 and 2.5 cells: halves go to the even number
        (QWEN2_VL, "20x20", "56x56"),  # enlarged
        (QWEN2_VL, "100x1", "560x28"),
        (QWEN2_VL, "8000x6000", "4116x3080"),  # made smaller
        (QWEN3_VL, "1280x704", "1280x704"),
        (QWEN3_VL, "320x180", "352x192"),
        (QWEN3_VL, "64x36", "352x192"),
    ],
)
def test_qwen_looks_at_pictures_at_these_sizes(
    rule: SmartResizeRule, size: str, resized: str
) -> None:
    assert rule.resized(Size.parse(size)) == Size.parse(resized)
    area = Size.parse(resized).area // rule.cell**2
    assert rule.vision_tokens(Size.parse(size), 3) == 3 * (area + 2)


def test_a_strip_is_accepted_up_to_200_to_1() -> None:
    assert QWEN2_VL.accepts(Size(2000, 10))
    assert not QWEN2_VL.accepts(Size(2001, 10))
    assert not QWEN2_VL.accepts(Size(10, 2001))
    assert PIXTRAL.accepts(Size(2001, 10))


@given(width=sides, height=sides)
@example(width=1, height=1)
@example(width=9000, height=45)
def test_qwens_area_stays_within_its_limits(width: int, height: int) -> None:
    size = Size(width, height)
    assume(QWEN2_VL.accepts(size))
    area = QWEN2_VL.resized(size).area
    assert area <= QWEN2_VL.greatest
    assert area >= QWEN2_VL.least


def test_the_unknown_family_costs_no_less_than_any_known_one() -> None:
    random = Random(7)
    for size in (_random_size(random) for _ in range(500)):
        known = [f.rule.vision_tokens(size, 2) for f in FAMILIES.values() if f.name != "other"]
        assert FAMILIES["other"].rule.vision_tokens(size, 2) == max(known)


@pytest.mark.parametrize("family", FAMILIES)
@given(
    source=st.builds(Size, st.integers(1, 4000), st.integers(1, 4000)),
    room=st.integers(1, 12_000),
    frames=st.integers(1, 4),
)
@example(source=Size(4000, 20), room=100, frames=1)
@example(source=Size(21, 4000), room=100, frames=1)
def test_the_fitted_size_fits_and_is_no_larger(
    family: str, source: Size, room: int, frames: int
) -> None:
    rule, overhead = FAMILIES[family].rule, FAMILIES[family].overhead
    limit = 300 + 16 + overhead + room
    found = fit(
        source, text=16, limit=limit, reserve=300, frames=frames, rule=rule, overhead=overhead
    )
    if found is None:
        # Not even the cheapest even height with its width would.
        return
    assert rule.accepts(found)
    assert rule.vision_tokens(found, frames) <= room
    assert found == source or (found.width <= source.width and found.height <= source.height)


def test_a_picture_below_the_least_area_is_sent_as_it_is() -> None:
    # It costs as much as one of 56x56, which is never made of it.
    small = Size(30, 30)
    assert fit(small, text=0, limit=325, reserve=300, frames=1, rule=QWEN2_VL, overhead=19) == small
    assert fit(small, text=0, limit=324, reserve=300, frames=1, rule=QWEN2_VL, overhead=19) is None


# --- text ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encode() -> Callable[[list[Size], str, str], int]:
    """How many tokens mistral-common makes of pictures, a system prompt and a prompt, for Pixtral."""
    tokenizer = MistralTokenizer.v3(is_tekken=True, is_mm=True)

    def count(sizes: list[Size], system: str, prompt: str) -> int:
        images = [ImageChunk(image=Image.new("RGB", (s.width, s.height))) for s in sizes]
        user: UserMessage = UserMessage(content=[*images, TextChunk(text=prompt)])
        messages: list[ChatMessage] = [SystemMessage(content=system), user] if system else [user]
        request = ChatCompletionRequest(messages=messages)
        return len(tokenizer.encode_chat_completion(request).tokens)

    return count


@pytest.mark.parametrize("system", ["", SYSTEM, "End with a line.\n", "…", "多说一点"])
@pytest.mark.parametrize("sizes", [[], [Size(320, 180), Size(50, 70)]], ids=["text", "frames"])
def test_pixtrals_system_prompt_costs_what_mistral_common_says(
    system: str,
    sizes: list[Size],
    encode: Callable[[list[Size], str, str], int],
    counter: TextCounter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Scaling the pixels needs OpenCV and changes no token.
    monkeypatch.setattr(mistral_image, "transform_image", lambda _image, _size: np.zeros(1))
    family = FAMILIES["pixtral"]
    budget = Budget(
        limit=4096,
        reserve=300,
        text=family.text_tokens(counter, system, ARM),
        vision=sum(family.rule.vision_tokens(size, 1) for size in sizes),
        overhead=family.overhead_around(system),
    )
    assert budget.prompt_tokens == encode(sizes, system, ARM)


# Counted with Qwen's own vocabulary.
QWEN_COUNTS = {
    ARM: 16,
    "Ein Gabelstapler fährt rückwärts über nassen Asphalt, während der Regen auf die "
    "Wellblechdächer prasselt.": 35,
    "一只机械臂在现代办公室里把咖啡杯递给一位女士。窗外阳光明媚。": 18,
    "비 오는 밤, 네온사인이 젖은 거리에 반사되고 사람들이 우산을 쓰고 지나간다.": 33,
    "ذراع آلية تسلم كوب قهوة إلى امرأة في مكتب حديث.": 22,
    "Роботизированная рука передаёт чашку кофе женщине в современном офисе.": 26,
    "एक रोबोटिक हाथ आधुनिक कार्यालय में एक महिला को कॉफी का कप देता है।": 59,
    "Ένας ρομποτικός βραχίονας δίνει ένα φλιτζάνι καφέ σε μια γυναίκα.": 58,
    "ஒரு ரோபோ கை நவீன அலுவலகத்தில் ஒரு பெண்ணுக்கு காபி கோப்பையைக் கொடுக்கிறது.": 84,
    "🤖☕️ 👩🏽‍💻 hands over 🇨🇭 x": 16,
    "1280x704 2025-09-03 24 fps 3.75 s": 29,
}


@pytest.mark.parametrize("text", QWEN_COUNTS)
@pytest.mark.parametrize("family", ["qwen2-vl", "qwen3-vl", "other"])
def test_qwens_text_is_estimated_and_never_too_low(
    text: str, family: str, counter: TextCounter
) -> None:
    assert FAMILIES[family].text_tokens(counter, "", text) >= QWEN_COUNTS[text]


def test_the_estimate_of_english_is_a_tenth_above_pixtrals_count(counter: TextCounter) -> None:
    prose = f"{ARM} " * 20
    pixtral = FAMILIES["pixtral"].text_tokens(counter, "", prose)
    estimate = FAMILIES["qwen2-vl"].text_tokens(counter, "", prose)
    assert 1.1 * pixtral <= estimate <= 1.1 * pixtral + 4


def test_no_text_costs_nothing(counter: TextCounter) -> None:
    for family in FAMILIES.values():
        assert family.text_tokens(counter, "", "") == 0


def test_qwen2_puts_a_system_prompt_in_where_none_is_given() -> None:
    # <|im_start|>system\nYou are a helpful assistant.<|im_end|>\n is 11 tokens, the rest 8.
    assert FAMILIES["qwen2-vl"].overhead_around("") == 19
    assert FAMILIES["qwen2-vl"].overhead_around(SYSTEM) == 13
    assert FAMILIES["qwen3-vl"].overhead_around("") == 8


def test_only_pixtrals_budgets_are_exact() -> None:
    assert {family.name for family in FAMILIES.values() if not family.estimated} == {"pixtral"}
