"""Puts the runner on a box that has no SFTP, and reads the newest log there.

The app sends the text of this file over stdin to a Python on the box, and then one JSON line that says what
to do. So it works before anything is on the box, and imports nothing of the runner's.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
from pathlib import Path
from typing import BinaryIO, cast

MARK = "\0upsample\0"
"""The beginning of each line that the app reads. A login shell may print other lines."""
_CHUNK = 1 << 16


def main() -> None:
    """Do what the line on stdin says, and answer in lines of JSON."""
    with open(0, "rb", closefd=False) as stdin:
        order = cast("dict[str, str]", json.loads(stdin.readline()))
        try:
            if "sha256" in order:
                _place(order, stdin)
            else:
                _answer(log=_read_log(order["root"], order["log"], int(order["size"])))
        except OSError as error:
            _answer(error=error.strerror or str(error))


def _place(order: dict[str, str], stdin: BinaryIO) -> None:
    """Take the runner from stdin, unless it is there. A file in its place is replaced as a whole."""
    folder, size = _folder(order["root"]), int(order["size"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / order["name"]
    is_there = _holds(path, size, order["sha256"])
    _answer(path=str(path), is_there=is_there)
    if is_there:
        return
    part = folder / f"{order['name']}.{secrets.token_hex(4)}.part"
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            left = size
            while left and (data := stdin.read(min(left, _CHUNK))):
                left -= file.write(data)
        if not _holds(part, size, order["sha256"]):
            raise OSError("what arrived is not the runner that was sent")
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _answer(path=str(path), is_there=True)


def _holds(path: Path, size: int, sha256: str) -> bool:
    """Whether the file has exactly this content."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        # One byte more than the runner has is enough to compare, however large the file is.
        return hashlib.sha256(file.read(size + 1)).hexdigest() == sha256


def _read_log(root: str, name: str, size: int) -> str:
    """Return the end of the newest log below the root; empty when there is none."""
    # There is one folder for each machine, because machines may share a home directory.
    logs = sorted(_folder(root).glob(f"*/{name}"), key=lambda log: log.stat().st_mtime)
    if not logs:
        return ""
    with logs[-1].open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - size))
        text = file.read(size).decode(errors="replace")
    return text if length <= size else text.partition("\n")[2]


def _folder(root: str) -> Path:
    """Return the folder; as over SFTP, a relative one starts at the home."""
    return Path.home() / (root[1:].lstrip("/") if root.startswith("~") else root)


def _answer(**values: str | bool) -> None:
    sys.stdout.write(f"{MARK}{json.dumps(values)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
