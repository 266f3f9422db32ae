"""Where faults are injected: a real sshd behind a wire of ours, a box with a Python of its own, small disks.

A field outlasts many houses. A house is one user with one box: a home with its queue, a root with its
journal, an engine's account. What runs in either is found by its environment, never by a name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote.jobs.records import scan
from remote.paths import DaemonPaths, make_daemon_paths
from remote.protocol import Json, Request, parse
from tests.faults import engine as stand_in
from tests.faults import inside
from tests.support.daemons import daemons_below, end_daemons
from tests.support.laptop import Laptop
from tests.support.sshd import Sshd, new_key, running_sshd
from tests.support.wire import Wire, wire_to

IDLE_SECONDS = 2
SLOTS = 4
PATIENCE = 4
"""Seconds that a model server may say nothing."""
DISK_MIB = 32

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Disk:
    """A folder that is a small disk of its own, where the machine lets us mount one."""

    folder: Path
    is_small: bool

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Leave not a byte."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@dataclass(frozen=True)
class Orders:
    """What is ordered of one kind of process; see `tests.faults.inside`."""

    folder: Path

    def give(self, role: str, order: JsonObject) -> None:
        new = self.folder / f"{role}.{order['id']}"
        new.write_text(json.dumps(order))
        new.replace(self._file(role))

    def is_open(self, role: str) -> bool:
        return self._file(role).exists()

    def withdraw(self) -> None:
        for file in self.folder.glob("*.json"):
            file.unlink(missing_ok=True)

    def told(self, log: str) -> list[JsonObject]:
        return read_lines(self.folder / f"{log}.jsonl")

    def forget(self) -> None:
        """Begin anew, for another house."""
        for file in self.folder.iterdir():
            file.unlink(missing_ok=True)

    def _file(self, role: str) -> Path:
        return self.folder / f"{role}.json"


@dataclass
class Field:
    """What many houses share."""

    folder: Path
    sshd: Sshd
    wire: Wire
    laptop_disk: Disk
    box_disk: Disk
    laptop_orders: Orders
    box_orders: Orders
    key: Path

    def orders_for(self, role: str) -> Orders:
        return self.laptop_orders if role == "app" else self.box_orders

    @contextlib.contextmanager
    def house(self, name: str, engine: str = "vllm") -> Iterator[House]:
        """A new user with a new box; whatever still runs at the end is killed."""
        for orders in (self.laptop_orders, self.box_orders):
            orders.forget()
        house = House(self, self.laptop_disk.folder / name, self.box_disk.folder / name, engine)
        try:
            yield house
        finally:
            house.end()


@dataclass
class House:
    """One user with one box."""

    site: Field
    folder: Path
    root: Path
    engine: str = "vllm"
    """"vllm" is the stand-in, below the real supervisor; "sketch" is the real one."""
    laptop: Laptop = field(init=False)
    place: DaemonPaths = field(init=False)

    def __post_init__(self) -> None:
        self.laptop = Laptop(
            self.folder / "home",
            self.folder / "work",
            {"PYTHONPATH": str(self.site.laptop_orders.folder.parent)},
        )
        self.laptop.add_host("testbox", self.site.wire.port, key=self.site.key)
        self.laptop.trust(self.site.wire.port, self.site.sshd.host_key)
        self.laptop.add_box(
            "testbox",
            self.root,
            engine=self.engine,
            more=self._vllm if self.engine == "vllm" else "",
        )
        self.place = make_daemon_paths(str(self.root))

    @property
    def _vllm(self) -> str:
        command = json.dumps([sys.executable, "-I", stand_in.__file__])
        return (
            f'model = "/models/stand-in"\n'
            f"first_token_timeout = {PATIENCE}\nnext_token_timeout = {PATIENCE}\n"
            f"[boxes.test.vllm]\ncommand = {command}\nmax_num_seqs = {SLOTS}\n"
            f'env = {{ {stand_in.LOG} = "{self.engine_log}" }}\n'
        )

    @property
    def engine_log(self) -> Path:
        """The engine's account; not on the small disks, which are filled."""
        return self.site.folder / f"{self.root.name}-engine.jsonl"

    def engine_told(self) -> list[JsonObject]:
        return read_lines(self.engine_log)

    def journaled(self) -> list[Mapping[str, Json]]:
        """Every record of the box's journal."""
        return [
            record.body
            for journal in self.root.glob("*/journal")
            for record in scan(journal.read_bytes())[0]
        ]

    def requests(self) -> dict[str, Request]:
        """What the box has accepted, by identity."""
        accepted = [body for body in self.journaled() if body["type"] == "accepted"]
        return {str(body["job"]): parse(Request, body["request"]) for body in accepted}

    def prompts_of_jobs(self) -> dict[str, str]:
        """The prompts of what the box has accepted, by identity."""
        return {job: request.prompt for job, request in self.requests().items()}

    # --- processes ---

    def processes(self) -> dict[int, list[str]]:
        """Those of this field that are neither sshd nor zombies, with their command lines."""
        found = {}
        wanted = os.fsencode(self.site.folder)
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if wanted in (process / "environ").read_bytes():
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    found[int(process.name)] = [os.fsdecode(word) for word in words]
        return {pid: words for pid, words in found.items() if "sshd" not in words[0]}

    def pids(self, role: str) -> list[int]:
        """The processes of a role: relay, daemon or engine."""
        if role == "daemon":
            return list(daemons_below(self.root))
        signs = {"relay": "runpy", "engine": stand_in.__file__}
        return [
            pid
            for pid, words in self.processes().items()
            if any(signs[role] in word for word in words) and words[0].rpartition("/")[2] != "sh"
        ]

    def end(self) -> None:
        """Kill what is left."""
        end_daemons(self.root)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for path in (self.place.socket, self.place.lock):
            path.unlink(missing_ok=True)
        (self.place.run / f"{self.place.key}.vllm").unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def open_field(folder: Path, disk_mib: int = DISK_MIB) -> AsyncIterator[Field]:
    """A field in this folder, which must not be there yet. With 0 MiB its disks are the machine's."""
    laptop_orders = _put_inside(folder / "inside")
    box_python = folder / "python"
    box_orders = _put_inside(_new_python(box_python))
    key = folder / "key"
    new_key(key)
    with contextlib.ExitStack() as stack:
        laptop_disk = stack.enter_context(_small_disk(folder / "laptop", disk_mib))
        box_disk = stack.enter_context(_small_disk(folder / "box", disk_mib))
        sshd = stack.enter_context(
            running_sshd(
                folder / "sshd",
                key.with_name("key.pub"),
                path=f"{box_python / 'bin'}:/usr/bin:/bin",
                options=["LogLevel ERROR", "MaxStartups 100"],
            )
        )
        async with wire_to(sshd.port) as wire:
            yield Field(
                folder, sshd, wire, laptop_disk, box_disk, laptop_orders, box_orders, key
            )  # fmt: skip


def _new_python(folder: Path) -> Path:
    """A Python of the box's own, for `python3 -I` heeds no PYTHONPATH. Returns the folder of its packages."""
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/*/site-packages")
    return packages


def _put_inside(packages: Path) -> Orders:
    """Have every Python that looks into this folder obey orders."""
    orders = packages / "orders"
    orders.mkdir(parents=True)
    shutil.copyfile(inside.__file__, packages / "sitecustomize.py")
    return Orders(orders)


@contextlib.contextmanager
def _small_disk(folder: Path, mib: int) -> Iterator[Disk]:
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    is_small = bool(mib and mount) and subprocess.run(command, capture_output=True).returncode == 0
    if mib and not is_small and os.environ.get("CI"):
        raise RuntimeError(
            "the CI machine must be able to mount a tmpfs, or full disks go untested"
        )
    try:
        yield Disk(folder, is_small)
    finally:
        if is_small:
            subprocess.run([umount or "umount", "--lazy", str(folder)], check=True)


def read_lines(file: Path) -> list[JsonObject]:
    """A log of JSON lines; none before it is there. A line that was cut off by a kill is left out."""
    if not file.exists():
        return []
    return [
        json.loads(line) for line in file.read_text().splitlines(keepends=True) if line[-1] == "\n"
    ]
