"""What a shell completes after it has read what `upsample completion` prints."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from backend.cli import run

_COMPLETE = """
eval "$SCRIPT"
COMP_WORDS=({words})
COMP_CWORD={last}
_upsample
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["upsample", "est"], ["estimate"]),
        (["upsample", "queue", "ca"], ["cancel"]),
        (["upsample", "--resize", ""], ["auto", "safe", "off"]),
    ],
)
def test_bash_completes_commands_and_choices(
    typed: list[str], offered: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    words = " ".join(word or "''" for word in typed)
    asked = _COMPLETE.format(words=words, last=len(typed) - 1)
    made = subprocess.run(
        [bash, "--norc", "-c", asked],
        env={"SCRIPT": script("bash", capsys)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert made.stderr == ""
    assert sorted(made.stdout.split()) == sorted(offered)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_too(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "estimate" in script(shell, capsys)
