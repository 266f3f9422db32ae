"""Which profile `auto` takes for a spec follows from the spec's format and mode."""

from __future__ import annotations

from importlib import resources

import pytest

from backend.config import Table, load_profile, load_settings, profile_names
from backend.config.profiles import profiles_folder
from backend.config.profiles.fitting import profiles_by_kind, taken_kinds
from backend.errors import ConfigError
from backend.specs.model import Mode

GENERIC = resources.files("backend.config.profiles").joinpath("generic.toml").read_text("utf-8")
REMOTE: Table = {"boxes": {"gpu": {"host": "gpu", "engine": "openai"}}, "box": "gpu"}


def put(name: str, text: str) -> None:
    profiles_folder().mkdir(parents=True, exist_ok=True)
    (profiles_folder() / f"{name}.toml").write_text(text)


def test_what_is_read_of_the_shipped_profiles_is_what_they_say() -> None:
    loaded = {name: load_profile(name) for name in profile_names()}
    fitting = {it.name: it for it in profiles_by_kind().values()}
    assert {name: it.fits for name, it in fitting.items()} == {
        name: profile.fits for name, profile in loaded.items() if profile.fits
    }
    for name, it in fitting.items():
        assert it.upsampling == loaded[name].upsampling


def test_a_format_stands_for_all_its_modes() -> None:
    taken = {kind: it.name for kind, it in profiles_by_kind().items()}
    assert taken == dict.fromkeys(["cosmos3", *(f"cosmos3:{mode}" for mode in Mode)], "cosmos3")
    assert taken_kinds("cosmos3") == ("cosmos3",)


def test_ones_own_come_first_then_one_that_names_the_mode_then_the_first_by_name() -> None:
    put("b", f'fits = ["cosmos3:text2video"]\n{GENERIC}')
    put("c", f'fits = ["cosmos3:text2video", "cosmos3:text2image"]\n{GENERIC}')
    taken = {kind: it.name for kind, it in profiles_by_kind().items()}
    asked = [taken[f"cosmos3:{mode}"] for mode in ("text2video", "text2image", "transfer")]
    assert asked == ["b", "c", "cosmos3"]
    put("a", f'fits = ["cosmos3"]\n{GENERIC}')
    taken = {kind: it.name for kind, it in profiles_by_kind().items()}
    asked = [taken[f"cosmos3:{mode}"] for mode in ("text2video", "text2image", "transfer")]
    assert asked == ["b", "c", "a"]
    put("d", f'fits = ["prompt"]\n{GENERIC.replace("other", "gone")}')  # cannot be loaded
    assert "prompt" not in profiles_by_kind()


def test_the_settings_of_a_spec_are_those_of_the_profile_for_its_mode() -> None:
    put("mine", f'fits = ["cosmos3:transfer"]\n{GENERIC}')
    settings = load_settings(REMOTE).upsampling
    for mode, profile, limit in [
        (Mode.TRANSFER, "mine", 8192),
        (Mode.TEXT2VIDEO, "cosmos3", 32_768),
        (None, "cosmos3", 32_768),
    ]:
        own = settings.for_spec("cosmos3", mode)
        assert (own.profile, own.max_tokens) == (profile, limit)
    assert {own.profile for own in settings.of_fitting_profiles} == {"mine", "cosmos3"}
    changed = settings.changed({"max_tokens": 16_384})
    assert changed.for_spec("cosmos3", Mode.TRANSFER).max_tokens == 16_384
    assert changed.for_spec("transfer1", Mode.TRANSFER).profile == "transfer1"


@pytest.mark.parametrize(
    ("fits", "words"),
    [
        ("cosmos4", "'cosmos4' is no format of specs"),
        ("cosmos3:text2text", "'text2text' is no mode"),
        ("cosmos3:", "'' is no mode"),
    ],
)
def test_a_wrong_kind_of_specs_is_told_with_those_that_there_are(fits: str, words: str) -> None:
    put("mine", f'fits = ["{fits}"]\n{GENERIC}')
    with pytest.raises(ConfigError, match=words):
        load_profile("mine")
