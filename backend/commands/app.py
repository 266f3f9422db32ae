"""The door to the terminal app. What the app does not need at once is not imported: people wait for it."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution

from backend.commands.options import UpsampleOptions
from backend.errors import ConfigError, InputError
from backend.exit_codes import ExitCode

_PACKAGE = "cosmos-upsample"


def open_app(options: UpsampleOptions) -> ExitCode:
    """Open the terminal app on the given paths.

    The app is found by its entry point: it builds on this package, so nothing here may import it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("the app needs a terminal", "Use --no-ui to upsample without it.")
    try:
        # Of this package alone: a search through all that are installed takes its time.
        found = distribution(_PACKAGE).entry_points.select(group="upsample.front_ends")
        front_end = found["terminal"]
    except (PackageNotFoundError, KeyError):
        raise ConfigError(
            "the terminal app is not installed", f"Install {_PACKAGE} again."
        ) from None
    front_end.load()(
        options.settings(),
        options.paths,
        options.settings,
        save_dir=options.save_dir,
        changes=options.changes,
    )
    return ExitCode.OK
