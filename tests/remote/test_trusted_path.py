"""Who can change what runs on a box: the rule of sshd's StrictModes, for the root and the folders above."""

from __future__ import annotations

import grp
import os
import pwd
import struct
import sys
from pathlib import Path

import pytest

from remote import trusted_path
from remote.checks.examination import Wrong
from remote.checks.machine import find_root
from remote.paths import FolderError, make_daemon_paths
from remote.trusted_path import find_exposed

US, OTHER = os.getuid(), 4242


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A runner in a root, in a folder."""
    root = tmp_path / "folder" / "root"
    root.mkdir(parents=True)
    file = root / "runner.pyz"
    file.touch(mode=0o600)
    return file


def give(path: Path, owner: int) -> None:
    """Give a file away. Raises Skipped where only root could."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, owner, -1)


@pytest.mark.parametrize(
    ("place", "mode", "is_exposed"),
    [
        (".", 0o644, False),
        (".", 0o666, True),
        ("..", 0o755, False),
        ("..", 0o777, True),
        ("..", 0o1777, True),  # others could put their own files beside the runner
        ("../..", 0o755, False),
        ("../..", 0o777, True),
        ("../..", 0o702, True),
        ("../..", 0o1777, False),  # as /tmp is
    ],
)
def test_what_others_may_write_is_named_with_its_owner_and_its_mode(
    runner: Path, place: str, mode: int, *, is_exposed: bool
) -> None:
    changed = Path(os.path.normpath(runner / place))
    changed.chmod(mode)
    exposed = find_exposed(runner)
    assert (exposed is not None) == is_exposed
    if exposed is not None:
        assert f"other users can change {changed}, " in exposed.problem
        assert f"{pwd.getpwuid(US).pw_name} ({US}) and has mode {mode:04o}" in exposed.problem
        assert f"chmod go-w {changed}" in exposed.remedy
        assert "boxes.NAME.root" in exposed.remedy


@pytest.mark.parametrize("place", [".", "..", "../.."])
def test_what_belongs_to_somebody_else_is_not_trusted_whatever_its_mode(
    runner: Path, place: str
) -> None:
    changed = Path(os.path.normpath(runner / place))
    give(changed, OTHER)
    exposed = find_exposed(runner)
    assert exposed is not None
    assert f"another user can change {changed}, " in exposed.problem
    assert f"belongs to user {OTHER} " in exposed.problem
    assert "chmod" not in exposed.remedy
    assert "boxes.NAME.root" in exposed.remedy


def test_folders_of_root_are_fine_for_other_users(
    runner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those above the home of a network or in a container."""
    give(runner, OTHER)
    give(runner.parent, OTHER)
    monkeypatch.setattr(os, "getuid", lambda: OTHER)
    assert find_exposed(runner) is None


@pytest.mark.parametrize(
    ("name", "members", "others", "is_exposed"),
    [
        ("ana", [], [], False),
        ("ana", ["ana", "root"], [], False),
        ("ana", ["mallory"], [], True),
        ("ana", [], ["mallory"], True),
        ("staff", [], [], True),
    ],
)
def test_a_group_of_ones_own_may_write(
    runner: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    members: list[str],
    others: list[str],
    *,
    is_exposed: bool,
) -> None:
    """Many systems make a group for each user, and let it write what the user makes.

    `others` are users whose first group it is; the group's entry does not name them.
    """
    runner.parent.chmod(0o775)
    group = runner.parent.stat().st_gid
    ana = pwd.struct_passwd(("ana", "x", US, group, "", "/home/ana", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: ana)
    everybody = [
        pwd.struct_passwd((each, "x", OTHER, group, "", f"/home/{each}", "/bin/sh"))
        for each in others
    ]
    monkeypatch.setattr(pwd, "getpwall", lambda: [ana, *everybody])
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group((name, "x", 4343, members)))
    monkeypatch.setattr(trusted_path, "_ROOT_GROUP", -1)
    assert (find_exposed(runner) is not None) == is_exposed


@pytest.mark.skipif(sys.platform != "linux", reason="POSIX ACLs are set through Linux's attributes")
def test_an_access_control_list_may_let_others_write_whatever_the_group(
    runner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mode shows the list's mask as the bits of the group, which may be nobody else's."""
    folder = runner.parent
    folder.chmod(0o775)
    monkeypatch.setattr(trusted_path, "_is_ours_alone", lambda _: True)
    assert find_exposed(runner) is None
    everyone = 0xFFFFFFFF
    entries = [(1, 7, everyone), (2, 7, OTHER), (4, 5, everyone), (16, 7, everyone)]
    packed = b"".join(struct.pack("<HHI", *entry) for entry in [*entries, (32, 5, everyone)])
    try:
        os.setxattr(folder, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error}")
    exposed = find_exposed(runner)
    assert exposed is not None
    assert "mode 0775 and an access control list (getfacl)" in exposed.problem
    folder.chmod(0o755)  # as the remedy says; it takes the list's mask away
    assert find_exposed(runner) is None


def test_a_daemon_keeps_nothing_where_others_can_write(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(FolderError, match=rf"other users can change {root}, .*chmod go-w {root}"):
        make_daemon_paths(str(root), tmp_path / "run")


def test_a_folder_that_another_user_has_put_into_the_root_is_refused(tmp_path: Path) -> None:
    """The root was open to others once, and what they left there is still theirs."""
    state = make_daemon_paths(str(tmp_path / "root"), tmp_path / "run").state
    give(state, OTHER)
    with pytest.raises(FolderError, match=f"another user can change {state}, "):
        make_daemon_paths(str(tmp_path / "root"), tmp_path / "run")


def test_a_link_that_others_can_turn_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    paths = make_daemon_paths(str(tmp_path / "link"), tmp_path / "run")
    assert paths.state.parent == tmp_path / "real"


def test_doctor_says_who_can_change_the_root(tmp_path: Path) -> None:
    tmp_path.chmod(0o757)
    with pytest.raises(Wrong, match=f"other users can change {tmp_path}, ") as wrong:
        find_root(str(tmp_path / "root"))
    assert f"chmod go-w {tmp_path}" in wrong.value.remedy
