"""Finds the profile that AUTO takes for specs of each kind, which is a format and perhaps a mode.

It reads no more of the shipped profiles than that, because every start of the program asks for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from backend.config.profiles import ProfileFile, load_profile, profile_files, shipped_profile_text
from backend.config.profiles.profile import KIND_SEPARATOR
from backend.errors import ConfigError
from backend.specs.model import Mode

Changes = Mapping[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class FittingProfile:
    """A profile that names kinds of specs for which AUTO takes it."""

    name: str
    fits: tuple[str, ...]
    """Formats ("cosmos3"), or a format and a mode ("cosmos3:transfer")."""
    upsampling: Changes
    """The settings of [upsampling] that it changes."""


def spec_kind(format_name: str, mode: Mode | None) -> str:
    """Return the kind of specs of this format and mode."""
    return format_name if mode is None else f"{format_name}{KIND_SEPARATOR}{mode.value}"


def profiles_by_kind() -> dict[str, FittingProfile]:
    """Return the profile that fits each kind of specs, where there is one.

    The user's own profiles come before the shipped ones, then one that names the mode before one that does
    not, then the first by name. A profile that cannot be loaded fits none; whoever chooses it by name is told
    why.
    """
    found: dict[str, FittingProfile] = {}
    for _, files in groupby(profile_files(), key=lambda file: file.path is not None):
        fitting = [it for file in files if (it := _fitting(file)) is not None]
        for names_mode in (False, True):
            for profile in reversed(fitting):
                kinds = [it for it in profile.fits if (KIND_SEPARATOR in it) == names_mode]
                found |= dict.fromkeys(_with_modes(kinds), profile)
    return found


def taken_kinds(name: str) -> tuple[str, ...]:
    """Return the kinds for which AUTO takes this profile: a format alone where it takes all its modes."""
    by_kind = profiles_by_kind()
    kinds = [kind for kind, profile in by_kind.items() if profile.name == name]
    formats = {kind.partition(KIND_SEPARATOR)[0] for kind in kinds}
    whole = {it for it in formats if set(_with_modes([it])) <= set(kinds)}
    named = [kind for kind in kinds if kind.partition(KIND_SEPARATOR)[0] not in whole]
    return (*sorted(whole), *(kind for kind in named if KIND_SEPARATOR in kind))


def _with_modes(kinds: list[str]) -> Iterator[str]:
    """Yield the kinds; a format without a mode stands for all its modes, too."""
    for kind in kinds:
        yield kind
        if KIND_SEPARATOR not in kind:
            yield from (spec_kind(kind, mode) for mode in Mode)


def _fitting(file: ProfileFile) -> FittingProfile | None:
    """Return the profile if it fits any kind of specs."""
    if file.path is None:
        return _shipped_fitting(file.name)
    with suppress(ConfigError):
        profile = load_profile(file.name)
        if profile.fits:
            return FittingProfile(profile.name, profile.fits, profile.upsampling)
    return None


@cache
def _shipped_fitting(name: str) -> FittingProfile | None:
    text = shipped_profile_text(name)
    if "\nfits" not in text:
        return None  # most have none, and to parse them all takes longer than the rest of a start
    table = tomllib.loads(text)
    return FittingProfile(name, tuple(table["fits"]), table.get("upsampling", {}))
