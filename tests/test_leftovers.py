"""A session of tests that leaves something on the machine fails, and says what."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.leftovers import EXIT_STATUS
from tests.support.podman import require_podman
from tests.support.waiting import wait_until

_REPOSITORY = Path(__file__).parent.parent
_CONFTEST = """
from tests.support import leftovers
leftovers._PATIENCE = 0.3
from tests.conftest import *
"""
_TESTS = """
import os, socket, subprocess, sys, tempfile
from pathlib import Path
from remote.paths import make_daemon_paths

SLEEP = [sys.executable, "-c", "import time; time.sleep(61.25)"]

def test_tidy(tmp_path):
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_untidy(tmp_path):
    {body}
"""
_A_PROCESS = "Path(r'{note}').write_text(str(subprocess.Popen(SLEEP).pid))"
_A_CONTAINER = """
    from tests.support.podman import own_podman
    sys.kept = own_podman()  # what is not kept ends here
    left = sys.kept.__enter__()
    left.import_image("image")
    left.run("run", "--detach", *left.mounts, "image", "sleep", "61.25")
"""
_IN_A_SESSION_OF_ITS_OWN = (
    "Path(r'{note}').write_text(str(subprocess.Popen(SLEEP, start_new_session=True, cwd='/').pid))"
)


class Inner:
    """A session inside the test, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._note = folder / "note"

    def run(self, body: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run two tests, of which the second one has this body."""
        tests = self._folder / "tests"
        tests.mkdir()
        (tests / "conftest.py").write_text(_CONFTEST)
        file = tests / "test_made_up.py"
        file.write_text(_TESTS.format(body=body.format(note=self._note)))
        base = f"--basetemp={self._folder / 'inner'}"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            base,
            *options,
            str(file),
        ]
        environment = dict(os.environ) | {"PYTHONPATH": str(_REPOSITORY)}
        return subprocess.run(
            command,
            cwd=_REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
        )

    @property
    def left(self) -> int:
        """The process that the second test noted."""
        return int(self._note.read_text())

    def end(self) -> None:
        """Kill that process, if it is there and a test failed."""
        if self._note.exists() and _runs(self.left):
            os.kill(self.left, signal.SIGKILL)


@pytest.fixture
def inner(tmp_path: Path) -> Iterator[Inner]:
    """A session that may leave what it likes."""
    made = Inner(tmp_path)
    yield made
    made.end()


def _runs(process: int) -> bool:
    with contextlib.suppress(OSError):
        return b"61.25" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def test_a_session_that_leaves_nothing_passes(inner: Inner) -> None:
    ended = inner.run("pass")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "left on the machine" not in ended.stdout


@pytest.mark.parametrize("options", [(), ("--numprocesses", "2")], ids=["alone", "with workers"])
@pytest.mark.parametrize("body", [_A_PROCESS, _IN_A_SESSION_OF_ITS_OWN], ids=["child", "session"])
def test_a_process_that_is_left_fails_the_session_and_is_ended(
    inner: Inner, body: str, options: tuple[str, ...]
) -> None:
    ended = inner.run(body, *options)
    assert ended.returncode == EXIT_STATUS, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout
    said = ended.stdout.partition("left on the machine")[2]
    assert f"process {inner.left}: {sys.executable} -c import time" in said
    assert "started by" in said
    assert "::test_untidy (call)" in said
    assert "test_tidy" not in said
    wait_until(lambda: not _runs(inner.left))  # a kill takes effect a moment later


def test_a_process_without_our_environment_is_known_by_its_folder(inner: Inner) -> None:
    body = "Path(r'{note}').write_text(str(subprocess.Popen(SLEEP, env={{}}, cwd=tmp_path).pid))"
    ended = inner.run(body)
    assert ended.returncode == EXIT_STATUS, ended.stdout + ended.stderr
    assert f"process {inner.left}: " in ended.stdout


@pytest.mark.parametrize("suffix", ["sock", "lock", "vllm"])
def test_a_socket_or_lock_of_a_daemon_fails_the_session_and_is_removed(
    inner: Inner, suffix: str
) -> None:
    body = f"make_daemon_paths(str(tmp_path / 'x')).socket.with_suffix('.{suffix}').touch()"
    ended = inner.run(body)
    assert ended.returncode == EXIT_STATUS, ended.stdout + ended.stderr
    (said,) = [line for line in ended.stdout.splitlines() if "socket or lock: " in line]
    assert said.endswith(suffix)
    assert not Path(said.partition(": ")[2]).exists()


def test_a_temporary_folder_that_is_left_fails_the_session_and_is_removed(inner: Inner) -> None:
    ended = inner.run("tempfile.mkdtemp(prefix='forgotten-')")
    assert ended.returncode == EXIT_STATUS, ended.stdout + ended.stderr
    (said,) = [line for line in ended.stdout.splitlines() if "temporary: " in line]
    assert "forgotten-" in said
    assert not Path(said.partition(": ")[2]).exists()


@pytest.mark.containers
@pytest.mark.xdist_group("containers")
def test_a_container_that_is_left_fails_the_session_and_is_ended(inner: Inner) -> None:
    require_podman()
    ended = inner.run(_A_CONTAINER.strip())
    assert ended.returncode == EXIT_STATUS, ended.stdout + ended.stderr
    said = ended.stdout.partition("left on the machine")[2]
    (contained,) = re.findall(r"process (\d+): sleep 61.25", said)
    (watcher,) = re.findall(r"process (\d+): \S*conmon ", said)
    wait_until(lambda: not _runs(int(contained)))
    wait_until(lambda: not Path(f"/proc/{watcher}").exists())
    assert "temporary: " in said


def test_tests_that_fail_and_leave_something_do_not_count_as_flaky(inner: Inner) -> None:
    ended = inner.run(f"{_A_PROCESS}; raise ValueError")
    assert ended.returncode == EXIT_STATUS, ended.stdout + ended.stderr
    assert "1 failed, 1 passed" in ended.stdout
