"""Nothing is written through a link of somebody else's, before or after a folder was judged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from backend.commands.upsample import upsample_batch
from backend.commands.upsample_options import UpsampleOptions
from backend.config import load_settings
from backend.errors import LinkError
from backend.exit_codes import ExitCode
from backend.files.without_links import LinkInTheWay, is_link_free, open_folder, resolve_folder
from backend.planning.orders import resolve_hint_video_dir


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, made by somebody else: `out` leads to a folder of the user's."""
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "theirs").mkdir()
    (folder / "out").symlink_to("../theirs")
    (folder / "in").mkdir()
    (folder / "near").symlink_to("in")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("written", ["out", "out/deep", "near/../out", "in/../../theirs"])
def test_a_folder_outside_is_written_only_where_the_user_named_it(
    tmp_path: Path, written: str
) -> None:
    with pytest.raises(LinkError) as refused:
        resolve_folder(Path(written), Path.cwd(), named=False)
    assert str(tmp_path / "theirs") in refused.value.remedy
    assert resolve_folder(Path(written), Path.cwd(), named=True).is_relative_to(tmp_path / "theirs")


def test_a_link_that_stays_in_the_working_directory_is_followed(work: Path) -> None:
    assert resolve_folder(Path("near/new"), work, named=False) == work / "in" / "new"


def test_a_link_that_leads_to_itself_is_no_folder(work: Path) -> None:
    (work / "self").symlink_to("self")
    with pytest.raises(OSError, match="link"), open_folder(work / "self" / "x", make=True):
        pass


def test_an_opened_folder_is_the_one_that_was_named_and_made_on_the_way(work: Path) -> None:
    with open_folder(work / "in" / "a" / "b", make=True) as folder:
        assert os.path.samestat(os.fstat(folder), (work / "in" / "a" / "b").stat())
    with pytest.raises(FileNotFoundError, match="none"), open_folder(work / "none"):
        pass


@pytest.mark.parametrize("folder", ["out", "out/deep", "near", "near/deep"])
def test_no_link_is_followed_when_a_folder_is_opened(
    work: Path, tmp_path: Path, folder: str
) -> None:
    assert not is_link_free(work / folder)
    with pytest.raises(LinkInTheWay), open_folder(work / folder, make=True):
        pass
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_folder_that_may_be_entered_and_not_listed_is_passed_through(work: Path) -> None:
    (work / "in" / "a").mkdir()
    (work / "in").chmod(0o311)
    with open_folder(work / "in" / "a"):
        pass
    (work / "in").chmod(0o755)


def test_a_batch_writes_no_code_that_another_program_runs(work: Path, tmp_path: Path) -> None:
    profile = tmp_path / ".ipython" / "profile_default"
    profile.mkdir(parents=True)
    (work / "outputs").symlink_to("../.ipython/profile_default")
    spec = {
        "id": "p",
        "prompt": "dusk",
        "is_upsampled": False,
        "InteractiveShellApp": {"exec_lines": ["x"]},
    }
    (work / "ipython_config.json").write_text(json.dumps(spec))
    options = UpsampleOptions(no_ui=True, paths=(Path("ipython_config.json"),))
    with pytest.raises(LinkError, match="outputs leads out"):
        upsample_batch(options)
    assert (
        upsample_batch(UpsampleOptions(no_ui=True)) is ExitCode.OK
    )  # what was queued earlier goes on
    assert list(profile.iterdir()) == []


@pytest.mark.parametrize("by", ["", "environment"])
def test_pictures_are_written_outside_only_where_the_users_own_settings_say_so(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    (work / "inputs").symlink_to("../theirs")
    if by:
        monkeypatch.setenv("UPSAMPLE_HINT_VIDEO_DIR", str(work / "inputs"))
        assert resolve_hint_video_dir(load_settings().upsampling) == tmp_path / "theirs"
    else:
        with pytest.raises(LinkError):
            resolve_hint_video_dir(load_settings().upsampling)
