"""The format in which vLLM loads a model follows from its files where the profile does not decide it."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote.engines.vllm.model_files import choose_format


@pytest.mark.parametrize(
    ("wanted", "files", "form"),
    [
        ("mistral", ["config.json"], "mistral"),
        ("auto", ["params.json"], "auto"),
        ("hf", ["params.json"], "hf"),
        ("mistral-or-auto", ["params.json"], "mistral"),
        ("mistral-or-auto", ["config.json"], "auto"),
        ("mistral-or-auto", ["config.json", "params.json"], "mistral"),
        ("mistral-or-auto", [], "mistral"),
        ("auto-or-mistral", ["config.json", "params.json"], "auto"),
        ("auto-or-mistral", ["params.json"], "mistral"),
        ("auto-or-mistral", [], "auto"),
    ],
)
def test_the_first_format_is_taken_that_the_folder_has(
    tmp_path: Path, wanted: str, files: list[str], form: str
) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    assert choose_format(wanted, tmp_path) == form


def test_a_model_that_is_not_here_yet_is_loaded_in_the_first_format() -> None:
    assert choose_format("mistral-or-auto", None) == "mistral"
    assert choose_format("auto-or-mistral", None) == "auto"
