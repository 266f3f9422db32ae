"""Opens the terminal app. Imports only what the app needs at once, because the user waits for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from backend.config import Settings, Table, load_settings
from backend.errors import ConfigError, InputError
from backend.exit_codes import ExitCode
from backend.results import DEFAULT_SAVE_DIR
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns

_PACKAGE = "cosmos-upsample"


def open_app(
    paths: Sequence[Path],
    save_dir: Path = DEFAULT_SAVE_DIR,
    changes: Callable[[], Table] = dict,
    columns: WantedColumns = ANY_COLUMNS,
) -> ExitCode:
    """Open the terminal app on the given paths. `changes` returns the settings that the command line changes.

    The app is found by its entry point: it builds on this package, so nothing here may import it.
    """

    def reload() -> Settings:
        return load_settings(changes())

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("the app needs a terminal", "Use --no-ui to upsample without it.")
    try:
        # Only this package is searched, because a search of all installed packages is slow.
        found = distribution(_PACKAGE).entry_points.select(group="upsample.front_ends")
        front_end = found["terminal"]
    except (PackageNotFoundError, KeyError):
        raise ConfigError(
            "the terminal app is not installed", f"Install {_PACKAGE} again."
        ) from None
    front_end.load()(
        reload(),
        paths,
        reload,
        save_dir=save_dir,
        changes=changes,
        columns=columns,
    )
    return ExitCode.OK
