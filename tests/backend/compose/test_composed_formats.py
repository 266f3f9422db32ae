"""What is composed is read again as the same prompts and videos, in each format."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.addresses import path_of_address
from backend.compose.clips import SourceClip, clip_of, find_clips
from backend.compose.composition import Composition, check, left_alone
from backend.compose.formats import FORMATS, Takes
from backend.compose.making import make
from backend.compose.pattern import default_pattern, parse_pattern
from backend.compose.prompts import Prompt, read_prompts
from backend.compose.styles import Style
from backend.errors import InputError
from backend.specs.model import Mode, SpecFormat
from backend.specs.scan import scan

HARD = (
    'He said "stop", and \\ stopped',
    "夜の雨, é, \u2028 and 🚗",
    "two\nlines of words",
    "=SUM(A1) stands on a sign, in a table's way to count",
    "a prompt; with, separators\tand a tab",
    "{prompt} in braces",
)
names = count()


def composition(
    folder: Path, kind: SpecFormat, prompts: tuple[str, ...], clips: tuple[SourceClip, ...] = ()
) -> Composition:
    pattern = default_pattern(has_videos=bool(clips), has_styles=False)
    return Composition(
        tuple(Prompt(prompt) for prompt in prompts),
        clips,
        (),
        FORMATS[kind],
        parse_pattern(pattern),
        folder / "out" / f"{next(names)}",
        folder,
        date="2026-01-01T00:00:00+00:00",
    )


def written(composition: Composition) -> set[tuple[str, str, str]]:
    """Write the specs, and return format, prompt and video of each as the scan of their folder finds it."""
    make(composition, force=False, go_on=lambda done: True)
    found = scan([composition.folder], composition.cwd)
    assert (found.broken, found.skipped) == ((), ())
    return {(spec.format, spec.prompt, real(spec.video, composition.cwd)) for spec in found.specs}


def real(video: Path | None, cwd: Path) -> str:
    return "" if video is None else os.path.realpath(cwd / video)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_composition_is_read_as_what_was_combined(kind: SpecFormat, tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    takes = FORMATS[kind].takes
    videos = [
        folder / "clips" / "a.mp4",
        folder / "clips" / "~b, $HOME.mov",
        folder / "c:" / "d.mp4",
    ]
    if takes in (Takes.ANY, Takes.SOME):
        videos.append(folder / "e.png")
    clips = () if takes is Takes.NOTHING else tuple(clip_of(video, folder) for video in videos)
    made = composition(folder, kind, HARD, clips)
    check(made)
    as_read = [p.replace("\n", " ") if kind is SpecFormat.TEXT else p for p in HARD]
    paths = [os.path.realpath(clip.path) for clip in clips] or [""]
    assert written(made) == {(kind, prompt, path) for prompt in as_read for path in paths}


@pytest.mark.parametrize("kind", [k for k, it in FORMATS.items() if it.takes is Takes.ANY])
def test_a_prompt_alone_is_read_as_one(kind: SpecFormat, tmp_path: Path) -> None:
    assert written(composition(tmp_path.resolve(), kind, ("rain at night",))) == {
        (kind, "rain at night", "")
    }


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.sampled_from(list(FORMATS)))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
def test_any_prompt_survives(tmp_path: Path, texts: list[str], kind: SpecFormat) -> None:
    folder = tmp_path.resolve()
    prompts = tuple(prompt.text for prompt in read_prompts(texts, [], folder).prompts)
    clips = () if FORMATS[kind].takes is Takes.NOTHING else (clip_of(Path("v.mp4"), folder),)
    if not prompts or kind is SpecFormat.TEXT:
        return  # texts are judged by their words, and cannot hold every line
    made = composition(folder, kind, prompts, clips)
    if kind is SpecFormat.PROMPT and any(left_alone(made)):
        return
    assert {prompt for _, prompt, _ in written(made)} == set(prompts)


def test_addresses_and_numbered_names_stay_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    address = path_of_address("https://example.org/a//b.mp4?x=1/2")
    clips = (clip_of(address, folder), clip_of(Path("f/frame_%04d.png"), folder))
    make(
        composition(folder, SpecFormat.COSMOS3, ("rain",), clips), force=False, go_on=lambda _: True
    )
    specs = scan([folder / "out"], folder).specs
    assert [spec.video for spec in specs if spec.video == address] == [address]
    assert {spec.target.mode for spec in specs} == {Mode.VIDEO2VIDEO}


def test_the_mode_follows_from_the_clip(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    for kind in (SpecFormat.COSMOS3, SpecFormat.PREDICT25):
        clips = (clip_of(Path("a.png"), folder), clip_of(Path("a.mp4"), folder))
        made = composition(folder, kind, ("rain",), clips)
        make(made, force=False, go_on=lambda done: True)
        modes = [spec.target.mode for spec in scan([made.folder], folder).specs]
        assert sorted(filter(None, modes)) == [Mode.IMAGE2VIDEO, Mode.VIDEO2VIDEO]


@pytest.mark.parametrize(
    ("kind", "clips", "problem"),
    [
        (SpecFormat.TRANSFER25, [], "takes a video, and no clips are given"),
        (SpecFormat.TRANSFER1, ["a.png"], "takes a video, and a.png is given"),
        (SpecFormat.TEXT, ["a.mp4"], "takes no clip, and a.mp4 is given"),
        (SpecFormat.COSMOS3, ["a\\b.mp4"], "a backslash"),
        (SpecFormat.COSMOS3, ["\udcff.mp4"], "not UTF-8"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_written(
    kind: SpecFormat, clips: list[str], problem: str, tmp_path: Path
) -> None:
    given_clips = tuple(clip_of(Path(clip), tmp_path) for clip in clips)
    with pytest.raises(InputError, match=problem):
        check(composition(tmp_path, kind, ("rain",), given_clips))


def test_what_a_scan_would_leave_alone_is_told(tmp_path: Path) -> None:
    made = composition(tmp_path, SpecFormat.PROMPT, ("rain", "a caption on a wall"))
    (told,) = left_alone(made)
    assert told.startswith('a-caption-on-a-wall_002.json: its name says "caption"')
    (told,) = left_alone(composition(tmp_path, SpecFormat.TEXT, ("1 2 3", "rain at night")))
    assert "numbers" in told


def test_styles_multiply_the_prompts(tmp_path: Path) -> None:
    styles = (Style("plain", ""), Style("night", "night, rain"), Style("coal", "coal: {prompt}!"))
    made = Composition(
        (Prompt("A car."), Prompt("a boat")),
        (),
        styles,
        FORMATS[SpecFormat.COSMOS3],
        parse_pattern("{prompt}_{style}"),
        tmp_path,
        tmp_path,
    )
    assert made.count == 6
    assert [(spec.name, spec.prompt) for spec in made.specs()][:3] == [
        ("a-car_plain", "A car."),
        ("a-car_night", "A car, night, rain"),
        ("a-car_coal", "coal: A car.!"),
    ]
    with pytest.raises(InputError, match="JSON object, to which no style"):
        styles[1].of('{"subjects": []}')


def test_prompts_come_from_texts_tables_and_specs_with_their_videos(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\n\n  two  \n")
    (tmp_path / "t.csv").write_text("id,prompt,video\ncar,red car,a.mp4\n,,\nb,blue,\n")
    (tmp_path / "s.jsonl").write_text('{"prompt": "x"}\n{"prompt": 3}\n')
    files = [tmp_path / name for name in ("p.txt", "t.csv", "s.jsonl")]
    found = read_prompts(["zero"], files, tmp_path)
    assert [(prompt.text, prompt.name) for prompt in found.prompts] == [
        ("zero", ""),
        ("one", "p-1"),
        ("two", "p-2"),
        ("red car", "car"),
        ("blue", "b"),
        ("x", "s-1"),
    ]
    assert found.prompts[3].video == tmp_path / "a.mp4"
    assert ["1 row holds neither" in found.troubles[0], "must be text" in found.troubles[1]] == [
        True,
        True,
    ]
    for name in ("nothing.txt", "image.png"):
        with pytest.raises(InputError, match="no prompts"):
            read_prompts([], [tmp_path / name], tmp_path)


def test_clips_are_found_in_folders_and_lists(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    for name in (
        "v/b.mp4",
        "v/a.PNG",
        "v/.c.mp4",
        "v/n.txt",
        "v/seq/f1.png",
        "v/seq/f2.png",
        "x.mp4",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "v" / "list.txt").write_text("b.mp4\n\nx.mp4\nhttps://example.org/c.mp4\n")
    (folder / "t.csv").write_text("prompt,video\nrain,x.mp4\nsnow,x.mp4\n")

    def found(*paths: str) -> list[str]:
        clips = find_clips([Path(path) for path in paths], folder)
        return [str(clip.path).removeprefix(f"{folder}/") for clip in clips]

    assert found("v") == ["v/a.PNG", "v/b.mp4", "v/seq"]
    assert found("v/list.txt") == ["v/b.mp4", "x.mp4", "https:/example.org/c.mp4"]
    assert found("t.csv", "x.mp4") == ["x.mp4"]
    (folder / "v" / "list.txt").write_text("b.mp4\ngone.mp4\n")
    for path, problem in (
        ("gone", "there is no gone"),
        ("v/list.txt", "line 2 of v/list.txt"),
        ("v/n.txt", "empty"),
    ):
        with pytest.raises(InputError, match=problem):
            found(path)
