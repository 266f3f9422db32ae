"""Starts a daemon: it forks, takes the locks, serves, and reports to the process that started it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TextIO

from remote.daemon.daemon import Daemon
from remote.engines.catalog import NoEngineError
from remote.files import remove_left_uploads
from remote.jobs.journal import JournalError
from remote.locks import TakenError, hold_locks
from remote.paths import DaemonPaths, FolderError, make_daemon_paths
from remote.protocol import Setup, log_text, parse


def become_daemon(runner: str) -> int:
    """Fork, serve in the child until the end, and write one line about the start to stdout.

    Reads the setup from stdin. Returns an exit code.
    """
    setup = parse(Setup, json.loads(sys.stdin.buffer.read()))
    if os.fork():
        # The starting process waits for its child only; the grandchild goes on as the daemon.
        os._exit(0)
    say = os.fdopen(os.dup(1), "w")
    try:
        paths = make_daemon_paths(setup.root)
        with hold_locks(paths):
            _leave_standard_streams(paths)
            remove_left_uploads(paths.state.parent)
            asyncio.run(_serve(paths, setup, _hash_of(runner), say))
    except TakenError:
        _say(say, "taken", "another daemon serves this place")
    except FolderError as error:
        _say(say, error.kind, str(error))
    except NoEngineError as error:
        _say(say, "engine", str(error))
    except (JournalError, OSError) as error:
        _say(say, "disk", f"cannot keep a journal under {setup.root}: {error}")
    except Exception:  # noqa: BLE001 - it is written where Python would have written it
        _say(say, "internal", traceback.format_exc(limit=-3))
        # Not raised, because an error may quote a model server, and Python would print it as it is.
        sys.stderr.write(log_text(traceback.format_exc()))
        return 1
    return 0


async def _serve(paths: DaemonPaths, setup: Setup, runner: str, say: TextIO) -> None:
    daemon = Daemon(paths, setup, runner)
    await daemon.run(ready=lambda: _say(say, "ready", ""))


def _say(say: TextIO, kind: str, message: str) -> None:
    """Write one line for the starting process. It may have ended, or may have got its line already."""
    if say.closed:
        return
    with contextlib.suppress(BrokenPipeError), say:
        say.write(json.dumps({"kind": kind, "message": message}) + "\n")


def _leave_standard_streams(paths: DaemonPaths) -> None:
    """Close the pipes of the starting process; output of Python itself goes to daemon.err beside the log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    errors = os.open(paths.state / "daemon.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(nothing, 0)
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    os.close(nothing)
    os.close(errors)


def _hash_of(runner: str) -> str:
    return hashlib.sha256(Path(runner).read_bytes()).hexdigest()[:12]
