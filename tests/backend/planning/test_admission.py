"""Specs are admitted or refused with a reason, and the summary says what the batch costs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from backend.config import Settings, check_layers
from backend.config.profiles import profiles_folder
from backend.planning.admission import Ground, assess, choose_usable
from backend.planning.orders import Batch
from backend.planning.pace import measured_pace
from backend.planning.plan import Planner
from backend.planning.summary import BYTES_PER_PIXEL, Summary, summarise
from backend.specs.media import ShownMedia
from backend.specs.model import Spec, SpecFormat
from backend.specs.scan import scan
from backend.store import Store, Written
from backend.tokens import TextCounter
from backend.video import FrameFormat, choose_frames, prepare_frames, probe
from tests.support.queued_jobs import ANSWER, REQUEST, new_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "queue.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def settings() -> Settings:
    return check_layers([])


@pytest.fixture
def batch(settings: Settings, tmp_path: Path) -> Batch:
    name, box = settings.box_named(None)
    own = settings.upsampling.model_copy(update={"hint_video_dir": tmp_path / "hints"})
    return Batch(name, box, own, tmp_path / "out")


def put_spec(folder: Path, name: str, video: Path | str, prompt: str = "Warm dusk") -> Spec:
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"prompt": prompt, "input_video_path": str(video), "edge": {}}))
    (spec,) = scan([file], folder).specs
    return spec


def summed(batch: Batch, store: Store, counter: TextCounter, *specs: Spec) -> Summary:
    planner = Planner(batch.settings, counter)
    assessment = assess(specs, [], batch, store, force=False)
    pace = measured_pace(store, batch.box, batch.box_settings)
    return summarise(assessment, planner.plan_spec, batch, pace)


# --- what is usable ------------------------------------------------------------------------------


def test_a_spec_that_says_that_it_is_upsampled_is_refused_without_force(
    store: Store, batch: Batch
) -> None:
    spec = Spec(SpecFormat.PROMPT_SPEC, Path("a.json"), 0, 1, "a", "p", is_upsampled=True)
    refused = assess([spec], [], batch, store, force=False).refused
    assert [r.ground for r in refused] == [Ground.UPSAMPLED]
    assert len(assess([spec], [], batch, store, force=True).orders) == 1


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        ('{"subjects": []}', "it is a JSON object"),
        ('```json\n{"subjects": []}\n```', "it is a JSON object"),
        ("word " * 4, "its prompt has 4 words and counts as upsampled already"),
        ("word " * 3, None),
        ("{not json}", None),
    ],
)
def test_an_upsampled_prompt_is_refused_unless_it_is_asked_for(
    tmp_path: Path, store: Store, batch: Batch, prompt: str, why: str | None
) -> None:
    spec = put_spec(tmp_path, "dusk", "clip.mp4", prompt)
    strict = replace(batch, upsampled_words=3)
    refused = assess([spec], [], strict, store, force=False).refused
    assert [r.ground for r in refused] == ([Ground.UPSAMPLED] if why else [])
    assert all(why is not None and why in r.reason for r in refused)
    included = replace(strict, include_upsampled=True)
    assert len(assess([spec], [], included, store, force=False).orders) == 1


def test_the_short_prompt_of_cosmos3_is_what_is_sent_when_it_is_asked_for_again(
    tmp_path: Path, store: Store, batch: Batch
) -> None:
    file = tmp_path / "s.json"
    content = {"model_mode": "text2video", "prompt": "{}", "extra": {"prompt": "short"}}
    file.write_text(json.dumps(content))
    specs = scan([file], tmp_path).specs
    (refused,) = assess(specs, [], batch, store, force=False).refused
    assert refused.ground is Ground.UPSAMPLED
    again = assess(specs, [], replace(batch, include_upsampled=True), store, force=False)
    assert [order.prompt for order in again.orders] == ["short"]


def test_an_empty_prompt_is_a_template_where_the_profile_has_no_words_for_it(
    tmp_path: Path, store: Store, batch: Batch
) -> None:
    spec = put_spec(tmp_path, "dusk", "clip.mp4", " ")
    assert choose_usable([spec], store, batch, force=False) == ([spec], [])
    shipped = files("backend.config.profiles").joinpath("transfer1.toml").read_text("utf-8")
    own = profiles_folder() / "needy.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(re.sub(r"(?m)^empty_prompt = .*$", 'empty_prompt = ""', shipped))
    needy = batch.settings.model_copy(update={"profile": "needy"})
    usable, refused = choose_usable([spec], store, replace(batch, settings=needy), force=True)
    assert (usable, [each.ground for each in refused]) == ([], [Ground.TEMPLATE])
    assert refused[0].reason == "a template: its prompt is empty, and needy needs one"


def test_our_own_result_is_not_upsampled_again(tmp_path: Path, store: Store, batch: Batch) -> None:
    spec = put_spec(tmp_path, "dusk", "clip.mp4")
    digest = hashlib.sha256(spec.file.read_bytes()).hexdigest()
    store.note_written({spec.file: Written(digest, Path("source.json"))})
    usable, refused = choose_usable([spec], store, batch, force=False)
    assert (usable, refused[0].reason) == ([], "it is a result of upsample")


def test_without_a_queue_nothing_is_a_result(tmp_path: Path, batch: Batch) -> None:
    spec = put_spec(tmp_path, "dusk", "clip.mp4")
    assert choose_usable([spec], None, batch, force=False) == ([spec], [])


def test_a_file_of_somebody_else_is_not_replaced(
    tmp_path: Path, store: Store, batch: Batch
) -> None:
    specs = [put_spec(tmp_path, name, "clip.mp4") for name in ("dusk", "dawn")]
    batch.save_dir.mkdir()
    (batch.save_dir / "dusk.json").write_text("mine")
    assessment = assess(specs, [], batch, store, force=False)
    assert [r.ground for r in assessment.refused] == [Ground.OCCUPIED]
    assert "dusk.json exists already" in assessment.refused[0].reason
    assert [order.name for order in assessment.orders] == ["dawn"]


def test_a_link_that_leads_out_of_the_folder_for_results_is_refused_even_with_force(
    batch: Batch, tmp_path: Path, store: Store
) -> None:
    (tmp_path / "specs" / "city").mkdir(parents=True)
    (tmp_path / "specs" / "near").mkdir()
    specs = [put_spec(tmp_path / "specs" / name, "a", "v.mp4") for name in ("city", "near")]
    (tmp_path / "out" / "within").mkdir(parents=True)
    (tmp_path / "out" / "city").symlink_to(tmp_path)
    (tmp_path / "out" / "near").symlink_to("within")
    assessment = assess(specs, [tmp_path / "specs"], batch, store, force=True)
    ((refused,),) = [assessment.refused]
    assert refused.ground is Ground.OTHER
    assert f"leads through a link to {tmp_path}" in refused.reason
    assert [order.destination for order in assessment.orders] == [tmp_path / "out/within/a.json"]


def test_of_several_candidates_only_those_with_a_place_are_queued(
    tmp_path: Path, store: Store, batch: Batch
) -> None:
    spec = put_spec(tmp_path, "dusk", "clip.mp4")
    batch.save_dir.mkdir()
    (batch.save_dir / "dusk-2.json").write_text("mine")
    assessment = assess([spec], [], replace(batch, candidates=3), store, force=False)
    assert [order.candidate for order in assessment.orders] == [0, 2]
    assert len(assessment.refused) == 1


# --- what it comes to ----------------------------------------------------------------------------


def test_tokens_and_jobs_count_every_candidate(
    tmp_path: Path, store: Store, batch: Batch, counter: TextCounter, counted_clip: Path
) -> None:
    spec = put_spec(tmp_path, "dusk", counted_clip)
    one = summed(batch, store, counter, spec)
    three = summed(replace(batch, candidates=3), store, counter, spec)
    assert (one.prompts, len(one.orders), three.prompts, len(three.orders)) == (1, 1, 1, 3)
    assert three.prompt_tokens == 3 * one.prompt_tokens > 0
    assert three.answer_tokens == 900


async def test_bytes_are_exact_once_the_frames_are_drawn(
    tmp_path: Path, store: Store, batch: Batch, counter: TextCounter, counted_clip: Path
) -> None:
    spec = put_spec(tmp_path, "dusk", counted_clip)
    before = summed(batch, store, counter, spec)
    guess = -(-round(64 * 36 * 2 * BYTES_PER_PIXEL[FrameFormat.PNG]) // 3) * 4
    assert (before.bytes, before.bytes_are_exact) == (guess, False)

    video = probe(counted_clip)
    hints = batch.settings.hint_video_dir
    drawn = await prepare_frames(video, choose_frames(video, 2), video.size, hints)
    after = summed(batch, store, counter, spec)
    size = sum(frame.path.stat().st_size for frame in drawn.frames)
    assert (after.bytes, after.bytes_are_exact) == (-(-size // 3) * 4, True)


def test_what_does_not_fit_or_cannot_be_read_is_refused_in_groups(
    tmp_path: Path, store: Store, batch: Batch, counter: TextCounter, counted_clip: Path
) -> None:
    summary = summed(
        batch,
        store,
        counter,
        put_spec(tmp_path, "gone", tmp_path / "gone.mp4"),
        put_spec(tmp_path, "endless", counted_clip, "word " * 5_000),
        put_spec(tmp_path, "longer", counted_clip, "word " * 6_000),
    )
    groups = {ground: len(refused) for ground, refused in summary.refused_by_ground().items()}
    assert list(groups.items()) == [(Ground.EXCEEDS, 2), (Ground.UNREADABLE, 1)]
    assert summary.orders == ()


def test_time_comes_from_earlier_answers_of_the_box(
    tmp_path: Path, store: Store, batch: Batch, counter: TextCounter, counted_clip: Path
) -> None:
    spec = put_spec(tmp_path, "dusk", counted_clip)
    assert summed(batch, store, counter, spec).seconds is None
    (job,) = store.queue([new_job(box=batch.box)])
    request = replace(REQUEST, model=batch.box_settings.model)
    identity = store.set_request(job.number, request, 9)
    answer = replace(ANSWER, engine="sketch 1", started=100.0, ended=103.0)
    store.keep_answer(identity, batch.box, answer)
    assert summed(batch, store, counter, spec).seconds == 3.0
    # Eight jobs, four at a time.
    assert summed(replace(batch, candidates=8), store, counter, spec).seconds == 6.0


def test_a_plan_made_anew_is_the_plan_that_would_have_been_made(
    counter: TextCounter, settings: Settings, counted_clip: Path
) -> None:
    one_frame = settings.upsampling.model_copy(update={"frames_to_extract": 1})
    before, after = Planner(settings.upsampling, counter), Planner(one_frame, counter)
    for path in (counted_clip, None, Path("gone.mp4")):
        plan = after.plan_anew(before.plan("dusk", ShownMedia(path)))
        expected = after.plan("dusk", ShownMedia(path))
        assert (plan.frames, plan.size, plan.budget) == (
            expected.frames, expected.size, expected.budget,
        )  # fmt: skip
