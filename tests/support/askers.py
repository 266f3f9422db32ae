"""Somebody who answers what reaching a box may ask."""

from __future__ import annotations

from backend.box.asker import HostKeyQuestion


class Person:
    """Says yes or no to every host key, knows one password, and remembers what was asked."""

    is_there = True

    def __init__(self, *, accepts: bool = False, password: str | None = None) -> None:
        self.questions: list[HostKeyQuestion] = []
        self.prompts: list[str] = []
        self._accepts = accepts
        self._password = password

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        self.questions.append(question)
        return self._accepts

    async def secret(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return self._password
