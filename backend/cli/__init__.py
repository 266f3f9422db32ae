"""The `upsample` command: it runs one command line and returns its exit code. `verbs` lists the commands.

Most command lines only name folders and open the app. They are not parsed, so that the user does not wait for
the import of the parser.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.errors import UpsampleError
from backend.exit_codes import ExitCode, exit_code_of
from backend.standard_streams import guard_streams, output_is_lost, tell_on_stdout

_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50
"""Thresholds of the garbage collector. Nearly all objects that imports and a scan make are kept. With the
usual threshold of 700, the collector takes a fifth of the time until the app shows something."""


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    # We use no plugins, and to find them pydantic would read the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    guard_streams()
    code = run(sys.argv[1:])
    tell_on_stdout()
    is_told_less = output_is_lost() and code in (ExitCode.OK, ExitCode.SOME_FAILED)
    sys.exit(ExitCode.OUTPUT if is_told_less else code)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = _open(arguments) if _only_paths(arguments) else _parse_and_call(arguments)
        sys.stdout.flush()  # that it cannot be written is handled here, but not at exit
    except UpsampleError as error:
        from backend.console import complain

        complain(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return result


def _only_paths(arguments: Sequence[str]) -> bool:
    """Whether the line has no options, and its first word, if there is one, cannot be a verb."""
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
