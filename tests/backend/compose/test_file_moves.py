"""A spec file gets another name, or goes to the bin; and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
import send2trash.plat_other

from backend.compose.file_moves import move_to_bin, rename, rename_back, take_from_bin
from backend.errors import InputError, ResultError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "car.json"
    file.write_text("{}")
    return file


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bin of the desktop, in a place of the test's own."""
    place = tmp_path / "Trash"
    monkeypatch.setattr(send2trash, "send2trash", send2trash.plat_other.send2trash)
    monkeypatch.setattr(send2trash.plat_other, "HOMETRASH_B", str(place).encode())
    return place


def test_a_file_is_renamed_and_gets_its_name_again(file: Path) -> None:
    renamed = rename(file, "red car é")
    assert renamed.after == file.with_name("red car é.json")
    assert (renamed.after.read_text(), file.exists()) == ("{}", False)
    rename_back(renamed)
    assert (file.read_text(), renamed.after.exists()) == ("{}", False)


def test_no_other_file_is_replaced(file: Path) -> None:
    (file.parent / "bus.json").write_text("theirs")
    with pytest.raises(ResultError, match=r"bus\.json exists already"):
        rename(file, "bus")
    renamed = rename(file, "van")
    file.write_text("another")
    with pytest.raises(ResultError, match=r"car\.json exists already"):
        rename_back(renamed)
    assert (file.read_text(), (file.parent / "bus.json").read_text()) == ("another", "theirs")
    renamed.after.unlink()
    with pytest.raises(ResultError, match="cannot be renamed"):
        rename(renamed.after, "gone")


@pytest.mark.parametrize(
    "name",
    ["", " ", "a/b", "..", ".hidden", "-rf", "a\\b", "a\nb", "a\x1b", "é" * 105, "x.upsample"],
)
def test_a_harmful_name_is_refused(name: str, file: Path) -> None:
    with pytest.raises(InputError, match="is no name for a spec"):
        rename(file, name)
    assert file.exists()


def test_a_file_goes_to_the_bin_and_is_brought_back(file: Path, bin_folder: Path) -> None:
    binned = move_to_bin(file)
    assert not file.exists()
    assert (bin_folder / "files" / "car.json").read_text() == "{}"
    assert "car.json" in (bin_folder / "info" / "car.json.trashinfo").read_text()
    take_from_bin(binned)
    assert file.read_text() == "{}"
    with pytest.raises(ResultError, match="cannot be brought back: File exists"):
        take_from_bin(binned)


def test_what_is_not_there_cannot_go_to_the_bin(file: Path, bin_folder: Path) -> None:
    file.unlink()
    with pytest.raises(ResultError, match="cannot be moved to the bin"):
        move_to_bin(file)
