"""Finds out whether the box ends the daemon when its user logs out, as systemd-logind may be told to."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path

from remote.checks.examination import Good, NotCheckedError

_FOLDERS = ("etc", "run", "usr/local/lib", "usr/lib")
"""Where logind's settings lie, the most important place first."""
_YES = ("1", "yes", "y", "true", "t", "on")
_REMEDY = (
    "Have `KillUserProcesses=no`, or your name in `KillExcludeUsers=`, set in the section [Login] of "
    "/etc/systemd/logind.conf on the box (as root; then: systemctl restart systemd-logind). "
    "`loginctl enable-linger` alone keeps the user's services, and not what a login has started."
)


def find_logout(system: Path = Path("/")) -> Good[None]:
    """Check that what a login starts goes on after it. `system` is the root folder of the system."""
    if not (system / "run/systemd/seats").is_dir() and not (system / "run/systemd/users").is_dir():
        raise NotCheckedError("systemd-logind does not run on this box")
    if "/session-" not in _read(system / "proc/self/cgroup"):
        return Good(None, "this login is no session of systemd-logind, which would end with it")
    kills, only, excluded, source = False, list[str](), ["root"], ""
    for file, name, value in _settings(system):
        if name == "KillUserProcesses":
            kills, source = value.lower() in _YES, file
        elif name == "KillOnlyUsers":
            only = [*only, *value.split()] if value else []
        elif name == "KillExcludeUsers":
            excluded = [*excluded, *value.split()] if value else []
    user = getpass.getuser()
    if not kills or user in excluded or (only and user not in only):
        return Good(None, "what you start stays when you log out")
    detail = f"the daemon ends when you log out: KillUserProcesses=yes in {source}"
    return Good(None, detail, _REMEDY)


def _settings(system: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the file, name and value of each setting in logind's files; the later one counts."""
    folders = [system / folder / "systemd" for folder in _FOLDERS]
    main = next((it for it in (f / "logind.conf" for f in folders) if it.is_file()), None)
    pieces: dict[str, Path] = {}
    for folder in folders:
        for file in (folder / "logind.conf.d").glob("*.conf"):
            pieces.setdefault(file.name, file)
    for file in (*([main] if main else ()), *(pieces[name] for name in sorted(pieces))):
        for line in _read(file).splitlines():
            name, is_setting, value = line.partition("=")
            if is_setting and not name.lstrip().startswith(("#", ";")):
                yield f"/{file.relative_to(system)}", name.strip(), value.strip()


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
