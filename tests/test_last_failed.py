"""What failed in either tier is run once more, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).parent.parent
_TESTS = """
import pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("name", ["a", "b@c"])
def test_in_a_group(name):
    assert name == "a"

def test_alone():
    pass
"""


def test_a_test_that_failed_in_its_group_is_the_only_one_to_run_again(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(_TESTS)
    (tmp_path / "pytest.ini").touch()
    assert "1 failed, 2 passed" in _run(tmp_path, "--numprocesses=1", "--dist=loadgroup")
    again = _run(tmp_path, "--last-failed", "--last-failed-no-failures=none", "--collect-only")
    assert again.startswith("test_some.py::test_in_a_group[b@c]\n\n1 test collected")


def _run(folder: Path, *options: str) -> str:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.support.plain_node_ids"),
            *(f"--basetemp={folder / 'base'}", *options),
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(_REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout
