"""Real wheels in a virtual environment of their own, over a real sshd: installed, upgraded in the middle of a
batch, downgraded, and uninstalled, after which nothing is left but results."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from collections import Counter
from pathlib import Path

import pytest

from backend import __version__
from tests.support.daemons import daemons_below
from tests.support.laptop import Laptop
from tests.support.leftovers import files_of
from tests.support.patient_server import PatientServer
from tests.support.specs import write_spec
from tests.support.sshd import BOUND, Sshd
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(600)]

_ROOT = Path(__file__).parents[2]
_SLOTS = 2
_JOBS = 6
_NEWER = "99.0.0"
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


def _make_wheel(folder: Path, version: str) -> Path:
    """Build the wheel as `make wheel` does, of a copy of the sources with this version."""
    sources = folder / "sources"
    for name in ("backend", "remote", "tui"):
        shutil.copytree(_ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("config.toml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(_ROOT / name, sources / name)
    if version != __version__:
        (sources / "backend" / "__init__.py").write_text(
            f'"""Newer."""\n__version__ = "{version}"\n'
        )
        # Another version has another runner.
        (sources / "remote" / "__init__.py").write_text('"""Newer."""\n')
    subprocess.run(
        [*_PIP, "wheel", "--no-deps", "--wheel-dir", folder, sources], check=True, timeout=300
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


class _Installation:
    """A virtual environment that has the program from a wheel, and what it needs from this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        venv.create(folder, with_pip=False)
        (library,) = folder.glob("lib/python*/site-packages")
        (library / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    @property
    def program(self) -> Path:
        return self._folder / "bin" / "upsample"

    def install(self, wheel: Path) -> None:
        python = self._folder / "bin" / "python"
        subprocess.run(
            [*_PIP, "--python", python, "install", "--no-deps", "--force-reinstall", wheel],
            check=True,
            timeout=120,
        )


def _files_below(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


def test_installed_upgraded_in_the_middle_of_a_batch_downgraded_and_gone(
    laptop: Laptop,
    server: PatientServer,
    sshd: Sshd,
    box_root: Path,
    one_spec: Path,
    tmp_path: Path,
) -> None:
    older = _make_wheel(tmp_path / "older", __version__)
    newer = _make_wheel(tmp_path / "newer", _NEWER)
    installation = _Installation(tmp_path / "venv")
    installation.install(older)
    laptop.program = installation.program
    laptop.more_environment["PYTHONPATH"] = ""
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "testbox"\nroot = "{box_root}"\n{server.engine(_SLOTS)}'
    )
    batch = [
        write_spec(
            laptop.cwd / f"batch{n}.json", [{"prompt": f"scene {n}", "output_video": "o.mp4"}]
        )
        for n in range(_JOBS)
    ]
    assert laptop.run("--version").stdout.strip() == __version__

    with laptop.started(*batch, "--accept-host-key", sshd.fingerprint) as run:
        run.until("handed over")
        wait_until(lambda: bool(server.begun), BOUND)  # which one comes first is not promised
        server.let(server.begun[0])
        run.until("done")
        run.interrupt()
        assert run.end() == 130
    assert laptop.states()["done"] < _JOBS
    assert daemons_below(box_root)

    installation.install(newer)
    assert laptop.run("--version").stdout.strip() == _NEWER
    refused = laptop.run("uninstall", "--yes")
    assert refused.returncode == 2
    assert "on test. Nothing was removed" in refused.stderr
    server.let_all()
    with laptop.started() as again:
        assert again.end() == 0, again.errors
    assert laptop.states() == {"done": _JOBS}
    assert Counter(server.begun) == Counter(f"scene {n}" for n in range(_JOBS))

    installation.install(older)
    ended = laptop.batch(one_spec)
    assert ended.returncode == 0, ended.stderr
    assert laptop.states() == {"done": _JOBS + 1}
    assert len(list(box_root.glob("runner-*.pyz"))) == 2

    outputs = laptop.cwd / "outputs"
    results = {file: file.read_bytes() for file in outputs.rglob("*") if file.is_file()}
    in_var_tmp = list(files_of([box_root]))
    gone = laptop.run("uninstall", "--yes")

    assert gone.returncode == 0, gone.stderr
    assert not daemons_below(tmp_path)
    assert not box_root.exists()
    assert [file for file in in_var_tmp if file.exists()] == []
    assert _files_below(laptop.home) == {".ssh/config", ".ssh/id_test", ".ssh/id_test.pub"}
    assert not list(laptop.home.rglob("*upsample*"))
    assert {file: file.read_bytes() for file in results} == results
    stay = _files_below(laptop.cwd) - {str(file.relative_to(laptop.cwd)) for file in results}
    assert stay == {file.name for file in (*batch, one_spec)}
