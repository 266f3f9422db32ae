"""The model families that are shipped."""

from __future__ import annotations

import pytest

from backend.config import Upsampling
from backend.errors import ConfigError
from backend.profiles import load_profile, profile_names
from backend.tokens import PIXTRAL


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_can_be_loaded_and_changes_only_settings_that_there_are(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.description
    assert profile.upsampling.keys() <= Upsampling.model_fields.keys()


def test_both_ask_as_transfer1_does() -> None:
    for name in ("transfer1", "transfer1-stock"):
        profile = load_profile(name)
        assert profile.template.system == ""
        assert profile.sampling.temperature == 0.6
        assert profile.vision.rule == PIXTRAL
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


def test_an_unknown_profile_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no profile 'gpt'") as caught:
        load_profile("gpt")
    assert "transfer1, transfer1-stock" in caught.value.remedy


def test_a_profile_is_a_name_and_not_a_path() -> None:
    with pytest.raises(ConfigError):
        load_profile("../profiles/transfer1")
