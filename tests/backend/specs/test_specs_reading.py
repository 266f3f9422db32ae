"""The formats become Specs, with their names and paths. `test_formats` has every kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.specs.model import Mode, Spec, SpecFormat, Target
from backend.specs.reading import Finding, read_file
from remote.protocol import Json

CWD = Path("/work/project")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, name: str, content: str | Json) -> tuple[Finding, ...]:
    """What is found in a file of this name with this text, or this value as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return read_file(folder / name, CWD)


def read_spec(folder: Path, name: str, content: str | Json) -> Spec:
    (found,) = read(folder, name, content)
    assert isinstance(found, Spec), found
    return found


# --- some formats in full ---------------------------------------------------------------------------


def test_a_prompt_spec_is_read_with_its_windows_paths(folder: Path) -> None:
    spec = read_spec(
        folder,
        "a.json",
        r'{"id":"ps_0123456789ab","name":"dusk","prompt":"Warm dusk","negative_prompt":"",'
        r'"input_video_path":"inputs\\videos\\city\\color.mp4","control_inputs":{"depth":"d.mp4"},'
        r'"timestamp":"2025-09-03T07:55:25Z","is_upsampled":false,"parent_prompt_text":null}',
    )
    assert spec == Spec(
        format=SpecFormat.PROMPT_SPEC,
        file=folder / "a.json",
        entry=0,
        line=1,
        name="dusk",
        prompt="Warm dusk",
        video=CWD / "inputs/videos/city/color.mp4",
        controls={"depth": CWD / "d.mp4"},
        target=Target(Mode.TRANSFER, negative_prompt=""),
    )


def test_a_prompt_spec_says_whether_it_was_upsampled(folder: Path) -> None:
    assert read_spec(
        folder, "a.json", {"id": "p", "prompt": "x", "is_upsampled": True}
    ).is_upsampled
    assert not read_spec(
        folder, "a.json", {"id": "p", "prompt": "x", "is_upsampled": 1}
    ).is_upsampled


def test_a_transfer1_spec_is_read(folder: Path) -> None:
    spec = read_spec(
        folder,
        "crates.json",
        '{"prompt":"a forklift moves crates","input_video_path":"in.mp4",'
        '"edge":{"control_weight":1.0},"seg":{"input_control":"seg.mp4","control_weight":0.5}}',
    )
    assert (spec.format, spec.name) == (SpecFormat.TRANSFER1, "crates")
    assert spec.video == CWD / "in.mp4"
    assert spec.controls == {"seg": CWD / "seg.mp4"}


def test_transfer1_without_a_video_shows_the_control_that_its_pipeline_would_show(
    folder: Path,
) -> None:
    controls: dict[str, Json] = {
        name: {"input_control": f"{name}.mp4"} for name in ("depth", "seg", "edge", "keypoint")
    }
    for expected in ("edge", "seg", "depth", "keypoint"):
        spec = read_spec(folder, "a.json", {"prompt": "p", **controls})
        assert spec.video == CWD / f"{expected}.mp4"
        del controls[expected]


def test_a_transfer1_batch_is_read_line_by_line(folder: Path) -> None:
    found = read(
        folder,
        "rain.jsonl",
        '{"visual_input":"a.mp4","prompt":"rainy dock",'
        '"control_overrides":{"seg":{"input_control":"a_seg.mp4"}}}\n\n'
        '{"visual_input":"b.mp4","prompt":""}\r\n',
    )
    first, second = found
    assert isinstance(first, Spec)
    assert isinstance(second, Spec)
    assert (first.format, first.name, first.line) == (SpecFormat.TRANSFER1_BATCH, "rain-1", 1)
    assert first.controls == {"seg": CWD / "a_seg.mp4"}
    assert (second.name, second.line, second.entry, second.prompt) == ("rain-2", 3, 1, "")


def test_an_upsampler_batch_is_read(folder: Path) -> None:
    spec = read_spec(
        folder, "b.json", '[\n{"name":"n","prompt":"p","video_path":"v.mp4","spec_id":"ps_1"}]'
    )
    assert (spec.format, spec.name, spec.line) == (SpecFormat.UPSAMPLER_BATCH, "n", 2)
    assert spec.video == CWD / "v.mp4"


def test_a_transfer25_spec_looks_for_its_files_beside_itself(folder: Path) -> None:
    (folder / "dock.txt").write_text("  crates on a dock\n")
    spec = read_spec(
        folder,
        "a.json",
        '{"name":"dock","prompt_path":"dock.txt","video_path":"dock.mp4","guidance":3,'
        '"seg":{"control_weight":1.0,"control_prompt":"forklift crates"},'
        '"edge":{"control_path":"..\\\\edge.mp4"}}',
    )
    assert (spec.format, spec.name, spec.prompt) == (
        SpecFormat.TRANSFER25,
        "dock",
        "crates on a dock",
    )
    assert spec.video == folder / "dock.mp4"
    assert spec.controls == {"edge": folder / "../edge.mp4"}
    assert spec.prompt_file == folder / "dock.txt"


def test_an_inline_prompt_of_transfer25_wins_over_its_prompt_path(folder: Path) -> None:
    spec = read_spec(
        folder, "a.json", {"prompt": "p", "prompt_path": "no.txt", "video_path": "v.mp4"}
    )
    assert (spec.prompt, spec.prompt_file) == ("p", None)


@pytest.mark.parametrize("in_a_list", [True, False])
def test_predict2_takes_images_in_a_list_or_alone(folder: Path, in_a_list: bool) -> None:
    entry: Json = {"input_video": "a.jpg", "prompt": "p", "output_video": "o.mp4"}
    spec = read_spec(folder, "a.json", [entry] if in_a_list else entry)
    assert (spec.format, spec.video) == (SpecFormat.PREDICT2, CWD / "a.jpg")


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("one prompt", ["one prompt"]),
        ("\n\n  one prompt \r\n\n", ["one prompt"]),
        ("first\r\nsecond\r\n", ["first", "second"]),
        (
            "a paragraph\nof two lines\n\nand another\n",
            ["a paragraph\nof two lines\n\nand another"],
        ),
        ("one\u2028line", ["one\u2028line"]),
    ],
)
def test_text_is_one_prompt_a_line_unless_it_has_paragraphs(
    folder: Path, text: str, prompts: list[str]
) -> None:
    found = read(folder, "a.txt", text)
    assert [spec.prompt for spec in found if isinstance(spec, Spec)] == prompts
    assert all(isinstance(spec, Spec) and spec.video is None for spec in found)


# --- telling formats apart -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"input_video_path": "v.mp4"}, SpecFormat.TRANSFER1),
        ({"input_video_path": "v.mp4", "id": "ps_1"}, SpecFormat.PROMPT_SPEC),
        ({"input_video_path": "v.mp4", "is_upsampled": False}, SpecFormat.PROMPT_SPEC),
        ({"control_inputs": {}}, SpecFormat.PROMPT_SPEC),
        ({"edge": {}}, SpecFormat.TRANSFER1),
        ({"edge": {"control_path": "e.mp4"}}, SpecFormat.TRANSFER25),
        ({"video_path": "v.mp4"}, SpecFormat.TRANSFER25),
        ({"video_path": "v.mp4", "spec_id": "ps_1"}, SpecFormat.UPSAMPLER_BATCH),
        ({"output_video": "o.mp4"}, SpecFormat.PREDICT2),
    ],
)
def test_the_format_is_told_by_keys(
    folder: Path, keys: dict[str, Json], expected: SpecFormat
) -> None:
    assert read_spec(folder, "any name.json", {"prompt": "p", **keys}).format is expected


# --- names and paths -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "  ", 5, None, "\ud800"])
def test_an_unusable_name_is_replaced_by_the_file_name(folder: Path, name: Json) -> None:
    assert read_spec(folder, "dusk.json", {"id": "p", "prompt": "p", "name": name}).name == "dusk"


@pytest.mark.parametrize("written", ["/data/v.mp4", "C:\\data\\v.mp4", "\\\\server\\v.mp4"])
def test_an_absolute_path_stays(folder: Path, written: str) -> None:
    spec = read_spec(folder, "a.json", {"prompt": "p", "input_video_path": written})
    assert spec.video == Path(written.replace("\\", "/"))


@pytest.mark.parametrize("nothing", ["", None])
def test_a_spec_may_have_no_video(folder: Path, nothing: Json) -> None:
    assert read_spec(folder, "a.json", {"prompt": "p", "input_video_path": nothing}).video is None
