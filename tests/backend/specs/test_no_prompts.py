"""Texts in a folder that are no prompts are skipped and told why; one that is named is always taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.catalog.catalog import Catalog
from backend.specs.model import Skipped, Spec
from backend.specs.no_prompts import why_no_prose
from backend.specs.scan import scan

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:1111111111111111111111111111111111111111111111111111111111111111\nsize 671\n"
)
NO_PROMPTS = {
    "LICENSE.txt": ("Permission is granted to use this.\nNo warranty.\n", "a licence"),
    "licence-MIT.txt": ("Permission is granted.\n", "a licence"),
    "third_party_licenses.txt": ("Permission is granted.\n", "a licence"),
    "README.txt": ("How to draw the clips.\n", "a README"),
    "requirements.txt": ("numpy\ntorch\n", "a list of packages"),
    "requirements-dev.txt": ("numpy\n", "a list of packages"),
    "pinned.txt": ("numpy==1.26.4\ntorch>=2.5\n-r more\n", "a list of packages"),
    "negative/default.txt": ("blurry, shaky, low resolution\n", "a negative prompt"),
    "texts/negative_prompts/a.txt": ("blurry, shaky, low resolution\n", "a negative prompt"),
    "negative_prompt.txt": ("blurry, shaky, low resolution\n", "a negative prompt"),
    "cameras/static.txt": ("1.0 0.0 -.5 1e-3\n0.0 1.0 0.0 1.0\n", "numbers"),
    "matrix.txt": ("[[1, 0], [0, 1]]\n", "numbers"),
    "train.txt": ("clips/a.mp4\nclips/b.mp4\n", "a list of files"),
    "classes.txt": ("person\nbicycle\ncar\n", "a list of single words"),
    "sums.txt": ("d41d8cd98f00b204e9800998ecf8427e 17:04\n", "a text with hardly any words"),
    "CMakeLists.txt": ("project(words and more words)\n", "a file of CMake"),
}
PROMPTS = {
    "dusk.txt": "dusk\n",
    "two.txt": "a car\na bus\n",
    "film.txt": "Shot on 35mm, 4K: a red car (a 1967 Mustang), 24 fps.\n",
    "film negative colours.txt": "The colours of a negative.\n",
    "license plate.txt": "A car whose license plate shows 4 7 1 1.\n",
    "paragraphs.txt": "A car.\n\n1. It starts.\n2. It goes.\n",
    "japanese.txt": "夕暮れの港、霧が出る。\n雨の街を走る車。\n夜の森。\n",
    "hindi.txt": "सड़क पर एक लाल कार\n",
    "arabic.txt": "سيارة حمراء في الشارع\n",
    "json.txt": '{"1": 2, "3": [4, 5, 6, 7]}\n',
}


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_what_is_no_prompt_is_skipped_in_a_folder_with_the_reason(tmp_path: Path) -> None:
    for name, (text, _) in NO_PROMPTS.items():
        put(tmp_path / name, text)
    found = scan([Path()], tmp_path)
    assert {
        str(skipped.file): skipped.reason.partition(", not")[0] for skipped in found.skipped
    } == {name: why for name, (_, why) in NO_PROMPTS.items()}
    assert all("name the file itself" in skipped.reason for skipped in found.skipped)
    assert (found.specs, found.broken) == ((), ())


def test_prose_in_any_script_is_taken(tmp_path: Path) -> None:
    for name, text in PROMPTS.items():
        put(tmp_path / name, text)
    found = scan([Path()], tmp_path)
    assert (found.skipped, found.broken) == ((), ())
    assert {str(spec.file) for spec in found.specs} == PROMPTS.keys()


def test_what_is_named_is_taken_whatever_it_is(tmp_path: Path) -> None:
    for name, (text, _) in NO_PROMPTS.items():
        put(tmp_path / name, text)
    named = [Path(name) for name in NO_PROMPTS]
    for order in (named, [Path(), *named]):
        found = scan(order, tmp_path)
        assert {spec.file for spec in found.specs} == set(named)
    put(tmp_path / "negative" / "matrix.txt", "1 0 0 1\n")
    in_named_folder = scan([Path("negative")], tmp_path)
    assert [spec.file.name for spec in in_named_folder.specs] == ["default.txt"]
    assert [skipped.file.name for skipped in in_named_folder.skipped] == ["matrix.txt"]


def test_the_app_judges_a_changed_text_as_the_scan_does(tmp_path: Path) -> None:
    put(tmp_path / "specs" / "dusk.txt", "1 0 0 1\n")
    put(tmp_path / "named.txt", "1 0 0 1\n")
    catalog = Catalog([Path("specs"), Path("named.txt")], tmp_path)
    list(catalog.scan(watched=False))
    read = catalog._read([tmp_path / "specs" / "dusk.txt", tmp_path / "named.txt"]).files
    assert isinstance(read[Path("specs/dusk.txt")][0], Skipped)
    assert isinstance(read[Path("named.txt")][0], Spec)


@pytest.mark.parametrize("name", ["prompt.txt", "spec.json", "batch.jsonl", "spec.yaml"])
@pytest.mark.parametrize("is_named", [False, True])
def test_a_pointer_of_git_lfs_is_told_for_what_it_is(
    tmp_path: Path, name: str, is_named: bool
) -> None:
    put(tmp_path / name, POINTER)
    found = scan([Path(name) if is_named else Path()], tmp_path)
    (skipped,) = found.skipped
    assert "the file itself was not fetched; run `git lfs pull`" in skipped.reason
    assert (found.specs, found.broken) == ((), ())


def test_a_pointer_of_git_lfs_is_no_prompt_of_a_spec(tmp_path: Path) -> None:
    put(tmp_path / "prompt.txt", POINTER)
    put(tmp_path / "spec.json", '{"prompt_path": "prompt.txt", "video_path": "v.mp4"}')
    (broken,) = scan([Path()], tmp_path).broken
    assert "git lfs pull" in broken.problem


def test_a_long_text_is_judged_by_its_beginning() -> None:
    assert why_no_prose("a red car\n" * 100_000 + "1 2 3\n" * 300_000) == ""
