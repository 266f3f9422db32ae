"""A user, and a box behind a real sshd whose real vLLM serves the tiny Pixtral."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote.paths import make_daemon_paths
from tests.support.daemons import end_daemons
from tests.support.laptop import JsonObject, Laptop, Running, journal_records
from tests.support.specs import write_spec
from tests.support.sshd import running_sshd
from tests.support.tiny_pixtral import TinyPixtral


@dataclass
class VllmBox:
    """A user, and a box with vLLM."""

    laptop: Laptop
    root: Path
    """Of the box."""

    @property
    def group(self) -> int:
        """The process group of the server that runs now."""
        (note,) = self.root.glob("*/vllm.json")
        group: int = json.loads(note.read_text())["group"]
        return group

    @property
    def answers(self) -> bool:
        """Whether a server listens."""
        place = make_daemon_paths(str(self.root))
        with socket.socket(socket.AF_UNIX) as knocking:
            return knocking.connect_ex(str(place.run / f"{place.key}.vllm")) == 0

    def upsample(
        self, *arguments: str | Path, reserve: int = 16
    ) -> contextlib.AbstractContextManager[Running]:
        """A batch, with so many tokens reserved for each answer."""
        self.laptop.more_environment["UPSAMPLE_RESERVE"] = str(reserve)
        return self.laptop.started(*arguments)


def members(group: int) -> dict[int, str]:
    """The processes of a group that are more than zombies, with their command lines."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, of = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(of) == group and state not in "ZX":
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(process.name)] = command.decode(errors="replace")
    return found


def write_texts(bench: VllmBox, name: str, count: int) -> Path:
    """Write a spec of so many prompts without a picture."""
    entries = [{"prompt": f"{name}, scene {n}", "output_video": f"{n}.mp4"} for n in range(count)]
    return write_spec(bench.laptop.cwd / f"{name}.json", entries)


def events_of(run: Running, kind: str) -> list[JsonObject]:
    """The events of one type that the test has looked at."""
    return [event for event in run.events if event["type"] == kind]


def provenance(bench: VllmBox, spec: Path) -> list[dict[str, Any]]:
    """What stands beside the results of a spec."""
    sidecar = bench.laptop.cwd / "outputs" / ".upsample" / f"{spec.stem}.upsample.json"
    results: list[dict[str, Any]] = json.loads(sidecar.read_text())["results"]
    return results


def check_done_once(bench: VllmBox, run: Running, spec: Path) -> None:
    """Each job of this spec has one result, in the journal and in the file."""
    done = Counter(event["job"] for event in events_of(run, "done"))
    assert set(done.values()) == {1}
    jobs = [result["job"] for result in provenance(bench, spec)]
    assert len(set(jobs)) == len(jobs) == len(done)
    journal = Counter(journal_records(bench.root, "finished"))
    assert {journal[job] for job in jobs} == {1}


@contextlib.contextmanager
def serving_vllm(
    folder: Path,
    tiny: TinyPixtral,
    command: Sequence[str],
    *,
    engine: str = "vllm",
    box: str = "",
    vllm: str = "",
) -> Iterator[VllmBox]:
    """A user with this box as the only one. `box` and `vllm` are more lines of its two tables.

    What is left of its vLLM afterwards is killed.
    """
    laptop, root = Laptop(folder / "home", folder / "work"), folder / "box"
    with running_sshd(folder / "sshd", laptop.public_key) as server:
        laptop.trust(server.port, server.host_key)
        laptop.add_host("gpu-box", server.port)
        # JSON's strings and lists are TOML's.
        laptop.configure(
            f'box = "tiny"\n[boxes.tiny]\nhost = "gpu-box"\nroot = "{root}"\nengine = "{engine}"\n'
            f'model = "{tiny.model}"\n{box}\n'
            f"[boxes.tiny.vllm]\ncommand = {json.dumps(command)}\n{vllm}\n"
            f'env = {{ PYTHONPATH = "{tiny.site}", HF_HUB_OFFLINE = "1" }}\n'
        )
        made = VllmBox(laptop, root)
        try:
            yield made
        finally:
            left = members(made.group) if any(root.glob("*/vllm.json")) else {}
            end_daemons(folder)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
