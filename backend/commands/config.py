"""`upsample config`: show, get, set and edit settings."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from typing import cast

import tomlkit

from backend.config import LOCAL_FILE, load_settings, user_file
from backend.config.box_names import names_in
from backend.config.edit import edit_user_file, key_parts, preview_values, set_value
from backend.config.external_editor import editor_command
from backend.config.near_misses import meant_setting
from backend.config.profiles import (
    AUTO,
    OTHERWISE,
    Profile,
    ProfileFile,
    load_profile,
    profile_files,
)
from backend.config.profiles.fitting import taken_kinds
from backend.config.profiles.profile import KIND_SEPARATOR
from backend.config.survey import survey_settings
from backend.console import out, safe, say, table, warn, write_json, write_line
from backend.errors import ConfigError
from backend.exit_codes import ExitCode
from remote.protocol import Json


def show_settings(*, as_json: bool) -> ExitCode:
    """Print the present value of every setting, as TOML or JSON."""
    settings = _as_plain()
    if as_json:
        write_json(settings)
    else:
        write_line(tomlkit.dumps(settings).strip())
    return ExitCode.OK


def show_sources(*, as_json: bool) -> ExitCode:
    """Print every setting with the layer that its value comes from."""
    survey = survey_settings()
    box = survey.source_of(["box"])
    found = [
        ("box", ",".join(survey.settings.chosen), box),
        *((e.key, e.text, e.source) for e in survey.entries()),
    ]
    if as_json:
        write_json({key: {"value": value, "from": source.name} for key, value, source in found})
    else:
        shown = table("setting", "value", "from", long=("value", "from"))
        for key, value, source in found:
            shown.add_row(safe(key), safe(value), safe(source.name))
        out().print(shown)
    return ExitCode.OK


def get_setting(key: str) -> ExitCode:
    """Print one value; a table is printed as JSON."""
    value: Json = _as_plain()
    for part in key_parts(key):
        if not isinstance(value, dict) or part not in value:
            raise ConfigError(f"{key} is no setting", meant_setting(key))
        value = value[part]
    if isinstance(value, str):
        write_line(value)
    else:
        write_json(value)
    return ExitCode.OK


def set_setting(key: str, value: str) -> ExitCode:
    """Change one value in the user's file. Boxes can be chosen once they are there."""
    if key == "box":
        chosen = names_in(tomllib.loads(preview_values({key: value}))[key])
        load_settings().fleet_named(",".join(chosen))
    file = set_value(key, value)
    say(f"{key} = {value} in {file}")
    return ExitCode.OK


def edit_settings() -> ExitCode:
    """Open the user's file in the user's editor, then check the settings."""
    edit_user_file(editor_command(os.environ))
    load_settings()
    say(f"{user_file()} is fine.")
    return ExitCode.OK


def show_paths() -> ExitCode:
    """Print the paths of the config files, the strongest first, and which of them do not exist."""
    for path in (LOCAL_FILE.absolute(), user_file()):
        write_line(str(path))
        if not path.is_file():
            say("  (not there yet)")
    return ExitCode.OK


def show_profiles(*, as_json: bool) -> ExitCode:
    """Print the profiles with what they fit, and mark those that are chosen. Warns of unusable profiles."""
    chosen = load_settings().upsampling.profile
    found = list(_usable_profiles())
    if as_json:
        write_json([_profile_json(file, profile, chosen) for file, profile in found])
    else:
        shown = table(
            "profile", "", "fits", "family", "description", "source",
            long=("fits", "description", "source"),
        )  # fmt: skip
        for file, profile in found:
            shown.add_row(
                safe(file.name),
                "chosen" if _is_chosen(file.name, chosen) else "",
                _fits_text(profile),
                profile.vision.family,
                safe(profile.description),
                safe(_source(file)),
            )
        out().print(shown)
    return ExitCode.OK if len(found) == len(profile_files()) else ExitCode.SOME_FAILED


def _usable_profiles() -> Iterator[tuple[ProfileFile, Profile]]:
    for file in profile_files():
        try:
            yield file, load_profile(file.name)
        except ConfigError as error:
            warn(str(error))


def _profile_json(file: ProfileFile, profile: Profile, chosen: str) -> dict[str, Json]:
    return {
        "name": file.name,
        "description": profile.description,
        "family": profile.vision.family,
        "source": _source(file),
        "chosen": _is_chosen(file.name, chosen),
        "fits": list(profile.fits),
        "auto": _taken_by_auto(file.name),
    }


def _is_chosen(name: str, chosen: str) -> bool:
    """Whether specs are asked about with this profile; with AUTO there are several."""
    return bool(_taken_by_auto(name)) if chosen == AUTO else name == chosen


def _taken_by_auto(name: str) -> list[Json]:
    """Return the kinds of specs for which AUTO takes this profile; "*" stands for all others."""
    return [*taken_kinds(name), *(["*"] if name == OTHERWISE else [])]


def _fits_text(profile: Profile) -> str:
    """Return the kinds of specs that a profile fits, those marked for which AUTO takes it."""
    taken = taken_kinds(profile.name)
    told = [_fit_text(kind, taken) for kind in profile.fits]
    return safe(", ".join([*told, *(["the rest (auto)"] if profile.name == OTHERWISE else [])]))


def _fit_text(kind: str, taken: Sequence[str]) -> str:
    """Return a kind that a profile fits; of a format of which AUTO takes it for some modes, also these."""
    if kind in taken:
        return f"{kind} (auto)"
    modes = [mode for it in taken if (mode := it.removeprefix(kind + KIND_SEPARATOR)) != it]
    return f"{kind} (auto: {', '.join(modes)})" if modes else kind


def _source(file: ProfileFile) -> str:
    return str(file.path) if file.path else "shipped"


def _as_plain() -> dict[str, Json]:
    settings = load_settings()
    plain = cast("dict[str, Json]", settings.model_dump(mode="json"))
    return plain | ({"box": list(settings.chosen)} if len(settings.chosen) > 1 else {})
