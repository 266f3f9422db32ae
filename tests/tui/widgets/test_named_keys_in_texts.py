"""Texts name the key that the user has, and none as it was shipped."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.app import UpsampleApp
from tui.queue.screen import QueuePage
from tui.shell.key_check import named_bindings
from tui.widgets.own_keys import key_of, use_own_keys

TUI = Path(__file__).parents[3] / "tui"
KEY = re.compile(
    r"(?:^ *|[;:.(·] |\bpress |\b(?:until|and) )(?:[a-zA-Z?/+]|Enter|Esc|space|tab)"
    r" (?:goes|shows|lets|tries|pauses|marks|opens|quits|takes|does|removes|queues|undoes|draws|saves"
    r"|rejects|changes|brings|edits|again)\b|\(press [a-z]\)"
)
NAMED = re.compile(r"""\bkey_of\(\s*["']([^"']+)["']""")
OF_DIALOGS = {"tui/compose", "tui/dialogs", "tui/send", "tui/settings/add_box.py"}
"""Whose own keys have no names, so that nobody can change them."""


@pytest.fixture(autouse=True)
def shipped_keys() -> Iterator[None]:
    """Whatever an app before this test had, and what comes after it."""
    use_own_keys({})
    yield
    use_own_keys({})


def test_a_text_names_the_key_that_the_user_has_chosen() -> None:
    assert QueuePage.BINDINGS
    assert (key_of("queue.pause"), key_of("queue.up"), key_of("queue.back")) == ("p", "K", "Esc")
    use_own_keys({"queue.pause": "f5, ctrl+x"})
    assert (key_of("queue.pause"), key_of("queue.cancel")) == ("f5", "c")
    with pytest.raises(KeyError):
        key_of("queue.fly")


def test_no_text_names_a_key_literally() -> None:
    named = [
        f"{file.relative_to(TUI.parent)}:{line}: {text}"
        for file in sorted(TUI.rglob("*.py"))
        for line, text in texts_of(file)
        if KEY.search(text)
    ]
    assert [it for it in named if not any(it.startswith(own) for own in OF_DIALOGS)] == []


def test_each_key_that_a_text_names_is_bound() -> None:
    """A name that is not raises KeyError where the text is shown, perhaps seldom."""
    known = {binding.id for binding in named_bindings(UpsampleApp)}
    sources = [file.read_text("utf-8") for file in TUI.rglob("*.py")]
    named = {name for source in sources for name in NAMED.findall(source)}
    assert len(named) > 20
    assert named - known == set()


def texts_of(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a file, or their literal parts, but no docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value
