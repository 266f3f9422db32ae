"""Questions on a terminal, and which answers they take."""

from __future__ import annotations

import io
import sys

import pytest

from backend.box.asker import HostKeyQuestion
from backend.commands.questions import Questioner, QuestioningAsker


class _Typed(io.StringIO):
    """A terminal at which somebody types these lines."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "is_trusted"),
    [("yes\n", True), ("y\n", True), ("no\n", False), ("ssh -p 2222 root@gpu\n\nyes\n", True)],
)
async def test_a_host_key_is_asked_about_until_the_answer_is_yes_or_no(
    typed: str, is_trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", _Typed(typed))
    asker = QuestioningAsker("", Questioner(takes_suggestions=False))
    question = HostKeyQuestion("gpu:2222", "ssh-ed25519", "SHA256:abc")
    assert await asker.accepts_host_key(question) is is_trusted
