"""The commands of `runner.pyz`.

attach SETUP    connect an app (stdin, stdout) to the daemon of this box; SETUP is JSON
check CHECKUP   say on stdout what keeps this box from working; CHECKUP is JSON
clean ROOT      remove runners that nobody uses any more, and say on stdout which
daemon          serve; the setup comes on stdin, and one line on stdout says how starting went
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from remote.attach import attach
from remote.checks import examine_box
from remote.cleaning import remove_old_runners
from remote.daemon import Daemon, TakenError, hold_lock
from remote.engines.catalog import NoEngineError
from remote.journal import JournalError
from remote.place import Place, PlaceError, make_place
from remote.protocol import MAGIC, Checkup, Finding, Setup, encode, parse


def main() -> int:
    os.umask(0o077)
    runner = str(Path(sys.argv[0]).resolve())
    command, *arguments = sys.argv[1:] or [""]
    if command == "attach" and len(arguments) == 1:
        return attach(runner, parse(Setup, json.loads(arguments[0])))
    if command == "check" and len(arguments) == 1:
        checkup = parse(Checkup, json.loads(arguments[0]))
        return _telling(lambda tell: examine_box(checkup, tell))
    if command == "clean" and len(arguments) == 1:
        return _telling(lambda tell: remove_old_runners(arguments[0], Path(runner), tell))
    if command == "daemon" and not arguments:
        return _become_daemon(runner)
    print(__doc__, file=sys.stderr)  # noqa: T201 - the box's own command line
    return 2


def _telling(work: Callable[[Callable[[Finding], None]], None]) -> int:
    """Do something that makes findings, and send each as a message, once it is made."""

    def tell(finding: Finding) -> None:
        sys.stdout.buffer.write(encode(finding))
        sys.stdout.buffer.flush()

    sys.stdout.buffer.write(MAGIC)
    sys.stdout.buffer.flush()
    try:
        work(tell)
    except BrokenPipeError:
        return 1  # the app has gone
    return 0


def _become_daemon(runner: str) -> int:
    """Leave the process that started us, serve, and tell it on stdout how that went."""
    setup = parse(Setup, json.loads(sys.stdin.buffer.read()))
    if os.fork():
        # The starter waits for its child; the grandchild belongs to nobody and serves on.
        os._exit(0)
    say = os.fdopen(os.dup(1), "w")
    try:
        place = make_place(setup.root)
        with hold_lock(place):
            _leave_standard_streams(place)
            asyncio.run(_serve(place, setup, _hash_of(runner), say))
    except TakenError:
        _say(say, "taken", "another daemon serves this place")
    except PlaceError as error:
        _say(say, error.kind, str(error))
    except NoEngineError as error:
        _say(say, "engine", str(error))
    except (JournalError, OSError) as error:
        _say(say, "disk", f"cannot keep a journal under {setup.root}: {error}")
    except Exception:
        _say(say, "internal", traceback.format_exc(limit=-3))
        raise
    return 0


async def _serve(place: Place, setup: Setup, runner: str, say: TextIO) -> None:
    daemon = Daemon(place, setup, runner)
    await daemon.run(ready=lambda: _say(say, "ready", ""))


def _say(say: TextIO, kind: str, message: str) -> None:
    """One line for the starter; it may have gone by then, and may have been told already."""
    if say.closed:
        return
    with contextlib.suppress(BrokenPipeError), say:
        say.write(json.dumps({"kind": kind, "message": message}) + "\n")


def _leave_standard_streams(place: Place) -> None:
    """Let go of the starter's pipes; what Python itself prints goes beside the log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    errors = os.open(place.state / "daemon.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(nothing, 0)
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    os.close(nothing)
    os.close(errors)


def _hash_of(runner: str) -> str:
    return hashlib.sha256(Path(runner).read_bytes()).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
