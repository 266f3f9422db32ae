"""Where the config files are. What reads and checks them is in `layers`."""

from __future__ import annotations

from pathlib import Path

import platformdirs

LOCAL_FILE = Path("config.toml")
"""The config file in the working directory."""


def user_file() -> Path:
    """Return the path of the user's own config.toml, which need not exist."""
    return platformdirs.user_config_path("upsample") / "config.toml"


def themes_folder() -> Path:
    """Return the folder of the user's themes for the app, which need not exist."""
    return user_file().parent / "themes"
