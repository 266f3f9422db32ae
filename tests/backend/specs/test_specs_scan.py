"""Walking folders: what is found, in which order, and that nothing found there stops the scan."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.specs import source
from backend.specs.media import missing_media_hint
from backend.specs.model import BrokenSpec, Scan, Skipped, SpecFormat
from backend.specs.scan import scan, scan_files

GOOD = '{"prompt":"p","input_video_path":"v.mp4","edge":{}}'


def write(file: Path, text: str = GOOD) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def scanned(folder: Path) -> Scan:
    return scan([folder], folder)


def spec_files(result: Scan, top: Path) -> list[str]:
    return [spec.file.relative_to(top).as_posix() for spec in result.specs]


def test_folders_are_walked_in_order_and_hidden_ones_left_alone(tmp_path: Path) -> None:
    for name in ("b.json", "a/z.JSON", "a/b/c.jsonx", "c.txt", ".git/x.json", ".x.json", "v.mp4"):
        write(tmp_path / name)
    result = scanned(tmp_path)
    assert spec_files(result, tmp_path) == ["a/z.JSON", "b.json", "c.txt"]
    assert not result.skipped
    assert not result.broken


def test_relative_paths_are_seen_from_the_working_directory_and_kept_as_named(
    tmp_path: Path,
) -> None:
    write(tmp_path / "in" / "a.json")
    (spec,) = scan([Path("in")], tmp_path).specs
    assert spec.file == Path("in/a.json")
    assert spec.video == tmp_path / "v.mp4"


def test_links_that_lead_in_circles_are_walked_once(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.json")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "self.json").symlink_to(tmp_path / "self.json")
    result = scanned(tmp_path)
    assert spec_files(result, tmp_path) == ["a/x.json"]
    assert [broken.file.name for broken in result.broken] == ["self.json"]


def test_links_out_of_the_named_folder_are_not_followed_and_that_is_said_once(
    tmp_path: Path,
) -> None:
    write(tmp_path / "Documents" / "passwords.txt", "tiger")
    write(tmp_path / "specs" / "a.json")
    write(tmp_path / "specs" / "more" / "b.json")
    (tmp_path / "specs" / "docs").symlink_to("../Documents")
    (tmp_path / "specs" / "root").symlink_to("/")
    (tmp_path / "specs" / "more" / "c.txt").symlink_to(tmp_path / "Documents" / "passwords.txt")
    (tmp_path / "specs" / "more" / "gone.txt").symlink_to(tmp_path / "Documents" / "gone.txt")
    (tmp_path / "specs" / "more" / "within.json").symlink_to("../a.json")
    result = scan([Path("specs")], tmp_path)
    assert spec_files(result, Path("specs")) == ["a.json", "more/b.json", "more/within.json"]
    (skipped,) = result.skipped
    assert skipped.file == Path("specs/docs")
    assert str(tmp_path / "Documents") in skipped.reason
    assert "3 more links" in skipped.reason
    assert not result.broken


def test_a_link_that_is_named_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "there" / "a.json")
    write(tmp_path / "there" / "b.txt", "dusk")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "specs").symlink_to("../there")
    (tmp_path / "here" / "text.txt").symlink_to("../there/b.txt")
    found = scan([Path("here/specs/a.json"), Path("here/specs"), Path("here/text.txt")], tmp_path)
    assert [spec.file.name for spec in found.specs] == ["a.json", "b.txt", "text.txt"]


PROMPT_PATHS = [
    ("../id_rsa", "specs", False),  # outside of everything
    ("ABSOLUTE/id_rsa", "specs", False),
    ("link.txt", "specs", False),  # a link that leads there
    ("../work/dusk.txt", "specs", True),  # below the working directory
    ("../work/.ssh/key", "specs", False),  # but not in a hidden folder
    ("own/dusk.txt", "specs", True),
    ("../texts/dusk.txt", "specs", False),
    ("../texts/dusk.txt", "specs texts", True),  # in a folder that is named
    ("../texts/dusk.txt", "specs texts/dusk.txt", True),
    ("../id_rsa", "specs id_rsa", True),
]


@pytest.mark.parametrize(("written", "named", "is_taken"), PROMPT_PATHS)
def test_a_spec_names_no_text_as_its_prompt_that_is_out_of_reach(
    tmp_path: Path, written: str, named: str, is_taken: bool
) -> None:
    for text in (
        "id_rsa",
        "work/dusk.txt",
        "work/.ssh/key",
        "texts/dusk.txt",
        "specs/own/dusk.txt",
    ):
        write(tmp_path / text, "a secret")
    (tmp_path / "specs" / "link.txt").symlink_to("../id_rsa")
    path = written.replace("ABSOLUTE", str(tmp_path))
    spec = write(tmp_path / "specs" / "spec.json", json.dumps({"prompt_path": path}))
    result = scan([Path("..") / name for name in named.split()], tmp_path / "work")
    taken = [found for found in result.specs if found.file.name == spec.name]
    assert bool(taken) is is_taken
    if not is_taken:
        (broken,) = (found for found in result.broken if found.file.name == spec.name)
        assert "name that file, too" in broken.problem
        assert "secret" not in broken.problem


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json")
    assert len(scan([file, tmp_path, Path("a.json")], tmp_path).specs) == 1


def test_a_named_file_of_another_kind_is_skipped_with_a_reason(tmp_path: Path) -> None:
    (skipped,) = scan([write(tmp_path / "v.mp4")], tmp_path).skipped
    assert "does not end in" in skipped.reason


def test_the_sidecar_of_a_result_is_skipped(tmp_path: Path) -> None:
    write(tmp_path / "a.upsample.json")
    (skipped,) = scanned(tmp_path).skipped
    assert skipped.reason == "tells how a result was made"


def test_a_path_that_is_not_there_is_broken(tmp_path: Path) -> None:
    result = scan([tmp_path / "none", tmp_path / "nul\0", write(tmp_path / "a.json")], tmp_path)
    assert [broken.line for broken in result.broken] == [0, 0]
    assert len(result.specs) == 1


def test_a_folder_that_may_not_be_read_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a" / "x.json")
    write(tmp_path / "b" / "y.json")
    list_folder = os.scandir

    def refuse(place: Path) -> object:
        if place.name == "a":
            raise PermissionError(13, "Permission denied")
        return list_folder(place)

    monkeypatch.setattr("backend.specs.scan.os.scandir", refuse)
    result = scanned(tmp_path)
    assert spec_files(result, tmp_path) == ["b/y.json"]
    assert [broken.problem for broken in result.broken] == [
        "the folder cannot be read: Permission denied"
    ]


def test_a_file_that_may_not_be_read_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    write(tmp_path / "a.json")
    monkeypatch.setattr(os, "open", refuse)
    (broken,) = scanned(tmp_path).broken
    assert broken.problem == "cannot be read: Permission denied"


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{\n"prompt": "\xff"}')
    (tmp_path / "b.txt").write_bytes(b"a\0b")
    assert [str(broken.problem) for broken in scanned(tmp_path).broken] == [
        "not UTF-8: byte 13 cannot be read",
        "not a text file: byte 1 is zero",
    ]
    assert scanned(tmp_path).broken[0].line == 2


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert len(scanned(tmp_path).specs) == 1


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt"])
def test_an_empty_file_is_skipped(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "\ufeff \n")
    assert [skipped.reason for skipped in scanned(tmp_path).skipped] == ["the file is empty"]


def test_a_huge_file_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_SPEC_BYTES", len(GOOD) - 1)
    write(tmp_path / "a.json")
    assert "too large for prompts" in scanned(tmp_path).skipped[0].reason


def test_a_pipe_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    assert scanned(tmp_path).skipped == (Skipped(tmp_path / "a.json", "not a regular file"),)


def test_a_text_file_that_is_another_specs_prompt_is_skipped(tmp_path: Path) -> None:
    write(tmp_path / "dock.txt", "crates\n")
    write(tmp_path / "prompts" / "far.txt", "far\n")
    write(tmp_path / "free.txt", "free\n")
    write(tmp_path / "dock.json", '{"video_path":"v.mp4","prompt_path":"dock.txt"}')
    write(tmp_path / "z.json", '{"video_path":"v.mp4","prompt_path":"prompts/far.txt"}')
    result = scanned(tmp_path)
    assert [spec.prompt for spec in result.specs] == ["crates", "free", "far"]
    assert [skipped.reason for skipped in result.skipped] == [
        "the prompt of dock.json",
        "the prompt of z.json",
    ]


def test_a_json_file_that_is_another_specs_prompt_is_skipped(tmp_path: Path) -> None:
    write(tmp_path / "a_prompt.json", '{"prompt": "crates"}')
    write(tmp_path / "b_prompt.json", '{"prompt": "free"}')
    write(tmp_path / "dock.json", '{"video_path":"v.mp4","prompt_path":"a_prompt.json"}')
    result = scanned(tmp_path)
    assert [spec.prompt for spec in result.specs] == ["free", "crates"]
    assert [skipped.reason for skipped in result.skipped] == ["the prompt of dock.json"]


def test_a_caller_sees_how_far_the_scan_is(tmp_path: Path) -> None:
    for name in ("a.txt", "b.json", "c.json"):
        write(tmp_path / name)
    seen = [(file.position, file.total) for file in scan_files([tmp_path], tmp_path)]
    assert seen == [(1, 3), (2, 3), (0, 3)]


def test_the_examples_are_all_read_and_cover_every_format() -> None:
    root = Path(__file__).parents[3]
    result = scan([root / "examples"], root / "examples")
    assert {spec.format for spec in result.specs} == set(SpecFormat)
    assert not result.broken
    assert [skipped.reason for skipped in result.skipped] == ["the prompt of dock.json"]
    clips = root / "examples" / "clips"
    media = [spec.video for spec in result.specs if spec.video is not None]
    controls = [path for spec in result.specs for path in spec.controls.values()]
    assert all(path.parent == clips for path in [*media, *controls])


def test_a_missing_video_is_found_from_a_folder_above_the_spec(tmp_path: Path) -> None:
    write(tmp_path / "project" / "specs" / "a.json")
    (spec,) = scan([Path("project")], tmp_path).specs
    assert missing_media_hint(spec, tmp_path) is None
    write(tmp_path / "project" / "v.mp4", "")
    assert missing_media_hint(spec, tmp_path) == tmp_path / "project"
    write(tmp_path / "v.mp4", "")
    assert missing_media_hint(spec, tmp_path) is None


def test_a_video_with_an_impossible_name_has_no_hint(tmp_path: Path) -> None:
    write(tmp_path / "a.json", json.dumps({"prompt": "p", "input_video_path": "v" * 5000}))
    (spec,) = scanned(tmp_path).specs
    assert missing_media_hint(spec, tmp_path) is None


known_keys = (
    *("prompt", "prompt_path", "name", "id", "spec_id", "edge", "seg", "control_inputs"),
    *("input_video_path", "video_path", "input_video", "visual_input"),
    *("control_overrides", "input_control", "control_path"),
)
spec_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4) | st.just("a.mp4"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(known_keys), inner, max_size=5)
    ),
    max_leaves=12,
)
contents = st.binary(max_size=60) | spec_like.map(json.dumps).map(str.encode)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["a.json", "a.jsonl", "a.txt"]), content=contents)
def test_no_content_stops_a_scan(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    result = scan([tmp_path / name], tmp_path)
    assert result.specs or result.skipped or result.broken
    for problem in [broken.problem for broken in result.broken] + [
        skipped.reason for skipped in result.skipped
    ]:
        assert problem.isprintable()
        assert "\n" not in str(BrokenSpec(tmp_path, 1, problem))
