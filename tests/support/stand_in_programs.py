"""Stand-ins for programs that cannot run here: nvidia-smi (no GPU), docker and vllm.

They are shell scripts that print what the real ones would. Nothing of what they say is true of this machine.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.remote.engines import vllm_stand_in

GIB = 1024
"""In nvidia-smi's MiB."""


@dataclass(frozen=True)
class StandInGpu:
    """A GPU that is not there."""

    index: int = 0
    used: int = 500
    total: int = 80 * GIB
    """MiB."""

    @property
    def uuid(self) -> str:
        return f"GPU-0000000{self.index}-aaaa-bbbb-cccc-dddddddddddd"

    @property
    def row(self) -> str:
        name = "NVIDIA H100 80GB HBM3"
        return f"{self.index}, {self.uuid}, {name}, {self.used}, {self.total}, 550.54.15"


def put_nvidia_smi(folder: Path, *gpus: StandInGpu, processes: str = "", fails: str = "") -> Path:
    """A stand-in for nvidia-smi in this folder; `processes` are its rows of compute apps."""
    rows = "\n".join(gpu.row for gpu in gpus)
    return _put(
        folder / "nvidia-smi",
        f"""
if [ -n "{fails}" ]; then echo "{fails}"; exit 9; fi
case "$1" in
--query-gpu=*) cat <<'ROWS'
{rows}
ROWS
;;
--query-compute-apps=*) cat <<'ROWS'
{processes}
ROWS
;;
*) echo "| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |" ;;
esac
""",
    )


def put_docker(folder: Path, *, image: str = "", fails: str = "") -> Path:
    """A stand-in for docker in this folder, which has one image or none."""
    return _put(
        folder / "docker",
        f"""
if [ -n "{fails}" ]; then echo "{fails}" >&2; exit 1; fi
case "$1" in
version) echo 27.3.1 ;;
image) for last; do :; done
  if [ "$last" = "{image}" ]; then echo 21474836480; else echo "No such image: $last" >&2; exit 1; fi ;;
esac
""",
    )


def put_vllm(folder: Path) -> Path:
    """The stand-in for vLLM as a program of this folder, run by the Python of the tests."""
    script = f"runpy.run_path({vllm_stand_in.__file__!r}, run_name='__main__')"
    file = folder / "vllm"
    file.write_text(f"#!{sys.executable}\nimport runpy\n{script}\n")
    file.chmod(0o755)
    return file


def _put(file: Path, body: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh{body}")
    file.chmod(0o755)
    return file
