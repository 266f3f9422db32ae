"""The fields of a dialog with a form: how a line is made, and what is filled in."""

from __future__ import annotations

from textual.binding import Binding
from textual.dom import DOMNode
from textual.widgets import Input

from tui.widgets.choice import Choice
from tui.widgets.typed_line import LineInput

FORM_KEYS = (
    Binding("down", "app.focus_next", "next", show=False),
    Binding("up", "app.focus_previous", "before", show=False),
)
"""The keys that go from field to field."""


def form_line(name: str, value: str, example: str, *, integer: bool = False) -> Input:
    """Make the line for a field, with what it holds at first and an example of what it may hold."""
    return LineInput(
        value, placeholder=example, type="integer" if integer else "text", compact=True, id=name
    )


def choice_in(form: DOMNode, name: str) -> str:
    """Return what is chosen in a field."""
    return form.query_one(f"#{name}", Choice).value


def text_in(form: DOMNode, name: str) -> str:
    """Return what is typed in a field."""
    return form.query_one(f"#{name}", Input).value
