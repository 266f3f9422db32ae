"""Ray clusters of several nodes on this machine, and the death of their nodes, raylets and actors."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.leftovers import MARK
from tests.support.ray_environment import RAY
from tests.support.sshd import BOUND
from tests.support.waiting import wait_until

_PROGRAM = Path(__file__).with_name("ray_nodes.py")


@dataclass
class RayNodes:
    """A cluster that is up. Use `ray_cluster`."""

    address: str
    raylets: list[int]
    """The process numbers of the nodes' raylets; the first one is the head's."""
    log: Path
    _process: subprocess.Popen[str]

    def add_node(self, **environment: str) -> None:
        """Add another node, with these variables in its environment."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(environment)}\n")
        self._process.stdin.flush()
        self.raylets.append(int(self.hear()))

    def kill_head(self) -> None:
        """Kill the server that knows the whole cluster; the nodes' processes stay."""
        for pid in children_of(self._process.pid):
            with contextlib.suppress(OSError):
                if b"gcs_server" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)

    def kill_raylet(self, node: int) -> None:
        """Kill the process of a node by which Ray knows it, and nothing else of the node."""
        os.kill(self.raylets[node], signal.SIGKILL)

    def kill_node(self, node: int) -> None:
        """Kill all processes of a node that Ray has started, as a machine that loses its power does."""
        for pid in [self.raylets[node], *children_of(self.raylets[node])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def actors(self, node: int) -> list[int]:
        """The processes of our replicas on a node."""
        return [pid for pid in children_of(self.raylets[node]) if is_replica(pid)]

    @property
    def processes(self) -> list[int]:
        """All processes of the cluster."""
        return children_of(self._process.pid)

    @property
    def replicas(self) -> list[int]:
        """The processes of our replicas on all nodes."""
        return [pid for pid in self.processes if is_replica(pid)]

    def freeze_node(self, node: int) -> list[int]:
        """Stop all processes of a node. Returns them, so that they can go on."""
        stopped = [self.raylets[node], *children_of(self.raylets[node])]
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        return stopped

    def hear(self) -> str:
        """The next line that the program prints."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            pytest.fail(f"the cluster has ended: {self.log.read_text()[-2000:]}")
        return line


@contextlib.contextmanager
def ray_cluster(
    folder: Path, nodes: int = 3, gpus: int = 1, store_bytes: int = 80_000_000
) -> Iterator[RayNodes]:
    """A cluster of so many nodes with so many GPUs each, in name alone, and so much memory for objects.

    It has ended after the block.
    """
    python, log = RAY.program("python"), folder / "ray_nodes.log"
    files = tempfile.mkdtemp(prefix="ray")  # Ray's sockets need a short path
    with log.open("wb") as written:
        process = subprocess.Popen(
            [python, _PROGRAM, str(nodes), str(gpus), str(store_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
            env={**os.environ, "RAY_TMPDIR": files, "RAY_USAGE_STATS_ENABLED": "0"},
        )
    made = RayNodes("", [], log, process)
    try:
        made.raylets.append(int(made.hear()))
        made.address = made.hear()
        while (line := made.hear()) != "ready":
            made.raylets.append(int(line))
        yield made
    finally:
        left = children_of(process.pid)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.kill()
        process.communicate(timeout=BOUND)
        wait_until(lambda: not any(map(is_alive, left)), BOUND)
        shutil.rmtree(files, ignore_errors=True)


def children_of(pid: int) -> list[int]:
    """The processes that this one has started, and theirs."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, tasks.read_text().split()):
                found += [child, *children_of(child)]
    return found


def is_replica(pid: int) -> bool:
    """Whether this is the process of a replica of ours."""
    with contextlib.suppress(OSError):
        return b"ReplicaActor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def is_alive(pid: int) -> bool:
    """Whether the process has not ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def replicas() -> list[int]:
    """All processes of replicas on this machine of this session of tests, and of this worker of xdist:
    another one may have a cluster of its own.
    """
    names = (MARK, "PYTEST_XDIST_WORKER")
    marks = {f"{name}={os.environ[name]}".encode() for name in names if name in os.environ}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            if marks <= set(environment) and is_replica(int(process.name)):
                found.append(int(process.name))
    return found
