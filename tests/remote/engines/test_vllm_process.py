"""A server as a process group: heard to its last word, and gone when it is ended."""

# ruff: noqa: ASYNC221, ASYNC240 - the tests have the loop to themselves

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote.engines.vllm import process
from remote.engines.vllm.process import (
    ServerIdentity,
    ServerProcess,
    is_running,
    sweep,
    write_pid_file,
)
from tests.support.waiting import until

STUBBORN = (
    "import os, signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = os.fork()\n"
    "if child: print('child', child, flush=True)\n"
)
STAYS = STUBBORN + "time.sleep(60)"
LEADER_LEAVES = STUBBORN + "if child: os._exit(3)\ntime.sleep(60)"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_TERM_SECONDS", 0.1)
    monkeypatch.setattr(process, "_ORPHANS_SECONDS", 0.1)
    monkeypatch.setattr(process, "_STEP", 0.02)
    monkeypatch.setattr(process, "_LAST_WORDS_SECONDS", 5.0)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "vllm.json"


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A group that is none of ours."""
    started = subprocess.Popen([sys.executable, "-c", STAYS], start_new_session=True)
    yield started
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def running(words: bytes) -> bool:
    """Whether any process has these words in its command line."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if words in file.read_bytes():
                return True
    return False


async def started(
    code: str, note: Path, hear: Callable[[str], None] = lambda line: None
) -> ServerProcess:
    command = [sys.executable, "-c", code]
    return await ServerProcess.start(command, dict(os.environ), note, hear)


async def child_of(server: ServerProcess) -> int:
    await until(lambda: "child" in server.last_lines)
    return int(server.last_lines.split()[1])


def group_of(note: Path) -> int:
    group: int = json.loads(note.read_text())["group"]
    return group


async def test_a_group_that_will_not_end_is_killed(note: Path) -> None:
    server = await started(STAYS, note)
    child, leader = await child_of(server), group_of(note)
    assert is_alive(leader)
    assert is_alive(child)
    await server.stop()
    assert server.returncode == -signal.SIGKILL
    assert not is_alive(leader)
    assert not is_alive(child)
    assert not note.exists()
    await server.stop()  # a second time is harmless


async def test_children_that_outlive_the_leader_are_killed(note: Path) -> None:
    server = await started(LEADER_LEAVES, note)
    child = await child_of(server)
    await until(lambda: server.returncode is not None)
    assert server.returncode == 3
    assert is_alive(child)
    await server.stop()
    assert not is_alive(child)


async def test_it_has_no_terminal_and_a_session_of_its_own(note: Path) -> None:
    server = await started("import os; print(os.getsid(0) == os.getpid(), os.read(0, 9))", note)
    await until(lambda: server.returncode is not None)
    await server.stop()
    assert server.last_lines == "True b''"


async def test_without_a_note_it_is_not_left_running(tmp_path: Path) -> None:
    heard: list[str] = []
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(33)"
    with pytest.raises(FileNotFoundError):
        await started(code, tmp_path / "no folder" / "note", heard.append)
    assert not any(is_alive(int(pid)) for pid in heard)
    assert not running(b"time.sleep(33)")


async def test_a_program_that_is_not_there_leaves_no_note(note: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await ServerProcess.start(["/nonexistent/vllm"], {}, note, lambda line: None)
    assert not note.exists()


async def test_a_cancel_at_the_moment_of_the_start_leaves_nothing(
    note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio kills the process then, and not the children that it may have by now."""
    create = asyncio.create_subprocess_exec
    born: list[asyncio.subprocess.Process] = []

    async def cancelled(*command: str, **options: Any) -> asyncio.subprocess.Process:
        born.append(await create(*command, **options))
        await until(lambda: running(b"61.5"))
        born[0].kill()
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "create_subprocess_exec", cancelled)
    code = "import subprocess, sys\nsubprocess.run(['sleep', '61.5'])"
    with pytest.raises(asyncio.CancelledError):
        await started(code, note)
    await born[0].wait()
    born[0]._transport.close()  # type: ignore[attr-defined]
    assert not running(b"61.5")
    assert not note.exists()


async def test_a_cancel_does_not_break_off_stop(note: Path) -> None:
    server = await started(LEADER_LEAVES, note)
    child = await child_of(server)
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0.05)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    assert stopping.cancelled()
    assert not is_alive(child)


async def test_a_group_that_cannot_be_killed_is_left_to_the_next_daemon(
    note: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Say, because it hangs in the GPU's driver."""
    server = await started(STAYS, note)
    await child_of(server)
    with monkeypatch.context() as hanging:
        hanging.setattr(process, "_KILL_SECONDS", 0.1)
        hanging.setattr(process, "_lives", lambda group: True)
        await server.stop()
    assert "cannot be killed" in caplog.text
    assert note.exists()
    await sweep(note)
    assert not note.exists()


# --- its log ---------------------------------------------------------------------------------------


async def lines_of(code: str, note: Path) -> tuple[list[str], str]:
    """What was heard, and the last lines."""
    heard: list[str] = []
    server = await started(f"import sys\nout = sys.stdout.buffer\n{code}", note, heard.append)
    await until(lambda: server.returncode is not None)
    await server.stop()
    return heard, server.last_lines


async def test_stdout_and_stderr_are_heard_line_by_line(note: Path) -> None:
    code = "print('one', flush=True)\nprint('two', file=sys.stderr)"
    assert await lines_of(code, note) == (["one", "two"], "one\ntwo")


async def test_progress_bars_empty_lines_and_broken_characters(note: Path) -> None:
    code = r"out.write('10%\r20%\r\n\n  \nH\u00e4fen\n'.encode() + b'\xff!\nlast')"
    heard, _ = await lines_of(code, note)
    assert heard == ["10%", "20%", "Häfen", "\ufffd!", "last"]


async def test_a_line_without_end_is_heard_in_parts_and_fills_no_memory(note: Path) -> None:
    code = "out.write(b'x' * 5_000_000)\nout.write(b'\\nlast\\n')"
    heard, _ = await lines_of(code, note)
    assert heard[-1] == "last"
    assert max(map(len, heard)) <= 4000


async def test_only_the_last_lines_are_kept(note: Path) -> None:
    heard, last = await lines_of("for n in range(5000): print(n)", note)
    assert heard == [str(n) for n in range(5000)]
    assert last.splitlines() == [str(n) for n in range(4940, 5000)]


async def test_a_process_that_left_the_group_does_not_hold_up_the_end(
    note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_LAST_WORDS_SECONDS", 0.3)
    leaves = "os.setsid(); print('child', os.getpid(), flush=True); time.sleep(100)"
    server = await started(f"import os, time\nif not os.fork(): {leaves}", note)
    child = await child_of(server)
    await until(lambda: server.returncode is not None)
    began = time.monotonic()
    await server.stop()
    assert time.monotonic() - began < 30
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


# --- what a killed daemon left ---------------------------------------------------------------------


async def test_a_group_that_a_note_names_is_swept(note: Path) -> None:
    server = await started(STAYS, note)
    child, leader = await child_of(server), group_of(note)
    assert await sweep(note)
    assert not is_alive(leader)
    assert not is_alive(child)
    assert not note.exists()
    await server.stop()


async def test_a_group_whose_leader_is_gone_is_swept(note: Path) -> None:
    server = await started(LEADER_LEAVES, note)
    child = await child_of(server)
    await until(lambda: server.returncode is not None)
    assert await sweep(note)
    assert not is_alive(child)
    await server.stop()


async def test_a_server_whose_daemon_was_killed_before_it_could_note_the_group_is_swept(
    note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that the note has then was written before the start."""
    first: list[bytes] = []

    def write(file: Path, kept: ServerIdentity) -> None:
        write_pid_file(file, kept)
        first.append(file.read_bytes())

    monkeypatch.setattr("remote.engines.vllm.process.write_pid_file", write)
    server = await started(STAYS, note)
    child, leader = await child_of(server), group_of(note)
    note.write_bytes(first[0])
    assert is_running(note)
    assert await sweep(note)
    assert not is_alive(leader)
    assert not is_alive(child)
    assert not note.exists()
    await server.stop()


async def test_a_server_that_was_never_begun_is_nothing_to_sweep(note: Path) -> None:
    write_pid_file(note, ServerIdentity(None, "", None, "0123456789abcdef"))
    assert not is_running(note)
    assert not await sweep(note)
    assert not note.exists()


async def test_a_number_that_is_somebody_elses_by_now_is_left_alone(
    note: Path, bystander: subprocess.Popen[bytes]
) -> None:
    note.write_text(json.dumps({"group": bystander.pid, "started": "12345"}))
    assert not await sweep(note)
    assert bystander.poll() is None
    assert not note.exists()


async def test_a_group_that_is_gone_is_none(note: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    note.write_text(json.dumps({"group": int(ended.stdout), "started": "12345"}))
    assert not await sweep(note)
    assert not note.exists()


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "7", "\xff", '{"group": "x", "started": "1"}', '{"group": 77}',
        '{"group": 0, "started": ""}', '{"group": 1, "started": ""}', '{"group": -1, "started": ""}',
        '{"group": 1e999, "started": ""}', '{"group": 99999999999999999999, "started": ""}',
        '{"group": null, "started": ""}',
    ],
)  # fmt: skip
async def test_a_broken_note_harms_nobody(
    text: str, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[object] = []
    monkeypatch.setattr(os, "killpg", lambda *arguments: killed.append(arguments))
    note.write_text(text, encoding="latin-1")
    assert not await sweep(note)
    assert killed == []


async def test_no_note_is_nothing_to_sweep(note: Path) -> None:
    assert not await sweep(note)
