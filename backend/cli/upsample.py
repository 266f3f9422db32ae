"""`upsample [PATH …]`: opens the app, or with `--no-ui` upsamples at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from backend.commands.upsample_options import UpsampleOptions
from backend.exit_codes import ExitCode

_DEFAULTS = UpsampleOptions()


def upsample(
    *paths: Annotated[Path, Parameter(help="Specs, and folders to look for specs in.")],
    options: Annotated[UpsampleOptions, Parameter(name="*")] = _DEFAULTS,
) -> ExitCode:
    if options.no_ui or options.dry_run:
        from backend.commands.upsample import upsample_batch

        return upsample_batch(replace(options, paths=paths))
    from backend.commands.open_app import open_app
    from backend.specs.tables.columns import parse_columns

    columns = parse_columns(options.columns)
    return open_app(paths, options.results_folder, options.changes, columns)
