"""Whether systemd-logind ends the daemon at a logout. Its files are stand-ins: this machine has none."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from remote.checks.examination import NotCheckedError
from remote.checks.logout import find_logout

MAIN, PIECE = "etc/systemd/logind.conf", "etc/systemd/logind.conf.d/{}.conf"
KILLS = "[Login]\nKillUserProcesses=yes\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with logind, where ana has logged in."""
    monkeypatch.setattr(getpass, "getuser", lambda: "ana")
    (tmp_path / "run/systemd/users").mkdir(parents=True)
    put(tmp_path, "proc/self/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n")
    return tmp_path


def put(system: Path, name: str, text: str) -> None:
    file = system / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("files", "told_by"),
    [
        ({}, ""),
        ({MAIN: "[Login]\n#KillUserProcesses=yes\n; KillUserProcesses=yes\n"}, ""),
        ({MAIN: KILLS}, MAIN),
        ({MAIN: "[Login]\n KillUserProcesses = TRUE \n"}, MAIN),
        ({MAIN: KILLS, PIECE.format("site"): "[Login]\nKillUserProcesses=no\n"}, ""),
        (
            {PIECE.format("10"): KILLS, "usr/lib/systemd/logind.conf": "[Login]\n"},
            PIECE.format("10"),
        ),
        ({"usr/lib/systemd/logind.conf": KILLS, MAIN: "[Login]\n"}, ""),
        ({"run/systemd/logind.conf.d/a.conf": KILLS, PIECE.format("a"): "[Login]\n"}, ""),
        ({MAIN: KILLS + "KillExcludeUsers=root ana\n"}, ""),
        ({MAIN: KILLS + "KillExcludeUsers=ana\nKillExcludeUsers=\n"}, MAIN),
        ({MAIN: KILLS + "KillOnlyUsers=mallory\n"}, ""),
        ({MAIN: KILLS + "KillOnlyUsers=mallory ana\n"}, MAIN),
    ],
)
def test_a_box_that_ends_what_a_user_has_started_is_warned_of(
    system: Path, files: dict[str, str], told_by: str
) -> None:
    for name, text in files.items():
        put(system, name, text)
    found = find_logout(system)
    if told_by:
        assert found.detail.endswith(f"KillUserProcesses=yes in /{told_by}")
        assert "KillExcludeUsers" in found.remedy
    else:
        assert (found.detail, found.remedy) == ("what you start stays when you log out", "")


def test_a_login_without_a_session_ends_nothing(system: Path) -> None:
    """As sshd in a container, or with a PAM that knows nothing of logind."""
    put(system, MAIN, KILLS)
    put(system, "proc/self/cgroup", "0::/system.slice/ssh.service\n")
    assert find_logout(system).remedy == ""


def test_a_box_without_logind_is_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(NotCheckedError, match="does not run"):
        find_logout(tmp_path)
