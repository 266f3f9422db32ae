"""Orders say where results go, and equal orders have equal keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.config import Layer, Profile, Table, check_layers
from backend.config.profiles import profiles_folder
from backend.planning.orders import Batch, make_jobs, same_frames_together
from backend.specs.model import Spec, SpecFormat
from backend.store import Order


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def batch(changes: Table | None = None) -> Batch:
    """One command's batch under the shipped settings with changes."""
    settings = check_layers([Layer("the test", changes or {})])
    return Batch("local", settings.boxes["local"], settings.upsampling, Path("out"))


def spec(file: str, **changes: object) -> Spec:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    made = Spec(SpecFormat.PROMPT_SPEC, path, 0, 1, "dusk", "Warm dusk")
    return replace(made, **changes)  # type: ignore[arg-type]


def destinations(specs: list[Spec], named: list[str], candidates: int = 1) -> list[str]:
    of_all = replace(batch(), candidates=candidates)
    jobs = make_jobs(specs, [Path(name) for name in named], of_all)
    return [str(job.destination.relative_to(Path("out").absolute())) for job in jobs]


def key(made: Spec, changes: Table | None = None, **fields: object) -> str:
    of_all = replace(batch(changes), **fields)  # type: ignore[arg-type]
    (job,) = make_jobs([made], [made.file], of_all)
    return job.key


# --- places --------------------------------------------------------------------------------------


def test_a_result_never_leaves_the_folder_for_results() -> None:
    specs = [spec("specs/in.json"), spec("specs/../out.json"), spec("specs/a/../../b.json")]
    found = destinations(specs, ["specs", "specs/../out.json", "specs/a/../../b.json"])
    assert found == ["in.json", "out.json", "b.json"]


def test_names_that_some_file_systems_take_for_one_get_two_places() -> None:
    places = destinations([spec("a/Dusk.json"), spec("b/dusk.json")], ["a", "b"])
    assert places[0] == "Dusk.json"
    assert places[1].startswith("dusk-")


def test_a_named_file_goes_straight_into_the_folder_for_results() -> None:
    assert destinations([spec("specs/city/a.json")], ["specs/city/a.json"]) == ["a.json"]


def test_results_keep_their_place_below_a_named_folder() -> None:
    specs = [spec("specs/city/a.json"), spec("specs/b.json")]
    assert destinations(specs, ["specs"]) == ["city/a.json", "b.json"]
    assert destinations(specs, ["."]) == ["specs/city/a.json", "specs/b.json"]


def test_a_folder_outside_the_working_directory_keeps_its_places_too(tmp_path: Path) -> None:
    made = spec("specs/city/a.json")
    outside = tmp_path / "specs"
    absolute = replace(made, file=outside / "city" / "a.json")
    assert destinations([absolute], [str(outside)]) == ["city/a.json"]
    Path("deep").mkdir()
    os.chdir("deep")
    upwards = replace(made, file=Path("../specs/city/a.json"))
    assert destinations([upwards], ["../specs"]) == ["city/a.json"]


def test_equal_names_from_two_folders_do_not_collide() -> None:
    specs = [spec("a/dusk.json"), spec("b/dusk.json"), spec("c/dusk.json")]
    found = destinations(specs, ["a", "b", "c"])
    assert found[0] == "dusk.json"
    assert len(set(found)) == 3
    assert all(Path(name).match("dusk-??????.json") for name in found[1:])
    assert found == destinations(specs, ["a", "b", "c"])


def test_the_entries_of_one_file_go_to_one_file() -> None:
    entries = [spec("batch.json", entry=entry) for entry in range(3)]
    assert destinations(entries, ["batch.json"]) == ["batch.json"] * 3


def test_candidates_get_numbered_names() -> None:
    specs = [spec("a.json"), spec("b.jsonl")]
    found = destinations(specs, ["a.json", "b.jsonl"], candidates=2)
    assert found == ["a-1.json", "a-2.json", "b-1.jsonl", "b-2.jsonl"]


def test_candidates_know_the_file_for_the_one_that_is_chosen() -> None:
    several = replace(batch(), candidates=2)
    jobs = make_jobs([spec("a.json")], [Path("a.json")], several)
    assert [job.choice for job in jobs] == [Path("out/a.json").absolute()] * 2
    (alone,) = make_jobs([spec("a.json")], [Path("a.json")], batch())
    assert alone.choice is None


def test_candidates_for_a_review_share_the_one_file_they_may_come_to() -> None:
    held = replace(batch(), candidates=2, review=True)
    jobs = make_jobs([spec("a.json")], [Path("a.json")], held)
    assert {(job.destination, job.choice) for job in jobs} == {
        (Path("out/a.json").absolute(), None)
    }
    assert all(job.held for job in jobs)
    assert len({job.key for job in jobs}) == 2


def test_what_is_held_and_what_is_written_at_once_are_two_jobs() -> None:
    made = spec("a.json")
    assert key(made) != key(made, review=True)


def test_candidates_count_from_zero_and_share_the_seed() -> None:
    jobs = make_jobs([spec("a.json")], [Path("a.json")], replace(batch(), candidates=3, seed=7))
    assert [(job.candidate, job.seed) for job in jobs] == [(0, 7), (1, 7), (2, 7)]
    assert len({job.key for job in jobs}) == 3


def test_every_path_of_a_job_is_absolute(tmp_path: Path) -> None:
    (job,) = make_jobs([spec("a.json", video=Path("a.mp4"))], [Path("a.json")], batch())
    assert (job.file, job.video) == (tmp_path / "a.json", tmp_path / "a.mp4")
    assert job.destination == tmp_path / "out" / "a.json"
    assert f'"{tmp_path}/inputs/hint_videos"' in job.settings


# --- keys ----------------------------------------------------------------------------------------


def video(text: str = "video") -> Path:
    path = Path("a.mp4")
    path.write_text(text)
    os.utime(path, (1, 1))
    return path


def test_the_same_order_has_the_same_key() -> None:
    made = spec("a.json", video=video())
    assert key(made) == key(made)
    video()
    assert key(made) == key(made)


def test_the_name_and_line_of_a_spec_are_not_part_of_the_order() -> None:
    made = spec("a.json", video=video())
    assert key(made) == key(replace(made, name="other", line=9))


def test_how_frames_are_packed_is_no_part_of_the_order_unless_their_pixels_change() -> None:
    made = spec("a.json", video=video())
    packed = [
        key(made, changes={"upsampling": {"frame_format": form, "jpeg_quality": quality}})
        for form in ("png", "webp-lossless", "jpeg")
        for quality in (80, 90)
    ]
    assert packed[:4] == [key(made)] * 4
    assert len({*packed[4:], key(made)}) == 3


def test_another_order_has_another_key() -> None:
    made = spec("a.json", video=video())
    seen = {
        "as it is": key(made),
        "prompt": key(replace(made, prompt="Cold dusk")),
        "entry": key(replace(made, entry=1)),
        "file": key(spec("b.json", video=video())),
        "no video": key(replace(made, video=None)),
        "missing video": key(replace(made, video=Path("gone.mp4"))),
        "seed": key(made, seed=1),
        "save_dir": key(made, save_dir=Path("elsewhere")),
        "box": key(made, box="h100"),
        "settings": key(made, changes={"upsampling": {"reserve": 200}}),
        "engine": key(made, changes={"boxes": {"local": {"engine": "vllm"}}}),
        "model": key(made, changes={"boxes": {"local": {"model": "m"}}}),
    }
    assert len(set(seen.values())) == len(seen)


@pytest.mark.parametrize(
    "change",
    [lambda path: path.write_text("longer than before"), lambda path: os.utime(path, (2, 2))],
)
def test_a_changed_video_makes_another_order(change: Callable[[Path], object]) -> None:
    made = spec("a.json", video=video())
    before = key(made)
    change(Path("a.mp4"))
    assert key(made) != before


def test_a_changed_profile_makes_another_order() -> None:
    folder = profiles_folder()
    folder.mkdir(parents=True)
    shipped = resources.files("backend.config.profiles").joinpath("generic.toml").read_text("utf-8")
    (folder / "mine.toml").write_text(shipped)
    made = spec("a.json")
    mine: Table = {"upsampling": {"profile": "mine"}}
    before = key(made, changes=mine)
    assert key(made, changes=mine) == before
    (folder / "mine.toml").write_text(shipped.replace("detailed", "very detailed"))
    assert key(made, changes=mine) != before


def test_the_setting_says_which_videos_a_job_looks_at(tmp_path: Path) -> None:
    controls = {"edge": Path("e.mp4"), "depth": Path("d.mp4")}
    made = spec("a.json", video=video(), controls=controls)
    seen = {}
    for media in ("rgb", "control", "both", "all"):
        changed = batch({"upsampling": {"media": media}})
        (job,) = make_jobs([made], [], changed)
        seen[media] = (job.video, job.controls, job.media)
    rgb, edge, depth = tmp_path / "a.mp4", tmp_path / "e.mp4", tmp_path / "d.mp4"
    assert seen == {
        "rgb": (rgb, (), "rgb"),
        "control": (edge, (), "edge"),
        "both": (rgb, (edge,), "rgb+edge"),
        "all": (rgb, (edge, depth), "rgb+edge+depth"),
    }


def test_how_the_gpu_is_used_is_not_part_of_the_order() -> None:
    made = spec("a.json")
    two: Table = {"box_defaults": {"vllm": {"tensor_parallel_size": 2}}}
    assert key(made) == key(made, changes=two)


def test_what_all_orders_share_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Profile] = []
    whole = Profile.identity

    def identity(profile: Profile) -> str:
        asked.append(profile)
        return whole(profile)

    monkeypatch.setattr(Profile, "identity", identity)
    make_jobs([spec(f"{name}.json") for name in "abc"], [], batch())
    assert len(asked) == 1


def test_a_job_is_what_the_queue_takes() -> None:
    (job,) = make_jobs([spec("a.json", entry=3)], [], replace(batch(), seed=5))
    assert isinstance(job, Order)
    assert (job.box, job.entry, job.name, job.prompt, job.seed) == (
        "local", 3, "dusk", "Warm dusk", 5,
    )  # fmt: skip


# --- the order of work ---------------------------------------------------------------------------


def order(video: str | None, prompt: str, candidate: int = 0, settings: str = "{}") -> Order:
    return Order(
        key="k",
        box="local",
        file=Path("/specs/a.json"),
        entry=0,
        name="dusk",
        prompt=prompt,
        video=Path(video) if video else None,
        candidate=candidate,
        seed=0,
        settings=settings,
        destination=Path("/out/a.json"),
    )


def test_jobs_that_show_the_same_frames_follow_one_another() -> None:
    a, b, c, d = (order(video, p) for video, p in [("x", "1"), ("y", "2"), ("x", "3"), ("y", "4")])
    assert same_frames_together([a, b, c, d]) == [a, c, b, d]


def test_candidates_of_a_prompt_follow_one_another() -> None:
    first, other, second = order("x", "1"), order("x", "2"), order("x", "1", candidate=1)
    assert same_frames_together([first, other, second]) == [first, second, other]


def test_prompts_without_a_video_stay_where_they_are() -> None:
    jobs = [order(None, "1"), order("x", "2"), order(None, "3"), order("x", "4")]
    assert same_frames_together(jobs) == [jobs[0], jobs[1], jobs[3], jobs[2]]


orders = st.builds(
    order,
    st.sampled_from([None, "x", "y", "z"]),
    st.sampled_from("123"),
    st.integers(0, 2),
    st.sampled_from(["{}", "[]"]),
)


@given(st.lists(orders, max_size=30))
def test_the_order_of_work_is_by_first_appearance_and_loses_nothing(jobs: list[Order]) -> None:
    sorted_jobs = same_frames_together(jobs)

    assert sorted(map(id, sorted_jobs)) == sorted(map(id, jobs))
    for of in (_frames, lambda job: (*_frames(job), job.prompt)):
        groups = [of(job) for job in sorted_jobs]
        changes = [group for n, group in enumerate(groups) if n == 0 or groups[n - 1] != group]
        assert len(changes) == len(set(changes)), "a group is in two places"
    first_seen = list(dict.fromkeys(map(_frames, jobs)))
    assert list(dict.fromkeys(map(_frames, sorted_jobs))) == first_seen
    for group in first_seen:
        of_prompt = dict.fromkeys(job.prompt for job in jobs if _frames(job) == group)
        assert list(of_prompt) == list(
            dict.fromkeys(job.prompt for job in sorted_jobs if _frames(job) == group)
        )
        for prompt in of_prompt:
            alike = [job for job in jobs if (_frames(job), job.prompt) == (group, prompt)]
            kept = [job for job in sorted_jobs if (_frames(job), job.prompt) == (group, prompt)]
            assert list(map(id, kept)) == list(map(id, alike))


def _frames(job: Order) -> tuple[object, ...]:
    return (job.video, job.settings, job.video or job.prompt)


def test_an_order_has_the_same_key_in_every_version() -> None:
    # What is done already is found again by it: a change here makes everybody's batches be queued anew.
    made = Spec(SpecFormat.PROMPT_SPEC, Path("/specs/a.json"), 0, 1, "dusk", "Warm dusk")
    layer = Layer("the test", {"upsampling": {"hint_video_dir": "/hints"}})
    settings = check_layers([layer])
    shared = Batch("local", settings.boxes["local"], settings.upsampling, Path("/out"))
    keys = {
        make_jobs([made], [], each)[0].key[:16]
        for each in (shared, replace(shared, follows_server=True))
    }
    assert keys == {"7c92e8bf51798e1d"}


# --- several boxes -------------------------------------------------------------------------------


def test_the_order_for_a_fleet_is_one_whichever_box_is_named_first() -> None:
    made = spec("a.json")
    local = batch().box_settings
    one = key(made)
    fleet = key(made, fleet={"local": local, "h100": local})
    assert fleet == key(made, fleet={"h100": local, "local": local}, box="h100")
    assert fleet not in (one, key(made, fleet={"local": local, "a100": local}))
    other = local.model_copy(update={"model": "another"})
    assert fleet != key(made, fleet={"local": local, "h100": other})


def test_an_order_for_a_fleet_names_its_boxes() -> None:
    local = batch().box_settings
    made = spec("a.json")
    of_fleet = replace(batch(), fleet={"local": local, "h100": local})
    (order,) = make_jobs([made], [made.file], of_fleet)
    assert (order.box, order.fleet) == ("local", "local,h100")
