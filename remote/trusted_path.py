"""Finds out whether another user can change what runs on a box, and runs the runner only if none can.

The rule is that of sshd for its keys (StrictModes): each folder from the file up to / belongs to us or to
root, and nobody else can write there. Then nobody can put another file in the place of one that was checked.

The app sends the source of this file over the channel, and the box runs it before the runner. So it imports
nothing of `remote`.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import runpy
import shlex
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EXPOSED = 77
"""The exit status when others can change the runner; the last line on stderr says how, in JSON."""
_FOR_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ROOT_GROUP = 0
_ALL_USERS = "4294967295"
"""How many users the kernel knows, as a user namespace that has all of them says it."""
_ANOTHER_ROOT = 'set a folder that only you can write as the box\'s `root` (boxes.NAME.root = "…")'


@dataclass(frozen=True)
class Exposed:
    """A file or folder that another user can change."""

    path: str
    owner: int
    mode: int
    """Its permission bits."""
    has_list: bool
    """Whether an access control list (POSIX ACL) says more than these bits."""

    @property
    def problem(self) -> str:
        """Say which one it is, and who can change it."""
        who = "another user" if self._is_foreign else "other users"
        facts = f"it belongs to {name_of(self.owner)} and has mode {self.mode:04o}"
        if self.has_list:
            facts += " and an access control list (getfacl)"
        return f"{who} can change {self.path}, and so what runs on this box: {facts}"

    @property
    def remedy(self) -> str:
        """Say what the user can do."""
        if self._is_foreign:
            return f"{_ANOTHER_ROOT[0].upper()}{_ANOTHER_ROOT[1:]}."
        who = "" if self.owner == os.getuid() else ", as root"
        return f"On the box{who}: chmod go-w {shlex.quote(self.path)}. Or {_ANOTHER_ROOT}."

    @property
    def _is_foreign(self) -> bool:
        return self.owner not in _trusted_owners()


def find_exposed(path: Path) -> Exposed | None:
    """Return what another user can change: what lies at `path`, or a folder above it; None if nothing.

    `path` must be without links (`Path.resolve`). A folder above may be open to all if it is sticky, as
    /tmp is: only the owner can rename or remove a folder in it. Raises OSError.
    """
    is_parent = False
    while True:
        status = path.stat()
        is_folder = stat.S_ISDIR(status.st_mode)
        is_sticky = is_folder and is_parent and bool(status.st_mode & stat.S_ISVTX)
        has_list = _has_access_list(path)
        is_open = not is_sticky and _is_open(status, has_list)
        if is_open or status.st_uid not in _trusted_owners():
            return Exposed(str(path), status.st_uid, stat.S_IMODE(status.st_mode), has_list)
        if path == path.parent:
            return None
        path, is_parent = path.parent, is_folder


def _is_open(status: os.stat_result, has_list: bool) -> bool:
    """Whether others may write there. A group with nobody else in it is no others.

    With an access control list, the bits of the group are the most that the list gives to anybody.
    """
    open_to = status.st_mode & _FOR_OTHERS
    if open_to != stat.S_IWGRP or has_list:
        return bool(open_to)
    return not _is_ours_alone(status.st_gid)


def _has_access_list(path: Path) -> bool:
    if sys.platform != "linux":
        return False
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:
        return False  # there is none, or the file system knows none


def _is_ours_alone(group: int) -> bool:
    """Whether this is the user's own group, which many systems make, or root's, with nobody else in it."""
    try:
        entry = grp.getgrgid(group)
        user = pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    if not set(entry.gr_mem) <= {user.pw_name, "root"}:
        return False
    if group == _ROOT_GROUP:
        return True
    is_own = group == user.pw_gid and entry.gr_name == user.pw_name
    # The group's entry does not name those whose first group it is.
    return is_own and all(
        other.pw_gid != group or other.pw_uid in (0, user.pw_uid) for other in pwd.getpwall()
    )


def _trusted_owners() -> set[int]:
    """Root and we. In a rootless container, owners from outside all look like one: "nobody"."""
    trusted = {0, os.getuid()}
    try:
        if Path("/proc/self/uid_map").read_text().split()[-1:] != [_ALL_USERS]:
            trusted.add(int(Path("/proc/sys/kernel/overflowuid").read_text()))
    except (OSError, ValueError):
        pass  # no Linux, so no user namespaces
    return trusted


def name_of(user: int) -> str:
    """Return the name and the number of a user."""
    try:
        return f"{pwd.getpwuid(user).pw_name} ({user})"
    except KeyError:
        return f"user {user}"


def run_trusted(arguments: Sequence[str]) -> None:
    """Run the runner with these arguments, its path being the first; or say why not, and exit."""
    runner = Path(arguments[0]).resolve()
    exposed = find_exposed(runner)
    if exposed is not None:
        sys.stderr.write(json.dumps([exposed.problem, exposed.remedy]) + "\n")
        sys.exit(EXPOSED)
    sys.argv = [str(runner), *arguments[1:]]
    runpy.run_path(str(runner), run_name="__main__")


if __name__ == "__main__":
    run_trusted(sys.argv)
