"""The configured command, made ready for the box."""

from __future__ import annotations

import pytest

from remote.engines.vllm.command import conda_prefix, expand_home, prepare_command


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")


def test_the_home_in_the_first_word_is_the_boxs() -> None:
    ready = prepare_command(("~/venv/bin/vllm", "serve", "--download-dir", "~/x"))
    assert ready == ("/home/ada/venv/bin/vllm", "serve", "--download-dir", "~/x")


def test_a_tilde_elsewhere_is_no_home() -> None:
    assert expand_home("/data/~/m") == "/data/~/m"
    assert expand_home("nvidia/Cosmos") == "nvidia/Cosmos"
    assert expand_home("~nobody-of-that-name/m") == "~nobody-of-that-name/m"


@pytest.mark.parametrize(
    ("given", "ready"),
    [
        ("conda run -n vllm vllm serve", "conda run --no-capture-output -n vllm vllm serve"),
        (
            "~/c/bin/conda run vllm serve",
            "/home/ada/c/bin/conda run --no-capture-output vllm serve",
        ),
        ("conda run --live-stream -p /e vllm serve", "conda run --live-stream -p /e vllm serve"),
        ("conda run -n v --no-capture-output vllm", "conda run -n v --no-capture-output vllm"),
        ("micromamba run -n v vllm serve", "micromamba run -n v vllm serve"),
        ("vllm serve", "vllm serve"),
    ],
)
def test_conda_passes_the_log_on_as_it_comes(given: str, ready: str) -> None:
    assert " ".join(prepare_command(given.split())) == ready


@pytest.mark.parametrize(
    ("command", "prefix"),
    [
        ("conda run -n serving vllm serve -tp 2", "conda run -n serving"),
        ("/opt/conda run --cwd / --prefix /e -v vllm", "/opt/conda run --cwd / --prefix /e -v"),
        ("conda run --name=x vllm", "conda run --name=x"),
        ("conda activate x", ""),
        ("vllm serve", ""),
    ],
)
def test_what_conda_is_told_is_apart_from_what_it_runs(command: str, prefix: str) -> None:
    assert " ".join(conda_prefix(command.split())) == prefix
