"""The model profiles: those that are shipped, and a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.config import Layer, Upsampling, check_layers, load_settings, user_file
from backend.config.profiles import load_profile, profile_files, profile_names, profiles_folder
from backend.errors import ConfigError
from backend.tokens import PIXTRAL, QWEN2_VL

SHIPPED = [file.name for file in profile_files() if file.path is None]
OWN = """\
description = "my own"
[template]
system = "Be brief."
empty_prompt = "what is this"
[sampling]
temperature = 0.2
[vision]
family = "qwen3-vl"
[serving]
format = "auto"
[upsampling]
reserve = 77
"""


def put_profile(name: str, text: str = OWN) -> Path:
    file = profiles_folder() / f"{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


# --- shipped -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_every_profile_can_be_chosen(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.description
    assert profile.upsampling.keys() <= Upsampling.model_fields.keys()
    settings = load_settings({"upsampling": {"profile": name}})
    assert settings.profile == profile


def test_both_ask_as_transfer1_does() -> None:
    for name in ("transfer1", "transfer1-stock"):
        profile = load_profile(name)
        assert profile.template.system == ""
        assert profile.sampling.temperature == 0.6
        assert profile.family.rule == PIXTRAL
        assert profile.sent_prompt("dusk") == "dusk"
        assert profile.sent_prompt("") == "describe the following images"


def test_the_stock_profile_takes_the_first_two_frames_at_full_size() -> None:
    assert load_profile("transfer1").upsampling == {}
    assert load_profile("transfer1-stock").upsampling == {
        "frames_to_extract": 2,
        "frame_sampling": "first",
        "auto_resize": False,
        "reserve": 300,
    }


def test_reason1_asks_for_thoughts_and_an_answer_and_leaves_room_for_them() -> None:
    profile = load_profile("reason1")
    assert (profile.family.rule, profile.serving.format) == (QWEN2_VL, "auto")
    for mark in ("<think>", "</think>", "<answer>", "</answer>"):
        assert mark in profile.template.system
    assert (profile.answer.strip_thinking, profile.answer.unwrap) == (True, ("answer",))
    upsampling = load_settings({"upsampling": {"profile": "reason1"}}).upsampling
    assert upsampling.reserve >= 4096
    assert upsampling.max_tokens >= 4 * upsampling.reserve


def test_an_unknown_profile_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no profile 'gpt'") as caught:
        load_profile("gpt")
    assert "generic, predict1-text, reason1" in caught.value.remedy


def test_a_profile_is_a_name_and_not_a_path() -> None:
    with pytest.raises(ConfigError):
        load_profile("../profiles/transfer1")


# --- the user's own ------------------------------------------------------------------------------


def test_a_profile_beside_the_users_config_file_can_be_chosen() -> None:
    file = put_profile("mine")
    assert file.parent == user_file().parent / "profiles"
    assert "mine" in profile_names()
    settings = load_settings({"upsampling": {"profile": "mine"}})
    assert settings.upsampling.reserve == 77
    assert settings.profile.template.system == "Be brief."


def test_a_change_of_ones_own_profile_counts_at_once() -> None:
    put_profile("mine")
    before = load_profile("mine")
    put_profile("mine", OWN.replace("brief", "long"))
    assert load_profile("mine") != before


def test_a_shipped_profile_is_not_shadowed_silently() -> None:
    file = put_profile("transfer1")
    with pytest.raises(ConfigError, match="has the name of a profile that is shipped") as caught:
        load_settings()
    assert str(file) in caught.value.problem


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("qwen3-vl", "gpt"), "vision.family = 'gpt': there is no such family; there are: pixtral"),
        (("0.2", '"hot"'), "sampling.temperature = 'hot'"),
        (("0.2", "3"), "sampling.temperature = 3"),
        (('description = "my own"', ""), "description is missing"),
        (("[serving]", "[serving]\ncolour = 1"), "serving.colour is no setting"),
        (('empty_prompt = "what is this"', "empty_prompt = 3"), "template.empty_prompt = 3"),
        (("reserve = 77", 'profile = "transfer1"'), "a profile cannot choose another one"),
        (("[serving]", "[answer]\nunwrap = [3]\n[serving]"), "answer.unwrap.0 = 3"),
        (("[serving]", "serving"), "is not TOML"),
    ],
)
def test_a_mistake_is_told_with_the_file_and_the_key(change: tuple[str, str], problem: str) -> None:
    file = put_profile("mine", OWN.replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_profile("mine")
    assert problem in caught.value.problem
    assert str(file) in caught.value.problem


def test_a_setting_that_there_is_not_is_told_with_the_profile() -> None:
    put_profile("mine", OWN.replace("reserve", "colour"))
    with pytest.raises(ConfigError, match=r"the profile mine: upsampling\.colour is no setting"):
        load_settings({"upsampling": {"profile": "mine"}})


def test_a_broken_profile_that_is_not_chosen_is_no_trouble() -> None:
    put_profile("mine", "not TOML")
    assert check_layers([Layer("x", {})]).profile.name == "transfer1"
