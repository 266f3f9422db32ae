"""Changes on disk are reported as findings, file by file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Timer

import pytest

from backend.catalog.cache import SpecIndex
from backend.catalog.catalog import Catalog, Changes, same_specs
from backend.specs.model import BrokenSpec, Skipped, Spec, SpecFormat
from backend.specs.tables.columns import parse_columns

Until = Callable[[Callable[[], bool]], None]


class Follower:
    """A catalog that was scanned, and all changes that it told since, the newest of each file."""

    def __init__(self, catalog: Catalog) -> None:
        self.stop = Event()
        self.scanned = [f for file in catalog.scan() for f in file.findings]
        self.files: dict[Path, tuple[object, ...]] = {}
        self.others: set[Path] = set()
        self._changes = catalog.watch(self.stop)

    def until(self, done: Callable[[], bool]) -> None:
        """Take changes until this is so, for 20 seconds at most."""
        limit = Timer(20, self.stop.set)
        limit.start()
        try:
            while not done():
                changes: Changes | None = next(self._changes, None)
                assert changes is not None, f"nothing more came; so far {self.files}"
                self.files |= changes.files
                self.others |= changes.others
        finally:
            limit.cancel()

    def prompts(self, name: str) -> list[str] | None:
        """The prompts of a file that changed; None while it has not."""
        found = self.files.get(Path(name))
        return None if found is None else [f.prompt for f in found if isinstance(f, Spec)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with a folder of specs."""
    write(tmp_path / "specs" / "a.json", "first")
    write(tmp_path / "specs" / "deep" / "b.json", "second")
    return tmp_path


@pytest.fixture
def follow(folder: Path) -> Iterator[Callable[..., Follower]]:
    """Scans what is named, relative to the folder, and follows it."""
    catalogs: list[Catalog] = []

    def start(*named: str) -> Follower:
        catalogs.append(Catalog([Path(name) for name in named], folder))
        return Follower(catalogs[-1])

    yield start
    for catalog in catalogs:
        catalog.close()


def write(file: Path, prompt: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"prompt": prompt, "video_path": "v.mp4"}), encoding="utf-8")
    return file


def test_a_new_a_changed_and_a_removed_file_are_told(
    folder: Path, follow: Callable[..., Follower]
) -> None:
    seen = follow("specs")
    assert len(seen.scanned) == 2
    write(folder / "specs" / "deep" / "new.json", "third")
    write(folder / "specs" / "a.json", "edited")
    (folder / "specs" / "deep" / "b.json").unlink()
    seen.until(lambda: len(seen.files) == 3)
    assert seen.prompts("specs/deep/new.json") == ["third"]
    assert seen.prompts("specs/a.json") == ["edited"]
    assert seen.prompts("specs/deep/b.json") == []


def test_the_columns_that_the_user_names_hold_for_the_scan_and_for_what_changes(
    folder: Path,
) -> None:
    table = folder / "specs" / "t.csv"
    table.write_text("Kurztext\na red car\n")
    columns = parse_columns("prompt=Kurztext")
    for index in (None, SpecIndex(folder / "index.db")):
        with closing(Catalog([Path("specs")], folder, index, columns)) as catalog:
            found = [f for file in catalog.scan() for f in file.findings]
            assert "a red car" in [f.prompt for f in found if isinstance(f, Spec)]
            table.write_text("Kurztext\na blue car\n")
            changes = next(catalog.watch(Event()))
            (spec,) = changes.files[Path("specs/t.csv")]
            assert isinstance(spec, Spec)
            assert spec.prompt == "a blue car"
        table.write_text("Kurztext\na red car\n")


def test_what_changes_while_the_scan_goes_on_is_told(folder: Path) -> None:
    with closing(Catalog([Path("specs")], folder)) as catalog:
        scan = catalog.scan()
        next(scan)
        write(folder / "specs" / "a.json", "edited meanwhile")
        list(scan)
        changes = next(catalog.watch(Event()))
        assert [f.prompt for f in changes.files[Path("specs/a.json")] if isinstance(f, Spec)] == [
            "edited meanwhile"
        ]


def test_a_folder_that_is_moved_in_comes_with_its_files_and_goes_with_them(
    folder: Path, follow: Callable[..., Follower]
) -> None:
    write(folder / "elsewhere" / "c" / "d.json", "moved")
    seen = follow("specs")
    shutil.move(folder / "elsewhere", folder / "specs" / "in")
    seen.until(lambda: seen.prompts("specs/in/c/d.json") == ["moved"])
    shutil.move(folder / "specs" / "in", folder / "elsewhere")
    seen.until(lambda: seen.prompts("specs/in/c/d.json") == [])


def test_a_named_file_that_an_editor_replaces_is_followed_on(
    folder: Path, follow: Callable[..., Follower]
) -> None:
    seen = follow("specs/a.json")
    for prompt in ("once", "twice"):
        write(folder / "specs" / "part", prompt).replace(folder / "specs" / "a.json")
        seen.until(lambda: seen.prompts("specs/a.json") == [prompt])  # noqa: B023
    assert set(seen.files) == {Path("specs/a.json")}


def test_hidden_files_are_passed_over_and_videos_are_told_as_such(
    folder: Path, follow: Callable[..., Follower]
) -> None:
    seen = follow("specs")
    write(folder / "specs" / ".a.json.part", "half")
    write(folder / "specs" / ".git" / "x.json", "no")
    (folder / "specs" / "v.mp4").touch()
    write(folder / "specs" / "a.json", "last")
    seen.until(lambda: bool(seen.files) and bool(seen.others))
    assert set(seen.files) == {Path("specs/a.json")}
    assert seen.others == {folder / "specs" / "v.mp4"}


def test_links_out_of_the_folder_are_neither_watched_nor_read(
    folder: Path, follow: Callable[..., Follower]
) -> None:
    theirs = write(folder / "Documents" / "c.json", "a secret")
    (folder / "specs" / "deep" / "more").symlink_to("../../Documents")
    seen = follow("specs")
    write(theirs, "another secret")
    (folder / "specs" / "deep" / "b.json").unlink()
    (folder / "specs" / "deep" / "b.json").symlink_to(theirs)
    write(folder / "specs" / "last.json", "the last")
    seen.until(lambda: len(seen.files) == 2)
    assert seen.prompts("specs/last.json") == ["the last"]
    (skipped,) = seen.files[Path("specs/deep/b.json")]
    assert isinstance(skipped, Skipped)
    assert "leads out of specs" in skipped.reason


def test_a_changed_spec_names_no_text_that_is_out_of_reach(
    folder: Path, follow: Callable[..., Follower]
) -> None:
    seen = follow("specs")
    secret = folder.parent / "secret.txt"
    secret.write_text("tiger")
    (folder / "specs" / "a.json").write_text(json.dumps({"prompt_path": str(secret)}))
    seen.until(lambda: bool(seen.files))
    (broken,) = seen.files[Path("specs/a.json")]
    assert isinstance(broken, BrokenSpec)


def test_a_file_that_breaks_says_why(folder: Path, follow: Callable[..., Follower]) -> None:
    seen = follow("specs")
    (folder / "specs" / "a.json").write_text('{"prompt": 3, "video_path": "v"}')
    seen.until(lambda: bool(seen.files))
    (broken,) = seen.files[Path("specs/a.json")]
    assert isinstance(broken, BrokenSpec)


@pytest.mark.parametrize(
    ("name", "layout"), [("text.txt", "{}"), ("text.json", '{{"prompt": "{}"}}')]
)
def test_a_text_that_becomes_the_prompt_of_a_spec_is_no_spec_of_its_own(
    folder: Path, follow: Callable[..., Follower], name: str, layout: str
) -> None:
    text = folder / "specs" / name
    text.write_text(layout.format("a dock"))
    seen = follow("specs")
    assert len(seen.scanned) == 3
    dock = folder / "specs" / "dock.json"
    dock.write_text(f'{{"name":"d","prompt_path":"{name}","video_path":"v.mp4","guidance":3}}')
    seen.until(lambda: len(seen.files) == 2)
    assert seen.prompts("specs/dock.json") == ["a dock"]
    (skipped,) = seen.files[Path("specs", name)]
    assert skipped == Skipped(Path("specs", name), "the prompt of dock.json")
    text.write_text(layout.format("a dock at night"))
    seen.until(lambda: seen.prompts("specs/dock.json") == ["a dock at night"])
    dock.unlink()
    seen.until(lambda: seen.prompts(f"specs/{name}") == ["a dock at night"])


def spec(name: str, prompt: str, entry: int) -> Spec:
    return Spec(SpecFormat.UPSAMPLER_BATCH, Path("b.json"), entry, 1, name, prompt)


OLD = [spec("a", "one", 0), spec("b", "two", 1), spec("c", "three", 2)]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (OLD, {0: 0, 1: 1, 2: 2}),
        ([OLD[2], OLD[0]], {0: 2, 1: 0}),
        ([spec("new", "zero", 0), *OLD], {1: 0, 2: 1, 3: 2}),
        ([spec("a", "one", 0), spec("b", "edited", 1)], {0: 0, 1: 1}),
        ([spec("renamed", "two", 0)], {0: 1}),
        ([spec("x", "y", 0), spec("z", "w", 7)], {0: 0}),
        ([], {}),
    ],
)
def test_specs_are_known_again_in_a_changed_file(new: list[Spec], expected: dict[int, int]) -> None:
    assert same_specs(OLD, new) == expected


def test_equal_entries_keep_their_order() -> None:
    same = [spec("x", "same", entry) for entry in range(3)]
    assert same_specs(same, same[1:]) == {0: 1, 1: 2}
    assert same_specs(same, [*same, spec("x", "same", 3)]) == {0: 0, 1: 1, 2: 2}
