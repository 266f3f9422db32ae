"""The fingerprint of a model: equal for equal weights wherever they lie, another for what changes answers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from remote.engines.vllm.model_fingerprint import model_fingerprint

SERVE = ("vllm", "serve")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as a model has it."""
    folder = tmp_path / "reason1"
    folder.mkdir()
    (folder / "config.json").write_text('{"hidden_size": 64}')
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {}}')
    (folder / "model-00001-of-00001.safetensors").write_bytes(b"\0" * 500)
    (folder / "README.md").write_text("About it")
    return folder


def test_equal_weights_have_equal_fingerprints_under_another_path(
    model: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(model, tmp_path / "elsewhere")
    (copy / "README.md").write_text("About it, in more words")
    assert model_fingerprint(str(copy), SERVE, {}) == model_fingerprint(str(model), SERVE, {})


def _grow(folder: Path) -> None:
    with (folder / "model-00001-of-00001.safetensors").open("ab") as file:
        file.write(b"\0")


def _quantise(folder: Path) -> None:
    (folder / "config.json").write_text('{"hidden_size": 64, "quantization_config": {"bits": 8}}')


def _reindex(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "b"}}')


def _adapt(folder: Path) -> None:
    (folder / "adapter.safetensors").write_bytes(b"\0")


@pytest.mark.parametrize("change", [_grow, _quantise, _reindex, _adapt])
def test_other_weights_behind_one_path_have_another_fingerprint(
    model: Path, change: Callable[[Path], None]
) -> None:
    before = model_fingerprint(str(model), SERVE, {})
    change(model)
    assert model_fingerprint(str(model), SERVE, {}) != before


@pytest.mark.parametrize(
    ("flags", "changes"),
    [
        (("--quantization", "fp8"), True),
        (("--dtype=float16",), True),
        (("--lora-modules", "style=/data/lora"), True),
        (("--port", "9000"), False),
        (("--max-num-seqs", "4"), False),
    ],
)
def test_flags_count_that_change_what_a_model_answers(
    model: Path, flags: tuple[str, ...], changes: bool
) -> None:
    plain = model_fingerprint(str(model), SERVE, {})
    assert (model_fingerprint(str(model), (*SERVE, *flags), {}) != plain) is changes


def test_a_model_of_the_hub_is_known_by_its_snapshot_and_by_its_name_before_it_is_there(
    model: Path, tmp_path: Path
) -> None:
    environment = {"HF_HUB_CACHE": str(tmp_path / "hub")}
    absent = model_fingerprint("nvidia/Cosmos-Reason1-7B", SERVE, environment)
    assert absent != model_fingerprint("nvidia/Cosmos-Reason2-8B", SERVE, environment)
    cached = tmp_path / "hub" / "models--nvidia--Cosmos-Reason1-7B"
    shutil.copytree(model, cached / "snapshots" / "abc")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc")
    there = model_fingerprint("nvidia/Cosmos-Reason1-7B", SERVE, environment)
    assert there == model_fingerprint(str(model), SERVE, {})


def test_the_model_in_the_command_is_the_one_that_counts(model: Path) -> None:
    named = model_fingerprint("served-name", (*SERVE, str(model)), {})
    assert named == model_fingerprint(str(model), SERVE, {})
