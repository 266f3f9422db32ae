"""What sizes cost and which are the largest: against the documents of the users, and against `fit`."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from backend.cli import run
from backend.config import load_settings
from backend.config.profiles import load_profile
from backend.exit_codes import ExitCode
from backend.limits.estimates import LimitsLab
from backend.limits.report import cache_memory, gib_text
from backend.limits.sampled_sizes import BOUNDS, CONTEXT_LENGTHS, PROMPT, all_sizes, quick_sizes
from backend.planning import orders
from backend.planning.orders import Batch, make_jobs
from backend.planning.plan import Planner
from backend.sizes import AspectRatio, Size
from backend.specs.model import Spec, SpecFormat
from backend.tokens import TextCounter

USERS_TABLE = {
    "1024x1024": 36_273, "1440x1056": 52_614, "1056x1440": 52_614, "1920x1056": 70_152,
    "1056x1920": 70_152, "960x960": 31_887, "960x704": 23_388, "704x960": 23_388, "1280x704": 31_179,
    "704x1280": 31_179, "512x512": 9_068, "640x512": 11_338, "512x640": 11_338, "640x384": 8_503,
    "384x640": 8_503, "480x480": 7_972, "640x480": 10_629, "480x640": 10_629, "768x432": 11_479,
    "432x768": 11_479, "256x256": 2_267, "320x256": 2_834, "256x320": 2_834, "320x192": 2_126,
    "192x320": 2_126,
}  # fmt: skip
"""Two frames, docs/UPSAMPLING_RESOLUTION_INVESTIGATION.md of nat-bishop/cosmos-houdini-pipeline."""


def lab(counter: TextCounter, **settings: object) -> LimitsLab:
    upsampling = load_settings({"upsampling": settings}).upsampling
    return LimitsLab(Planner(upsampling, counter), PROMPT, CONTEXT_LENGTHS)


def test_the_linear_estimator_reproduces_the_users_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["estimate", "--estimator", "linear", "--format", "json"]) == ExitCode.OK
    listed = json.loads(capsys.readouterr().out)
    rows = [row for row in listed if not row["name"].startswith("C3 ")]
    told = {f"{row['width']}x{row['height']}": row["vision_tokens"] for row in rows}
    assert told.keys() == USERS_TABLE.keys()
    for size, tokens in USERS_TABLE.items():
        assert told[size] == pytest.approx(tokens, rel=0.001), size
    # Only the 256 category fits by it.
    fits = {row["name"].split()[0] for row in rows if row["limits"][0]["verdict"] != "exceeds"}
    assert fits == {"256"}


def test_the_sizes_are_those_of_cosmos_and_those_that_users_ask_about() -> None:
    sizes = {str(named.size) for named in all_sizes()}
    assert len(sizes) == len(all_sizes()) == 35
    assert sizes >= USERS_TABLE.keys()
    assert sizes >= {"320x180", "400x225", "426x240", "854x480", "940x529", "960x540", "1280x720"}
    assert 3 <= len(quick_sizes()) <= 10


def test_a_row_holds_both_counts_and_a_verdict_for_each_context(counter: TextCounter) -> None:
    (row,) = lab(counter).rows([n for n in all_sizes() if str(n.size) == "1280x704"], [2])
    assert (row.name, row.exact, row.linear) == ("720 16:9", 4680, 31_178)
    assert [budget.prompt_tokens for budget in row.budgets] == [4699] * 4
    assert [budget.fits for budget in row.budgets] == [False, True, True, True]


@pytest.mark.parametrize("profile", ["transfer1", "reason1", "generic"])
def test_the_largest_size_is_the_one_that_fit_finds(profile: str, counter: TextCounter) -> None:
    found = lab(counter, profile=profile)
    for aspect, frames, limit in product(AspectRatio, (1, 2, 4), CONTEXT_LENGTHS):
        largest = found.largest_of(aspect, frames, limit)
        expected = found.planner.largest(BOUNDS[aspect], found.text, frames, limit=limit)
        assert (largest.size and found.planner.seen_size(largest.size)) == expected
        if largest.above is not None:
            assert not found.planner.weigh(found.text, largest.above, frames, limit).fits
        else:
            assert largest.size == BOUNDS[aspect]


def test_the_largest_two_frame_sizes_are_those_that_are_known(counter: TextCounter) -> None:
    largest = lab(counter).largest_of(AspectRatio.WIDE, 2, 4096)
    assert (str(largest.size), largest.prompt_tokens) == ("910x512", 3731)
    assert str(largest.above) == "914x514"


def test_one_frame_more_than_the_most_does_not_fit(counter: TextCounter) -> None:
    found = lab(counter)
    for size, limit in product(
        (Size(320, 180), Size(1280, 704), Size(1920, 1080)), (900, 4096, 8192)
    ):
        most = found.most_frames(size, limit)
        assert not most or found.planner.weigh(found.text, size, most, limit).fits
        assert not found.planner.weigh(found.text, size, most + 1, limit).fits


def test_the_cache_of_pixtral_is_as_large_as_vllm_says() -> None:
    cache = load_profile("transfer1").kv_cache
    assert cache is not None
    assert cache.bytes_per_token == 163_840
    # vLLM's own words for a Mistral Nemo, which Pixtral-12B is built on: see kv-cache-too-small.
    assert gib_text(cache_memory(cache, 131_072, 1).per_request) == "20.0 GiB"
    memory = cache_memory(cache, 4096, 16)
    assert (gib_text(memory.per_request), gib_text(memory.most)) == ("0.62 GiB", "10.0 GiB")


def test_a_number_about_memory_has_no_prompt_upsampled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    batch = Batch("local", settings.boxes["local"], settings.upsampling, tmp_path)
    spec = Spec(SpecFormat.TEXT, tmp_path / "dusk.txt", 0, 1, "dusk", "Warm dusk")
    (before,) = make_jobs([spec], [], batch)
    without = load_profile("transfer1").model_copy(update={"kv_cache": None})
    monkeypatch.setattr(orders, "load_profile", lambda _: without)
    (after,) = make_jobs([spec], [], batch)
    assert before.key == after.key
