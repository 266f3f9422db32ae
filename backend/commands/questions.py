"""Questions to whoever runs a command: a person answers on a terminal; elsewhere the options say it all."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from backend.box.asker import HostKeyQuestion, TerminalAsker
from backend.console import ask, complain, say
from backend.errors import InputError, UpsampleError

T = TypeVar("T")

_ANSWERS = {"y": True, "yes": True, "n": False, "no": False}


@dataclass(frozen=True, slots=True)
class Question:
    """One question."""

    text: str
    option: str
    """The option of the command that answers it: "--host"."""
    suggested: str = ""
    """The answer that an empty line stands for; empty when there is none."""
    choices: tuple[str, ...] = ()
    """Answers that are shown with numbers. The number of one may be typed in its place."""


class Questioner:
    """Asks on a terminal. Without one, or with `takes_suggestions`, nobody is asked."""

    def __init__(self, *, takes_suggestions: bool) -> None:
        """`takes_suggestions`: what is suggested is taken."""
        self._takes_suggestions = takes_suggestions
        self.asks = sys.stdin.isatty() and not takes_suggestions
        """Whether a person is asked."""

    def until_right(self, question: Question, given: str, check: Callable[[str], T]) -> T:
        """Return what `check` makes of the answer. An answer that it refuses is told, and asked for again.

        `given` is the answer of the command line, if it has one. Raises what `check` raises where nobody can
        be asked.
        """
        answer = given
        while True:
            try:
                return check(answer or self.answer(question))
            except UpsampleError as error:
                if not self.asks or isinstance(error, _NoAnswer):
                    raise
                complain(error)
                answer = ""

    def answer(self, question: Question) -> str:
        """Return the answer to a question. Raises InputError when there is none."""
        if not self.asks:
            if self._takes_suggestions and question.suggested:
                return question.suggested
            raise _NoAnswer(
                f"{question.option} is missing, and nobody can be asked",
                f"Give {question.option}"
                + ("" if self._takes_suggestions else ", run this on a terminal, or add --yes")
                + ".",
            )
        say(question.text)
        for number, choice in enumerate(question.choices, 1):
            say(f"  {number}  {choice}")
        shown = f"[{_short(question)}] " if question.suggested else ""
        return self._numbered(question, _read(f"{shown}>")) or question.suggested

    def _numbered(self, question: Question, typed: str) -> str:
        if typed.isdecimal() and 0 < int(typed) <= len(question.choices):
            return question.choices[int(typed) - 1]
        return typed


class QuestioningAsker(TerminalAsker):
    """Shows the fingerprint of an unknown host key on a terminal, and takes a yes."""

    def __init__(self, expected_fingerprint: str, questioner: Questioner) -> None:
        super().__init__(expected_fingerprint, contextlib.nullcontext)
        self._questioner = questioner

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        if await super().accepts_host_key(question):
            return True
        if not self._questioner.asks:
            return False
        say(
            f"{question.host} is new here. Its host key is {question.algorithm} {question.fingerprint}; "
            f"the machine itself shows that by `ssh-keygen -lf {question.public_key_file}`."
        )
        # Whatever is neither is asked again, as by ssh: it may be meant for another question.
        while (answer := _read("Trust it from now on? yes or no >").lower()) not in _ANSWERS:
            pass
        return _ANSWERS[answer]


class _NoAnswer(InputError):
    """Nobody can be asked."""


def _short(question: Question) -> str:
    """Return what is suggested, or its number."""
    if question.suggested in question.choices:
        return str(question.choices.index(question.suggested) + 1)
    return question.suggested


def _read(prompt: str) -> str:
    """Return a line that a person types. Raises InputError at the end of the input."""
    ask(prompt)
    line = sys.stdin.readline()
    if not line:
        raise _NoAnswer("the input has ended", "Nothing was changed.")
    return line.strip()
