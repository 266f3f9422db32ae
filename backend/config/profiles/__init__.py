"""Profiles: how a model family is prompted and how its tokens are counted. See docs/profiles.md.

A profile is one TOML file, and perhaps JSON schemas beside it. Shipped profiles are in this folder; a user's
own profiles are in the folder `profiles` beside the user's config.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import platformdirs
from pydantic import ValidationError

from backend.config.profiles.profile import KvCache, Profile
from backend.config.profiles.schemas import MOST_BYTES, read_schema
from backend.config.validation import first_complaint
from backend.errors import ConfigError
from backend.files import read_regular

__all__ = [
    "AUTO",
    "OTHERWISE",
    "KvCache",
    "Profile",
    "ProfileFile",
    "load_profile",
    "profile_files",
    "profile_names",
    "profiles_folder",
    "shipped_profile_text",
]

AUTO = "auto"
"""The value of `upsampling.profile` that chooses a profile for each spec; see `fitting`."""
OTHERWISE = "transfer1"
"""The profile that AUTO chooses for specs that no profile names."""

_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile's name and file."""

    name: str
    path: Path | None
    """The user's own file; None for a shipped one."""


def profiles_folder() -> Path:
    """Return the folder of the user's own profiles, which need not exist."""
    return platformdirs.user_config_path("upsample") / "profiles"


def profile_files() -> tuple[ProfileFile, ...]:
    """List every profile: the shipped ones, then the user's, each group sorted by name.

    The list includes a user's file that has the name of a shipped one; `load_profile` refuses that name.
    """
    shipped = [ProfileFile(name, None) for name in _shipped_names()]
    try:
        found = [path for path in profiles_folder().iterdir() if path.suffix == _SUFFIX]
        own = sorted(found, key=lambda path: path.stem)
    except OSError:
        own = []
    return (*shipped, *(ProfileFile(path.stem, path) for path in own))


def profile_names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    return tuple(sorted({file.name for file in profile_files()}))


def load_profile(name: str) -> Profile:
    """Load the profile with this name. Raises ConfigError.

    AUTO gives the profile for specs that no profile names; see `Upsampling.for_spec`.
    """
    name = OTHERWISE if name == AUTO else name
    files = [file for file in profile_files() if file.name == name]
    if not files:
        raise ConfigError(
            f"there is no profile {name!r}", f"The profiles are: {', '.join(profile_names())}."
        )
    own = files[-1].path
    if len(files) > 1:
        raise ConfigError(
            f"{own} has the name of a profile that is shipped", "Give it another name."
        )
    return _load_shipped(name) if own is None else _load_own(name, own)


def shipped_profile_text(name: str) -> str:
    """Return the TOML text of a shipped profile."""
    return _shipped_folder().joinpath(name + _SUFFIX).read_text("utf-8")


@cache
def _shipped_names() -> tuple[str, ...]:
    files = _shipped_folder().iterdir()
    return tuple(sorted(f.name.removesuffix(_SUFFIX) for f in files if f.name.endswith(_SUFFIX)))


@cache
def _load_shipped(name: str) -> Profile:
    text = shipped_profile_text(name)
    return _read(
        name,
        text,
        f"the profile {name}",
        lambda file: _shipped_folder().joinpath(file).read_bytes(),
    )


def _shipped_folder() -> Traversable:
    return resources.files("backend.config.profiles")


def _load_own(name: str, path: Path) -> Profile:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}") from error
    return _read(name, text, str(path), lambda file: read_regular(path.parent / file, MOST_BYTES))


def _read(name: str, text: str, source: str, read_beside: Callable[[str], bytes]) -> Profile:
    """Read a profile's text. `read_beside` reads a file that lies beside it. Raises ConfigError."""
    try:
        profile = Profile.model_validate(tomllib.loads(text) | {"name": name})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError(
            f"{source}: {first_complaint(error)}",
            "docs/profiles.md explains the keys of a profile.",
        ) from None
    schemas = {file: read_schema(file, source, read_beside) for file in profile.schema_files}
    return profile.model_copy(update={"schemas": schemas}) if schemas else profile
