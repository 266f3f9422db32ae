"""A box's root may be called anything: no shell there reads it, by a real sshd with a real shell behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.laptop import IDLE_SECONDS, Laptop
from tests.support.sshd import Sshd


@pytest.mark.parametrize(
    "name",
    [
        "$(touch pwned) `touch pwned`; touch pwned",
        "it's \"so\" 'or so\\",
        "two\nlines",
        "-rf %h *é",
    ],
)
def test_a_batch_runs_under_a_root_of_any_name(
    laptop: Laptop, trusted: Sshd, tmp_path: Path, one_spec: Path, name: str
) -> None:
    root = tmp_path / name
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "testbox"\nroot = {json.dumps(str(root))}\n'
        f'engine = "sketch"\nidle_timeout = {IDLE_SECONDS}\n'
    )

    ended = laptop.batch(one_spec)

    assert ended.returncode == 0, ended.stderr
    assert laptop.states() == {"done": 1}
    assert list(root.glob("runner-*.pyz"))
    assert not list(tmp_path.rglob("pwned"))
