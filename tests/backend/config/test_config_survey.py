"""Every setting says where its value comes from, and what it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.cli import run
from backend.config import (
    LOCAL_FILE,
    BoxSettings,
    Llama,
    OpenAI,
    Origin,
    Ray,
    Upsampling,
    Vllm,
    user_file,
)
from backend.config.edit import key_parts
from backend.config.survey import SettingEntry, ValueKind, dotted, help_texts, survey_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a config.toml."""
    monkeypatch.chdir(tmp_path)


def own(text: str) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text(text)


def entry(key: str, command_line: dict[str, object] | None = None) -> SettingEntry:
    found = {entry.key: entry for entry in survey_settings(command_line).entries()}
    return found[key]


def test_each_layer_is_the_source_of_what_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    own("[upsampling]\nmax_tokens = 8192\nreserve = 200\nframes_to_extract = 4\nmedia = 'both'\n")
    LOCAL_FILE.write_text("[upsampling]\nreserve = 250\nframes_to_extract = 5\n")
    monkeypatch.setenv("UPSAMPLE_FRAMES_TO_EXTRACT", "6")
    command_line: dict[str, object] = {"upsampling": {"media": "control"}}

    sources = {
        name: entry(f"upsampling.{name}", command_line).source
        for name in ("fit", "max_tokens", "reserve", "frames_to_extract", "media")
    }

    assert {name: source.origin for name, source in sources.items()} == {
        "fit": Origin.SHIPPED,
        "max_tokens": Origin.USER,
        "reserve": Origin.LOCAL,
        "frames_to_extract": Origin.ENVIRONMENT,
        "media": Origin.COMMAND_LINE,
    }
    assert sources["max_tokens"].name == str(user_file())
    assert sources["frames_to_extract"].name == "UPSAMPLE_FRAMES_TO_EXTRACT"
    overruled = {name for name, source in sources.items() if source.counts_more}
    assert overruled == {"reserve", "frames_to_extract", "media"}


def test_what_the_profile_changes_comes_from_the_profile() -> None:
    own("[upsampling]\nprofile = 'transfer1-stock'\n")
    changed = [e for e in survey_settings().entries() if e.source.origin is Origin.PROFILE]
    assert changed
    assert {e.source.name for e in changed} == {"the profile transfer1-stock"}


def test_a_box_has_from_box_defaults_what_it_does_not_say_itself() -> None:
    own("[box_defaults]\nidle_timeout = 60\n[boxes.h100]\nhost = 'gpu'\n")
    assert entry("boxes.h100.host").source.key == "boxes.h100.host"
    assert entry("boxes.h100.idle_timeout").source.key == "box_defaults.idle_timeout"
    assert entry("boxes.h100.idle_timeout").source.origin is Origin.USER
    assert entry("boxes.h100.root").source.origin is Origin.SHIPPED


def test_a_boxs_own_context_length_is_the_source_where_that_box_is_used() -> None:
    own('box = "h100"\n[boxes.h100]\nhost = "a"\nmax_tokens = 8192\n')
    found = entry("upsampling.max_tokens")
    assert (found.value, found.source.name) == (8192, "boxes.h100.max_tokens")
    assert found.source.counts_more


def test_every_setting_is_explained_by_the_comment_above_it() -> None:
    own("[boxes.h100]\nhost = 'gpu'\n")
    unexplained = [e.key for e in survey_settings().entries() if not e.help]
    assert unexplained == []
    assert entry("upsampling.reserve").help.startswith(
        "The reserve: tokens kept free for the answer"
    )
    assert entry("boxes.h100.vllm.env").help == help_texts()["box_defaults.vllm.env"]


def test_every_key_of_the_models_is_listed() -> None:
    own("[boxes.h100]\nhost = 'gpu'\n")
    listed = {e.key for e in survey_settings().entries()}
    assert {f"upsampling.{key}" for key in Upsampling.model_fields} <= listed
    plain = BoxSettings.model_fields.keys() - {"vllm", "openai", "llama", "ray"}
    of_box = plain | {f"vllm.{k}" for k in Vllm.model_fields}
    of_box |= {f"openai.{k}" for k in OpenAI.model_fields}
    of_box |= {f"llama.{k}" for k in Llama.model_fields}
    of_box |= {f"ray.{k}" for k in Ray.model_fields}
    for table in ("box_defaults", "boxes.local", "boxes.h100"):
        assert {f"{table}.{key}" for key in of_box} <= listed


def test_config_show_tells_the_sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own('box = "h100"\n[boxes.h100]\nhost = "gpu"\n')
    monkeypatch.setenv("UPSAMPLE_RESERVE", "400")
    assert run(["config", "show", "--sources", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["box"] == {"value": "h100", "from": str(user_file())}
    assert shown["upsampling.reserve"] == {"value": "400", "from": "UPSAMPLE_RESERVE"}
    assert shown["upsampling.fit"]["from"] == "the shipped config.toml"
    assert run(["config", "show", "--sources"]) == 0
    assert "UPSAMPLE_RESERVE" in capsys.readouterr().out


def test_what_a_value_may_be_is_known() -> None:
    kinds = {e.key: e.kind for e in survey_settings().entries()}
    assert kinds["upsampling.auto_resize"] is ValueKind.FLAG
    assert kinds["upsampling.max_tokens"] is ValueKind.NUMBER
    assert kinds["box_defaults.vllm.command"] is ValueKind.TOML
    assert entry("upsampling.fit").choices == ("largest", "safe")
    assert entry("box_defaults.engine").choices == ("vllm", "openai", "sketch", "llama", "ray")
    assert "transfer1" in entry("upsampling.profile").choices


def test_the_text_of_a_value_is_what_would_be_typed() -> None:
    own('[boxes.h100.vllm]\ncommand = ["a b", "\\"é\\""]\nenv = { "A.B" = "c", D = "" }\n')
    assert entry("boxes.h100.vllm.command").text == '["a b", "\\"é\\""]'
    assert entry("boxes.h100.vllm.env").text == '{ "A.B" = "c", D = "" }'
    assert entry("upsampling.auto_resize").text == "true"
    assert entry("box_defaults.idle_timeout").text == "900"


@pytest.mark.parametrize("parts", [["box"], ["boxes", "gpu.lab", "host"], ["a", 'b"c', "d e"]])
def test_a_dotted_key_is_taken_apart_into_the_same_parts(parts: list[str]) -> None:
    assert key_parts(dotted(parts)) == parts
