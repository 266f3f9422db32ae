"""Changing one setting leaves the rest of the file as it is, and never makes it wrong."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.config import load_settings, user_file
from backend.config.edit import key_parts, set_value
from backend.errors import ConfigError

OWN = """\
# My settings.
box = "h100"   # at work

[upsampling]
# More than the default.
max_tokens = 8192
reserve = 200 # short answers

[boxes.h100] # the big one
host = "gpu-box"
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "own.toml"
    file.write_text(OWN)
    return file


def load(file: Path) -> dict[str, object]:
    return tomllib.loads(file.read_text("utf-8"))


def test_comments_and_order_stay(file: Path) -> None:
    set_value("upsampling.max_tokens", "4000", file)
    set_value("boxes.h100.host", "other", file)
    assert file.read_text() == OWN.replace("8192", "4000").replace('"gpu-box"', '"other"')


def test_line_endings_stay(file: Path) -> None:
    file.write_bytes(OWN.replace("\n", "\r\n").encode())
    set_value("upsampling.max_tokens", "4000", file)
    assert file.read_bytes() == OWN.replace("8192", "4000").replace("\n", "\r\n").encode()


def test_tables_that_are_not_there_are_made(file: Path) -> None:
    set_value("boxes.lab.vllm.tensor_parallel_size", "4", file)
    boxes = load(file)["boxes"]
    assert boxes == {"h100": {"host": "gpu-box"}, "lab": {"vllm": {"tensor_parallel_size": 4}}}
    assert file.read_text().startswith(OWN)


def test_the_users_own_file_is_made_when_none_is_named() -> None:
    assert set_value("upsampling.max_tokens", "8192") == user_file()
    assert load_settings().upsampling.max_tokens == 8192


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("upsampling.max_tokens", "10_000", 10_000),
        ("upsampling.auto_resize", "false", False),
        ("boxes.h100.vllm.command", '["docker", "run"]', ["docker", "run"]),
        ("boxes.h100.vllm.gpu_memory_utilization", "0.5", 0.5),
        ("upsampling.safe_resolution", "640x360", "640x360"),
        ("upsampling.system_prompt", '"gpu box"', "gpu box"),
        ("upsampling.system_prompt", "me@gpu # 1", "me@gpu # 1"),
        ("boxes.h100.host", "10", "10"),
        ("boxes.h100.model", "2026-01-01", "2026-01-01"),
        ("boxes.h100.model", "", ""),
    ],
)
def test_a_value_is_read_as_what_the_setting_wants(
    file: Path, key: str, text: str, value: object
) -> None:
    set_value(key, text, file)
    found: object = load(file)
    for part in key.split("."):
        assert isinstance(found, dict)
        found = found[part]
    assert found == value


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("upsampling.max_tokens", "12", "upsampling.max_tokens = 12: .*64"),
        ("upsampling.max_tokens", "many", "valid integer"),
        ("upsampling.profile", "gpt", "there are: auto, cosmos3, generic"),
        ("upsampling.colour", "red", "upsampling.colour is no setting"),
        ("box.host", "x", "box is a value, not a table"),
        ("upsampling", "3", "it is a table"),
        ("boxes.gpu.lab.host", "x", "boxes.gpu.lab is no setting"),
        ("", "x", "is no setting"),
        ("a..b", "x", "is no setting"),
        ("box = 1\nbox", "x", "is no setting"),
        ("boxes.h100.host", "\udcff", "no text that a file can hold"),
    ],
)
def test_a_wrong_change_is_refused_and_the_file_untouched(
    file: Path, key: str, value: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        set_value(key, value, file)
    assert file.read_text() == OWN
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    "broken", ["box = ", "[upsampling]\nreserve = 1\nreserve = 2\n", "box = '\udcff'"]
)
def test_a_file_that_is_not_toml_is_refused_and_left(file: Path, broken: str) -> None:
    content = broken.encode(errors="surrogateescape")
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"own\.toml cannot be changed"):
        set_value("box", "local", file)
    assert file.read_bytes() == content


def test_a_change_that_has_no_simple_place_is_refused(file: Path) -> None:
    # tomlkit would put a new table between the dotted keys, and the second one into it.
    dotted = 'boxes.a.host = "x"\nboxes.a.model = "y"\n'
    file.write_text(dotted)
    with pytest.raises(ConfigError, match="no simple place") as caught:
        set_value("boxes.b.model", "m", file)
    assert "config edit" in caught.value.remedy
    assert file.read_text() == dotted


def test_a_box_whose_name_has_dots_is_written_in_quotes(file: Path) -> None:
    assert key_parts('boxes."gpu.lab".host') == ["boxes", "gpu.lab", "host"]
    set_value('boxes."gpu.lab".host', "10.0.0.7", file)
    boxes = load(file)["boxes"]
    assert isinstance(boxes, dict)
    assert boxes["gpu.lab"] == {"host": "10.0.0.7"}


def test_a_link_to_the_file_stays_a_link_and_its_mode_stays(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    link = tmp_path / "config-link.toml"
    link.symlink_to(file)
    set_value("box", "local", link)
    assert link.is_symlink()
    assert load(file)["box"] == "local"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_folder_that_cannot_be_made_is_told(file: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be"):
        set_value("box", "local", file / "config.toml")


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    tokens=st.integers(64, 10**6),
)
@example(text="1e5", tokens=64)
@example(text="'a'b", tokens=64)
@example(text="\r\n\x1b[31m", tokens=64)
def test_what_was_set_is_what_is_loaded(text: str, tokens: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_text(OWN)
        set_value("upsampling.max_tokens", str(tokens), file)
        set_value("upsampling.system_prompt", text, file)
        found = load(file)
    expected = tomllib.loads(OWN)
    expected["upsampling"] |= {"max_tokens": tokens, "system_prompt": _as_toml_string(text)}
    assert found == expected


def _as_toml_string(text: str) -> str:
    """A quoted string loses its quotes; everything else stays as it is."""
    try:
        value = tomllib.loads(f"x = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return value["x"] if value.keys() == {"x"} and isinstance(value["x"], str) else text
