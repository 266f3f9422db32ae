"""`upsample demo --model`: a small language model writes for three clips, on this machine and offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemons import daemons_below
from tests.support.laptop import Laptop
from tests.support.llama_server import llama_python

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(600)]

MODEL = "SmolLM2-135M-Instruct.Q4_1"


@pytest.fixture
def temporary(laptop: Laptop, tmp_path: Path) -> Path:
    """Where the demo has its folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    laptop.more_environment["TMPDIR"] = str(folder)
    return folder


def servers_below(folder: Path) -> list[str]:
    """The processes of llama.cpp that the demo with this folder has started."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "llama-serve" in line and str(folder) in line:
            lines.append(line)
    return lines


def test_a_model_writes_for_three_clips_is_named_and_leaves_nothing(
    laptop: Laptop, temporary: Path
) -> None:
    laptop.configure(f"[boxes.local.llama]\npython = '{llama_python()}'\n")

    ended = laptop.run("demo", "--model", seconds=500)

    assert ended.returncode == 0, ended.stderr
    for name in ("harbour", "forklift", "street"):
        assert f"{name}, by {MODEL}" in ended.stdout
    told = " ".join(ended.stderr.split())
    assert f"3 of 3 prompts upsampled. Written by the language model {MODEL}, which sees no" in told
    assert list(temporary.iterdir()) == []
    assert daemons_below(temporary) == {}
    assert servers_below(temporary) == []


def test_without_llama_cpp_one_error_says_what_installs_it(laptop: Laptop, temporary: Path) -> None:
    bare = temporary.parent / "python"
    bare.write_text('#!/bin/sh\necho \'["", ""]\'\n')
    bare.chmod(0o755)
    laptop.configure(f"[boxes.local.llama]\npython = '{bare}'\n")

    ended = laptop.run("demo", "--model")

    assert ended.returncode != 0
    assert ended.stderr.count("pip install 'cosmos-upsample[local-model]'") == 1
    assert list(temporary.iterdir()) == []
