"""A user's machine: a home, a folder to work in, and the real `upsample` command."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import asyncssh

from backend.store import Job, Store
from remote.jobs.records import scan
from tests.support.sshd import BOUND, LOOPBACK, USER, known_hosts_line, new_key

UPSAMPLE = Path(sys.executable).with_name("upsample")
IDLE_SECONDS = 2
"""How long a daemon of these tests stays without work."""

JsonObject = dict[str, Any]


@dataclass
class Laptop:
    """Everything of one user, in one folder."""

    home: Path
    cwd: Path
    more_environment: dict[str, str] = field(default_factory=dict)
    program: Path = UPSAMPLE
    key: Path = field(init=False)
    """The user's private key."""

    def __post_init__(self) -> None:
        self.cwd.mkdir(parents=True, exist_ok=True)
        self.key = self.home / ".ssh" / "id_test"
        new_key(self.key)
        self.configure(f"[box_defaults]\nidle_timeout = {IDLE_SECONDS}\n")

    @property
    def public_key(self) -> Path:
        return self.key.with_name(self.key.name + ".pub")

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    @property
    def config(self) -> Path:
        return self.home / ".config" / "upsample" / "config.toml"

    @property
    def queue_file(self) -> Path:
        return self.home / ".local" / "share" / "upsample" / "queue.db"

    def configure(self, text: str) -> None:
        """Write the user's config.toml."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)

    def add_box(self, host: str, root: Path, *, engine: str = "sketch", more: str = "") -> None:
        """Make this the box that is used."""
        self.configure(
            f'box = "test"\n[boxes.test]\nhost = "{host}"\nroot = "{root}"\nengine = "{engine}"\n'
            f"idle_timeout = {IDLE_SECONDS}\n{more}"
        )

    def add_host(self, alias: str, port: int, *, key: Path | None = None, more: str = "") -> None:
        """Add a Host to the user's ssh config."""
        config = self.home / ".ssh" / "config"
        there = config.read_text() if config.exists() else ""
        config.write_text(
            f"{there}Host {alias}\n  HostName {LOOPBACK}\n  Port {port}\n  User {USER}\n"
            f"  IdentityFile {key or self.key}\n  {more}\n"
        )

    def trust(self, port: int, key: asyncssh.SSHKey) -> None:
        """Add a host key to known_hosts."""
        with self.known_hosts.open("a") as file:
            file.write(known_hosts_line(port, key))

    # --- the command ---

    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("UPSAMPLE_", "XDG_", "SSH_"))
        }
        return {**kept, "HOME": str(self.home), "PYTHONWARNINGS": "default"} | self.more_environment

    def run(
        self,
        *arguments: str | Path,
        stdout: int | IO[bytes] = subprocess.PIPE,
        seconds: float = BOUND,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end. Whatever that is, Python itself has nothing to complain about."""
        ended = subprocess.run(
            [self.program, *map(str, arguments)],
            cwd=self.cwd,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=seconds,
        )
        _check_that_nothing_broke(ended.stderr)
        return ended

    def batch(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `upsample --no-ui`."""
        return self.run("--no-ui", *arguments)

    def started(self, *arguments: str | Path) -> AbstractContextManager[Running]:
        """`upsample --no-ui --json`, going on while the test does."""
        return self.running("--no-ui", "--json", *arguments)

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator[Running]:
        """A command that writes JSON lines, going on while the test does."""
        process = subprocess.Popen(
            [self.program, *map(str, arguments)],
            cwd=self.cwd,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_ctrl_c,
        )
        running = Running(process)
        try:
            yield running
        finally:
            running.close()

    # --- what it left ---

    def jobs(self) -> list[Job]:
        """The queue."""
        store = Store(self.queue_file)
        try:
            return store.jobs()
        finally:
            store.close()

    def states(self) -> Counter[str]:
        """How many jobs stand how."""
        return Counter(str(job.state) for job in self.jobs())


class Running:
    """A command at work. Its events are read as they come, so that it never waits for the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[JsonObject] = []
        """Those that the test has looked at."""
        self.errors = ""
        """stderr; whole after `end`."""
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def until(self, kind: str, **values: object) -> JsonObject:
        """The next event of this type with these values."""
        for event in self._next_events():
            if event["type"] == kind and values.items() <= event.items():
                return event
        raise AssertionError(f"it ended without {kind}: {self.events[-3:]}\n{self.errors}")

    def started(self, count: int) -> list[int]:
        """The jobs that were begun so far, once there are so many. What the box tells of the moment may
        come ahead of what it has on its disk, so this looks at everything that was heard."""
        while len(jobs := [e["job"] for e in self.events if e["type"] == "started"]) < count:
            self.until("started")
        return jobs

    def end(self) -> int:
        """Hear everything, and return the exit code."""
        for _ in self._next_events():
            pass
        code = self.process.wait(BOUND)
        for thread in self._threads:
            thread.join(BOUND)
        _check_that_nothing_broke(self.errors)
        return code

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(BOUND)
        for thread in self._threads:
            thread.join(BOUND)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _next_events(self) -> Iterator[JsonObject]:
        while (line := self._lines.get(timeout=BOUND)) is not None:
            if not line.endswith("\n"):
                continue  # cut off by a kill
            event: JsonObject = json.loads(line)
            self.events.append(event)
            yield event

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors += line


def hear_ctrl_c() -> None:
    """A test run that was started in the background ignores Ctrl-C, and its children would, too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _check_that_nothing_broke(errors: str) -> None:
    for sign in ("Traceback", "Warning: ", "never retrieved", "never awaited", "was destroyed"):
        assert sign not in errors, errors


def journal_kinds(root: Path) -> list[str]:
    """The kinds of all records of the journal under a box's root, in order; none before it is there."""
    return [str(r.body["type"]) for j in root.glob("*/journal") for r in scan(j.read_bytes())[0]]


def journal_records(root: Path, kind: str) -> list[str]:
    """The jobs that the journal under a box's root has records of this kind of."""
    found: list[str] = []
    for journal in root.glob("*/journal"):
        records, damages = scan(journal.read_bytes())
        assert not damages
        found += [str(r.body["job"]) for r in records if r.body["type"] == kind]
    return found
