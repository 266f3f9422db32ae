"""Enter gives the answer that the question shows as its default."""

from __future__ import annotations

import pytest

from tests.support.pilots import until_screen
from tests.tui.conftest import MakeApp
from tui.dialogs.question import QuestionDialog


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize(
    ("key", "answer"), [("enter", None), ("y", True), ("n", False), ("escape", False)]
)
async def test_each_key_gives_its_answer(
    make_app: MakeApp, default: bool, key: str, answer: bool | None
) -> None:
    answers: list[bool | None] = []
    app = make_app()
    async with app.run_test() as pilot:
        app.push_screen(
            QuestionDialog("Sure?", "It is done.", "do it", default=default), answers.append
        )
        shown = await until_screen(pilot, QuestionDialog)
        keys = str(shown.query_one(".keys").render())
        assert keys == ("⏎  do it     n  no" if default else "y  do it     ⏎  no")
        await pilot.press(key)
        await pilot.pause()
    assert answers == [default if answer is None else answer]
