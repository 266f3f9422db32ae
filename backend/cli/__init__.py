"""The `upsample` command: one line in, one exit code out. What can be typed is in `verbs`.

Most lines only name folders and open the app. Those are not parsed, and whoever types them does not wait for
what parses the others.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from backend.errors import UpsampleError
from backend.exit_codes import ExitCode, exit_code_of

_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50
"""Thresholds of the garbage collector. Nearly all that is made by imports and by a scan stays; by the usual
700, looking through it again and again takes a fifth of the time until there is something to see."""


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    # None is wanted, and to look for them pydantic reads about every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that has no ✓ gets an escape for it instead of a traceback.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = _open(arguments) if _only_paths(arguments) else _parse_and_call(arguments)
        sys.stdout.flush()  # here, where a broken pipe is dealt with, and not at exit
    except UpsampleError as error:
        from backend.console import complain

        complain(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _let_go_of_output()
        return ExitCode.OK
    return result


def _only_paths(arguments: Sequence[str]) -> bool:
    """Whether the line has no options, and begins with what can be no verb."""
    begins = not arguments or "/" in arguments[0] or "." in arguments[0]
    return begins and not any(argument.startswith("-") for argument in arguments)


def _open(paths: Sequence[str]) -> ExitCode:
    from backend.commands.open_app import open_app

    return open_app([Path(path) for path in paths])


def _parse_and_call(arguments: list[str]) -> ExitCode:
    from cyclopts import CycloptsError

    from backend.cli.verbs import app
    from backend.console import out

    try:
        result = app(arguments, exit_on_error=False, console=out())
    except CycloptsError:
        return ExitCode.USAGE  # cyclopts has said what is wrong
    return result if isinstance(result, ExitCode) else ExitCode.OK


def _let_go_of_output() -> None:
    """Whoever read our output has what they wanted; keeps Python from complaining at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
