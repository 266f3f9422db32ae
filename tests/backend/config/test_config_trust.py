"""config.toml of the working directory may be somebody else's: what it may decide, and what it may not do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from backend.config import Settings, load_settings, shipped_text, user_file
from backend.config.trust import BOX, KEYS
from backend.errors import ConfigError


@pytest.fixture(autouse=True)
def foreign_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; the user has a file of their own elsewhere."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    monkeypatch.chdir(folder)
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text('[boxes.h100]\nhost = "gpu-box"\nmodel = "/models/own"\n')
    return folder


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("boxes.local.vllm.command", '[boxes.local.vllm]\ncommand = ["sh", "-c", "true"]\n'),
        ("box_defaults.vllm.env", '[box_defaults.vllm]\nenv = { LD_PRELOAD = "x.so" }\n'),
        ("boxes.h100.host", '[boxes.h100]\nhost = "evil.example"\n'),
        ("boxes.h100.host", '[boxes.h100]\nhost = ""\n'),
        ("box_defaults.root", '[box_defaults]\nroot = "/tmp/theirs"\n'),
        ("boxes.local.engine", '[boxes.local]\nengine = "openai"\n'),
        ("boxes.h100.model", '[boxes.h100]\nmodel = "evil/model-with-code"\n'),
        ("boxes.new.openai.base_url", '[boxes.new.openai]\nbase_url = "http://evil.example"\n'),
        ("box_defaults.openai.api_key_env", '[box_defaults.openai]\napi_key_env = "HF_TOKEN"\n'),
        ("boxes.local.openai.spend_limit", "[boxes.local.openai]\nspend_limit = 1e6\n"),
        ("box_defaults.openai.ca_file", '[box_defaults.openai]\nca_file = "/tmp/mine.pem"\n'),
        ("boxes.h100.keep_days", "[boxes.h100]\nkeep_days = 0.0001\n"),
        ("box_defaults.idle_timeout", "[box_defaults]\nidle_timeout = 1\n"),
        ("boxes.local.first_token_timeout", "[boxes.local]\nfirst_token_timeout = 1\n"),
        (
            "boxes.h100.vllm.gpu_memory_utilization",
            "[boxes.h100.vllm]\ngpu_memory_utilization = 1\n",
        ),
        ("boxes.h100.max_tokens", "[boxes.h100]\nmax_tokens = 1048576\n"),
        ("boxes.new", "[boxes.new]\n"),
        ("queue.ahead", '[queue]\nahead = "batch"\n'),
        ("queue.give_up_after", "[queue]\ngive_up_after = 1\n"),
        ("upsampling.hint_video_dir", '[upsampling]\nhint_video_dir = "/home/ada/.ssh"\n'),
        ("upsampling.hint_video_dir", '[upsampling]\nhint_video_dir = "~/.config"\n'),
        ("upsampling.hint_video_dir", '[upsampling]\nhint_video_dir = "a/../../b"\n'),
        ("upsampling.hint_video_dir", '[upsampling]\nhint_video_dir = "C:\\\\x"\n'),
    ],
)
def test_a_folder_does_not_decide_what_is_run_or_where_things_go(key: str, text: str) -> None:
    Path("config.toml").write_text(text)
    with pytest.raises(ConfigError, match=f"{key} .*in your own file alone") as refused:
        load_settings()
    assert str(user_file()) in refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        '[boxes.local.vllm]\ncommand = ["sh", "-c", "true"]\n',
        '[box_defaults.openai]\nbase_url = "http://127.0.0.1:8000"\napi_key_env = "KEY"\n',
        '[upsampling]\nhint_video_dir = "/data/hints"\n',
    ],
)
def test_the_users_own_file_decides_everything(text: str) -> None:
    user_file().write_text(text)
    load_settings()


def test_a_folder_may_say_how_prompts_are_upsampled_and_which_box_of_the_users_is_used() -> None:
    Path("config.toml").write_text(
        'box = "h100"\n[upsampling]\nmax_tokens = 8192\nhint_video_dir = "./hints"\n'
    )
    settings = load_settings()
    assert settings.box_named(None)[1].host == "gpu-box"
    assert settings.upsampling.max_tokens == 8192


def test_the_users_own_file_is_their_own_in_the_folder_where_it_lies_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(user_file().parent)
    assert load_settings().boxes["h100"].host == "gpu-box"


def test_a_checkout_whose_defaults_were_edited_takes_nothing_from_the_users_boxes() -> None:
    text = shipped_text().replace("max_tokens = 4096", "max_tokens = 2048")
    Path("config.toml").write_text(text)
    settings = load_settings()
    assert settings.upsampling.max_tokens == 2048
    assert settings.boxes["h100"].model == "/models/own"


def keys_of(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of(
                field.annotation, f"{above}{name}.".replace("box_defaults.", f"{BOX}.")
            )
        elif name != "boxes":  # its tables hold the keys of box_defaults
            yield f"{above}{name}"


def test_for_every_setting_it_is_decided_who_may_set_it() -> None:
    assert sorted(KEYS) == sorted(keys_of(Settings))


def test_the_page_about_security_says_who_may_set_each_setting() -> None:
    page = (Path(__file__).parents[3] / "docs" / "security.md").read_text("utf-8")
    rows = page.partition("| setting | who may set it | because it |\n")[2].partition("\n\n")[0]
    said: dict[str, tuple[str, str]] = {}
    for row in rows.splitlines()[1:]:
        keys, who, why = (cell.strip() for cell in row.strip("|").split("|"))
        said |= dict.fromkeys(re.findall(r"`([^`]+)`", keys), (who, why))
    assert said == {key: (trust.decider.value, trust.effect) for key, trust in KEYS.items()}


def test_a_pipe_in_place_of_the_file_does_not_keep_us_waiting() -> None:
    os.mkfifo("config.toml")
    with pytest.raises(ConfigError, match="not a regular file"):
        load_settings()


def test_a_device_in_place_of_the_file_does_not_fill_the_memory() -> None:
    Path("config.toml").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="not a regular file"):
        load_settings()


def test_a_huge_file_is_refused_by_its_size() -> None:
    with Path("config.toml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="larger than"):
        load_settings()


def test_values_nested_beyond_measure_are_refused() -> None:
    Path("config.toml").write_text(f"box = {'[' * 50_000}{']' * 50_000}\n")
    with pytest.raises(ConfigError, match="nested too deeply"):
        load_settings()


def test_a_value_of_a_million_digits_is_refused() -> None:
    Path("config.toml").write_text(f"[upsampling]\nreserve = {'9' * 900_000}\n")
    with pytest.raises(ConfigError):
        load_settings()
