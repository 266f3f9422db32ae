"""The three ways to do the same work, each run from the start of its process to its exit.

Two clocks run for each:

    sending   from the first request's being sent to the model server until the last answer was in the
              user's hands: for the plain client, parsed; for this program, read from the box's journal
              over SSH and stored in the queue's file on the user's side
    whole     from the start of the process to its exit: Python, imports, connecting, for this program
              deploying the runner and starting the daemon; frames, and files with the results

Beside them, the processor time of the user's side (the command and what it starts), of the box's side
(sshd, relay, daemon) and of the model server: one machine has to give it all.

Each way is run twice: with the frames drawn already (it has to read and encode them), and drawing them.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backend.results.sidecars import find_sidecars
from backend.video import find_ffmpeg
from benchmarks import cpu
from benchmarks.model_server import ModelServer
from benchmarks.workload import Workload
from remote.jobs.records import scan
from remote.protocol import Answer, parse
from tests.support.daemons import daemons_below, end_daemons
from tests.support.laptop import UPSAMPLE, Laptop
from tests.support.specs import write_spec
from tests.support.sshd import running_sshd

ONE_AT_A_TIME = "one at a time"
PLAIN = "plain concurrent"
OURS = "upsample over SSH"
WAYS = (ONE_AT_A_TIME, PLAIN, OURS)

_SECONDS = 3600.0
_CHECKOUT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Run:
    """One way, run once."""

    way: str
    drawing: bool
    """Whether it had to draw the frames."""
    answers: int
    answer_tokens: int
    """As the server counted them."""
    prompt_tokens: int
    sending: float
    whole: float
    """Seconds; see above."""
    cpu_user: float
    cpu_box: float
    cpu_server: float
    """Seconds of processor time."""
    load: float
    """The machine's load average (1 min) before."""


@dataclass(frozen=True, slots=True)
class Track:
    """What the contestants run on."""

    folder: Path
    workload: Workload
    server: ModelServer
    slots: int
    stream: bool
    """Whether the plain client streams."""
    wrap: Callable[[list[str]], list[str]] = list
    """May put a profiler before the command of this program."""


def run(track: Track, way: str, *, drawing: bool, lap: int) -> Run:
    """Run one way in a new folder. Raises SystemExit when anything of it fails."""
    name = f"{lap}-{WAYS.index(way)}-{'drawing' if drawing else 'drawn'}"
    folder = track.folder / name
    folder.mkdir()
    os.sync()  # what the one before left to be written is no burden of this one
    load, server_before = os.getloadavg()[0], track.server.cpu_seconds()
    if way == OURS:
        ended = _run_ours(track, folder, drawing)
    else:
        ended = _run_plain(track, folder, drawing, 1 if way == ONE_AT_A_TIME else track.slots)
    if ended.answers != len(track.workload.tasks):
        raise SystemExit(f"{way} brought {ended.answers} answers of {len(track.workload.tasks)}")
    return Run(
        way, drawing, ended.answers, ended.answer_tokens, ended.prompt_tokens,
        ended.last_answer - ended.first_sent, ended.whole,
        ended.cpu_user, ended.cpu_box, track.server.cpu_seconds() - server_before, load,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Ended:
    answers: int
    answer_tokens: int
    prompt_tokens: int
    first_sent: float
    last_answer: float
    """Unix time, both: every contestant runs on the machine that the server runs on."""
    whole: float = 0.0
    cpu_user: float = 0.0
    cpu_box: float = 0.0


def _run_plain(track: Track, folder: Path, drawing: bool, at_once: int) -> _Ended:
    tasks = folder / "tasks.json"
    track.workload.write(tasks)
    command = [
        sys.executable, "-m", "benchmarks.plain_client", str(tasks),
        "--base-url", track.server.base_url, "--model", track.server.model,
        "--at-once", str(at_once), "--save-dir", str(folder / "answers"),
    ]  # fmt: skip
    if track.stream:
        command.append("--stream")
    if drawing:
        command += ["--draw", str(folder / "frames"), "--ffmpeg", str(find_ffmpeg())]
    began, cpu_begun = time.monotonic(), cpu.of_ended_children()
    ended = subprocess.run(command, capture_output=True, text=True, cwd=_CHECKOUT, timeout=_SECONDS)
    whole, cpu_user = time.monotonic() - began, cpu.of_ended_children() - cpu_begun
    if ended.returncode:
        raise SystemExit(f"the plain client failed:\n{ended.stderr}")
    return _Ended(**json.loads(ended.stdout), whole=whole, cpu_user=cpu_user)


# --- this program ---------------------------------------------------------------------------------


def _run_ours(track: Track, folder: Path, drawing: bool) -> _Ended:
    laptop, root = _new_user(track, folder, drawing)
    for task in track.workload.tasks:
        spec = {"prompt": task.prompt, "input_video_path": task.video}
        write_spec(laptop.cwd / "specs" / f"{task.name}.json", spec)
    command = track.wrap([str(UPSAMPLE), "--no-ui", "specs", "--save-dir", "results"])
    cpu_before = cpu.of_ended_children()
    with _box(laptop, folder) as daemon_seconds:
        began, cpu_begun = time.monotonic(), cpu.of_ended_children()
        ended = subprocess.run(
            command,
            cwd=laptop.cwd,
            env=laptop.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        whole, cpu_user = time.monotonic() - began, cpu.of_ended_children() - cpu_begun
        cpu_box = daemon_seconds()
    if ended.returncode:
        raise SystemExit(f"upsample failed:\n{ended.stderr}")
    # sshd and the relay have ended with the block.
    cpu_box += cpu.of_ended_children() - cpu_before - cpu_user
    return replace(_read_ended(laptop, root), whole=whole, cpu_user=cpu_user, cpu_box=cpu_box)


def _new_user(track: Track, folder: Path, drawing: bool) -> tuple[Laptop, Path]:
    """A user with nothing in the queue, and the root on a box that the runner was never on."""
    laptop, root = Laptop(folder / "home", folder / "work"), folder / "box"
    # A new folder has nothing drawn in it.
    frames = folder / "frames" if drawing else track.workload.kept_frames
    laptop.configure(
        f'box = "bench"\n[upsampling]\nreserve = {track.workload.tasks[0].max_tokens}\n'
        f'hint_video_dir = "{frames}"\n'
        f'[boxes.bench]\nhost = "bench-box"\nroot = "{root}"\nengine = "openai"\n'
        f'model = "{track.server.model}"\n[boxes.bench.openai]\n'
        f'base_url = "{track.server.base_url}"\nslots = {track.slots}\n'
    )
    return laptop, root


@contextmanager
def _box(laptop: Laptop, folder: Path) -> Iterator[Callable[[], float]]:
    """sshd while the block lasts; gives what the daemon's processor time is asked with."""
    with running_sshd(folder / "sshd", laptop.public_key) as sshd:
        laptop.trust(sshd.port, sshd.host_key)
        laptop.add_host("bench-box", sshd.port)
        try:
            yield lambda: cpu.of_processes(daemons_below(folder))
        finally:
            end_daemons(folder)


def _read_ended(laptop: Laptop, root: Path) -> _Ended:
    """From the files with the results, the box's journal and the queue's file."""
    tokens = [
        result["tokens"]
        for sidecar in find_sidecars(laptop.cwd / "results")
        for result in json.loads(sidecar.read_text())["results"]
    ]
    (journal,) = root.glob("*/journal")
    records, _ = scan(journal.read_bytes())
    started = [
        parse(Answer, record.body["answer"]).started
        for record in records
        if record.body["type"] == "finished"
    ]
    with closing(sqlite3.connect(laptop.queue_file)) as queue:
        ((last,),) = queue.execute("SELECT max(received) FROM results").fetchall()
    return _Ended(
        answers=len(tokens),
        answer_tokens=sum(count["answer_reported"] for count in tokens),
        prompt_tokens=sum(count["prompt_reported"] for count in tokens),
        first_sent=min(started),
        last_answer=last,
    )
