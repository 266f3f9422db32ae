"""Runs inside the programs under test, as their `sitecustomize`: what the harness orders, happens here.

The programs themselves know nothing of it. The file is copied into a folder that only the processes of a
fault run have on their path, and reads its orders from the folder `orders` beside it: one file a role
(app, relay, daemon), which names a point (a write, fsync, rename, … of a file, a statement to SQLite, a
message to an app), how often that point is passed first, and what happens then:

    before, after   the process is killed (SIGKILL) just before or just after
    half            half of it is done, and the process is killed
    error           it fails with this errno, so many times

It also keeps the oracle's own account of what the box has made durable: every record of the journal whose
fsync returned. Standard library only, Python 3.10.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ORDERS = Path(__file__).with_name("orders")
JOURNAL = "/journal"
_SQL_ERRORS = {"ENOSPC": "database or disk is full", "EIO": "disk I/O error"}

Order = dict[str, Any]
"""id, point, match, when, nth, and for errors errno and times; for clocks seconds."""


class Orders:
    """What this process is to do, read anew whenever the file is another one."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._file = str(ORDERS / f"{role}.json")
        self._stamp: tuple[int, int] | None = None
        self._order: Order | None = None
        self._left = 0
        """Passes until the order is obeyed."""
        self._times = 0
        """How often it still is, once it was."""
        self._lock = threading.Lock()

    def reached(self, point: str, name: str) -> Order | None:
        """The order that is to be obeyed at this point, now."""
        with self._lock:
            self._look()
            order = self._order
            if order is None or order["point"] != point or order["match"] not in name:
                return None
            if self._left > 0:
                self._left -= 1
                return None
            if self._times == 0:
                if not self._claim(order, name):
                    return None
                self._times = int(order.get("times", 1))
            self._times -= 1
            if self._times == 0:
                self._order = None
            return order

    def _look(self) -> None:
        try:
            found = Path(self._file).stat()
        except FileNotFoundError:
            if self._times == 0:
                self._order = None
            return
        stamp = (found.st_ino, found.st_mtime_ns)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        with contextlib.suppress(OSError, ValueError), REAL_OPEN(self._file) as file:
            self._order = json.load(file)
            self._left = int(self._order["nth"]) if self._order else 0
            self._times = 0

    def _claim(self, order: Order, name: str) -> bool:
        """Of several processes of a role, one obeys."""
        try:
            REAL_UNLINK(self._file)
        except FileNotFoundError:
            self._order = None
            return False
        note("fired", id=order["id"], role=self._role, point=order["point"], name=name[-80:])
        return True


def note(log: str, **values: Any) -> None:
    """Add a line to one of the oracle's logs."""
    line = json.dumps({"at": time.monotonic(), "pid": os.getpid(), **values}) + "\n"
    descriptor = REAL_OS_OPEN(
        ORDERS / f"{log}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        REAL_WRITE(descriptor, line.encode())
    finally:
        os.close(descriptor)


REAL_OPEN, REAL_OS_OPEN, REAL_WRITE, REAL_PWRITE = io.open, os.open, os.write, os.pwrite
REAL_FSYNC, REAL_UNLINK, REAL_TIME = os.fsync, os.unlink, time.time


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def path_of(descriptor: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return ""


def within(folder: int | None, name: object) -> str:
    """The path of a name that is seen from an opened folder, where there is one."""
    return str(name) if folder is None else f"{path_of(folder)}/{name}"


def wrap(
    orders: Orders,
    point: str,
    real: Callable[..., Any],
    name_of: Callable[..., str],
    half: Callable[..., object] | None = None,
) -> Callable[..., Any]:
    """`real` with a point where orders are obeyed."""

    def call(*arguments: Any, **named: Any) -> Any:
        order = orders.reached(point, name_of(*arguments, **named))
        if order is None:
            return real(*arguments, **named)
        when = order["when"]
        if when == "error":
            number = getattr(errno, order["errno"])
            raise OSError(number, os.strerror(number), name_of(*arguments, **named))
        if when == "half" and half is not None:
            half(*arguments)
        elif when != "before":
            real(*arguments, **named)
        return die()

    for able in (os.supports_dir_fd, os.supports_fd):
        if real in able:
            able.add(call)  # `shutil` asks, before it removes a folder
    return call


def wrap_files(orders: Orders) -> None:
    """Every write, fsync, rename and removal that goes through `os`, and files opened to be written."""
    os.write = wrap(
        orders, "write", os.write, lambda fd, _: path_of(fd),
        lambda fd, data: REAL_WRITE(fd, bytes(data)[: len(data) // 2]),
    )  # fmt: skip
    os.pwrite = wrap(
        orders, "pwrite", os.pwrite, lambda fd, *_: path_of(fd),
        lambda fd, data, at: REAL_PWRITE(fd, data[: len(data) // 2], at),
    )  # fmt: skip
    os.fsync = wrap(orders, "fsync", os.fsync, path_of)
    os.ftruncate = wrap(orders, "truncate", os.ftruncate, lambda fd, _: path_of(fd))
    os.replace = wrap(
        orders, "rename", os.replace, lambda _, to, **named: within(named.get("dst_dir_fd"), to)
    )
    os.unlink = wrap(
        orders, "unlink", os.unlink, lambda path, **named: within(named.get("dir_fd"), path)
    )
    os.open = wrap(
        orders, "open", os.open, lambda file, *_, **named: within(named.get("dir_fd"), file)
    )
    opened = wrap(orders, "open", io.open, lambda file, *_, **__: str(file))

    def open_file(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        writes = set(mode) & set("wxa+")
        return (opened if writes else REAL_OPEN)(file, mode, *arguments, **named)

    io.open = open_file


def wrap_clock(orders: Orders) -> None:
    """The wall clock may jump; the monotonic one does not, as when a laptop slept."""
    offset = 0.0

    def now() -> float:
        nonlocal offset
        order = orders.reached("clock", "")
        if order is not None:
            offset += order["seconds"]
        return REAL_TIME() + offset

    time.time = now


class Connection(sqlite3.Connection):
    """Statements that write are points. What SQLite itself writes for them is not seen from here."""

    orders: Orders

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        return self._pass(sql, super().execute, parameters)

    def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        return self._pass(sql, super().executemany, parameters)

    def _pass(
        self, sql: str, real: Callable[..., sqlite3.Cursor], parameters: Any
    ) -> sqlite3.Cursor:
        word = sql.strip().partition(" ")[0].upper()
        if word in ("", "SELECT", "PRAGMA", "ROLLBACK"):
            return real(sql, *parameters)
        order = self.orders.reached("commit" if word == "COMMIT" else "statement", sql)
        if order is None:
            return real(sql, *parameters)
        if order["when"] == "error":
            if word == "COMMIT":
                super().execute("ROLLBACK")  # as SQLite does when the disk is full
            raise sqlite3.OperationalError(_SQL_ERRORS[order["errno"]])
        if order["when"] == "after":
            real(sql, *parameters)
        return die()


def wrap_sqlite(orders: Orders) -> None:
    """The queue's connections obey."""
    real: Callable[..., sqlite3.Connection] = sqlite3.connect
    Connection.orders = orders

    def connect(path: Any, *arguments: Any, **named: Any) -> sqlite3.Connection:
        if str(path).endswith("queue.db"):
            named["factory"] = Connection
        return real(path, *arguments, **named)

    sqlite3.connect = connect  # type: ignore[assignment]


def wrap_acknowledgements(orders: Orders) -> None:
    """What the daemon writes to its apps."""
    real = asyncio.StreamWriter.write

    def write(writer: asyncio.StreamWriter, data: Any) -> None:
        order = orders.reached("tell", bytes(data[:4096]).decode(errors="replace"))
        if order is None or order["when"] != "before":
            part = data if order is None or order["when"] == "after" else data[: len(data) // 2]
            real(writer, part)
        if order is not None:
            die()

    asyncio.StreamWriter.write = write  # type: ignore[method-assign, assignment]


def wrap_journal() -> None:
    """Note each record once its fsync has returned, or once a daemon finds it there as it starts."""
    pwrite, fsync, open_file = os.pwrite, os.fsync, os.open
    written: dict[int, bytes] = {}
    ends: dict[int, int] = {}

    def write(descriptor: int, data: bytes, offset: int) -> int:
        count = pwrite(descriptor, data, offset)
        if path_of(descriptor).endswith(JOURNAL):
            if offset != ends.get(descriptor):
                written.pop(descriptor, None)  # part of a write that failed and is made anew
            written[descriptor] = written.get(descriptor, b"") + bytes(data[:count])
            ends[descriptor] = offset + count
        return count

    def sync(descriptor: int) -> None:
        try:
            fsync(descriptor)
        except OSError:
            written.pop(descriptor, None)
            raise
        if data := written.pop(descriptor, b""):
            note_durable(io.BytesIO(data), ends[descriptor])

    def open_journal(path: Any, *arguments: Any, **named: Any) -> int:
        descriptor = open_file(path, *arguments, **named)
        if str(path).endswith(JOURNAL):
            # Whoever was killed over an fsync could not say whether it was done.
            with REAL_OPEN(path, "rb") as journal:
                journal.seek(last_noted())
                note_durable(journal, Path(path).stat().st_size)
        return descriptor

    os.pwrite, os.fsync, os.open = write, sync, open_journal  # type: ignore[assignment]


def note_durable(records: Any, end: int) -> None:
    """Note the acceptances and ends among these records, up to what is no record; they end at that byte."""
    with contextlib.suppress(ValueError, KeyError):
        while head := records.read(8):
            record = json.loads(records.read(int.from_bytes(head[:4], "big")))
            if record["type"] in ("accepted", "finished", "failed", "cancelled"):
                note("durable", kind=record["type"], job=record["job"], end=end)


def last_noted() -> int:
    """Where the records end that were noted; 0 when none was."""
    log = ORDERS / "durable.jsonl"
    if not log.exists():
        return 0
    with REAL_OPEN(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().splitlines()  # none when a kill came before the first
    return int(json.loads(lines[-1])["end"]) if lines else 0


def role_of(command: list[str]) -> str | None:
    if any(Path(word).name == "upsample" for word in command[:3]):
        return "app"
    if command[-1:] == ["daemon"]:
        return "daemon"
    return "relay" if "-c" in command and "exec(sys.argv.pop(0))" in command[-1] else None


def main() -> None:
    role = role_of(sys.orig_argv)
    if role is None:
        return
    orders = Orders(role)
    wrap_files(orders)
    wrap_clock(orders)
    if role == "app":
        wrap_sqlite(orders)
    if role == "daemon":
        wrap_acknowledgements(orders)
        wrap_journal()


if __name__ == "sitecustomize":
    main()
