"""`upsample config …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from backend.exit_codes import ExitCode

app = App(name="config", help="Show and change settings.")


@app.command
def show(
    *,
    sources: Annotated[
        bool, Parameter(help="With where each value comes from.", negative="")
    ] = False,
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Show every setting as it holds here and now."""
    from backend.commands.config import show_settings, show_sources

    return show_sources(as_json=json) if sources else show_settings(as_json=json)


@app.command
def get(key: Annotated[str, Parameter(help="As in upsampling.max_tokens.")], /) -> ExitCode:
    """Print one setting."""
    from backend.commands.config import get_setting

    return get_setting(key)


@app.command(name="set")
def set_(
    key: Annotated[str, Parameter(help="As in boxes.h100.host.")],
    value: Annotated[str, Parameter(help="Its new value.", allow_leading_hyphen=True)],
    /,
) -> ExitCode:
    """Change one setting in your config file; comments stay."""
    from backend.commands.config import set_setting

    return set_setting(key, value)


@app.command
def edit() -> ExitCode:
    """Open your config file in $EDITOR, and check it afterwards."""
    from backend.commands.config import edit_settings

    return edit_settings()


@app.command
def path() -> ExitCode:
    """Print which config files there are, the strongest first."""
    from backend.commands.config import show_paths

    return show_paths()


@app.command
def profiles(
    *,
    json: Annotated[bool, Parameter(help="As a JSON array.")] = False,
    from_cosmos_framework: Annotated[
        Path | None,
        Parameter(
            help="Write profiles with NVIDIA's wording out of this checkout of cosmos-framework."
        ),
    ] = None,
    force: Annotated[bool, Parameter(help="Write such profiles anew.")] = False,
) -> ExitCode:
    """List the model profiles, the shipped ones and yours."""
    if from_cosmos_framework is not None:
        from backend.commands.import_profiles import import_profiles

        return import_profiles(from_cosmos_framework, force=force)
    from backend.commands.config import show_profiles

    return show_profiles(as_json=json)
