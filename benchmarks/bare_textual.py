"""The least that an app of Textual's can be, for `benchmarks/tui.py` to compare the first paint with."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Footer, Static


class BareApp(App[None]):
    """One line and a footer."""

    def compose(self) -> ComposeResult:
        yield Static("spec_000000")
        yield Footer()


if __name__ == "__main__":
    BareApp().run()
