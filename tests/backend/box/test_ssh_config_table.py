"""A table of ssh configs that OpenSSH's client takes: each is taken here, and comes to the same."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from backend.box.ssh.connecting import login_options
from backend.box.ssh_config import reading
from backend.box.ssh_config.destination import parse_destination, parse_jumps
from backend.box.ssh_config.host_settings import HostSettings, read_settings
from tests.backend.box.ssh_config_option_rows import OPTION_ROWS
from tests.backend.box.ssh_config_rows import READING_ROWS, Row

_ROWS = READING_ROWS + OPTION_ROWS
_PASSWORD_HOME = pwd.getpwuid(os.getuid()).pw_dir
"""The home that OpenSSH's client takes, whatever HOME says."""


@pytest.fixture(scope="module")
def ssh() -> str:
    """OpenSSH's client. Without one the table is passed over, but not in CI."""
    program = shutil.which("ssh")
    if program is None and os.environ.get("CI"):
        pytest.fail("the CI machine must have ssh, or the table of configs goes untested")
    if program is None:
        pytest.skip("OpenSSH's ssh is not installed")
    return program


@pytest.fixture(scope="module")
def version(ssh: str) -> tuple[int, int]:
    said = subprocess.run([ssh, "-V"], capture_output=True, text=True, check=True).stderr
    found = re.match(r"OpenSSH_(\d+)\.(\d+)", said)
    assert found, said
    return int(found[1]), int(found[2])


@pytest.fixture(autouse=True)
def only_the_users_config(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for `ssh -F`, the system's config is not read. One variable is there for the rows."""
    monkeypatch.setattr(reading, "_SYSTEM_FILE", own_home / "no-system-file")
    monkeypatch.setenv("TABLE_FOLDER", str(own_home))


def test_the_table_is_large() -> None:
    assert len({row.name for row in _ROWS}) == len(_ROWS) >= 60


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.name)
def test_a_config_comes_to_the_same_as_for_ssh(
    row: Row, ssh: str, version: tuple[int, int], own_home: Path
) -> None:
    config = _write(row, own_home)
    settings = read_settings(parse_destination(row.host))
    login_options(settings)  # raises where something is refused
    for attribute, expected in row.expected.items():
        assert getattr(settings, attribute) == _filled(expected, own_home), attribute
    assert not (own_home / "ran").exists()
    if version >= row.since:
        theirs = _ask_ssh(ssh, config, row.host)
        assert _ours(settings) == _comparable(theirs, settings, own_home)


def _write(row: Row, home: Path) -> Path:
    for name, text in {".ssh/config": row.text, **row.files}.items():
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.replace("{home}", str(home)).encode("utf-8", "surrogateescape"))
        file.chmod(0o600)
    return home / ".ssh" / "config"


def _filled(expected: object, home: Path) -> object:
    if isinstance(expected, list):
        return [_filled(item, home) for item in expected]
    if not isinstance(expected, str):
        return expected
    user = pwd.getpwuid(os.getuid()).pw_name
    return expected.replace("{home}", str(home)).replace("{user}", user)


def _ask_ssh(ssh: str, config: Path, host: str) -> dict[str, list[str]]:
    """What `ssh -G` prints: the values of each keyword."""
    ended = subprocess.run(
        [ssh, "-G", "-F", str(config), host],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 0, ended.stderr
    values: dict[str, list[str]] = defaultdict(list)
    for line in ended.stdout.decode("utf-8", "surrogateescape").splitlines():
        keyword, _, value = line.partition(" ")
        values[keyword].append(value)
    return values


def _ours(settings: HostSettings) -> dict[str, object]:
    return {
        "host": settings.host,
        "port": settings.port,
        "user": settings.user,
        "alias": settings.host_key_alias,
        "jumps": settings.jumps,
        "has a command": bool(settings.proxy_command),
        "users": " ".join(map(str, settings.users_known_hosts)) or "none",
        "systems": " ".join(map(str, settings.systems_known_hosts)) or "none",
        "keys": list(map(str, settings.identity_files)),
        "only these keys": settings.options.flag("identitiesonly", False),
    }


def _comparable(
    theirs: dict[str, list[str]], settings: HostSettings, home: Path
) -> dict[str, object]:
    def one(keyword: str) -> str | None:
        return theirs[keyword][0] if keyword in theirs else None

    def ours(path: str) -> str:
        """A path in our home; keys are printed before their tokens are expanded."""
        expanded = path.replace("~", str(home), 1) if path.startswith("~") else path
        tokens = {f"%{name}": value for name, value in settings.tokens.items()}
        return re.sub("%.", lambda found: tokens[found[0]], expanded)

    keys = [ours(path) for path in theirs["identityfile"] if path != "none"]
    if settings.options.words("identityfile") is None:  # the usual ones differ by version
        assert all("/.ssh/id_" in key for key in keys)
        keys = list(map(str, settings.identity_files))
    return {
        "host": one("hostname"),
        "port": int(one("port") or 0),
        "user": one("user"),
        "alias": one("hostkeyalias"),
        "jumps": parse_jumps(one("proxyjump") or "") if one("proxyjump") else [],
        "has a command": one("proxycommand") is not None,
        "users": (one("userknownhostsfile") or "").replace(_PASSWORD_HOME, str(home)),
        "systems": one("globalknownhostsfile"),
        "keys": keys,
        "only these keys": one("identitiesonly") == "yes",
    }
