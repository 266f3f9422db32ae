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
import sys
import venv
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote.jobs.records import scan
from remote.paths import DaemonPaths, make_daemon_paths
from remote.protocol import Answer, Json, Request, parse
from tests.faults import engine as stand_in
from tests.faults import inside, objects
from tests.faults.disk import Disk, small_disk
from tests.faults.model_server import ModelServer
from tests.support.daemons import daemons_below, end_daemons
from tests.support.laptop import Laptop
from tests.support.sshd import Sshd, new_key, running_sshd
from tests.support.wire import Wire, wire_to

IDLE_SECONDS = 2
SLOTS = 4
PATIENCE = 4
"""Seconds that a model server may say nothing."""
DISK_MIB = 32
_WEIGHTS = "config.json"
"""The file of a model that stands for its weights."""

JsonObject = dict[str, Any]


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

    is_refusing: bool = False
    """Whether sshd lets nobody in."""

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Let nobody in while the block runs."""
        self.is_refusing = True
        try:
            with self.sshd.refusing():
                yield
        finally:
            self.is_refusing = False

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
    """"vllm" is the stand-in, below the real supervisor; "objects" is the same, and its answers must be JSON
    objects; "openai" is the stand-in beside the daemon; "sketch" is the real one."""
    laptop: Laptop = field(init=False)
    guests: list[Laptop] = field(default_factory=list)
    """Other users of the box."""
    place: DaemonPaths = field(init=False)
    _servers: list[ModelServer] = field(default_factory=list)
    """The model servers that the daemon does not start. The last one is in the config."""
    _model: int = 0
    """The number of the model that is in the config."""
    _weights: int = 0
    """How often the weights were replaced."""

    def __post_init__(self) -> None:
        if self.engine == "openai":
            self._start_server()
        if self._has_weights:
            self._write_weights()
        self.laptop = self._new_laptop(
            self.folder / "home", {"PYTHONPATH": str(self.site.laptop_orders.folder.parent)}
        )
        self.place = make_daemon_paths(str(self.root))

    def new_guest(self) -> Laptop:
        """Another user of the same box. The processes of guests obey no orders."""
        guest = self._new_laptop(self.folder / f"guest{len(self.guests)}", {})
        self.guests.append(guest)
        return guest

    def _new_laptop(self, home: Path, environment: dict[str, str]) -> Laptop:
        laptop = Laptop(home, self.folder / f"work-{home.name}", environment)
        laptop.add_host("testbox", self.site.wire.port, key=self.site.key)
        laptop.trust(self.site.wire.port, self.site.sshd.host_key)
        self._configure(laptop)
        return laptop

    def _configure(self, laptop: Laptop) -> None:
        engine = "vllm" if self._has_weights else self.engine
        more = {"vllm": self.vllm_settings, "openai": self._openai}.get(engine, lambda: "")()
        if self.engine == "objects":
            objects.write_profile(laptop.config.parent / "profiles")
            more += f'[upsampling]\nprofile = "{objects.NAME}"\n'
        laptop.add_box("testbox", self.root, engine=engine, more=more)

    def vllm_settings(self, name: str = "test") -> str:
        """The settings of the box with this name, for the model server below the daemon."""
        command = json.dumps([sys.executable, "-I", stand_in.__file__])
        return (
            f'model = "{self.model_folder}"\n'
            f"first_token_timeout = {PATIENCE}\nnext_token_timeout = {PATIENCE}\n"
            f"[boxes.{name}.vllm]\ncommand = {command}\nmax_num_seqs = {SLOTS}\n"
            f'env = {{ {stand_in.LOG} = "{self.engine_log}", '
            f'{stand_in.WEIGHTS} = "{self.model_folder / _WEIGHTS}" }}\n'
        )

    def _openai(self) -> str:
        return (
            f'model = "model-{self._model}"\n'
            f"first_token_timeout = {PATIENCE}\nnext_token_timeout = {PATIENCE}\n"
            f'openai = {{ base_url = "{self._servers[-1].url}", slots = {SLOTS} }}\n'
        )

    # --- the engine ---

    @property
    def _has_weights(self) -> bool:
        """Whether the daemon starts the model server, with a model whose weights can be replaced."""
        return self.engine in ("vllm", "objects")

    @property
    def server(self) -> ModelServer | None:
        """The model server that is in the config; None where the daemon starts it."""
        return self._servers[-1] if self._servers else None

    @property
    def engine_number(self) -> int:
        """Counts the models and servers that were in the config."""
        return self._model + len(self._servers)

    def name_another_engine(self, *, same_server: bool) -> str:
        """Name another model in every user's config, or another server; returns its label."""
        if self.engine == "openai" and not same_server:
            self._start_server()
        else:
            self._model += 1
        label = self._write_weights() if self._has_weights else self._server_label
        for laptop in (self.laptop, *self.guests):
            self._configure(laptop)
        return label

    def replace_weights(self) -> str:
        """Give the model other weights; returns their label, which a server says that starts from now on."""
        self._weights += 1
        return self._write_weights()

    def refuse_once(self, prompt: str) -> None:
        """Have the model server refuse the next request with this prompt."""
        new = self._refusal.with_suffix(".new")
        new.write_text(prompt)
        new.replace(self._refusal)

    def refuse_none(self) -> None:
        self._refusal.unlink(missing_ok=True)

    @property
    def is_refusing(self) -> bool:
        """Whether a prompt is still to be refused."""
        return self._refusal.exists()

    def _start_server(self) -> None:
        server = ModelServer(self.engine_log)
        server.start()
        self._servers.append(server)

    def _write_weights(self) -> str:
        """Write the model's folder, on the machine's own disk."""
        label = f"model {self._model}, weights {self._weights}"
        self.model_folder.mkdir(exist_ok=True)
        (self.model_folder / _WEIGHTS).write_text(label)
        return label

    @property
    def _server_label(self) -> str:
        return f"{self._servers[-1].port} model-{self._model}"

    @property
    def model_folder(self) -> Path:
        """Where the model lies that is in the config."""
        return self.site.folder / f"{self.root.name}-model{self._model}"

    @property
    def _refusal(self) -> Path:
        return Path(f"{self.engine_log}{stand_in.REFUSE}")

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

    def answers(self) -> dict[str, str]:
        """The texts that the box has finished its jobs with, by identity."""
        finished = [body for body in self.journaled() if body["type"] == "finished"]
        return {str(body["job"]): parse(Answer, body["answer"]).text for body in finished}

    def prompts_of_jobs(self) -> dict[str, str]:
        """The prompts of what the box has accepted, by identity."""
        return {job: request.prompt for job, request in self.requests().items()}

    def unfinished(self) -> int:
        """How many jobs the box has that it has not ended."""
        records = self.journaled()
        ended = {r["job"] for r in records if r["type"] in ("finished", "failed", "cancelled")}
        return len({r["job"] for r in records if r["type"] == "accepted"} - ended)

    # --- processes ---

    def processes(self) -> dict[int, list[str]]:
        """Those of this field that are neither sshd nor zombies nor ours, with their command lines."""
        found = {}
        ours = {server.pid for server in self._servers}
        wanted = os.fsencode(self.site.folder)
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if wanted in (process / "environ").read_bytes():
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    found[int(process.name)] = [os.fsdecode(word) for word in words]
        return {
            pid: words for pid, words in found.items() if "sshd" not in words[0] and pid not in ours
        }

    def pids(self, role: str) -> list[int]:
        """The processes of a role: relay, daemon or engine."""
        if role == "daemon":
            return list(daemons_below(self.root))
        signs = {"relay": "exec(sys.argv.pop(0))", "engine": stand_in.__file__}
        return [
            pid
            for pid, words in self.processes().items()
            if any(signs[role] in word for word in words) and words[0].rpartition("/")[2] != "sh"
        ]

    def end(self) -> None:
        """Kill what is left."""
        for server in self._servers:
            server.kill()
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
        laptop_disk = stack.enter_context(small_disk(folder / "laptop", disk_mib))
        box_disk = stack.enter_context(small_disk(folder / "box", disk_mib))
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


def read_lines(file: Path) -> list[JsonObject]:
    """A log of JSON lines; none before it is there. A line that was cut off by a kill is left out."""
    if not file.exists():
        return []
    return [
        json.loads(line) for line in file.read_text().splitlines(keepends=True) if line[-1] == "\n"
    ]
