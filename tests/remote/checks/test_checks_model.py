"""What is wrong with a model's files is found before vLLM meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote.checks.container import find_container
from remote.checks.examination import Good, Wrong
from remote.checks.model import ModelLocation as ModelPlace
from remote.checks.model import find_config, find_model, find_weights
from remote.engines.vllm.flags import flag_value, loaded_model
from tests.support.safetensors_files import cut_in_half, write_index, write_safetensors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model in Mistral's own format."""
    made = tmp_path / "Cosmos"
    made.mkdir()
    return _fill(made)


def _fill(folder: Path) -> Path:
    (folder / "params.json").write_text("{}")
    (folder / "tekken.json").write_text("{}")
    write_safetensors(folder / "consolidated.safetensors")
    return folder


def _place(
    model: str | Path, environment: dict[str, str], command: str = "vllm serve"
) -> Good[ModelPlace]:
    return find_model(str(model), "mistral", environment, find_container(command.split()))


# --- where it is ----------------------------------------------------------------------------------


def test_a_folder_is_found(folder: Path) -> None:
    assert _place(folder, {}).value.folder == folder


def test_a_folder_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="is not there"):
        _place(tmp_path / "nothing", {})


def test_a_tilde_is_wrong_since_vllm_would_not_expand_it() -> None:
    with pytest.raises(Wrong, match="what ~ stands for"):
        _place("~/models/Cosmos", {})


def test_no_model_is_wrong() -> None:
    with pytest.raises(Wrong, match="no model"):
        _place("", {})


def test_a_container_must_see_the_folder(folder: Path) -> None:
    line = f"docker run -v {folder.parent}:/models vllm/vllm-openai:v0.8.5"
    assert _place("/models/Cosmos", {}, line).value.folder == folder
    with pytest.raises(Wrong, match="the container sees no"):
        _place("/elsewhere/Cosmos", {}, line)


def test_a_folder_of_the_box_is_mounted_by_the_engine_where_it_lies(folder: Path) -> None:
    assert _place(folder, {}, "docker run vllm/vllm-openai:v0.8.5").value.folder == folder


def test_a_name_of_the_hub_is_looked_up_in_the_cache(tmp_path: Path) -> None:
    environment = {"HF_HOME": str(tmp_path)}
    not_there = _place("nvidia/Cosmos", environment)
    assert not_there.value.folder is None
    assert "fetches it" in not_there.detail
    assert "HF_TOKEN" in not_there.remedy

    cached = tmp_path / "hub" / "models--nvidia--Cosmos"
    snapshot = cached / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc")
    assert "only partly on the box" in _place("nvidia/Cosmos", environment).detail

    _fill(snapshot)
    assert _place("nvidia/Cosmos", environment).value.folder == snapshot


def test_offline_and_not_in_the_cache_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="HF_HUB_OFFLINE"):
        _place("nvidia/Cosmos", {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"})


def test_whether_somebody_is_logged_in_is_said_and_the_token_is_not(tmp_path: Path) -> None:
    good = _place("nvidia/Cosmos", {"HF_HOME": str(tmp_path), "HF_TOKEN": "hf_secret"})
    assert "which is set" in good.remedy
    assert "hf_secret" not in good.remedy + good.detail


@pytest.mark.parametrize(
    ("command", "loaded"),
    [
        ("vllm serve", "ours"),
        ("vllm serve theirs --x 1", "theirs"),
        ("vllm serve --model=theirs", "theirs"),
        ("python -m vllm.entrypoints.openai.api_server", "ours"),
        ("python -m vllm.entrypoints.openai.api_server --model theirs", "theirs"),
    ],
)
def test_the_model_that_the_command_names_is_the_one_that_is_loaded(
    command: str, loaded: str
) -> None:
    assert loaded_model(command.split(), "ours") == loaded


def test_a_flag_is_found_in_every_spelling() -> None:
    assert flag_value(["--load_format=dummy"], "--load-format") == "dummy"
    assert flag_value(["--load-format", "dummy"], "--load-format") == "dummy"
    assert flag_value(["--load-format"], "--load-format") == ""


# --- what is in it --------------------------------------------------------------------------------


def test_the_files_of_mistrals_format_are_found(folder: Path) -> None:
    assert find_config(folder, "mistral").detail == "params.json, tekken.json"
    assert (
        find_weights(folder, "mistral").value
        == (folder / "consolidated.safetensors").stat().st_size
    )


@pytest.mark.parametrize("name", ["params.json", "tekken.json"])
def test_each_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(Wrong, match=rf"there is no {name}"):
        find_config(folder, "mistral")


def test_a_model_of_another_format_is_told(folder: Path) -> None:
    with pytest.raises(Wrong, match=r"no config.json \(there is params.json, of another format\)"):
        find_config(folder, "auto")


def test_weights_of_another_format_are_told(folder: Path) -> None:
    (folder / "consolidated.safetensors").rename(folder / "model.safetensors")
    with pytest.raises(Wrong, match="of another format"):
        find_weights(folder, "mistral")
    assert find_weights(folder, "auto").value > 0


def test_half_copied_weights_are_wrong(folder: Path) -> None:
    cut_in_half(folder / "consolidated.safetensors")
    with pytest.raises(
        Wrong, match=r"consolidated.safetensors has [\d,]+ of [\d,]+ bytes"
    ) as wrong:
        find_weights(folder, "mistral")
    assert "Copy them again" in wrong.value.remedy


def test_a_shard_that_the_index_names_must_be_there(tmp_path: Path) -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    write_index(tmp_path / "model.safetensors.index.json", shards)
    first = write_safetensors(tmp_path / shards[0])
    with pytest.raises(Wrong, match=rf"names {shards[1]}, not there"):
        find_weights(tmp_path, "auto")

    second = write_safetensors(tmp_path / shards[1])
    sizes = first.stat().st_size + second.stat().st_size
    write_safetensors(tmp_path / "consolidated.safetensors")  # the same again, and not loaded

    assert find_weights(tmp_path, "auto").value == sizes


def test_a_folder_without_weights_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="there is no consolidated"):
        find_weights(tmp_path, "mistral")
