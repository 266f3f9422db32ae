"""Opens the terminal app. Imports only what the app needs at once, because the user waits for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from backend.errors import ConfigError, InputError
from backend.exit_codes import ExitCode
from backend.results import DEFAULT_SAVE_DIR
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns

if TYPE_CHECKING:
    from backend.config import Settings, Table

_PACKAGE = "cosmos-upsample"
_ENTRY_POINT = "[upsample.front_ends]\nterminal = "


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
        from backend.config import load_settings

        return load_settings(changes())

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("the app needs a terminal", "Use --no-ui to upsample without it.")
    resolve_name(_front_end())(
        paths,
        reload,
        save_dir=save_dir,
        changes=changes,
        columns=columns,
    )
    return ExitCode.OK


def _front_end() -> str:
    """Return where the app is, as the installed package says: "module:function". Raises ConfigError.

    `importlib.metadata` would find it, too, but imports parsers of mail and of archives first, which takes as
    long as drawing the first specs.
    """
    pattern = f"{_PACKAGE.replace('-', '_')}-*.dist-info/entry_points.txt"
    for folder in sys.path:
        for file in Path(folder).glob(pattern):
            _, found, rest = file.read_text("utf-8").partition(_ENTRY_POINT)
            if found:
                return rest.partition("\n")[0]
    raise ConfigError("the terminal app is not installed", f"Install {_PACKAGE} again.")
