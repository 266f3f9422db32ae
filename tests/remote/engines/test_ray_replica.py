"""A replica imports its code from memory, has a folder of its own, and leaves nothing when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.engines.ray import replica as replica_module
from remote.engines.ray.places import end_left_replicas, take_place
from remote.engines.vllm import process
from remote.engines.vllm.process import ServerIdentity, pid_file, write_pid_file
from remote.paths import make_daemon_paths
from tests.remote.engines.test_vllm_process import STAYS, is_alive
from tests.support.waiting import wait_until

_IMPORTS = """
import importlib.util, sys, pathlib
spec = importlib.util.spec_from_file_location("replica", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.import_from(pathlib.Path(sys.argv[2]).read_bytes())
import remote.engines.ray.hosting as hosting
print(hosting.__spec__.origin)
"""
_GUARDED = """
import sys, time
from pathlib import Path
from remote.engines.ray.guard import start_guard
from remote.engines.ray.places import take_place
place = take_place(sys.argv[2])
start_guard(Path(sys.argv[1]), place)
print(place.root, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_TERM_SECONDS", 0.1)


@pytest.fixture
def runner(tmp_path: Path, compiled_runner: bytes) -> Path:
    file = tmp_path / "runner.pyz"
    file.write_bytes(compiled_runner)
    return file


@pytest.fixture
def root(tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "root")
    for folder in (tmp_path / "root" / "replicas").glob("*"):
        make_daemon_paths(str(folder)).lock.unlink(missing_ok=True)


def test_the_code_comes_from_the_runner_in_memory(tmp_path: Path, runner: Path) -> None:
    replica = tmp_path / "replica.py"
    replica.write_bytes(Path(replica_module.__file__).read_bytes())
    command = [sys.executable, "-I", "-c", _IMPORTS, str(replica), str(runner)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout == "runner.pyz/remote/engines/ray/hosting.py\n"


def test_each_replica_of_a_node_takes_a_folder_that_no_other_has(root: str) -> None:
    taken = [take_place(root) for _ in range(3)]
    assert [it.root for it in taken] == [f"{root}/replicas/{n}" for n in range(3)]
    os.close(taken[1].lock)
    again = take_place(root)
    assert again.root == taken[1].root
    for place in (taken[0], again, taken[2]):
        os.close(place.lock)


def test_what_a_killed_replica_left_is_ended_and_one_that_lives_is_left_alone(root: str) -> None:
    left, living = take_place(root), take_place(root)
    servers = []
    for place in (left, living):
        command = [sys.executable, "-c", STAYS]
        server = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
        servers.append(server)
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"child")
        write_pid_file(
            pid_file(place.paths), ServerIdentity(server.pid, process._start_time(server.pid))
        )
    os.close(left.lock)
    assert end_left_replicas(root) == []
    assert [is_alive(it.pid) for it in servers] == [False, True]
    os.close(living.lock)
    assert take_place(root).root == left.root
    for server in servers:
        with server:
            assert not is_alive(server.pid)


def test_a_killed_replica_is_cleaned_up_after_by_its_guard(root: str, runner: Path) -> None:
    command = [sys.executable, "-c", _GUARDED, str(runner), root]
    replica = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert replica.stdout is not None
    paths = make_daemon_paths(replica.stdout.readline().strip())
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    server = subprocess.Popen(sleep, start_new_session=True)
    with replica, server:
        write_pid_file(pid_file(paths), ServerIdentity(server.pid, process._start_time(server.pid)))
        os.kill(replica.pid, signal.SIGKILL)
        wait_until(lambda: not pid_file(paths).exists())
        assert server.wait() == -signal.SIGTERM
