"""`upsample uninstall` on this machine: what goes, what stays, and what it waits for."""

from __future__ import annotations

import io
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest

from backend.box.links.link import Box
from backend.box.ssh.host_keys import ADDED_BY
from backend.cli import run
from backend.commands.uninstall_boxes import by_hand
from backend.config import user_file
from backend.dispatch.runs.lock import dispatcher_lock
from backend.exit_codes import ExitCode
from backend.store import State, Store, default_path
from remote.protocol import Setup
from tests.support.kept_pictures import KEY, make_frames
from tests.support.queued_jobs import new_job

HINTS = Path("inputs/hint_videos")


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_home: Path) -> Path:
    """A working folder with pictures and a result; a queue that knows it, from another folder."""
    folder = tmp_path / "work"
    monkeypatch.chdir(tmp_path)
    (folder / HINTS).mkdir(parents=True)
    make_frames(folder / HINTS, f"{KEY}-64x36-0a1b2c3d", 2)
    (folder / "outputs" / ".upsample").mkdir(parents=True)
    (folder / "outputs" / ".upsample" / "a.upsample.json").write_text("{}")
    user_file().parent.mkdir(parents=True)
    user_file().write_text("")
    settings = json.dumps({"hint_video_dir": str(folder / HINTS)})
    with closing(Store(default_path())) as store:
        store.queue([replace(new_job("a"), settings=settings)])
    return folder


def folders() -> list[Path]:
    name = "upsample"
    kinds = (platformdirs.user_config_path(name), platformdirs.user_data_path(name))
    return [folder for folder in kinds if folder.exists()]


def uninstall(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    code = run(["uninstall", *options])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_what_is_kept_here_goes_and_results_stay(
    work: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known_hosts = own_home / ".ssh" / "known_hosts"
    known_hosts.parent.mkdir()
    known_hosts.write_text(f"gpu ssh-ed25519 AAAA {ADDED_BY}\n")
    code, out, err = uninstall(capsys, "--yes", "--json")
    assert code == ExitCode.OK
    *told, program = map(json.loads, out.splitlines())
    assert {one["outcome"] for one in told} == {"removed"}
    paths = {
        str(known_hosts),
        str(work / HINTS),
        str(user_file().parent),
        str(default_path().parent),
    }
    assert {one["path"] for one in told} == paths
    assert program["outcome"] == "stays"
    assert "outputs/ and the like stay" in err
    assert folders() == []
    assert not known_hosts.exists()
    assert sorted(file.name for file in work.rglob("*")) == [
        ".upsample", "a.upsample.json", "outputs",
    ]  # fmt: skip


def test_a_second_time_there_is_nothing_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert uninstall(capsys, "--yes")[0] == ExitCode.OK
    code, out, err = uninstall(capsys, "--yes")
    assert (code, out) == (ExitCode.OK, "")
    assert "Nothing is kept here" in err


@pytest.mark.parametrize("answer", ["no\n", "\n", "yes\n"])
def test_it_asks_on_a_terminal_with_a_list(
    answer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    code, out, err = uninstall(capsys)
    assert code == ExitCode.OK
    assert "would go" in out
    assert "There is no way back" in err
    assert (folders() == []) is (answer == "yes\n")
    assert ("Nothing was removed." in err) is (answer != "yes\n")


def test_where_nobody_can_be_asked_nothing_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = uninstall(capsys)
    assert code == ExitCode.USAGE
    assert "--yes" in err
    assert len(folders()) == 2


def test_jobs_on_a_box_hold_it_up_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Store(default_path())) as store:
        store.set_state(store.jobs()[0].number, State.SENT)
    code, _, err = uninstall(capsys, "--yes", "--only-here")
    assert code == ExitCode.USAGE
    assert "1 job is on local. Nothing was removed" in err
    assert len(folders()) == 2
    code, _, err = uninstall(capsys, "--dry-run")
    assert (code, len(folders())) == (ExitCode.OK, 2)
    assert "1 job is on local: without --force, nothing would be removed" in err
    assert uninstall(capsys, "--yes", "--force")[0] == ExitCode.OK
    assert folders() == []


def test_another_process_that_works_on_the_queue_holds_it_up_unless_forced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with closing(Store(default_path())) as store, dispatcher_lock(store):
        code, _, err = uninstall(capsys, "--yes")
        assert code == ExitCode.USAGE
        assert "is working on the queue. Nothing was removed" in err
        assert len(folders()) == 2
        assert uninstall(capsys, "--yes", "--force")[0] == ExitCode.OK
    assert folders() == []


def test_settings_that_do_not_hold_stop_it_unless_it_is_only_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    user_file().write_text("of_a_newer_version = 1\n")
    code, _, err = uninstall(capsys, "--yes")
    assert code == ExitCode.USAGE
    assert "--only-here" in err
    assert uninstall(capsys, "--yes", "--only-here")[0] == ExitCode.OK
    assert folders() == []


def test_of_a_folder_that_is_a_link_the_link_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dotfiles = user_file().parent.rename(tmp_path / "dotfiles")
    user_file().parent.symlink_to(dotfiles)
    _, out, _ = uninstall(capsys, "--yes", "--json")
    assert f"a link to {dotfiles}, which stays" in out
    assert not user_file().parent.is_symlink()
    assert (dotfiles / "config.toml").exists()


@pytest.mark.parametrize(
    ("root", "folder"),
    [
        ("~/.cache/upsample", "~/.cache/upsample"),
        ("~ann/my box", "~ann/'my box'"),
        ("~", "~"),
        ("/data/$(touch x)", "'/data/$(touch x)'"),
        ("~$(id)/x", "'~$(id)/x'"),
    ],
)
def test_the_command_for_a_box_out_of_reach_is_safe_to_paste(root: str, folder: str) -> None:
    command = by_hand(Box("away", "gpu", Setup(root, "sketch", "", 1.0)))
    assert command.startswith(f"cd {folder} && rm -rf runner-*.pyz* ")
    assert command.endswith(f"/upsample-$(id -u); rmdir {folder}")
