"""What is said of keys that are almost settings, and of values that are almost right."""

from __future__ import annotations

import pytest

from backend.config.edit import change_values
from backend.config.near_misses import meant_setting
from backend.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("reserve", "Is it upsampling.reserve?"),
        ("boxes.h100.reserve", "Is it upsampling.reserve?"),
        ("upsampling.max_token", "Is it upsampling.max_tokens?"),
        ("max_tokens", "Is it boxes.NAME.max_tokens or upsampling.max_tokens?"),
        ("boxes.h100.hots", "Is it boxes.h100.host?"),
        ("boxes.h100.port", "It is a part of host: user@gpu.example.org:2222."),
        ("quite.another", "`upsample config show` lists them."),
    ],
)
def test_the_setting_that_may_be_meant_is_named(key: str, said: str) -> None:
    assert meant_setting(key).startswith(said)


def test_a_wrong_host_and_a_wrong_list_are_answered_with_the_form_that_works() -> None:
    with pytest.raises(
        ConfigError,
        match="write the host alone, as in ada@gpu:2222; `upsample box add` takes the line",
    ):
        change_values({"boxes.h100.host": "ssh -p 2222 ada@gpu"})
    with pytest.raises(ConfigError, match=r'it is a list, as in \["one", "two"\]'):
        change_values({"boxes.local.vllm.command": "vllm"})
    with pytest.raises(ConfigError, match="address of a server is like http"):
        change_values({"boxes.h100.openai.base_url": "localhost:8000"})
    with pytest.raises(ConfigError, match=r"reserve is no setting\n  Is it upsampling\.reserve\?"):
        change_values({"reserve": "400"})
