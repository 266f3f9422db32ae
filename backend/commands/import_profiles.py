"""`upsample config profiles --from-cosmos-framework`: writes profiles with NVIDIA's wording for the user."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import tomlkit

from backend.config.profiles import profiles_folder
from backend.config.profiles.cosmos_framework import ImportedProfile, read_checkout
from backend.config.profiles.fitting import taken_kinds
from backend.config.profiles.schemas import MOST_BYTES
from backend.console import say, write_line
from backend.errors import ConfigError
from backend.exit_codes import ExitCode
from backend.files import read_regular, write_whole

_SCHEMAS = {
    "text2image": "cosmos3-image.json",
    "text2video": "cosmos3-video.json",
    "image2video": "cosmos3-video.json",
}
_TRANSFER = "cosmos3-transfer.json"
_POSTTRAINED = "cosmos3-posttrained.json"


def import_profiles(checkout: Path, *, force: bool) -> ExitCode:
    """Write the profiles of a checkout of cosmos-framework into the user's folder of profiles.

    Prints the files. Raises ConfigError, also when one exists already and `force` is not given.
    """
    files: dict[str, str] = {}
    shipped = resources.files("backend.config.profiles")
    for profile in read_checkout(checkout):
        files |= {name: shipped.joinpath(name).read_text("utf-8") for name in _schemas_of(profile)}
        files[f"{profile.name}.toml"] = _as_toml(profile)
    folder = profiles_folder()
    present = [name for name, text in files.items() if _is_other(folder / name, text)]
    if present and not force:
        raise ConfigError(
            f"{folder / present[0]} exists already",
            "Use --force to write it anew, or move it away.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_whole(folder / name, text.encode())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error
    for name in files:
        if name.endswith(".toml"):
            write_line(str(folder / name))
    say("Choose one with `upsample config set upsampling.profile NAME`.")
    for name in files:
        if taken := taken_kinds(name.removesuffix(".toml")):
            say(f'Otherwise "auto" takes {name.removesuffix(".toml")} for {", ".join(taken)}.')
    return ExitCode.OK


def _is_other(file: Path, text: str) -> bool:
    """Whether there is such a profile, or a schema that is not as this one."""
    if file.suffix == ".toml":
        return file.exists()
    try:
        return read_regular(file, MOST_BYTES) != text.encode()
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _schemas_of(profile: ImportedProfile) -> set[str]:
    return {_schema_for(profile, variant) for variant in profile.templates}


def _schema_for(profile: ImportedProfile, variant: str) -> str:
    return _POSTTRAINED if profile.is_posttrained else _SCHEMAS.get(variant, _TRANSFER)


def _as_toml(profile: ImportedProfile) -> str:
    first = "transfer" if "transfer" in profile.templates else "image2video"
    made = tomlkit.document()
    made.add(
        tomlkit.comment("Made of a checkout of cosmos-framework; its wording is under OpenMDW-1.1.")
    )
    made["description"] = profile.description
    if profile.fits:
        made["fits"] = list(profile.fits)
    made["template"] = {
        "system": profile.system,
        "user": _several_lines(profile.templates[first]),
        "empty_prompt": "",
    }
    made["variants"] = {
        variant: {"user": _several_lines(text), "schema": _schema_for(profile, variant)}
        for variant, text in profile.templates.items()
    }
    if profile.controls:
        made["controls"] = dict(profile.controls)
    made["sampling"] = {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "min_p": 0.0,
        "presence_penalty": 1.5,
        "repetition_penalty": 1.0,
    }
    made["vision"] = {"family": "qwen3-vl"}
    made["serving"] = {"format": "auto"}
    made["answer"] = _answer_rules(profile, _schema_for(profile, first))
    made["upsampling"] = {
        "max_tokens": 32_768,
        "reserve": 8_192,
        "frames_to_extract": 1 if profile.is_posttrained else 4,
        "media": "all",
    }
    return tomlkit.dumps(made)


def _answer_rules(profile: ImportedProfile, schema: str) -> dict[str, object]:
    rules: dict[str, object] = {
        "strip_thinking": True,
        "format": "json",
        "schema": schema,
        "pin": ["resolution", "aspect_ratio", "duration", "fps"],
        "whole_seconds": "up" if profile.is_tuned else "down",
        "duration": "0:05" if profile.is_tuned else "5s",
        "drop": ["scene_imagination"],
    }
    if profile.is_posttrained:
        # The object stands within a tag, so no schema may be asked for over the whole answer.
        rules |= {
            "unwrap": ["final_prompt"],
            "negative_prompt": "negative_prompt",
            "enforce": False,
        }
    return rules


def _several_lines(text: str) -> tomlkit.items.String:
    return tomlkit.string(text, multiline=True)
