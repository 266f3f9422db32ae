"""`upsample cache …`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from backend.exit_codes import ExitCode

app = App(
    name="cache",
    help="Show which frames, hint videos and fetched media are kept, where and how large; or remove them.",
)


@app.default
def cache(
    *, json: Annotated[bool, Parameter(help="One JSON object a folder.")] = False
) -> ExitCode:
    from backend.commands.cache import show_cache

    return show_cache(as_json=json)


@app.command
def clear(
    *,
    older_than: Annotated[
        float | None,
        Parameter(help="Only what was not used for so many days.", name="--older-than"),
    ] = None,
    json: Annotated[bool, Parameter(help="One JSON object a folder.")] = False,
) -> ExitCode:
    """Remove frames, hint videos and fetched media, but not what jobs need that wait or run."""
    from backend.commands.cache import clear_cache

    return clear_cache(older_than, as_json=json)
